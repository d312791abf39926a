"""Folders and how many images lie in each."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.sources.folder_tree import FolderTree, parts_below

URIS = ["a.jpg", "x/1.jpg", "x/2.jpg", "x/y/3.jpg", "z/y/4.jpg"]


def test_folders_of_a_level_are_joined_by_name() -> None:
    tree = FolderTree(URIS)
    assert tree.images == 5
    assert tree.tops() == ["x", "z"]
    assert tree.at(0) == {"x": Counter({(): 2, ("y",): 1}), "z": Counter({("y",): 1})}
    assert tree.at(1) == {"y": Counter({(): 2})}
    assert parts_below(tree.at(0)) == {"x": {"y": Counter({(): 1})}, "z": {"y": Counter({(): 1})}}


@pytest.mark.parametrize(
    ("uris", "inner"),
    [
        (["a/b/1.jpg", "a/c/1.jpg"], ("a",)),
        (["a/b/x/1.jpg", "a/b/y/1.jpg"], ("a", "b")),
        (["a/1.jpg"], ()),
        (["a/b/1.jpg", "a/b/2.jpg"], ("a",)),
        (["a/b/1.jpg", "c/1.jpg"], ()),
        (["1.jpg", "c/1.jpg"], ()),
    ],
)
def test_the_folder_inside_which_images_divide(uris: list[str], inner: tuple[str, ...]) -> None:
    assert FolderTree(uris).inner() == inner


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=20))
def test_no_image_is_lost(folders: list[list[str]]) -> None:
    tree = FolderTree("/".join((*folder, "1.jpg")) for folder in folders)
    assert tree.images == sum(tree.counts.values()) == len(folders)
    assert sum(sum(below.values()) for below in tree.at(1).values()) == sum(len(folder) > 1 for folder in folders)
