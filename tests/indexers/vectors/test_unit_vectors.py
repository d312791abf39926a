"""Vectors of length one stay as they are; others are divided by their length once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from indexers.vectors.unit_vectors import ROUNDING, check_lengths, unit_vectors
from retrieval.errors import InputError

RNG = np.random.default_rng(0)


def test_lengths_and_directions() -> None:
    raw = (RNG.standard_normal((50, 24)) * 10.0 ** RNG.integers(-20, 18, (50, 1))).astype(np.float32)
    vectors, norms = unit_vectors(raw)
    wide = raw.astype(np.float64)
    lengths = np.sqrt((wide**2).sum(axis=1))
    assert np.array_equal(vectors, (wide / lengths[:, None]).astype(np.float32))
    np.testing.assert_allclose(norms, lengths, rtol=1e-6)


@pytest.mark.parametrize("d", [2, 512, 4096])
def test_what_is_normalised_in_float32_stays_to_the_bit(d: int) -> None:
    raw = RNG.standard_normal((300, d)).astype(np.float32)
    ours = unit_vectors(raw).vectors
    numpy = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    torchs = torch.nn.functional.normalize(torch.from_numpy(raw)).numpy()
    for given in (ours, numpy, torchs):
        vectors, norms = unit_vectors(given)
        assert np.array_equal(vectors, given)
        assert (norms == 1).all()


def test_half_precision_is_normalised() -> None:
    units = unit_vectors(RNG.standard_normal((50, 64)).astype(np.float32)).vectors
    halves = units.astype(np.float16).astype(np.float32)
    vectors, norms = unit_vectors(halves)
    assert np.abs(np.linalg.norm(halves.astype(np.float64), axis=1) - 1).max() > ROUNDING
    assert np.abs(np.linalg.norm(vectors.astype(np.float64), axis=1) - 1).max() < ROUNDING
    np.testing.assert_allclose(norms[:, None] * vectors, halves, rtol=1e-6)


def test_lengths_from_elsewhere() -> None:
    units = unit_vectors(RNG.standard_normal((4, 8)).astype(np.float32)).vectors
    lengths = np.array([1, 2, 3, 40], np.float32)
    vectors, norms = unit_vectors(units, lengths)
    assert np.array_equal(vectors, units)
    assert np.array_equal(norms, lengths)
    check_lengths(lengths, units, "column 'n' of v.csv")
    for bad in (0, -1, np.nan, np.inf):
        with pytest.raises(InputError, match=r"Row 2 .* of column 'n' of v.csv is no length above zero"):
            check_lengths(np.array([1, 2, bad, 1], np.float32), units, "column 'n' of v.csv")
    with pytest.raises(InputError, match=r"The vector of row 0 .* has the length 3, but column 'n'"):
        check_lengths(lengths, 3 * units, "column 'n' of v.csv")
