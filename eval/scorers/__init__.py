"""Scorers: they turn vectors into scores of classes. Pure functions over arrays."""
