"""Results as tables for people (rich)."""
