"""Lists training runs by what their folders hold: tables, differences, histories and results by version."""
