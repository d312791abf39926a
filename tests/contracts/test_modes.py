"""What every evaluation mode promises: purity, its needs, a result that can be written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from eval.ranking.relations import settle
from eval.registry import MODES, PROTOCOLS, load_mode, load_protocol
from eval.seams.mode import Mode, ModeConfig
from tests.support.ranking_problems import arrays, golden

ROOT = Path(__file__).resolve().parents[2]

OF_PAIRS = [name for name in MODES if load_mode(name).task != "classification"]
"""Modes of identities; those of classification have a contract of their own."""


@pytest.mark.parametrize("name", OF_PAIRS)
def test_a_mode_says_who_it_is_and_what_it_needs(name: str) -> None:
    mode = cast("Mode[Any]", load_mode(name))
    assert mode.name == name
    assert issubclass(mode.config_type, ModeConfig)
    config = mode.config_type.read({"views": "base,hflip"}, "test")
    assert mode.needs(config).views == ("base", "hflip")
    assert mode.needs(config).roles


@pytest.mark.parametrize("name", OF_PAIRS)
def test_a_mode_is_pure(name: str) -> None:
    mode, problem = cast("Mode[Any]", load_mode(name)), arrays(golden())
    for array in (*problem.vectors.values(), problem.ids, *problem.columns.values()):
        array.flags.writeable = False
    results = [mode.evaluate(*settle(problem, mode.config_type()), np.random.default_rng(0)) for _ in range(2)]
    assert results[0] == results[1]
    assert json.dumps(results[0].model_dump(mode="json"), allow_nan=False)
    assert all(0 <= metric.value <= 1 for metric in results[0].metrics.values())


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_says_who_it_is(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.name == name
    assert load_mode("reid").config_type.read(protocol.settings, "test")


@pytest.mark.parametrize("name", MODES)
def test_a_mode_is_arithmetic_over_arrays(name: str) -> None:
    module = "eval" + MODES[name].partition(":")[0]
    heavy = "torch", "lancedb", "faiss", "click", "matplotlib", "pyarrow"
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
