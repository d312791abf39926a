"""Images of samples: files and members of containers, upright, with boxes cut out; and what is said of those gone."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from eval.seams.samples import Pool
from retrieval.crops import CropPolicy, parse_policy
from retrieval.errors import IncompleteError, InputError
from retrieval.types import BOX_COLUMNS, Box
from retrieval.types.store import SourceInfo
from training.data.stored_images import BOX_ITSELF, StoredImages

if TYPE_CHECKING:
    from pathlib import Path

ORIENTATION, TURNED_LEFT = 0x0112, 6


def images_of(
    uris: list[str], *roots: Path | str, kind: str = "folder", policy: CropPolicy = BOX_ITSELF, **columns: Any
) -> StoredImages:
    """Images with these uris, of sources with these roots in turn."""
    names = [f"s{at % len(roots)}" for at in range(len(uris))]
    values = {"uri": uris, "source": names, **columns}
    pool = Pool(np.array(uris), {name: _cells(column) for name, column in values.items()})
    return StoredImages(pool, [SourceInfo(f"s{at}", kind, str(root), at) for at, root in enumerate(roots)], policy)


def _cells(column: Any) -> np.ndarray:
    cells = np.empty(len(column), np.object_)
    cells[:] = column
    return cells


def _picture(width: int = 8, height: int = 4) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_images_lie_below_the_root_of_their_source(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _picture(8 if name == "one" else 6).save(tmp_path / name / "a.png")
    images = images_of(["a.png", "a.png"], tmp_path / "one", tmp_path / "two")
    assert (images.path(0), images.path(1)) == (tmp_path / "one" / "a.png", tmp_path / "two" / "a.png")
    assert (images.decode(0).size, images.decode(1).size, len(images)) == ((8, 4), (6, 4), 2)
    assert np.array_equal(np.asarray(images.decode(0)), np.asarray(_picture(8)))


def test_an_image_is_upright_and_rgb_and_its_box_is_cut_out_of_that(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED_LEFT
    picture = _picture().convert("L")
    picture.save(tmp_path / "a.png", exif=exif)
    boxes: dict[str, Any] = dict(zip(BOX_COLUMNS, ([None, 0.0], [None, 0.5], [None, 1.0], [None, 0.5]), strict=True))
    images = images_of(["a.png", "a.png"], tmp_path, **boxes)
    upright = np.asarray(picture.transpose(Image.Transpose.ROTATE_270).convert("RGB"))
    assert images.decode(0).mode == "RGB"
    assert np.array_equal(np.asarray(images.decode(0)), upright)
    assert np.array_equal(np.asarray(images.decode(1)), upright[4:])


def test_a_box_is_cut_out_as_the_policy_of_the_space_says(tmp_path: Path) -> None:
    picture = _picture(20, 10)
    picture.save(tmp_path / "a.png")
    box, polygon = Box(0.25, 0.2, 0.5, 0.5), ((0.25, 0.2), (0.75, 0.2), (0.5, 0.7))
    columns: dict[str, Any] = {name: [number] for name, number in zip(BOX_COLUMNS, box, strict=True)}
    columns["polygon"] = _cells([None])
    columns["polygon"][0] = [number for corner in polygon for number in corner]
    for text in ("box+context(0.5)", "circle", "blur-outside", "full+crop"):
        policy = parse_policy(text)
        images = images_of(["a.png"], tmp_path, policy=policy, **columns)
        expected = policy.pictures(picture, box, polygon)[0]
        assert np.array_equal(np.asarray(images.decode(0)), np.asarray(expected)), text


def test_members_of_a_tar_file_are_decoded(tmp_path: Path) -> None:
    out = io.BytesIO()
    _picture().save(out, "PNG")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        info = tarfile.TarInfo("in/a.png")
        info.size = out.tell()
        tar.addfile(info, io.BytesIO(out.getvalue()))
    images = images_of(["x.tar::in/a.png"], tmp_path)
    assert np.array_equal(np.asarray(images.decode(0)), np.asarray(_picture()))
    with pytest.raises(IncompleteError, match=r"1 of 1 images are gone.*y\.tar::in/a\.png"):
        images_of(["y.tar::in/a.png"], tmp_path)


def test_images_that_are_gone_are_told_before_anything_is_decoded(tmp_path: Path) -> None:
    _picture().save(tmp_path / "a.png")
    with pytest.raises(IncompleteError, match=r"^2 of 3 images are gone \(the first is .*b\.png\); put them"):
        images_of(["a.png", "b.png", "c.png"], tmp_path)
    with pytest.raises(IncompleteError, match=r"1 samples of source s0 are imported vectors without images"):
        images_of(["a.png"], tmp_path, kind="import")


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"a\.png: not an image"):
        images_of(["a.png"], tmp_path).decode(0)
