"""Similarity search over stored vectors."""
