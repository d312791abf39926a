from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from indexers.sources.registry import open_source
from retrieval.errors import InputError

if TYPE_CHECKING:
    from retrieval.types import Sample


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of images; sources look at names, never inside."""
    for name in ("a.jpg", "b.jpg", "sub/c.jpg", "x, y.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def write(root: Path, text: str, name: str = "m.csv") -> Path:
    (root / name).write_bytes(text.encode())
    return root / name


def read(path: Path, **options: Any) -> list[Sample]:
    return list(open_source(path, "manifest", options=options))


def test_all_fields(root: Path) -> None:
    text = (
        "filepath,label,split,identity,camera,group,aspect,captured_at,age\r\n"
        "a.jpg, cat ,Valid,007,02,g1,dorsal right,2024:05:31 12:00:00,3\r\n"
        '"x, y.jpg",dog,,,,,,,\r\n'
    )
    first, second = read(write(root, "\ufeff" + text))
    assert (first.uri, first.label, first.split, first.identity, first.camera) == ("a.jpg", "cat", "val", "007", "02")
    assert (first.group, first.aspect) == ("g1", "dorsal right")
    assert first.captured_at == datetime.fromisoformat("2024-05-31T12:00:00")
    assert first.meta == {"age": 3}
    assert (second.uri, second.label, second.identity, second.captured_at) == ("x, y.jpg", "dog", None, None)
    assert second.meta == {"age": None}


def test_tab_separated(root: Path) -> None:
    assert [s.label for s in read(write(root, "filepath\tlabel\na.jpg\tone, two\n", "m.tsv"))] == ["one, two"]


def test_other_names_and_columns_kept_as_metadata(root: Path) -> None:
    path = write(root, "path,species,split,filepath\na.jpg,x,fold3,9\n")
    (sample,) = read(path, columns={"filepath": "path", "label": "species", "split": None})
    assert (sample.uri, sample.label, sample.split) == ("a.jpg", "x", None)
    assert sample.meta == {"split": "fold3", "filepath": 9}


def test_identity_alone_is_enough(root: Path) -> None:
    assert [s.identity for s in read(write(root, "filepath,identity\na.jpg,01\n"))] == ["01"]


@pytest.mark.parametrize(
    "written", ["sub/c.jpg", "./sub/c.jpg", "sub//c.jpg", "sub/../sub/c.jpg", "sub\\c.jpg", "{root}/sub/c.jpg"]
)
def test_one_uri_however_the_path_is_written(root: Path, written: str) -> None:
    assert [s.uri for s in read(write(root, f"filepath,label\n{written.format(root=root)},x\n"))] == ["sub/c.jpg"]


def test_absolute_paths_through_a_link_to_the_root(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("links") / "set"
    link.symlink_to(root)
    write(root, f"filepath,label\n{root}/a.jpg,x\n{link}/b.jpg,x\n")
    assert [s.uri for s in read(link / "m.csv")] == ["a.jpg", "b.jpg"]


def test_image_root(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write(tmp_path_factory.mktemp("tables"), f"filepath,label\nc.jpg,x\n{root}/sub/c.jpg,x\n")
    assert [s.uri for s in read(path, image_root=str(root / "sub"))] == ["c.jpg"]
    with pytest.raises(InputError, match=r"m\.csv row 3: '.*a\.jpg' lies outside the image root .*set `image_root`"):
        read(write(path.parent, f"filepath,label\nc.jpg,x\n{root}/a.jpg,x\n"), image_root=str(root / "sub"))
    with pytest.raises(InputError, match=r"row 2: '\.\./a\.jpg' lies outside"):
        read(write(root / "sub", "filepath,label\n../a.jpg,x\n"))


def test_rows_that_cannot_be_used(root: Path) -> None:
    text = "filepath,label,captured_at\na.jpg,x,\n,x,\ngone.jpg,x,\na.jpg,x,\na.jpg,y,\nb.jpg,x,soon\nb.jpg\nb.jpg,z,\n"
    source = open_source(write(root, text))
    assert [(s.uri, s.label) for s in source] == [("a.jpg", "x"), ("b.jpg", "x")]
    assert [(p.where, p.missing) for p in source.problems] == [
        ("m.csv row 3", False),
        ("m.csv row 4", True),
        ("m.csv row 6", False),
        ("m.csv row 8", False),
        ("m.csv row 9", False),
    ]
    reasons = [p.reason for p in source.problems]
    assert reasons[0] == "the filepath is empty"
    assert reasons[1].startswith("there is no image 'gone.jpg'")
    assert reasons[2] == "'a.jpg' is listed with label 'y', but in row 2 with 'x', which is kept"
    assert reasons[3] == "has 1 cells, but the header names 3 columns"
    assert reasons[4].startswith("'b.jpg' is listed with label 'z'")
    assert "m.csv: 1 row has no time: 'captured_at' is no date like" in source.notes[1]


def test_a_table_may_say_that_it_has_no_labels(root: Path) -> None:
    (sample,) = read(write(root, "filepath,labels,split\na.jpg,x,test\n"), columns={"label": None})
    assert (sample.label, sample.identity, sample.split) == (None, None, "test")
    assert sample.meta == {"labels": "x"}


def test_one_image_in_two_splits_is_a_problem(root: Path) -> None:
    source = open_source(write(root, "filepath,label,split\na.jpg,x,train\na.jpg,x,test\n"))
    assert len(list(source)) == 1
    assert source.problems[0].reason == "'a.jpg' is listed with split 'test', but in row 2 with 'train', which is kept"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("filepath,label\n", "has a header line but no rows"),
        ("path,label\nsome text,x\n", "has no column 'filepath'.* Did you mean 'path'.* `columns=filepath=NAME`"),
        ("filepath,labels\na.jpg,x\n", "has no column 'label or identity'.* Did you mean 'labels'.*`columns=label=` "),
        ("filepath,label,split\na.jpg,x,fold3\n", r"no splits .*: 'fold3' \(1\).*or pass `columns=split=` "),
        ("filepath,label\ngone.jpg,x\n", r"No row .* \(m.csv row 2: there is no image 'gone.jpg'.*; set `image_root`"),
        ("filepath,label\n,x\n", r"No row .* \(m.csv row 2: the filepath is empty\); correct the table"),
        ("filepath,label,Age,age\na.jpg,x,1,2\n", "would both become 'age'"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(root: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(write(root, text))
    assert "m.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"lable": "x"}}, "no field 'lable' to rename.*Did you mean 'label'"),
        ({"columns": {"label": "labels"}}, "no column 'labels'.*Did you mean 'label'"),
        ({"columns": "label"}, "source 'manifest': columns='label' cannot be used"),
        ({"image_roots": "x"}, "no option 'image_roots'.*Did you mean 'image_root'"),
    ],
)
def test_bad_options(root: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(write(root, "filepath,label\na.jpg,x\n"), **options)


def test_parquet_with_numbers_for_names(root: Path) -> None:
    table = pa.table({"filepath": ["a.jpg", "b.jpg"], "identity": [None, 7], "camera": [1.0, 2.0], "age": [30, None]})
    parquet.write_table(table, root / "m.parquet")
    source = open_source(root / "m.parquet")
    for _ in range(2):
        assert [(s.identity, s.camera, s.meta["age"]) for s in source] == [(None, "1", 30), ("7", "2", None)]
        assert source.notes[1:] == [
            "m.parquet stores camera as numbers; they are read as text ('1').",
            "m.parquet stores identity as numbers; they are read as text ('7').",
        ]


def test_words_of_splits(root: Path) -> None:
    table = write(root, "filepath,label,split\na.jpg,x,Training\nb.jpg,x,testing\nsub/c.jpg,y,dev\n")
    assert [sample.split for sample in read(table)] == ["train", "test", "val"]
    assert [sample.split for sample in read(table, split={"dev": "test"})] == ["train", "test", "test"]
    with pytest.raises(InputError, match=r"Column 'split' of .* has no 'develop'. Did you mean 'dev'\?"):
        read(table, split={"develop": "test"})


def test_unknown_words_are_counted_and_mapped_by_the_option(root: Path) -> None:
    table = write(root, "filepath,label,split\na.jpg,x,1\nb.jpg,x,0\nsub/c.jpg,y,1\n")
    with pytest.raises(InputError, match=r"'1' \(2\), '0' \(1\).*`split=1=train` `split=0=test` \(none: no split\)"):
        read(table)
    assert [sample.split for sample in read(table, split=["1=train", "0=test"])] == ["train", "test", "train"]


def test_a_column_of_flags(root: Path) -> None:
    table = write(root, "filepath,label,is_train\na.jpg,x,1\nb.jpg,x,0\nsub/c.jpg,y,1\n")
    source = open_source(table)
    assert {sample.split for sample in source} == {None}
    note = source.notes[-1]
    assert note == (
        "Column 'is_train' (0, 1) is kept as metadata, and no sample has a split; to take it as the split, pass "
        "`columns=split=is_train`."
    )
    assert [sample.split for sample in read(table, columns={"split": "is_train"})] == ["train", "test", "train"]


def test_a_column_of_another_name_that_holds_splits_is_noted(root: Path) -> None:
    table = write(root, "filepath,label,Usage,site\na.jpg,x,Training,test\nb.jpg,x,PublicTest,b\nsub/c.jpg,y,val,c\n")
    source = open_source(table)
    list(source)
    assert ["`columns=split=" in note for note in source.notes] == [False, True]
    assert "`columns=split=Usage`" in source.notes[1]
    with pytest.raises(InputError, match=r"'PublicTest' \(1\).*`split=PublicTest=test`"):
        read(table, columns={"split": "Usage"})
    words = [sample.split for sample in read(table, columns={"split": "Usage"}, split="PublicTest=val")]
    assert words == ["train", "val", "val"]


def test_a_split_of_a_whole_table(root: Path) -> None:
    table = write(root, "filepath,label,is_train\na.jpg,x,1\nb.jpg,x,0\n")
    source = open_source(table, options={"split": "test"})
    assert [sample.split for sample in source] == ["test", "test"]
    assert not any("`columns=split=" in note for note in source.notes)
