"""What the levels of folders are taken for: in silence, with a note, or not at all."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.sources.folder_tree import FolderTree
from indexers.sources.levels import parse_levels, read_levels
from indexers.sources.split_words import SplitWords
from retrieval.errors import InputError


def images(*folders: str, n: int = 2) -> list[str]:
    """Paths of n images in each folder; a folder ``{a,b}/c`` stands for ``a/c`` and ``b/c``."""
    return [f"{folder}/{at}.jpg" for pattern in folders for folder in expand(pattern) for at in range(n)]


def expand(pattern: str) -> list[str]:
    head, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    inside, _, tail = rest.partition("}")
    return [f"{head}{name}{end}" for name in inside.split(",") for end in expand(tail)]


def levels(uris: list[str], **option: str) -> tuple[str, tuple[str, ...]]:
    read = read_levels(FolderTree(uris), SplitWords(option), "root")
    return "/".join(read.names), read.notes


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        ("{cat,dog,owl}", "label"),
        ("new_species", "label"),  # one folder of one new species
        ("{aeroplane,bus,train}", "label"),  # the railway
        ("{beaker,test tube,train}", "label"),
        ("{train,test tube}", "label"),
        ("{train,val,test}/{cat,dog}", "split/label"),
        ("{Training,Testing}/{glioma,meningioma,notumor}", "split/label"),
        ("{train2017,val2017}/{cat,dog}", "split/label"),
        ("train/{cat,dog}", "split/label"),
        ("{train,test}/cat", "split/label"),
        ("{cat,dog}/images", "label"),
        ("{cat,dog}/misc", "label"),
        ("{train,val}/{cat,dog}/images", "split/label"),
        ("{n01,n02}/{n01}/x", "label"),
        ("{0,1}", "label"),
        ("{001.Black,002.White,003.Red}", "label"),
        ("new_species/images", "label"),
        ("{cat,dog,images}", "label"),
        ("{grade1,grade2}", "label"),
    ],
)
def test_what_is_ordinary_passes_in_silence(folders: str, names: str) -> None:
    assert levels(images(folders)) == (names, ())


def test_some_images_deeper_pass_in_silence() -> None:
    assert levels([*images("{cat,dog}", n=5), *images("cat/more/of/them")]) == ("label", ())


class Noted(NamedTuple):
    """A layout with one sign: what the note says, and the option of the other reading."""

    folders: str
    sign: str
    option: str


@pytest.mark.parametrize(
    ("folders", "sign", "option"),
    [
        Noted(
            "{animal/dog,animal/cat,plant/oak,plant/ash}", "4 folders below (ash, cat, dog, oak)", "`levels=_/label`"
        ),
        Noted("{0001,0002,0003}/{cam1,cam2}", "the same folders (cam1, cam2) lie in each", "`levels=_/label`"),
        Noted("{entr,test}/{a,b}", "(a, b)", "for example `split=entr=train` `split=test=test` if they are splits, or"),
        Noted("{art,photo,sketch}/{dog,house}", "the same folders (dog, house)", "`levels=_/label`"),
        Noted("{amazon,dslr}/images/{bag,bike}", "the same folders (bag, bike)", "`levels=_/_/label`"),
        Noted("{train,test,cats}", "test, train are words for splits", "`split=cats=none`"),
        Noted(
            "{seg_train,seg_test}",
            "seg_test, seg_train are words",
            "`split=seg_test=test` `split=seg_train=train` `levels=split` if",
        ),
        Noted("{train,val}/{person/a,person/b,car/c}", "3 folders below (a, b, c)", "`levels=split/_/label`"),
    ],
)
def test_one_sign_is_noted_with_both_readings(folders: str, sign: str, option: str) -> None:
    names, (note,) = levels(images(folders))
    assert note.startswith("Taken as labels: ")
    assert sign in note
    assert option in note
    assert f"`levels={names}` if these are the labels." in note


@pytest.mark.parametrize(
    ("folders", "signs", "option"),
    [
        ("{seg_train,seg_test}/{sea,street}", "are words for splits and the same folders (sea, street)", "`split=seg"),
        ("{train,test,extra}/{a,b}", "test, train are words for splits and the same folders", "`split=extra=none`"),
        ("{query,gallery,train,train_all,multi-query}/{1,2}", "are words for splits", "`split=multi-query=none`"),
        ("{fold0,fold1}/{train,test}/{a,b}", "are names of parts", "`levels=_/split/label`"),
        ("{trainval,test}/{a,b}", "words for splits and the same folders", "`split=trainval=train` if"),
        ("{train,val,trainval,test}/{a,b}", "words for splits and the same folders", "`split=trainval=none` if"),
        ("{fold1,fold2,fold3}", "are names of parts, not of classes", "`levels=_` for images without labels"),
        ("{fold_0,fold_1,fold_2}/{a,b}", "are names of parts", "`levels=_/label`"),
        ("{cat,dog}/{train,test}", "test, train below are words for splits", "`levels=label/split`"),
        ("{bottle,cable}/{train/good,test/good,test/broken}", "below are words for splits", "`levels=_/split/label`"),
        ("flowers/{daisy,rose}", "only one label", "Index root/flowers for what lies inside"),
        ("flowers/flowers/{daisy,rose}", "only one label", "Index root/flowers/flowers for"),
        ("set/{train,val}/{a,b}", "below are words for splits", "Index root/set for"),
        ("images", "a name like images says", "`levels=_`"),
        ("{images,masks}", "a name like images says", "`levels=_`"),
        ("images/{train,val}", "below are words for splits", "Index root/images for"),
        ("images/{daisy,rose}", "2 folders below (daisy, rose)", "Index root/images for"),
        ("{train,valid,test}/images", "a name like images says", "`levels=split`"),
        (
            "train/{a,b}/images {val,test}/images",
            "only label in test would be 'images'",
            "root/train `split=train`",
        ),
        ("train/{cats,dogs} test/test", "the only label in test would be 'test'", "root/train `split=train`"),
        ("{color,grayscale}/{apple,pear,plum,fig,kiwi}", "the same folders", "`levels=_/label`"),
        ("new_species/{plot1,plot2}", "only one label", "`levels=label`"),
    ],
)
def test_signs_that_agree_are_refused(folders: str, signs: str, option: str) -> None:
    with pytest.raises(InputError) as error:
        levels(images(*folders.split()))
    assert signs in str(error.value)
    assert option in str(error.value)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("0001_c1s1_000151_01", "Market-1501"),
        ("-1_c3s2_000151_00", "Market-1501"),
        ("0005_c2_f0046985", "DukeMTMC-reID"),
        ("0001_c001_00030000_0", "VeRi-776"),
        ("0000_000_01_0303morning_0008_0", "MSMT17"),
        ("Hand_0000001", "11k Hands"),
    ],
)
def test_names_of_known_data_sets(name: str, title: str) -> None:
    _, (note,) = levels([f"0001/{name}.jpg", f"0002/{name}.jpg"])
    assert f"the files are named as those of {title}" in note
    with pytest.raises(InputError, match="only one label"):
        levels([f"people/{name}.jpg"])


def test_words_of_the_option_make_splits() -> None:
    uris = images("{seg_train,seg_test}/{sea,street}")
    assert levels(uris, seg_train="train", seg_test="test") == ("split/label", ())
    doubled = images("seg_train/seg_train/{sea,street}", "seg_test/seg_test/{sea,street}")
    with pytest.raises(InputError, match="lie in folders of the same names"):
        levels(doubled, seg_train="train", seg_test="test")
    with pytest.raises(InputError, match=r"no splits .*: 'seg_pred' \(4\)"):
        levels([*uris, *images("seg_pred/{sea,street}")], seg_train="train", seg_test="test")


@pytest.mark.parametrize("text", ["split/label", "/_/label/", "label/label", "identity/camera"])
def test_levels_are_parsed(text: str) -> None:
    assert parse_levels(text) == tuple(text.strip("/").split("/"))


NAMES = st.sampled_from(
    ["train", "Testing", "val", "images", "fold1", "fold2", "a", "b", "c", "test tube", "x_train", "é", "0"]
)


@given(st.lists(st.lists(NAMES, max_size=4), max_size=12))
def test_any_tree_is_read_or_refused_in_one_sentence(folders: list[list[str]]) -> None:
    uris = ["/".join((*folder, f"{at}.jpg")) for at, folder in enumerate(folders)]
    try:
        names, notes = levels(uris)
    except InputError as error:
        assert "`levels=" in str(error)  # noqa: PT017 - either outcome is right
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert names in {"label", "split/label"}
        assert all("\n" not in note for note in notes)


def test_a_large_tree_is_read_fast() -> None:
    uris = [f"part{at % 7}/class{at % 9000}/{at}.jpg" for at in range(200_000)]
    start = time.process_time()
    with pytest.raises(InputError):
        levels(uris)
    assert time.process_time() - start < 5  # a third of a second where nothing else runs
