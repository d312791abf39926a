from __future__ import annotations

import pytest

from retrieval.encoders.precision import batch_size, choose_device, choose_precision, cpu_has_bf16
from retrieval.errors import InputError, UnknownNameError


def test_auto_follows_the_table() -> None:
    assert choose_precision("auto", "cpu", contrastive=True) == ("bf16" if cpu_has_bf16() else "fp32")
    assert choose_precision("auto", "cpu", contrastive=False) == "fp32"
    assert choose_precision("auto", "cuda:1", contrastive=True) == "fp16"
    assert choose_precision("auto", "cuda", contrastive=False) == "fp32"
    assert choose_precision("auto", "mps", contrastive=True) == "fp32"
    assert [batch_size(d, contrastive=True) for d in ("cpu", "cuda", "mps")] == [16, 128, 32]
    assert batch_size("cpu", contrastive=False) == 8


def test_an_explicit_precision_wins() -> None:
    assert choose_precision("bf16", "cpu", contrastive=False) == "bf16"
    assert choose_precision("fp32", "cuda", contrastive=True) == "fp32"


def test_names_that_do_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="fp16"):
        choose_precision("fp61", "cpu", contrastive=True)
    with pytest.raises(UnknownNameError, match="cuda"):
        choose_device("gpu")


def test_a_device_that_is_not_there() -> None:
    import torch

    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda", "mps")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="the device cpu or auto"):
            choose_device("cuda")
