"""Encoders: images and texts to vectors. :mod:`retrieval.encoders.registry` has ``resolve`` and ``load``."""
