"""Where the real data for measuring lies, if it lies anywhere: ``../shared`` beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

ABSENT = "the real data sets are not beside this checkout (../shared/data); sample data is used"

needs_shared = pytest.mark.shared
"""Tests of real data, which ``tests/conftest.py`` skips where there is none; ``pytest -m shared`` runs them alone."""
