"""The write side: where images and vectors come from, and how they become rows of a store."""
