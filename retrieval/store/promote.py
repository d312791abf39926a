"""Make a space the default of a store, which is taken where none is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.store.spaces import default_space

if TYPE_CHECKING:
    from retrieval.store.open import LanceStore


class PromoteRequest(Config):
    """A request to make a space the default."""

    space: str = Field(description="Space: its name, or the beginning of it.")
    wait: float = Field(default=60.0, ge=0, description="Seconds to wait for another writer of the store.")


@dataclass(frozen=True, slots=True)
class PromoteReport:
    """What was promoted: the space that is the default now, and the one that was before, None without one."""

    space: str
    before: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return asdict(self)


def promote(store: LanceStore, request: PromoteRequest, say: Callable[[str], None]) -> PromoteReport:
    """Make a space the default. No vector and no other space changes.

    Args:
        store: the store, in a local folder.
        request: the request.
        say: receives a message about a writer that is waited for.

    Raises:
        UnknownNameError: there is no such space.
        InputError: several spaces match, or the space is still filled.
        ReadOnlyStoreError, StoreLockedError: the store cannot be written.
    """
    with store.writer(request.wait, say) as writer:
        space, before = writer.snapshot.space(request.space), default_space(writer.snapshot.spaces)
        if space.state != "complete":
            raise InputError(
                f"Space {space.name} is not complete: not every sample that should have a vector in it has one; run "
                "the same refresh again first."
            )
        if before is None or before.fingerprint != space.fingerprint or before.promoted is None:
            writer.promote(space)
            writer.commit("promote")
    return PromoteReport(space.name, None if before is None else before.name)
