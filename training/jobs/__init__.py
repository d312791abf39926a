"""One file per job; the table is in :mod:`training.registry`."""
