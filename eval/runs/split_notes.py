"""Warnings about samples that take no part because of their split, and about tests on samples that are not of test."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from eval.seams.samples import Pool
    from retrieval.config import Config
    from retrieval.types import SplitSet


def labelled_without_part(pool: Pool, splits: SplitSet) -> tuple[str, ...]:
    """Warn of labelled samples that have no role, where the roles are those of the column ``split``.

    Args:
        pool: labelled samples, with the column split.
        splits: the roles of all samples that have one.
    """
    unused = ~pool.mask(splits.sample)
    counts = Counter(pool.columns["split"][unused].tolist())
    if not counts:
        return ()
    parts = [f"{n} {f'of split {split}' if split else 'without a split'}" for split, n in counts.most_common()]
    return (f"Labelled samples that take no part: {', '.join(parts)}.",)


def val_as_test(options: Config) -> tuple[str, ...]:
    """Warn that the protocol tests samples of split val."""
    return ("The tested samples are of split val.",) if getattr(options, "test_from", "test") == "val" else ()


def identified_without_part(pool: Pool, used: NDArray[np.bool_]) -> tuple[str, ...]:
    """Warn of samples with an identity that take no part for want of a split, beside samples that have one.

    Args:
        pool: all samples, with the columns identity and split.
        used: (n,) whether a sample takes part.
    """
    has_split = pool.known("split")
    unused = pool.known("identity") & ~has_split & ~used
    if not unused.any() or not has_split.any():
        return ()
    return (f"{unused.sum()} samples with an identity have no split and take no part, as others have one.",)
