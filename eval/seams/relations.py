"""Interface of rankings and verifications: which pairs of samples are positive, and which are junk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.types import Int64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Relations:
    """What relates the samples of an evaluation, as codes (n,).

    Samples of one ``identity`` are positives of each other; -1 is unknown, also where one of several identity columns
    is. ``unit`` is the identity by its own column, which the bootstrap resamples; ``names`` are those of the units,
    ``texts`` those of identities. ``ignored`` samples take no part. ``camera`` and ``group`` are codes (-1: unknown)
    where the rules leave pairs of one camera or group out, else None. ``warnings`` say what the rules cannot judge.
    """

    identity: Int64
    unit: Int64
    names: tuple[str, ...]
    texts: tuple[str, ...]
    ignored: NDArray[np.bool_]
    camera: Int64 | None = None
    group: Int64 | None = None
    warnings: tuple[str, ...] = ()

    def positive(self, queries: Int64, gallery: Int64) -> NDArray[np.bool_]:
        """Whether query and gallery samples show the same identity: (queries, gallery)."""
        codes = self.identity[queries][:, None]
        same: NDArray[np.bool_] = (codes == self.identity[gallery]) & (codes >= 0)
        return same

    def junk(self, queries: Int64, gallery: Int64) -> NDArray[np.bool_]:
        """Whether a pair takes no place in a ranking: (queries, gallery).

        It is one sample with itself, one identity under one camera (Market-1501's rule), or one group.
        """
        junk: NDArray[np.bool_] = queries[:, None] == gallery
        if self.camera is not None:
            camera = self.camera[queries][:, None]
            junk |= self.positive(queries, gallery) & (camera == self.camera[gallery]) & (camera >= 0)
        if self.group is not None:
            group = self.group[queries][:, None]
            junk |= (group == self.group[gallery]) & (group >= 0)
        return junk
