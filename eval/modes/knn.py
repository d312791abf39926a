"""Nearest neighbours: the k nearest train samples vote for a sample's class."""

from eval.modes.single_arm import SingleArm

MODE = SingleArm("knn", "knn")
"""The mode ``knn``; its options are those of :mod:`eval.scorers.knn`."""
