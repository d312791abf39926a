"""Protocols by name; a row of the table in ``eval.registry`` leads to each."""
