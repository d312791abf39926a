from __future__ import annotations

import pytest

from retrieval.errors import InputError
from retrieval.limits import FREE_BYTES, MOST_EXPANSION, check_expansion


def test_what_swells_is_refused_only_beyond_both_limits() -> None:
    check_expansion(1, FREE_BYTES, "x", "y")
    check_expansion(FREE_BYTES, MOST_EXPANSION * FREE_BYTES, "x", "y")
    with pytest.raises(InputError, match=r"^x has .* more than 200 times as much; y\.$"):
        check_expansion(FREE_BYTES, MOST_EXPANSION * FREE_BYTES + 1, "x", "y")
