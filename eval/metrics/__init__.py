"""Metrics: pure functions over arrays of scores, ranks, labels and probabilities."""
