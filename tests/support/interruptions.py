"""Ctrl-C at a chosen batch of a training run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from training import loop

if TYPE_CHECKING:
    import pytest


def stop_after(patch: pytest.MonkeyPatch, batches: int) -> None:
    """Make the loop believe that Ctrl-C came after so many batches, counted from its start."""

    @contextmanager
    def interrupted() -> Iterator[Callable[[], bool]]:
        left = batches

        def stop() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        yield stop

    patch.setattr(loop, "deferred_interrupt", interrupted)
