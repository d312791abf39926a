"""Prompt sets: reading, making, cleaning and comparing them, and their vectors in the store."""
