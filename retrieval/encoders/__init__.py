"""Encoders of images and texts. :mod:`retrieval.encoders.registry` resolves names and loads encoders."""
