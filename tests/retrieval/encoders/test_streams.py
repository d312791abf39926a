"""Batches that are encoded beside one another give the vectors of batches encoded one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from retrieval.encoders import streams
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.streams import encoding_threads

if TYPE_CHECKING:
    import pytest


def test_cores_are_shared_out_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        for most, shares in ((8, (4, 1)), (2, (2, 2)), (3, (3, 1))):
            monkeypatch.setattr(streams, "MOST_STREAMS", most)
            with encoding_threads("cpu") as (pool, threads):
                assert (threads, pool.submit(torch.get_num_threads).result()) == shares
            assert torch.get_num_threads() == 4
            with encoding_threads("cpu") as (pool, threads):  # threads that begin later have their share, too
                assert pool.submit(torch.get_num_threads).result() == shares[1]
        with encoding_threads("cuda") as (pool, threads):
            assert (threads, pool.submit(torch.get_num_threads).result()) == (1, 4)
    finally:
        torch.set_num_threads(before)


def test_batches_in_several_threads_have_the_same_vectors() -> None:
    encoder = load(resolve(EncoderRequest("timm/test_resnet", random_init=0, device="cpu")), "cpu")
    assert encoder.spec.preprocess is not None
    shape = (3, *encoder.spec.preprocess.crop, 3)
    batches = [np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8) for seed in range(6)]
    alone = [encoder.encode_images(batch) for batch in batches]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with encoding_threads(encoder.device) as (pool, threads):
            assert threads == 2
            together = list(pool.map(encoder.encode_images, batches))
    finally:
        torch.set_num_threads(before)
    for first, second in zip(alone, together, strict=True):
        assert np.array_equal(first.vectors, second.vectors)
        assert np.array_equal(first.norms, second.norms)
