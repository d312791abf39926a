"""Detectors: what finds objects in an image. The table is in :mod:`retrieval.detectors.registry`."""
