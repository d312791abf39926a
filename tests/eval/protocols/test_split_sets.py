from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.protocols.split_sets import draw_single_gallery, read_splits_csv, splits_to_csv
from retrieval.errors import InputError, MissingFileError
from retrieval.types import SplitSet
from tests.support.identity_stores import people, pool_of

ROWS = [*people(4, 3), {"uri": "a.jpg", "source": "other"}, {"uri": "a.jpg"}]
POOL = pool_of(ROWS)
ID = str(POOL.ids[0])


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(1, 4), st.integers(0, 1000))
def test_each_draw_has_one_gallery_sample_per_identity(sizes: list[int], draws: int, seed: int) -> None:
    identity = np.array([f"p{at}" for at, size in enumerate(sizes) for _ in range(size)], dtype=np.object_)
    ids = np.array([f"s{at:03d}" for at in range(len(identity))])
    if max(sizes) < 2:
        with pytest.raises(InputError, match="has two samples"):
            draw_single_gallery(ids, identity, draws, seed)
        return
    made = draw_single_gallery(ids, identity, draws, seed)
    of = dict(zip(ids.tolist(), identity.tolist(), strict=True))
    for draw in range(draws):
        rows = made.draw == draw
        assert sorted(made.sample[rows]) == sorted(ids)
        assert Counter(of[str(s)] for s in made.sample[rows & (made.role == "gallery")]) == Counter(set(identity))


def test_draws_depend_on_row_order_not_on_ids_nor_on_how_many_there_are() -> None:
    pool = pool_of(people(20, 5))
    identity = pool.columns["identity"]
    made = draw_single_gallery(pool.ids, identity, 10, 3)
    other = draw_single_gallery(pool.ids[::-1], identity, 10, 3)
    new_name = dict(zip(pool.ids.tolist(), pool.ids[::-1].tolist(), strict=True))
    renamed = np.array([new_name[sample] for sample in made.sample.tolist()])
    assert other.sha256 == SplitSet("", made.draw, renamed, made.role).sha256
    fewer = draw_single_gallery(pool.ids, identity, 4, 3)
    rows = made.draw < 4
    assert SplitSet("", made.draw[rows], made.sample[rows], made.role[rows]).sha256 == fewer.sha256
    assert draw_single_gallery(pool.ids, identity, 10, 4).sha256 != made.sha256


def test_draws_stay_what_they_were() -> None:
    """A changed hash here changes everybody's published draws."""
    pool = pool_of(people(5, 4))
    made = draw_single_gallery(pool.ids, pool.columns["identity"], 3, 0)
    assert made.sha256[:16] == "f41674b56b9257d2"


def test_every_image_is_drawn_about_equally_often() -> None:
    pool = pool_of(people(3, 4))
    made = draw_single_gallery(pool.ids, pool.columns["identity"], 2000, 0)
    counts = Counter(made.sample[made.role == "gallery"].tolist())
    assert len(counts) == 12
    assert all(400 < count < 600 for count in counts.values())


def test_csv_there_and_back(tmp_path: Path) -> None:
    people_rows = POOL.take(POOL.known("identity"))
    made = draw_single_gallery(people_rows.ids, people_rows.columns["identity"], 3, 0)
    text = splits_to_csv(made, POOL)
    file = tmp_path / "mine.csv"
    file.write_text(text)
    assert read_splits_csv(file, POOL).sha256 == made.sha256
    by_place = "\n".join(",".join(np.array(line.split(","))[[0, 1, 3, 4]]) for line in text.splitlines())
    file.write_text("\ufeff" + by_place)  # as spreadsheets save it
    assert read_splits_csv(file, POOL).sha256 == made.sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'draw'"),
        ("draw;role;id\n", "no column 'draw'.*draw;role;id"),
        ("draw,role\n", "neither a column 'id' nor 'uri'"),
        ("draw,draw,role,id\n", "column 'draw' twice"),
        ("draw,role,id\n", "no rows"),
        ("draw,role,id\n0,query\n", "row 2: has another number of cells"),
        ("draw,role,id\n0,query,a,b\n", "row 2: has another number of cells"),
        (f"draw,role,id\nx,query,{ID}\n", "row 2: draw 'x'"),
        (f"draw,role,id\n-1,query,{ID}\n", "row 2: draw '-1'"),
        (f"draw,role,id\n{'9' * 30},query,{ID}\n", "row 2: draw '9+'"),
        (f"draw,role,id\n0,gallary,{ID}\n", "row 2: role 'gallary'.*Did you mean 'gallery'"),
        ("draw,role,id\n0,query,nope\n", "row 2: the store has no sample with id 'nope'"),
        ("draw,role,uri\n0,query,nope.jpg\n", "row 2: the store has no sample with uri 'nope.jpg'"),
        ("draw,role,uri,source\n0,query,a.jpg,t\n", "no sample with uri 'a.jpg' in source 't'"),
        ("draw,role,uri\n0,query,a.jpg\n", "2 samples have the uri 'a.jpg'; add a column 'source'"),
        (
            f"draw,role,id\n0,query,{ID}\n1,query,{ID}\n0,train,{ID}\n",
            r"row 4: this sample is in draw 0 already \(row 2\)",
        ),
        ('draw,role,id\n0,query,"a\n', "cannot be read as CSV"),
    ],
)
def test_a_csv_that_cannot_be_used_says_where(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_splits_csv(file, POOL)
    assert "mine.csv" in str(error.value)


def test_files_that_are_not_text(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(b"draw,role,id\n0,query,\xff\xfe\n")
    with pytest.raises(InputError, match="cannot be read as CSV in UTF-8"):
        read_splits_csv(file, POOL)
    with pytest.raises(InputError, match="cannot be read"):
        read_splits_csv(tmp_path, POOL)
    with pytest.raises(MissingFileError, match=r"no split-set file .*none\.csv"):
        read_splits_csv(tmp_path / "none.csv", POOL)
