"""Vectors to scores: pure functions over arrays."""
