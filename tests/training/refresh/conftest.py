"""A store with a parent space, copied for each test."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.trained_runs import drawn_store, index_images

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import SpaceInfo


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SpaceInfo]:
    """A folder with the store ``s`` of 18 images in both views, and its space."""
    folder = tmp_path_factory.mktemp("world")
    return folder, drawn_store(folder, 18, "--views", "base,hflip")


@pytest.fixture
def parent(world: tuple[Path, SpaceInfo], tmp_path: Path) -> SpaceInfo:
    """The space of a copy of the store in ``tmp_path``, whose images nobody changes."""
    folder, space = world
    shutil.copytree(folder / "s", tmp_path / "s")
    return space


@pytest.fixture
def own_images(world: tuple[Path, SpaceInfo], parent: SpaceInfo, tmp_path: Path) -> Path:
    """The images of ``parent`` as a copy, which a test may change."""
    folder, _ = world
    images = shutil.copytree(folder / "images", tmp_path / "images")
    (folder / "images").rename(folder / "away")  # a data set whose folder is gone has moved
    try:
        index_images(tmp_path)
    finally:
        (folder / "away").rename(folder / "images")
    return images
