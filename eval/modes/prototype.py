"""Mode ``prototype``: a test sample gets the class whose mean train vector is nearest."""

from eval.modes.single_arm import SingleArm

MODE = SingleArm("prototype", "prototype")
"""The mode ``prototype``; its options are those of :mod:`eval.scorers.prototypes`."""
