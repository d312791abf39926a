"""Modes of evaluation: one file each, pure functions over arrays."""
