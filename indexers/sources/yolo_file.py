"""The ``data.yaml`` of a YOLO data set: names of classes, and where the images of each split lie."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from indexers.sources.split_words import split_name
from retrieval.errors import InputError, MissingFileError, VitrineError
from retrieval.labels import numbered_names
from retrieval.text_files import read_yaml

SUFFIXES = (".yaml", ".yml")
NOT_SPLITS = frozenset({"path", "names", "nc", "download", "roboflow"})


class SplitPlace(NamedTuple):
    """Where images of a split lie: the key in the file, what it says, and the folder or list, None if it is gone."""

    key: str
    written: str
    path: Path | None


class YoloFile(NamedTuple):
    """A ``data.yaml``: its path, the name of each class by number, and the places of its splits in their order."""

    path: Path
    names: dict[int, str]
    places: list[SplitPlace]


def find_yolo_file(path: Path) -> Path | None:
    """Return the ``data.yaml`` of a folder, or the file itself if it is one; None otherwise.

    ``data.yaml`` goes before other names; of several others none is taken.
    """
    if path.is_file():
        return path if path.suffix.lower() in SUFFIXES and _content(path) is not None else None
    if not path.is_dir():
        return None
    try:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    except OSError:
        return None
    usual = [file for file in files if file.stem.lower() in {"data", "dataset"}]
    fitting = [file for file in usual or files if _content(file) is not None]
    return fitting[0] if len(fitting) == 1 or (usual and fitting) else None


def _content(path: Path) -> dict[str, Any] | None:
    """Return the content of a file that has names of classes and a split; None for any other."""
    try:
        content = read_yaml(path, "a data set of YOLO")
    except VitrineError:
        # A broken data.yaml is still what describes the folder: reading it will tell what is wrong.
        return {} if path.stem.lower() == "data" else None
    if not isinstance(content, dict) or "names" not in content:
        return None
    return content if any(split_name(str(key)) for key in content) else None


def read_yolo_file(path: Path) -> YoloFile:
    """Read a ``data.yaml`` as Ultralytics and Roboflow write it.

    Raises:
        MissingFileError: it does not exist.
        InputError: it cannot be read, names no classes or splits, is of another task, or none of its folders exists.
    """
    content = read_yaml(path, "a data set of YOLO")
    if not isinstance(content, dict) or "names" not in content:
        raise InputError(f"{path} names no classes; add a line such as 'names: [cat, dog]'.")
    if "kpt_shape" in content:
        raise InputError(f"{path} is of poses (kpt_shape), whose labels hold key points; boxes and polygons are read.")
    names = _names(path, content["names"], content.get("nc"))
    places = [
        SplitPlace(str(key), str(written), _place(path.parent, content.get("path"), str(written)))
        for key, value in content.items()
        if key not in NOT_SPLITS and value and split_name(str(key)) is not None
        for written in (value if isinstance(value, list) else [value])
    ]
    if not places:
        raise InputError(f"{path} names no folder of images; add a line such as 'train: train/images'.")
    if not any(place.path for place in places):
        listed = ", ".join(f"{place.key}: {place.written}" for place in places)
        raise MissingFileError(f"{path} names {listed}, and none of these exists; correct the paths.")
    return YoloFile(path, names, places)


def _names(path: Path, value: object, count: object) -> dict[int, str]:
    """Return the names of classes by number, from a list or a mapping.

    Raises:
        InputError: they are neither, a key is no number, or there are fewer or more than ``nc`` says.
    """
    try:
        names = numbered_names(value)
    except ValueError as error:
        raise InputError(f"{path}: {error}.") from None
    if not names:
        raise InputError(f"{path} names no classes; add a line such as 'names: [cat, dog]'.")
    if isinstance(count, int) and count != len(names):
        raise InputError(f"{path} says nc: {count} and names {len(names)} classes; correct one of them.")
    twice = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {number: f"{number} {name}" if name in twice else name for number, name in names.items()}


def _place(folder: Path, base: object, written: str) -> Path | None:
    """Find what a split names; paths of another machine, and Roboflow's ``../``, are looked for beside the file."""
    parts = [part for part in PurePosixPath(written.replace("\\", "/")).parts if part not in ("..", ".", "/")]
    tails = [parts[start:] for start in range(len(parts))]
    inside = [folder.joinpath(*tail) for tail in tails if tail == parts or tail != ["images"]]
    literal = [folder / str(base or "") / written, folder / written]
    upwards = written.startswith("..")
    candidates = [*inside[:1], *literal, *inside[1:]] if upwards else [*literal, *inside]
    return next((path.resolve() for path in candidates if path.exists() and path.resolve() != folder.resolve()), None)
