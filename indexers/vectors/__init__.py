"""Vectors that were made elsewhere, read from files and brought into a store."""
