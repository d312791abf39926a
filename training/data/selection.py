"""The selection of samples for a training job: roles, from which samples are left out for reasons that are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from retrieval.errors import InputError
from retrieval.types import SourceTally

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from eval.seams.samples import Pool
    from training.data.sample_roles import SampleRoles

HELD_OUT = "held out (val)"
"""Why samples are not trained on that are taken."""


class RoleSource(NamedTuple):
    """Where roles come from.

    Attributes:
        lack: what samples without a role lack, as the end of "of split train".
        way: what to do if no sample is train.
    """

    lack: str = ""
    way: str = "give samples the split train when they are indexed, or name a `data.split_set`"


class SampleSelection:
    """Samples of a store with their roles; what was seen is what is taken and what was left out.

    Args:
        pool: all samples of the store, with the columns uri and split.
        roles: of these samples.
        origin: where the roles come from.
    """

    def __init__(self, pool: Pool, roles: SampleRoles, origin: RoleSource = RoleSource()) -> None:  # noqa: B008 - frozen
        self.pool, self.roles = pool, roles
        self._tally = SourceTally(seen=len(pool))
        self._train = SourceTally(seen=int(roles.train.sum()))
        self._ways = {HELD_OUT: f"hold out fewer, or {origin.way}"}
        self._count(self._tally, roles.evaluated, "test, query or gallery", origin.way)
        rest = ~(self.taken | roles.evaluated)
        splits = pool.columns["split"]
        for split in dict.fromkeys(splits[rest].tolist()):
            name = f"without a split{origin.lack}" if split is None else f"of split {split}{origin.lack}"
            way = origin.way if split is None or origin.lack else f"{origin.way}, or pass `data.train_split={split}`"
            self._count(self._tally, rest & pool.among("split", split), name, way)

    @property
    def taken(self) -> NDArray[np.bool_]:
        """Whether a sample (n,) is train or val."""
        mask: NDArray[np.bool_] = self.roles.train | self.roles.val
        return mask

    def leave_out(self, rows: NDArray[np.bool_], reason: str, way: str) -> None:
        """Take those of the samples ``rows`` (n,) out that are train or val, and count them.

        Args:
            rows: the samples.
            reason: why.
            way: what to do about it, if nothing is left to train on.
        """
        gone = self.taken & rows
        self._count(self._tally, gone, reason, way)
        self._count(self._train, gone & self.roles.train, reason, way)
        self.roles = self.roles._replace(train=self.roles.train & ~gone, val=self.roles.val & ~gone)

    def hold_out(self, rows: NDArray[np.bool_]) -> None:
        """Make the train samples among ``rows`` (n,) val."""
        moved = self.roles.train & rows
        self._count(self._train, moved, HELD_OUT, self._ways[HELD_OUT])
        self.roles = self.roles._replace(train=self.roles.train & ~moved, val=self.roles.val | moved)

    def _count(self, tally: SourceTally, gone: NDArray[np.bool_], reason: str, way: str) -> None:
        if gone.any():
            self._ways[reason] = way
            tally.leave_out(reason, str(self.pool.columns["uri"][gone.argmax()]), int(gone.sum()))

    def left_out(self) -> str:
        """Say what was left out, the most frequent reason first."""
        return str(self._tally) or "nothing"

    def require_train(self) -> None:
        """Check that something is left to train on.

        Raises:
            InputError: nothing is; the message says why, and what to do about the reason that took most.
        """
        if self.roles.train.any():
            return
        tally, what = self._train, f"None of the {self._train.seen:,} train samples is left to train on"
        if not tally.seen:
            tally, what = self._tally.copy(), f"None of the {len(self.pool):,} samples is one to train on"
            self._count(tally, self.roles.val, HELD_OUT, self._ways[HELD_OUT])
        most = max(tally.left_out, key=lambda reason: tally.left_out[reason])
        raise InputError(f"{what} ({tally}); {self._ways[most]}.")

    def __str__(self) -> str:
        """Say how many samples are train and val, and what was left out."""
        train, val = int(self.roles.train.sum()), int(self.roles.val.sum())
        rest = f" Left out: {self.left_out()}." if self._tally.left_out else ""
        return f"{train + val:,} of {len(self.pool):,} samples: {train:,} to train on, {val:,} held out (val).{rest}"
