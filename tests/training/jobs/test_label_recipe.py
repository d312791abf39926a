"""Class weights and schedules of jobs that learn labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from retrieval.errors import InputError, UnknownNameError
from training.jobs.finetune_recipe import FinetuneLoop
from training.jobs.label_recipe import LabelLoop, LabelLoss
from training.schedule import Moment

CLASSES = ("a", "b", "c")


def test_class_weights() -> None:
    counts = np.array([4, 2, 0])
    assert LabelLoss().class_weights(CLASSES, counts) is None
    balanced = LabelLoss.model_validate({"weights": "balanced"}).class_weights(CLASSES, counts)
    assert balanced is not None
    assert balanced.tolist() == [1, 2, 0]  # the largest count by the count; nothing for a class without samples
    listed = LabelLoss.model_validate({"weights": [1, 2, 3]}).class_weights(CLASSES, counts)
    named = LabelLoss.model_validate({"weights": {"b": 5}}).class_weights(CLASSES, counts)
    assert listed is not None
    assert named is not None
    assert (listed.tolist(), named.tolist()) == ([1, 2, 3], [1, 5, 1])
    with pytest.raises(InputError, match="2 numbers, and the data 3 classes"):
        LabelLoss.model_validate({"weights": [1, 2]}).class_weights(CLASSES, counts)
    with pytest.raises(UnknownNameError, match=r"No class of the data for `loss.weights` 'd'\. There is: a, b, c"):
        LabelLoss.model_validate({"weights": {"d": 5}}).class_weights(CLASSES, counts)


def test_the_numbers_of_a_real_imbalance() -> None:
    counts = np.array([52, 78, 76, 153, 366, 257, 97, 148, 238])
    weights = LabelLoss.model_validate({"weights": "balanced"}).class_weights([*"abcdefghi"], counts)
    assert weights is not None
    assert weights.round(2).tolist() == pytest.approx([7.04, 4.69, 4.82, 2.39, 1.0, 1.42, 3.77, 2.47, 1.54])


def test_optimisers_and_schedules() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]}]
    sgd = LabelLoop.model_validate({"optimiser": "sgd", "momentum": 0.8}).optimiser_of(groups)
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.defaults["nesterov"]
    assert isinstance(LabelLoop().optimiser_of(groups), torch.optim.AdamW)
    for name, last in (("cosine", 0.0), ("one_cycle", 4e-6), ("steps", 0.01), ("constant", 1.0)):
        loop = LabelLoop.model_validate({"schedule": name, "final": 0, "warm_up_steps": 4})
        rate = loop.rates()
        assert rate(1.0, Moment(0, 10, 0, 10)) == pytest.approx(0.04 if name == "one_cycle" else 0.25)
        assert rate(1.0, Moment(9, 10, 9, 10)) == pytest.approx(last, abs=1e-3)


def test_a_share_of_warm_up_that_steps_replace_is_refused() -> None:
    for loop in (LabelLoop, FinetuneLoop):
        with pytest.raises(ValidationError, match="leave warm_up out, or give warm_up_steps=null"):
            loop(warm_up=0.3, warm_up_steps=100)
        assert loop(**loop().model_dump()) == loop()
        assert loop(warm_up=0.3, warm_up_steps=None).rates()(0.1, Moment(0, 10, 0, 1)) > 0
        assert loop(warm_up=0.3, warm_up_steps=100, schedule="one_cycle").warm_up == 0.3
