"""Evaluations that follow a training: a YAML list, checked before the training begins.

Each entry has a ``mode`` and the options of an evaluation, as ``vitrine.evaluate`` takes them; ``name`` names its
result file. ``{space}`` stands for the space of what was trained, ``{parent}`` for the one that it started from. The
last entry may be ``report: TITLE``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from eval.api import report, request_values
from eval.registry import load_mode
from eval.results.files import write_result
from eval.runs.arms import parse_arm
from eval.runs.request import EvalRequest
from eval.runs.run import evaluate_prepared, prepare
from eval.runs.tasks import task_of
from retrieval.errors import InputError, MissingFileError, VitrineError
from retrieval.text_files import read_yaml

if TYPE_CHECKING:
    from retrieval.store.open import LanceStore
    from retrieval.types import SpaceInfo
    from retrieval.types.store import Snapshot
    from training.run_samples import RunSamples

NEW, PARENT = "{space}", "{parent}"
FILE_NAME = re.compile(r"(?!\.)[\w.@ -]+")
PLACEHOLDER = re.compile(r"\{[^{}]*\}")
RESULTS, REPORT = "results", "report"


class StudyStep(NamedTuple):
    """An evaluation: the name of its result file, its mode, and its options with placeholders."""

    name: str
    mode: str
    options: Mapping[str, Any]


class Study(NamedTuple):
    """Evaluations in order, and the title of a report on them."""

    path: Path
    steps: tuple[StudyStep, ...]
    title: str | None = None


class StudyFiles(NamedTuple):
    """Result files of a study, and its report."""

    results: list[Path]
    page: Path | None


def read_study(path: Path) -> Study:
    """Read a study, and check modes and options.

    Raises:
        MissingFileError: there is no such file, or one that it names is missing.
        InputError: it is no such list, or an option cannot be used.
        UnknownNameError: a mode or an option does not exist.
    """
    entries = read_yaml(path, "a list of evaluations")
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path} is no list of evaluations, each with its mode: '- mode: reid'.")
    steps: list[StudyStep] = []
    title = None
    for number, entry in enumerate(entries, 1):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict):
            raise InputError(f"{where} is no mapping of options; write '- mode: reid'.")
        if REPORT in entry:
            if number < len(entries) or len(entry) > 1 or not steps:
                raise InputError(f"{where}: report stands alone, after the evaluations: '- report: TITLE'.")
            title = str(entry[REPORT])
        else:
            steps.append(_read_step(entry, number, where))
    names = [step.name for step in steps]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} has two evaluations of the name {twice}; name one of them otherwise.")
    return Study(path, tuple(steps), title)


def _read_step(entry: Mapping[str, Any], number: int, where: str) -> StudyStep:
    if "mode" not in entry:
        raise InputError(f"{where} has no mode; write '- mode: reid'.")
    options = {key: _unquoted(value) for key, value in entry.items() if key not in {"mode", "name"}}
    mode, name = str(entry["mode"]), str(entry.get("name") or f"{number:02d}-{entry['mode']}")
    if not FILE_NAME.fullmatch(name):
        raise InputError(f"{where}: the name '{name}' is no name of a file; write letters, digits, - and _.")
    if "arms" not in options:
        options.setdefault("space", NEW)
    for placeholder in PLACEHOLDER.findall(" ".join(_texts(options))):
        if placeholder not in {NEW, PARENT}:
            raise InputError(f"{where}: {placeholder} stands for nothing; there are {NEW} and {PARENT}.")
    step = StudyStep(name, mode, options)
    _check_names(_request(step, "new", "parent", where), where)
    return step


def _check_names(request: EvalRequest, where: str) -> None:
    """Check that files of prompts exist, and that arms have the form of arms."""
    for file in (file for prompts in request.prompts for file in prompts.split("+")):
        if not Path(file).is_file():
            raise MissingFileError(f"{where}: {file} does not exist.")
    for arm in request.arms:
        parse_arm(arm)


def _request(step: StudyStep, new: str, parent: str, where: str) -> EvalRequest:
    """The request of a step with the names of its spaces; the values of the mode's own options are checked, too."""
    values = request_values(step.mode, _named(step.options, new, parent))
    config = load_mode(step.mode).config_type
    of_mode = {key: value for key, value in values["options"].items() if key in config.option_names()}
    config.read(of_mode, where)
    return EvalRequest.read(values, where)


def _unquoted(value: Any) -> Any:
    """A placeholder without quotation marks, which YAML reads as a mapping."""
    return next((text for text in (NEW, PARENT) if value == {text.strip("{}"): None}), value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _named(value: Any, new: str, parent: str) -> Any:
    """Replace the placeholders in all texts of a value."""
    if isinstance(value, Mapping):
        return {key: _named(item, new, parent) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item, new, parent) for item in value]
    return value.replace(NEW, new).replace(PARENT, parent) if isinstance(value, str) else value


def check_study(study: Study, store: LanceStore, snapshot: Snapshot, parent: SpaceInfo | None) -> None:
    """Check a study on its store, with the parent in the place of the new space.

    Spaces that it names must exist. What has neither arms, which may name banks that are still to be trained, nor new
    texts is prepared, which reads samples and makes draws.

    Raises:
        VitrineError: a space does not exist, or an evaluation cannot be done with the samples of the store.
    """
    for number, step in enumerate(study.steps, 1):
        where = f"{study.path}, entry {number} ({step.name})"
        if parent is None:
            if PARENT in "".join(_texts(step.options)):
                raise InputError(f"{where}: {PARENT} stands for nothing; the training starts from no space.")
            continue
        request = _request(step, parent.fingerprint, parent.fingerprint, where)
        if request.space is not None:
            snapshot.space(request.space)
        for arm in request.arms:
            snapshot.space(parse_arm(arm).space)
        if not request.arms and not request.prompts:
            try:
                prepare(store, request)
            except VitrineError as error:
                raise type(error)(f"{where}: {error}") from None


def run_study(
    study: Study, store: LanceStore, out: Path, new: str, parent: str, samples: RunSamples, tell: Callable[[str], None]
) -> StudyFiles:
    """Evaluate all steps and write their results to ``OUT/results``; then the report on them.

    A result over ``samples`` of the training, in the space of what was trained, has a warning.

    Raises:
        InputError: evaluations failed; the others were made.
    """
    results, failures = [], []
    for step in study.steps:
        path = out / RESULTS / f"{step.name}.json"
        options = _named(step.options, new, parent)
        try:
            _evaluate(store, step, options, path, new, samples, tell)
        except VitrineError as error:
            failures.append(f"{step.name}: {error}")
            continue
        results.append(path)
        tell(f"{step.name}: {path}")
    page = _report(results, out / RESULTS / REPORT, study.title, store) if study.title and results else None
    if failures:
        n = len(study.steps)
        raise InputError(f"{len(failures)} of {n} evaluations failed after the training. {' '.join(failures)}")
    return StudyFiles(results, page)


def _evaluate(
    store: LanceStore,
    step: StudyStep,
    options: Mapping[str, Any],
    path: Path,
    new: str,
    samples: RunSamples,
    tell: Callable[[str], None],
) -> None:
    """Evaluate a step, and write its result."""
    prepared = prepare(store, EvalRequest.read(request_values(step.mode, options), "evaluate"))
    is_trained = any(new in (space.name, space.fingerprint) for space in prepared.spaces)
    warning = samples.warning(prepared.splits) if is_trained else None
    if warning is not None:
        tell(f"Warning: {step.name}: {warning}")
    run = evaluate_prepared(store, prepared, tell, () if warning is None else (warning,))
    write_result(run.result, path)
    task_of(step.mode).keep_assets(store, path, prepared)


def _report(results: Sequence[Path], folder: Path, title: str, store: LanceStore) -> Path:
    return report(results, folder, title, store).html
