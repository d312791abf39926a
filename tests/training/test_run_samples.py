"""The samples of a training are told from others, and kept with the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from retrieval.errors import InputError
from retrieval.store.memory import MemoryStore
from retrieval.types import SplitSet
from training.checkpoint import SAMPLES
from training.run_samples import RunSamples, evaluated_ids, read_samples

if TYPE_CHECKING:
    from pathlib import Path


def test_evaluated_samples_of_the_training_are_counted() -> None:
    samples = RunSamples(frozenset("abc"), frozenset("d"))
    roles = np.array(["train", "test", "query", "gallery", "test", "val"])
    splits = SplitSet("mine", np.array([0, 1, 0, 0, 0, 0]), np.array(["a", "a", "b", "d", "e", "c"]), roles)
    assert evaluated_ids(splits) == {"a", "b", "d", "e"}  # in some draw
    assert samples.warning(splits) == (
        "Of 4 evaluated samples, 2 were trained on and 1 were held out to choose the weights: this says nothing of new "
        "samples."
    )
    assert samples.among("xy") is None
    assert RunSamples().warning(splits) is None


def test_copies_under_another_id_count() -> None:
    sources = ["s", "s", "t", "t", "import:v", "s"]
    samples = pa.table({"id": list("abcdef"), "key": ["1", "2", "1", "2", "1", None], "source": sources})
    with MemoryStore(samples, {}).snapshot() as snapshot:
        both = RunSamples(frozenset("af"), frozenset("b")).with_copies(snapshot)
        assert both == RunSamples(frozenset("acf"), frozenset("bd"))
        crossed = RunSamples(frozenset("a"), frozenset("c")).with_copies(snapshot)
        assert crossed == RunSamples(frozenset("ac"), frozenset("c"))
        assert RunSamples().with_copies(snapshot) == RunSamples()


def test_a_run_without_the_file_and_one_that_is_damaged(tmp_path: Path) -> None:
    assert read_samples(tmp_path) is None
    (tmp_path / SAMPLES).write_text(json.dumps({"train": ["a"], "val": []}))
    assert read_samples(tmp_path) == RunSamples(frozenset("a"))
    (tmp_path / SAMPLES).write_text("{}")
    with pytest.raises(InputError, match="does not list the samples of a training run"):
        read_samples(tmp_path)
