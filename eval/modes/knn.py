"""Mode ``knn``: the k nearest train samples vote for the class of a test sample."""

from eval.modes.single_arm import SingleArm

MODE = SingleArm("knn", "knn")
"""The mode ``knn``; its options are those of :mod:`eval.scorers.knn`."""
