"""Data frames: pandas is optional."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest

from retrieval.errors import MissingDependencyError
from retrieval.frames import to_frame


def test_a_frame_has_the_columns_of_the_table() -> None:
    pytest.importorskip("pandas")
    assert to_frame(pa.table({"a": [1, 2]})).to_dict("list") == {"a": [1, 2]}


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "vitrine\[pandas\]"'):
        to_frame(pa.table({"a": [1, 2]}))
