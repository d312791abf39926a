"""The core: types, errors, configuration, encoders, the store, search."""
