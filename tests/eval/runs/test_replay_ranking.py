"""A ranking is replayed from its result only while the store still gives it."""

from __future__ import annotations

import pytest

from eval.runs.replay_ranking import replay
from retrieval.errors import InputError
from tests.support.identity_stores import RankedStore, memory_store, people


def test_what_the_store_does_not_give_any_more_is_not_drawn(world: RankedStore) -> None:
    store, result = world
    assert result.cmc is not None
    with pytest.raises(InputError, match="do not give this result"):
        replay(store, result.model_copy(update={"cmc": tuple(value / 2 for value in result.cmc)}))
    with pytest.raises(InputError, match="not in the store"):
        replay(memory_store(people(12, 4, ("dorsal left", "dorsal right"))), result)
    with pytest.raises(InputError, match="has no rankings"):
        replay(store, result.model_copy(update={"mode": "verification"}))
