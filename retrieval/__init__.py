"""The core of Vitrine: types, errors, configuration, encoders, the store and search."""
