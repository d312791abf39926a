"""Fuzz runs: damaged, odd and hostile files through the real command line, in worker processes that are watched."""
