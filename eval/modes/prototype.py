"""Mode ``prototype``: a test sample gets the class whose mean train vector has the largest cosine with it."""

from eval.modes.single_arm import SingleArm

MODE = SingleArm(name="prototype", scorer="prototype")
"""The mode that :mod:`eval.registry` loads; :mod:`eval.scorers.prototypes` has its scorer and the scorer's options."""
