from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.registry import load_scorer
from eval.scorers.pooling import SWEPT_TEMPERATURES, pool_scores
from eval.scorers.prompts import SCORER, PromptOptions, assumed_scale
from retrieval.errors import InputError
from retrieval.types import Float32
from tests.support.class_banks import arm_of, bank_of, directions, ragged, task_of
from tests.support.shared_data import SHARED, needs_shared

PLAIN = PromptOptions()


def options(**values: Any) -> PromptOptions:
    return PromptOptions.read(values, "-o")


def test_it_is_in_the_table() -> None:
    assert load_scorer("prompts") is SCORER
    assert (SCORER.learns, SCORER.needs_bank, SCORER.config_type) == (False, True, PromptOptions)


@pytest.mark.parametrize(
    ("given", "pools", "temperatures"),
    [
        ({}, ("mean-embedding",), (0.05,)),
        ({"pool": "softmax, max", "temperature": 0.2}, ("softmax", "max"), (0.2,)),
        ({"temperature": "0.05, 1"}, ("mean-embedding",), (0.05, 1.0)),
        ({"temperature": [1, 0.5]}, ("mean-embedding",), (1.0, 0.5)),
        ({"temperature": 2}, ("mean-embedding",), (2.0,)),
        ({"temperature": "sweep"}, ("mean-embedding",), (0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5)),
    ],
)
def test_options_are_lists(given: dict[str, Any], pools: tuple[str, ...], temperatures: tuple[float, ...]) -> None:
    read = options(**given)
    assert (read.pool, read.temperature, read.class_temperature) == (pools, temperatures, "encoder")
    assert PromptOptions.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pool": "mean"}, "pool.0='mean' cannot be used"),
        ({"pool": [["max"]]}, "pool.0"),
        ({"temperature": "0.1,0"}, "temperature.1='0' cannot be used"),
        ({"temperature": float("nan")}, "temperature.0=nan cannot be used"),
        ({"temperature": "warm"}, "temperature.0='warm'"),
        ({"temperature": []}, "temperature="),
        ({"class_temperature": 0}, "give a number from 1e-06 to 1e\\+06, or the word encoder"),
        ({"class_temperature": "own"}, "or the word encoder"),
        ({"class_temperature": None}, "or the word encoder"),
        ({"class_temperature": float("inf")}, "or the word encoder"),
        ({"temprature": 1}, "Did you mean 'temperature'"),
    ],
)
def test_options_that_cannot_be(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        options(**given)


def test_settings_are_banks_by_pools_by_temperatures() -> None:
    vectors = np.eye(2, dtype=np.float32)
    banks = [bank_of(vectors, [(0, 0)], name=name) for name in ("delta", "plain")]
    asked = options(pool="max,softmax,max", temperature="0.1,0.2,0.10")
    found = [tuple(each.values()) for each in SCORER.settings(arm_of("prompts", asked, *banks))]
    one = [("max", None), ("softmax", 0.1), ("softmax", 0.2)]
    assert found == [(name, *rest) for name in ("delta", "plain") for rest in one]
    assert list(SCORER.settings(arm_of("prompts", PLAIN, banks[0]))[0]) == ["bank", "pool", "temperature"]
    with pytest.raises(InputError, match="Arm 'arm' has no prompts"):
        SCORER.settings(arm_of("prompts", PLAIN))


def test_logits_come_in_the_order_of_settings() -> None:
    rng = np.random.default_rng(3)
    first, second = ragged(rng, 9, 4), ragged(rng, 5, 4)
    banks = {"first": first, "second": bank_of(second.vectors, [(0, 1), (2, 0)], name="second")}
    banks["first"] = bank_of(first.vectors, [(0, 1), (1, 2), (1, 3), (3, 3)], name="first")
    arm = arm_of(
        "prompts", options(pool="softmax,mean-score,max", temperature="sweep"), *banks.values(), logit_scale=7.0
    )
    queries = directions(rng, 6)
    chosen = list(SCORER.settings(arm))
    for asked in (chosen, chosen[::-1], chosen[3:5] + chosen[:1], []):
        found = list(SCORER.logits(arm, task_of(queries, 4), asked))
        assert len(found) == len(asked)
        for logits, setting in zip(found, asked, strict=True):
            temperature: Any = setting["temperature"]
            pool: Any = setting["pool"]
            kept = [temperature] if temperature else []
            (expected,) = pool_scores(queries, banks[str(setting["bank"])], 4, pool, kept)
            assert logits.dtype == np.float32
            assert logits.shape == (6, 4)
            np.testing.assert_array_equal(logits, expected * np.float32(7))


@pytest.mark.parametrize(
    ("class_temperature", "logit_scale", "factor", "assumed"),
    [("encoder", 14.3, 14.3, False), ("encoder", None, 100.0, True), (1.0, None, 1.0, False), (0.5, 14.3, 2.0, False)],
)
def test_sharpness(class_temperature: Any, logit_scale: float | None, factor: float, assumed: bool) -> None:  # noqa: FBT001
    bank, query = bank_of(np.eye(2, dtype=np.float32), [(0, 0), (1, 1)]), np.array([[0.6, 0.8]], np.float32)
    arm = arm_of("prompts", options(class_temperature=class_temperature), bank, logit_scale=logit_scale)
    (logits,) = SCORER.logits(arm, task_of(query, 3), SCORER.settings(arm))
    assert logits[0].tolist() == pytest.approx([0.6 * factor, 0.8 * factor, -np.inf])
    assert assumed_scale(arm) is assumed


def flickr() -> tuple[Float32, Float32]:
    """100 images (100, 512) and their five captions (100, 5, 512) through CLIP ViT-B/32."""
    with np.load(SHARED / "vectors" / "clip_vitb32_flickr8k_100x5.npz") as data:
        order = np.argsort(data["text_image_index"], kind="stable")
        return data["image"], data["text"][order].reshape(100, 5, -1)


def top_1(images: Float32, captions: Float32, **values: Any) -> list[float]:
    """Share of images that answer with their own captions, under each setting; every image is a class."""
    n, each, d = captions.shape
    bank = bank_of(captions.reshape(-1, d), [(row // each, row) for row in range(n * each)])
    arm = arm_of("prompts", options(**values), bank, logit_scale=100.0)
    answers = SCORER.logits(arm, task_of(images, n), SCORER.settings(arm))
    return [float((logits.argmax(axis=1) == np.arange(n)).mean()) for logits in answers]


@needs_shared
def test_captions_of_real_images() -> None:
    images, captions = flickr()
    single = [top_1(images, captions[:, [which]])[0] for which in range(5)]
    assert 0.80 <= min(single) <= max(single) <= 0.86
    (ensemble,) = top_1(images, captions)
    assert ensemble == pytest.approx(0.93, abs=0.015)
    assert len(top_1(images, captions, pool="softmax", temperature="sweep")) == len(SWEPT_TEMPERATURES)
    assert min(top_1(images, captions, pool="softmax,mean-score,max", temperature="sweep")) > max(single)
