"""Erase samples, spaces and banks from every file of a store; see docs/decisions/0021-forget.md."""
