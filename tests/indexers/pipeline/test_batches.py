"""Batches come back in order with the vectors that the encoder gives for each of them alone."""

from __future__ import annotations

import numpy as np
import pytest

from indexers.pipeline.batches import Batch, BatchQueue, view_widths
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError
from retrieval.types import Encoder, UInt8


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    request = EncoderRequest("timm/test_resnet", random_init=0, preprocess=("resize=32,crop=32",), device="cpu")
    return load(resolve(request), "cpu")


def batch(seed: int, images: int = 3) -> Batch:
    pixels = np.random.default_rng(seed).integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
    return Batch({f"{seed}.{at}": image for at, image in enumerate(pixels)}, [({"id": seed}, False)])


def stacked(pixels: dict[str, UInt8]) -> UInt8:
    return np.stack(list(pixels.values()))


def test_batches_come_back_in_order_in_every_view(encoder: Encoder) -> None:
    batches = [batch(seed, images=1 + seed % 3) for seed in range(7)]
    with BatchQueue(encoder, ("base", "hflip")) as queue:
        for given in batches:
            queue.put(given)
        assert len(queue) == 7
        for expected in batches:
            taken, views = queue.take()
            assert taken is expected
            assert list(views) == ["base", "hflip"]
            pixels = stacked(expected.pixels)
            for view, shown in (("base", pixels), ("hflip", pixels[:, :, ::-1])):
                assert np.array_equal(views[view].vectors, encoder.encode_images(shown.copy()).vectors)
        assert len(queue) == 0


def test_vectors_before_a_projection_need_one(encoder: Encoder) -> None:
    assert view_widths(encoder, ("base", "hflip")) == {}
    with pytest.raises(InputError, match="timm/test_resnet has no projection, so it has no view preproj; leave it out"):
        view_widths(encoder, ("base", "preproj"))


def test_an_error_of_the_encoder_comes_with_its_batch(encoder: Encoder) -> None:
    with BatchQueue(encoder, ("base",)) as queue:
        queue.put(Batch({"a": np.zeros((8, 8, 3), np.uint8)}))
        queue.put(batch(0))
        with pytest.raises(InputError, match="takes uint8 pixels of shape"):
            queue.take()
        assert len(queue.take()[1]["base"].vectors) == 3


def test_dropped_batches_are_the_newest(encoder: Encoder) -> None:
    batches = [batch(seed) for seed in range(40)]
    with BatchQueue(encoder, ("base",)) as queue:
        for given in batches:
            queue.put(given)
        dropped = queue.drop_waiting()
        kept = [queue.take()[0] for _ in range(len(queue))]
    assert [*kept, *reversed(dropped)] == batches
