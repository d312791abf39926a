"""Approximate indexes over the vectors of a space: built, compared with exact search, and saved in the store."""
