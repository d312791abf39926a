"""Prototypes: a class is the mean direction of its train vectors; a sample is of the nearest."""

from eval.modes.single_arm import SingleArm

MODE = SingleArm("prototype", "prototype")
"""The mode ``prototype``; its options are those of :mod:`eval.scorers.prototypes`."""
