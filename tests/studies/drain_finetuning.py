"""Conditions of drains before and after fine-tuning, on drawn slopes and on real photographs.

    python -m tests.studies.drain_finetuning drawn FOLDER
    python -m tests.studies.drain_finetuning real FOLDER CONDITIONS WEIGHTS [POLICY ...]

``drawn``: 480 slopes of seed 3, of which 40 sites train, 16 val and 24 test; boxes stretched, vitrine-tiny; the recipes
``drains/option_a`` and ``drains/option_b`` as they are, and at a higher rate. ``real``: the photographs and labels in
CONDITIONS (a data set of YOLO) in blocks of neighbouring frames, 54 % train, 15 % val and 31 % test; the last stage of
the EfficientNet-B3 in WEIGHTS and a linear layer are trained, under every crop policy, or those that are named. Prints
Markdown tables, percent [95 % over sites, or images], differences paired. What was made in FOLDER before is taken as it
is.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import vitrine
from eval.results.files import read_result
from tests.support.command_line import call_cli
from tests.support.condition_tables import POLICIES, in_words, print_targets

METHODS = ("plain", "spatial", "prototype", "knn", "gda", "linear")
RUNS = {
    "a-2e-5": ("drains/option_a",),
    "b-2e-5": ("drains/option_b",),
    "a-0.0003": ("drains/option_a", "loop.learning_rate=0.0003"),
    "b-0.0003": ("drains/option_b", "loop.learning_rate=0.0003"),
    "a-0.0003-all": ("drains/option_a", "loop.learning_rate=0.0003", "loop.patience=0"),
}
"""Runs on drawn slopes: a recipe, and what is changed of it. No more was tried; val says which is better."""

SITES = ("train",) * 5 + ("val",) * 2 + ("test",) * 3
"""Roles of sites in turn."""

BLOCK = 5
"""Frames of a flight with numbers so near are of one block."""

BEFORE = {"prompts": "plain", "classifier": "linear"}
"""What a bank of training is compared with in the space before it."""

SHOWN = ("condition blocked", "condition damaged", "condition normal")

HEAD = """
version: drains-head
model: {unfreeze: 1, cache_frozen: true, dropout: 0.2}
batch: 32
loss: {weights: balanced, smoothing: 0.1}
selection: macro_f1
loop:
  epochs: 20
  learning_rate: 0.0003
  weight_decay: 0.05
  schedule: cosine
  warm_up: 0.1
  patience: 5
"""
"""The recipe of real drains; nothing of it was tried otherwise."""


class Answered(NamedTuple):
    """A space and what answers in it."""

    space: str
    method: str
    bank: str | None = None
    views: str = "base"

    @property
    def title(self) -> str:
        """The method, or the bank."""
        return self.bank or self.method


def drawn(folder: Path) -> None:
    """Measure the drawn slopes."""
    store = folder / "store"
    _make_slopes(folder / "slopes")
    before = _index(folder / "slopes", store, "--encoder", "vitrine-tiny", "-s", r"group=site\d+")
    spaces = {"before": before}
    for name, (recipe, *changes) in RUNS.items():
        spaces[name] = _trained(folder, name, "finetune", recipe, before, changes)
    tables = {
        name: [Answered(space, method) for method in METHODS]
        + ([] if name == "before" else [Answered(space, "prompts", "finetune-texts")])
        for name, space in spaces.items()
    }
    _measure(folder, tables)
    for name, space in spaces.items():
        _inspect(store, space, name, _best_on_val(folder, tables[name]).method)


def real(folder: Path, images: Path, weights: Path, *policies: str) -> None:
    """Measure real drains under some policies, or all."""
    store, place = folder / "realstore", folder / "real"
    _make_blocks(images, place)
    (folder / "head.yaml").write_text(HEAD)
    encoder = ("--encoder", "timm/efficientnet_b3", "--weights", weights, "-s", "images=false")
    sizes = ("--preprocess", "resize=224", "--preprocess", "crop=224")
    for policy in policies or POLICIES:
        before = _index(place, store, *encoder, *sizes, "--crop", policy)
        name = re.sub(r"\W+", "-", policy).strip("-")
        after = _trained(folder, f"head-{name}", "classifier", str(folder / "head.yaml"), before, ())
        views = "base,full" if policy == "full+crop" else "base"
        old, new = (
            [Answered(space, method, views=views) for method in ("prototype", "knn", "gda", "linear")]
            for space in (before, after)
        )
        tables = {f"{policy}, before": old, f"{policy}, after": [Answered(after, "classifier", views=views), *new]}
        _measure(folder, tables, of="real-", store=store)


def _make_slopes(place: Path) -> None:
    """Draw the slopes, and give whole sites to train, val and test."""
    if place.exists():
        return
    call_cli("sample", "drains", "--n", "480", "--seed", "3", "--out", place)
    lists: dict[str, list[str]] = {role: [] for role in ("train", "val", "test")}
    with (place / "sites.csv").open() as file:
        for row in csv.DictReader(file):
            lists[SITES[int(row["group"].removeprefix("site")) % len(SITES)]].append(row["filepath"])
    _write_lists(place, lists)


def _make_blocks(images: Path, place: Path) -> None:
    """Copy the photographs, and give blocks of neighbouring frames of a flight to test, val and train."""
    if place.exists():
        return
    shutil.copytree(images, place)
    blocks: list[list[str]] = []
    last: tuple[str, str, int] | None = None
    for frame, path in sorted((_frame(path), path) for path in (place / "train" / "images").iterdir()):
        if last is None or frame[:2] != last[:2] or frame[2] - last[2] > BLOCK:
            blocks.append([])
        blocks[-1].append(str(path.relative_to(place)))
        last = frame
    total = sum(map(len, blocks))
    room = {"test": 0.3 * total, "val": 0.15 * total, "train": total}
    lists: dict[str, list[str]] = {role: [] for role in room}
    for at in np.random.default_rng(0).permutation(len(blocks)).tolist():
        role = next(role for role, names in lists.items() if len(names) < room[role])
        lists[role] += blocks[at]
    _write_lists(place, lists)


def _frame(path: Path) -> tuple[str, str, int]:
    """Flight, spelling of the file's type, which numbers its frames by itself, and number of a photograph."""
    match = re.match(r"(.*)_(\d+)_V_(jpg|JPG)\.rf", path.name)
    assert match is not None, path.name
    return match[1], match[3], int(match[2])


def _write_lists(place: Path, lists: dict[str, list[str]]) -> None:
    """Let ``data.yaml`` name lists of files in place of folders."""
    for role, names in lists.items():
        (place / f"{role}.txt").write_text("\n".join(sorted(names)) + "\n")
    lines = (place / "data.yaml").read_text().splitlines()
    kept = [line for line in lines if line.partition(":")[0] not in ("train", "val", "test")]
    (place / "data.yaml").write_text("\n".join([*(f"{role}: {role}.txt" for role in lists), *kept]) + "\n")


def _index(images: Path, store: Path, *options: str | Path) -> str:
    """Embed boxes, stretched; return the name of the space."""
    squash = ("--preprocess", "mode=squash")
    done = call_cli("index", images, "--source", "yolo", *options, *squash, "--store", store, "--json", check=None)
    assert done.returncode in (0, 3), done.stderr  # 3: real labels have lines in conflict
    return str(json.loads(done.stdout)["space"])


def _trained(folder: Path, name: str, job: str, recipe: str, space: str, changes: tuple[str, ...] | list[str]) -> str:
    """Train from a space and refresh the store; return the name of the new space."""
    out, store = folder / "runs" / name, folder / ("realstore" if job == "classifier" else "store")
    if not (out / "encoder").exists():
        call_cli("train", job, "--config", recipe, *changes, "--store", store, "--space", space, "--out", out,
                 "--no-refresh")  # fmt: skip
    shown = call_cli("refresh", "--checkpoint", out, "--store", store, "--no-compare", "--json").stdout
    return str(json.loads(shown)["space"])


def _result(folder: Path, one: Answered, split: str) -> Path:
    return folder / "results" / f"{split}-{one.space}-{one.title}.json"


def _evaluated(folder: Path, store: Path, one: Answered, split: str) -> Path:
    """Answer the objects of a split; return the result file."""
    path = _result(folder, one, split)
    if not path.exists():
        options = [f"method={one.method}", f"views={one.views}", "targets=drains"]
        options += [f"bank={one.bank}"] if one.bank else []
        options += ["test_from=val"] if split == "val" else []
        words = [word for option in options for word in ("-o", option)]
        call_cli("eval", "--mode", "conditional", "--store", store, "--space", one.space, *words, "--out", path)
    return path


def _measure(folder: Path, tables: dict[str, list[Answered]], of: str = "", store: Path | None = None) -> None:
    """Print val, test, differences to the first space, and targets of what val chooses."""
    place = folder / "store" if store is None else store
    for split in ("val", "test"):
        print(
            f"\n{split}\n\n| space | method | top-1 | balanced | {' | '.join(SHOWN)} |\n|---|---|---|---|---|---|---|"
        )
        for name, answers in tables.items():
            for one in answers:
                result = read_result(_evaluated(folder, place, one, split))
                top, balanced = (in_words(result.metrics[metric]) for metric in ("top_1", "balanced_accuracy"))
                parts = [in_words((result.slices or {})[part].metrics["top_1"]) for part in SHOWN]
                print(f"| {name} | {one.title} | {top} | {balanced} | {' | '.join(parts)} |", flush=True)
    (first, *others) = tables
    for name in others:
        print(f"\ntest, {name} less {first}\n")
        print(f"| method | top-1 | balanced | {' | '.join(SHOWN)} |\n|---|---|---|---|---|---|")
        for one in tables[name]:
            method = BEFORE.get(one.method, one.method)
            earlier = next(old for old in tables[first] if old.method == method)
            title = one.title if method == one.method else f"{one.title} less {method}"
            _print_difference(folder, place, title, earlier, one)
        best = [_best_on_val(folder, tables[side]) for side in (first, name)]
        _print_difference(folder, place, f"chosen on val: {best[1].title} less {best[0].title}", *best)
    for name, answers in tables.items():
        chosen = _best_on_val(folder, answers)
        print(f"\nTargets, {of}{name}, {chosen.title}")
        print_targets(read_result(_evaluated(folder, place, chosen, "test")))


def _best_on_val(folder: Path, answers: list[Answered]) -> Answered:
    """The first of those with the most balanced accuracy on val."""

    def score(one: Answered) -> float:
        return read_result(_result(folder, one, "val")).metrics["balanced_accuracy"].value

    return max(answers, key=score)


def _print_difference(folder: Path, store: Path, title: str, before: Answered, after: Answered) -> None:
    paths = [_evaluated(folder, store, one, "test") for one in (before, after)]
    compared = vitrine.compare(store, paths[0], paths[1]).to_dict()
    pairs = [compared["metrics"][metric] for metric in ("top_1", "balanced_accuracy")]
    pairs += [compared["slices"][part]["metrics"]["top_1"] for part in SHOWN]
    print(f"| {title} | {' | '.join(map(_signed, pairs))} |", flush=True)


def _signed(pair: dict[str, Any]) -> str:
    ends = "" if pair["ci95"] is None else f" [{100 * pair['ci95'][0]:+.1f}, {100 * pair['ci95'][1]:+.1f}]"
    return f"{100 * pair['difference']:+.1f}{ends}"


def _inspect(store: Path, space: str, name: str, method: str) -> None:
    """Print objects found, conditions and both, of annotated boxes and of detected ones."""
    print(f"\ninspect --split test, {name}, {method}\n")
    print("| boxes | found | right detections | condition of found | found and condition right | mAP@.5 |")
    print("|---|---|---|---|---|---|")
    for boxes, options in {"annotated": (), "drains-tiny": ("--detector", "drains-tiny", "--confidence", "0.4",
                                                            "--overlap", "0.5")}.items():  # fmt: skip
        shown = call_cli("inspect", "--split", "test", "--store", store, "--space", space, "--method", method,
                         *options, "--json").stdout  # fmt: skip
        metrics = json.loads(shown)["metrics"]
        cells = [_share(metrics[part]) for part in ("recall", "precision", "condition", "end_to_end")]
        print(f"| {boxes} | {' | '.join(cells)} | {100 * metrics['mean_ap']:.1f} |", flush=True)


def _share(part: dict[str, Any]) -> str:
    ends = "" if part["ci95"] is None else f" [{100 * part['ci95'][0]:.1f}, {100 * part['ci95'][1]:.1f}]"
    return f"{100 * part['value']:.1f}{ends}"


if __name__ == "__main__":
    part, place, *others = sys.argv[1:]
    if part == "drawn":
        drawn(Path(place))
    else:
        images, weights, *policies = others
        real(Path(place), Path(images), Path(weights), *policies)
