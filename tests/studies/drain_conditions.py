"""Conditions of drains under every crop policy, by four scorers; what situations and known types gain.

    python -m tests.studies.drain_conditions drawn FOLDER
    python -m tests.studies.drain_conditions real FOLDER CONDITIONS WEIGHTS

``drawn``: 240 slopes of seed 3 in vitrine-tiny, tested on sites that were not trained on. Val is shown beside test,
since a policy is chosen there, and five folds of whole sites beside both, since test has three sites only. ``real``:
the images and labels in CONDITIONS (a data set of YOLO) in the EfficientNet-B3 of WEIGHTS, five folds of whole images,
all policies side by side. Prints Markdown tables, percent [95 % over sites, or images].
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vitrine
from tests.support.command_line import call_cli
from tests.support.condition_tables import POLICIES, in_words, print_targets

if TYPE_CHECKING:
    from eval.results.schema import EvalResult

METHODS = ("prototype", "knn", "gda", "linear")
SQUASHED = {"mode": "squash"}


def _spaces(store: Path) -> dict[str, str]:
    """Fingerprints of the spaces by crop policy; ``whole`` is the box."""
    with vitrine.open_store(store).snapshot() as snapshot:
        return {
            f"{'box' if space.spec.crop == 'whole' else space.spec.crop}, {_mode(space)}": space.fingerprint
            for space in snapshot.spaces
        }


def _mode(space: Any) -> str:
    return str(space.spec.preprocess.mode)


def _metrics(result: EvalResult) -> list[str]:
    arms = result.arms or {}
    cells = []
    for name in METHODS:
        metrics = (arms[name].metrics if name in arms else None) or result.metrics
        cells.append(f"{in_words(metrics['top_1'])} | {100 * metrics['balanced_accuracy'].value:.1f}")
    return cells


def _rows(store: Path, **options: Any) -> None:
    print("| crop | " + " | ".join(f"{name} top-1 | balanced" for name in METHODS) + " |")
    print("|---|" + "---|---|" * len(METHODS))
    for title, space in _spaces(store).items():
        views = "base,full" if title.startswith("full+crop") else "base"
        result = vitrine.evaluate(store, "conditional", space=space, method=",".join(METHODS), views=views, **options)
        print(f"| {title} | {' | '.join(_metrics(result))} |", flush=True)


def drawn(folder: Path) -> None:
    """Measure the drawn slopes."""
    store = folder / "store"
    if not (folder / "slopes").exists():
        call_cli("sample", "drains", "--n", "240", "--seed", "3", "--out", folder / "slopes")
    common = {"source": "yolo", "encoder": "vitrine-tiny", "source_options": {"group": r"site\d+"}, "quiet": True}
    vitrine.index(folder / "slopes", store, **common)
    for policy in POLICIES:
        vitrine.index(folder / "slopes", store, crop=policy, preprocess=SQUASHED, **common)
    for split in ("val", "test"):
        print(f"\n{split}\n")
        _rows(store, test_from=split)
    print("\nfive folds of whole sites\n")
    _rows(store, protocol="k-fold")
    spaces = _spaces(store)
    print("\nPrompts, five folds, in the space of boxes, squashed\n")
    result = vitrine.evaluate(
        store, "conditional", space=spaces["box, squash"], method="plain,spatial,neighbours", protocol="k-fold"
    )
    for name, arm in (result.arms or {}).items():
        print(f"{name}: {in_words((arm.metrics or {})['top_1'])}")
    for one in result.contrasts or ():
        gain = one.gains["top_1"]
        ends = "" if gain.ci95 is None else f" [{100 * gain.ci95[0]:+.1f}, {100 * gain.ci95[1]:+.1f}]"
        print(f"{one.first} over {one.second}, {one.n} {one.slice}: {100 * gain.value:+.1f}{ends}")
    result = vitrine.evaluate(
        store, "conditional", space=spaces["box, squash"], method="gda", targets="drains", protocol="k-fold"
    )
    print_targets(result)
    _types(store, spaces["box, squash"])


def _types(store: Path, space: str) -> None:
    """Print the accuracy of every method with annotated types, with predicted ones, and among all classes."""
    methods = ("plain", "spatial", "neighbours", *METHODS)
    forms: dict[str, dict[str, Any]] = {
        "annotated": {"types": "annotated"},
        "predicted": {"types": "predicted"},
        "free": {"given": None},
    }
    cells: dict[str, list[str]] = {name: [] for name in methods}
    for options in forms.values():
        result = vitrine.evaluate(
            store, "conditional", space=space, method=",".join(methods), protocol="k-fold", **options
        )
        for name, arm in (result.arms or {}).items():
            cells[name].append(in_words((arm.metrics or {})["top_1"]))
    print(f"\n| type | {' | '.join(forms)} |\n|---|{'---|' * len(forms)}")
    for name, values in cells.items():
        print(f"| {name} | {' | '.join(values)} |", flush=True)


def real(folder: Path, images: Path, weights: Path) -> None:
    """Measure real drains."""
    store = folder / "store"
    for policy in POLICIES:
        vitrine.index(
            images, store, source="yolo", encoder="timm/efficientnet_b3", weights=weights, crop=policy, quiet=True,
            preprocess={"resize": 224, "crop": 224, "mode": "squash"}, source_options={"images": False},
        )  # fmt: skip
    _rows(store, protocol="k-fold")
    space = next(iter(_spaces(store).values()))
    print_targets(
        vitrine.evaluate(store, "conditional", space=space, method="gda", protocol="k-fold", targets="drains")
    )


if __name__ == "__main__":
    part, place, *others = sys.argv[1:]
    if part == "drawn":
        drawn(Path(place))
    else:
        real(Path(place), *map(Path, others))
