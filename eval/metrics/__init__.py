"""Metrics and intervals: pure functions over arrays."""
