"""The result file: its schema, its assets, reading and writing it."""
