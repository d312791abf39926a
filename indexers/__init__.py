"""The write side: read images and vectors from sources and files, and store them."""
