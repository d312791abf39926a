"""Where the real data for measuring lies, if it lies anywhere: ``../shared`` beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the real data sets are not beside this checkout (../shared/data); sample data is used"
)
