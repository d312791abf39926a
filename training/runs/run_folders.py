"""Reads the folders of training runs; a damaged one is a run that says what is wrong with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from retrieval.errors import InputError, MissingFileError, VitrineError
from retrieval.text_files import read_json, read_text
from training.checkpoint import RECIPE
from training.export import RECORD
from training.run_changes import read_changes
from training.run_log import HISTORY
from training.run_state import RUN, is_running

RunState = Literal["finished", "interrupted", "running", "failed", "damaged"]


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training run.

    Attributes:
        path: its folder.
        name: the folder relative to the one that was searched.
        job: name of the job; empty if it is not known.
        version: version that the recipe names.
        remarks: what the recipe says of it.
        space: name of the space that was trained from, or whose samples were.
        backbone: the encoder that was trained, such as open_clip/ViT-B-16; empty if it is not known.
        epochs: completed epochs.
        planned: epochs of the recipe, if it is of one stage.
        best_epoch: epoch of the best held-out score, or of the last weights without one; 0 before the first.
        best_score: the best held-out score.
        state: whether it ended, and how.
        seconds: time of all epochs.
        started: when the command was last called, ISO 8601.
        problem: what is wrong with it, or why it failed.
        recipe: the resolved recipe.
        history: losses and metrics.
        changes: what its last refresh compared, as :func:`training.run_changes.read_changes` returns it.
    """

    path: Path
    name: str
    job: str = ""
    version: str | None = None
    remarks: str = ""
    space: str | None = None
    backbone: str = ""
    epochs: int = 0
    planned: int | None = None
    best_epoch: int = 0
    best_score: float | None = None
    state: RunState = "damaged"
    seconds: float = 0.0
    started: str | None = None
    problem: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all but recipe, history and changes as JSON data."""
        return {
            "run": self.name,
            "path": str(self.path),
            "job": self.job or None,
            "version": self.version,
            "remarks": self.remarks,
            "space": self.space,
            "backbone": self.backbone or None,
            "epochs": self.epochs,
            "planned": self.planned,
            "best_epoch": self.best_epoch,
            "best_score": self.best_score,
            "state": self.state,
            "seconds": round(self.seconds, 2),
            "started": self.started,
            "problem": self.problem,
        }


def find_runs(folder: Path) -> list[TrainingRun]:
    """Read all runs in a folder, which may be one itself, in natural order of their names.

    Raises:
        MissingFileError: there is no such folder.
        InputError: it is a file.
    """
    _require_folder(folder, "a folder that holds those of training runs")
    paths = []
    for place, inside, files in os.walk(folder):
        if _is_run(files):
            paths.append(Path(place))
            inside.clear()  # an encoder has its recipe, too
        inside[:] = sorted(name for name in inside if not name.startswith("."))
    return [read_run(path, folder) for path in sorted(paths, key=lambda path: natural(str(path.relative_to(folder))))]


def read_run(path: Path, folder: Path | None = None) -> TrainingRun:
    """Read a run, whatever state it is in.

    Args:
        path: its folder.
        folder: the folder that its name is relative to; without it, the name is that of the run's own folder.

    Raises:
        MissingFileError: there is no such folder.
        InputError: it is a file, or holds no run.
    """
    _require_folder(path, "the folder of a training run")
    if not _is_run([entry.name for entry in path.iterdir()]):
        raise InputError(f"{path} holds no training run (it has neither {RECIPE} nor {RUN}); name the folder of one.")
    name = path.name if folder is None or path == folder else path.relative_to(folder).as_posix()
    try:
        return _read(path, name)
    except (VitrineError, OSError) as error:
        run = TrainingRun(path, name, problem=str(error))
    with suppress(VitrineError, OSError):  # the recipe may be whole
        recipe = _mapping(path / RECIPE, "a recipe")
        run = replace(
            run, version=_text(recipe.get("version")), remarks=str(recipe.get("remarks") or ""), recipe=recipe
        )
    return run


def _require_folder(path: Path, what: str) -> None:
    if path.is_dir():
        return
    if not path.exists():
        raise MissingFileError(f"{path}: no such folder; name {what}.")
    inside = path.parent.is_dir() and _is_run([entry.name for entry in path.parent.iterdir()])
    raise InputError(f"{path} is a file; name " + (f"the run that it is of, {path.parent}." if inside else f"{what}."))


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """Key that sorts v2 before v10."""
    parts: list[tuple[int, str]] = []
    for letter in text:
        digit = letter.isdecimal() and letter.isascii()
        if digit and parts and parts[-1][1].isdecimal():
            parts[-1] = (int(parts[-1][1] + letter), parts[-1][1] + letter)
        else:
            parts.append((int(letter), letter) if digit else (10**9, letter))
    return tuple(parts)


def _is_run(files: Sequence[str]) -> bool:
    return RUN in files or RECIPE in files


def _read(path: Path, name: str) -> TrainingRun:
    recipe = _mapping(path / RECIPE, "a recipe")
    record, note = _mapping(path / RECORD, "the record of a training run"), _mapping(path / RUN, "the note of a run")
    history = read_history(path)
    state, problem = _state(path, note, ended=bool(record))
    parent = record.get("parent")
    parent = parent if isinstance(parent, dict) else {}
    best_epoch, best_score = _best(note, record, history)
    loop = recipe.get("loop")
    return TrainingRun(
        path,
        name,
        job=str(record.get("job") or note.get("job") or ""),
        version=_text(recipe.get("version")),
        remarks=str(recipe.get("remarks") or ""),
        space=_text(parent.get("name") or note.get("space")),
        backbone=_backbone(parent, recipe) or str(note.get("encoder") or ""),
        epochs=max((int(line["epoch"]) for line in history), default=0),
        planned=loop.get("epochs") if isinstance(loop, dict) and isinstance(loop.get("epochs"), int) else None,
        best_epoch=best_epoch,
        best_score=best_score,
        state=state,
        seconds=sum(_number(line.get("seconds")) or 0.0 for line in history),
        started=_text(note.get("started")),
        problem=problem,
        recipe=recipe,
        history=history,
        changes=read_changes(path),
    )


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a run's history; none if it has no history yet.

    Raises:
        InputError: a line is damaged.
    """
    file = path / HISTORY
    if not file.is_file():
        return []
    history = []
    for number, text in enumerate(read_text(file, "the history of a run").splitlines(), 1):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict) or not isinstance(line.get("epoch"), int):
            raise InputError(f"{file}, line {number}, is no line of a history; train again, or copy the folder again.")
        history.append(line)
    return history


def _mapping(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object; an absent file is an empty one."""
    if not path.is_file():
        return {}
    values = read_json(path, what)
    if not isinstance(values, dict):
        raise InputError(f"{path} is not {what}; train again, or copy the folder again.")
    return values


def _state(path: Path, note: Mapping[str, Any], *, ended: bool) -> tuple[RunState, str | None]:
    if is_running(path):
        return "running", None
    noted = note.get("state")
    if noted == "failed":
        return "failed", _text(note.get("error"))
    if noted == "finished" or (noted is None and (ended or (path / "encoder" / "encoder.json").is_file())):
        return "finished", None
    return "interrupted", None


def _best(
    note: Mapping[str, Any], record: Mapping[str, Any], history: Sequence[Mapping[str, Any]]
) -> tuple[int, float | None]:
    """Epoch and score of the best weights: as noted at the end, or by the column ``score`` of the history."""
    epoch = note.get("best_epoch", record.get("best_epoch"))
    if isinstance(epoch, int):
        score = _number(note.get("best_score"))
        lines = [line for line in history if line["epoch"] == epoch]
        return epoch, score if score is not None else next((_number(line.get("score")) for line in lines), None)
    scored = [
        (score, -(_number(line.get("nll")) or 0.0), -int(line["epoch"]))  # of equal scores, the lower NLL is the best
        for line in history
        if (score := _number(line.get("score"))) is not None
    ]
    if not scored:
        return (int(history[-1]["epoch"]) if history else 0), None
    best, _, epoch = max(scored)
    return -epoch, best


def _backbone(parent: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    """The network that the recipe names, else the encoder that was trained from, else the architecture's name.

    A recipe that names a network trains that one; its parent space then gives samples only.
    """
    model = recipe.get("model")
    if isinstance(model, dict) and model.get("name"):
        return _untagged(str(model["name"]))
    spec = parent.get("spec")
    if isinstance(spec, dict) and spec.get("model"):
        return f"{spec.get('family')}/{spec['model']}"
    return str((None if isinstance(model, dict) else model) or recipe.get("name") or "")


def _untagged(name: str) -> str:
    """``timm/resnet18:a1_in1k`` as ``timm/resnet18``: weights of one architecture are one backbone, as of a space."""
    family, slash, model = name.partition("/")
    return name if not slash or ":" in family else f"{family}/{model.partition(':')[0]}"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
