"""The selection of samples for a training job: roles, from which samples are left out for reasons that are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.types import SourceTally

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from eval.seams.samples import Pool
    from training.data.sample_roles import SampleRoles


class SampleSelection:
    """Samples of a store with their roles; what was seen is what is taken and what was left out.

    Args:
        pool: all samples of the store, with the columns uri and split.
        roles: of these samples.
        lack: what samples lack that have no role, as the end of " of split train".
    """

    def __init__(self, pool: Pool, roles: SampleRoles, lack: str = "") -> None:
        self.pool, self.roles = pool, roles
        self._tally = SourceTally(seen=len(pool))
        self._count(roles.evaluated, "test, query or gallery")
        rest = ~(self.taken | roles.evaluated)
        splits = pool.columns["split"]
        for split in dict.fromkeys(splits[rest].tolist()):
            name = f"without a split{lack}" if split is None else f"of split {split}{lack}"
            self._count(rest & pool.among("split", split), name)

    @property
    def taken(self) -> NDArray[np.bool_]:
        """Whether a sample (n,) is train or val."""
        mask: NDArray[np.bool_] = self.roles.train | self.roles.val
        return mask

    def leave_out(self, rows: NDArray[np.bool_], reason: str) -> None:
        """Take those of the samples ``rows`` (n,) out that are train or val, and count them."""
        gone = self.taken & rows
        self._count(gone, reason)
        self.roles = self.roles._replace(train=self.roles.train & ~gone, val=self.roles.val & ~gone)

    def hold_out(self, rows: NDArray[np.bool_]) -> None:
        """Make the train samples among ``rows`` (n,) val."""
        moved = self.roles.train & rows
        self.roles = self.roles._replace(train=self.roles.train & ~moved, val=self.roles.val | moved)

    def _count(self, gone: NDArray[np.bool_], reason: str) -> None:
        if gone.any():
            self._tally.leave_out(reason, str(self.pool.columns["uri"][gone.argmax()]), int(gone.sum()))

    def left_out(self) -> str:
        """Say what was left out, the most frequent reason first."""
        return str(self._tally) or "nothing"

    def __str__(self) -> str:
        """Say how many samples are train and val, and what was left out."""
        train, val = int(self.roles.train.sum()), int(self.roles.val.sum())
        rest = f" Left out: {self.left_out()}." if self._tally.left_out else ""
        return f"{train + val:,} of {len(self.pool):,} samples: {train:,} to train on, {val:,} held out (val).{rest}"
