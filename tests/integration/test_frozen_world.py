"""The sample world of seed 0, on which trained encoders are measured, is the one that was frozen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.command_line import ROOT
from tests.support.frozen_world import PICKED, TOLERANCE, WORLD, block_means, frozen_blocks, tables_digest

PAGE = ROOT / "docs" / "training-results.md"
CHANGED = "the sample world has changed: numbers of docs/training-results.md and of vitrine-tiny's card hold no longer"


@pytest.mark.parametrize("name", WORLD)
def test_tables_and_labels_are_as_frozen(name: str, tmp_path: Path) -> None:
    WORLD[name].write_tables(tmp_path)
    assert tables_digest(tmp_path) == WORLD[name].tables, CHANGED


@pytest.mark.parametrize("name", WORLD)
def test_pixels_are_as_frozen(name: str) -> None:
    before, now = np.array(frozen_blocks()[name]), np.array([block_means(image) for image in WORLD[name].render()])
    assert len(before) == PICKED
    assert np.ptp(before, axis=0).min() > 20  # the images differ, and so do their means
    np.testing.assert_allclose(now, before, rtol=0, atol=TOLERANCE, err_msg=CHANGED)


def test_the_documentation_names_the_digests() -> None:
    page = PAGE.read_text(encoding="utf-8")
    digests = [digest for part in WORLD.values() for digest in (part.tables, *part.pixels)]
    assert [digest for digest in digests if digest not in page] == []
