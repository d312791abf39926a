"""Modes of evaluation, one module each: pure functions from arrays and options to answers or metrics."""
