"""Every option of every mode, scorer, protocol and source documents itself: one sentence, in its field."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eval.registry import MODES, PROTOCOLS, SCORERS, load_mode, load_protocol, load_scorer
from eval.runs.request import EvalRequest
from indexers.requests import ImportRequest, IndexRequest
from indexers.sources.registry import SOURCES, load_source
from retrieval.commands.option_table import option_rows
from retrieval.config import Config
from retrieval.search.request import SearchRequest
from training.data.data_config import DataConfig
from training.image_augment import ImageAugmentation
from training.registry import JOBS, load_job


def _configs() -> Iterator[tuple[str, type[Config]]]:
    yield from ((f"mode {name}", load_mode(name).config_type) for name in MODES)
    yield from ((f"scorer {name}", load_scorer(name).config_type) for name in SCORERS)
    yield from ((f"protocol {name}", load_protocol(name).options) for name in PROTOCOLS)
    yield from ((f"source {name}", load_source(name).Options) for name in SOURCES)
    yield from ((f"job {name}", load_job(name).recipe) for name in JOBS)
    yield "data of a job", DataConfig
    yield "augmentation of a job", ImageAugmentation
    yield "evaluate", EvalRequest
    yield "search", SearchRequest
    yield "index", IndexRequest
    yield "import-vectors", ImportRequest


@pytest.mark.parametrize(
    ("name", "config"), list(_configs()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_option_has_a_sentence(name: str, config: type[Config]) -> None:
    for row in option_rows(config):
        assert row.meaning, f"{name}: option {row.name} has no description"
        assert row.meaning.endswith("."), f"{name}: the description of {row.name} is no sentence"
        assert "`" not in row.meaning, f"{name}: the description of {row.name} is plain text"
