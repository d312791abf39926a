"""Rows and samples joined by what both call their images: the level that is taken, and what is refused."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.vectors.match_samples import match_rows
from retrieval.errors import InputError


@pytest.mark.parametrize(
    ("rows", "uris", "level", "places"),
    [
        (["b/1.jpg", "a/1.jpg"], ["a/1.jpg", "b/1.jpg"], "path", [1, 0]),
        (["x/2.jpg", "1.jpg"], ["a/1.jpg", "b/2.jpg"], "file name", [1, 0]),
        (["1", "2.npy"], ["a/2.jpg", "a/1.png"], "name without suffix", [1, 0]),
        (["/data/set/a/1.jpg"], ["b/1.jpg", "a/1.jpg"], "path", [1]),
        (["./a/1.jpg", "b\\1.jpg"], ["b/1.jpg", "a/1.jpg"], "path", [1, 0]),
        (["Mu\u0308cke.jpg"], ["M\u00fccke.jpg"], "path", [0]),
        # No level finds every row: paths agree in part, so the row of another folder has no sample.
        (["a/1.jpg", "b/1.jpg"], ["a/1.jpg", "c/2.jpg"], "path", [0, -1]),
        (["1", "3"], ["a/1.jpg", "a/2.jpg"], "name without suffix", [0, -1]),
        # Some paths agree, but every file name has one image of its own.
        (["a/1.jpg", "b/2.jpg"], ["a/1.jpg", "c/2.jpg"], "file name", [0, 1]),
        # A name of several images is no harm where no row says it.
        (["c/3.jpg"], ["a/1.jpg", "b/1.jpg", "d/3.jpg"], "file name", [2]),
        ([".hidden"], ["a/.hidden.jpg"], "name without suffix", [0]),
        (["1.jpg", "2.jpg"], ["0.tar::2.jpg", "0.tar::a/1.jpg"], "file name", [1, 0]),
        (["1", "2"], ["0.tar::2.jpg", "1.tar::1.jpg"], "name without suffix", [1, 0]),
    ],
)
def test_the_finest_level_that_joins_all(rows: list[str], uris: list[str], level: str, places: list[int]) -> None:
    found = match_rows(rows, uris, "/data/set")
    assert (found.level, found.samples.tolist()) == (level, places)


@pytest.mark.parametrize(
    ("rows", "uris", "message"),
    [
        (["1"], ["a/1.jpg", "b/1.png"], "'1' may mean 'a/1.jpg', 'b/1.png', by name without suffix; write paths"),
        (["1.jpg", "2.jpg"], [f"{x}/{n}.jpg" for x in "ab" for n in (1, 2)], r"by file name \(2 rows are like that\)"),
        (["x/1.jpg", "y/1.jpg"], ["a/1.jpg"], "Rows 'x/1.jpg', 'y/1.jpg' all mean 'a/1.jpg', by file name"),
        (["a/1.jpg"], ["a/1.jpg", "a/1.jpg"], "'a/1.jpg' names an image with 2 boxes; vectors .* whole images"),
        (["7", "8"], ["a/1.jpg"], "rows are called '7', '8', images 'a/1.jpg'; say with `filepath`"),
        (["1.jpg"], [], "No row names an image"),
    ],
)
def test_what_cannot_be_joined(rows: list[str], uris: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        match_rows(rows, uris, "/data/set")


paths = st.builds(
    lambda folder, name, suffix: f"{folder}{name}{suffix}",
    st.sampled_from(["", "a/", "b/"]),
    st.sampled_from("123456"),
    st.sampled_from([".jpg", ".png"]),
)


@given(rows=st.lists(paths, min_size=1, max_size=5, unique=True), uris=st.lists(paths, max_size=6, unique=True))
def test_as_a_slow_reference(rows: list[str], uris: list[str]) -> None:
    def candidates(level: int) -> list[list[int]]:
        def part(path: str) -> str:
            return (path, PurePosixPath(path).name, PurePosixPath(path).stem)[level]

        return [[at for at, uri in enumerate(uris) if part(uri) == part(row)] for row in rows]

    def plain(found: list[list[int]]) -> bool:
        places = [one[0] for one in found if one]
        return all(len(one) < 2 for one in found) and len(set(places)) == len(places)

    tried = [candidates(level) for level in range(3)]
    all_joined = (one for one in tried if plain(one) and all(one))
    best = next(all_joined, None) or next((one for one in tried if any(one)), None)
    if best is None or not plain(best):
        with pytest.raises(InputError):
            match_rows(rows, uris, "/data/set")
        return
    np.testing.assert_array_equal(match_rows(rows, uris, "/data/set").samples, [one[0] if one else -1 for one in best])
