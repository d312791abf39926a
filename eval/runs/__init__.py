"""Evaluations of a store: the only folder of ``eval``, beside commands and prompts, that reads one."""
