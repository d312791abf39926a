"""The encoder that ships, on a sample world it never saw, beside random weights and raw pixels: the tables of its card.

With the shared data beside the project also real hands and real leaves, and EfficientNet-B3. Another file of weights
may be named: `python -m tests.bench.bench_tiny runs/vitrine-tiny/encoder/open_clip_model.safetensors`.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.raw_pixels import EFFICIENTNET, PIXELS, attach_pixels, cli
from tests.support.shared_data import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence


ROOT = Path(__file__).resolve().parents[2]
ENCODER = "open_clip/vitrine-tiny"
SPECIES = ("--n", "60")
SHOTS = (1, 5, 18)
HANDS = ("--n", "150", "--train-share", "0.2")


class Asked(NamedTuple):
    """A row of a table: what is evaluated, and of which figure."""

    title: str
    options: tuple[str, ...]
    figure: str


def index(path: Path, source: str, encoders: dict[str, tuple[object, ...]], store: Path) -> tuple[str, dict[str, str]]:
    """Index a folder or table with each encoder; the name of the source, and the title of each space."""
    titles: dict[str, str] = {}
    for title, encoder in encoders.items():
        cli("index", path, "--source", source, "--encoder", *encoder, store=store)
        about = json.loads(cli("info", "--json", store=store))
        titles |= {space["name"]: title for space in about["spaces"] if space["name"] not in titles}
    (name,) = about["per_source"]
    return name, titles


def table(asked: Sequence[Asked], spaces: dict[str, str], store: Path) -> None:
    """Print a Markdown table: a row for each question, a column for each space."""
    print(f"| | {' | '.join(spaces.values())} |")
    print(f"|---|{'---|' * len(spaces)}")
    for title, options, figure in asked:
        cells = []
        for space in spaces:
            if space == PIXELS and "zeroshot" in options:
                cells.append("")
                continue
            result = json.loads(cli("eval", "--space", space, *options, "--json", store=store))
            cells.append(_figure(_mean(result)["metrics"][figure]))
        print(f"| {title} | {' | '.join(cells)} |", flush=True)


def _mean(result: dict[str, Any]) -> dict[str, Any]:
    mean: dict[str, Any] = result.get("mean", result)
    return mean


def _figure(entry: dict[str, Any]) -> str:
    low, high = entry["ci95"]
    return f"{100 * entry['value']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def sample_world(folder: Path, weights: Sequence[object]) -> None:
    """Species and hands of seed 0, which nothing was trained on."""
    for what, words in (("species", SPECIES), ("hands", HANDS)):
        command = [sys.executable, "cli.py", "sample", what, *words, "--seed", "0", "--out", str(folder / what)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    species, hands = folder / "species", folder / "hands"
    paths = _one_manifest(species)
    store = folder / "species.vitrine"
    name, spaces = index(species / "all.csv", "manifest", _own(weights), store)
    spaces |= attach_pixels(species, paths, name, store)
    prompts = species / "prompts_attr_clean.json"
    print(f"\nSpecies never seen: top-1, percent [95 % over specimens]; chance {100 / 60:.1f}\n")
    asked = (
        Asked("zero-shot, attribute prompts", ("--mode", "zeroshot", "--prompts", str(prompts)), "top_1"),
        Asked("prototypes", ("--mode", "prototype"), "top_1"),
        Asked("k-NN", ("--mode", "knn"), "top_1"),
        *(Asked(f"prototypes, {shots} shots", _shots(shots), "top_1") for shots in SHOTS),
    )
    table(asked, spaces, store)
    tiny = next(iter(spaces))
    for mode, more in (("zeroshot", ("--prompts", prompts)), ("prototype", ())):
        cli("eval", "--space", tiny, "--mode", mode, *more, "--out", folder / f"{mode}.json", store=store)
    print("\n" + cli("compare", folder / "zeroshot.json", folder / "prototype.json", store=store))
    store = folder / "hands.vitrine"
    name, spaces = index(hands, "hands11k", _own(weights), store)
    spaces |= attach_pixels(hands, _names(hands / "captions.csv"), name, store)
    print("\nPeople never seen, clipfh-11k, mean of four aspects, percent [95 % over identities]\n")
    table(_reid(), spaces, store)


def _shots(shots: int) -> tuple[str, ...]:
    return ("--mode", "fewshot", "-o", f"shots={shots}", "-o", "method=prototype", "-o", "choose=none")


def _own(weights: Sequence[object]) -> dict[str, tuple[object, ...]]:
    return {"vitrine-tiny": tuple(weights), "random weights": (ENCODER, "--random-init", "0")}


def _reid() -> tuple[Asked, ...]:
    options = ("--mode", "reid", "--protocol", "clipfh-11k", "--aspect", "all")
    return (Asked("Rank-1", options, "rank_1"), Asked("mAP", options, "mean_ap"))


def _one_manifest(folder: Path) -> list[str]:
    """Write all.csv: manifest.csv, and the held-out species with their support images as train."""
    rows = []
    for name, split in (("manifest.csv", "split"), ("heldout.csv", "support")):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            rows += [(row["filepath"], row["label"], row["group"], row[split]) for row in csv.DictReader(file)]
    with (folder / "all.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("filepath", "label", "group", "split"), *rows])
    return [row[0] for row in rows]


def _names(manifest: Path) -> list[str]:
    with manifest.open(encoding="utf-8", newline="") as file:
        return [row["filepath"] for row in csv.DictReader(file)]


def real_world(folder: Path, weights: Sequence[object]) -> None:
    """Real hands and leaves, where EfficientNet-B3 is a strong stranger, too."""
    stranger = (f"timm/efficientnet_b3:{SHARED / EFFICIENTNET}", "--preprocess")
    hands, leaves = SHARED / "hands", SHARED / "species" / "leaves"
    store = folder / "real-hands.vitrine"
    encoders = {**_own(weights), "EfficientNet-B3": (*stranger, "resize=320,crop=300")}
    name, spaces = index(hands, "hands11k", encoders, store)
    there = sorted(path.relative_to(hands).as_posix() for path in (hands / "Hands").glob("*.jpg"))
    spaces |= attach_pixels(hands, there, name, store)
    print("\nReal hands, clipfh-11k, mean of four aspects, percent [95 % over identities]\n")
    table(_reid(), spaces, store)
    store = folder / "leaves.vitrine"
    encoders = {title: (*encoder, "--preprocess", "mode=longest") for title, encoder in _own(weights).items()}
    encoders["EfficientNet-B3"] = (*stranger, "resize=300,crop=300,mode=longest")
    name, spaces = index(leaves / "manifest.csv", "manifest", encoders, store)
    spaces |= attach_pixels(leaves, _names(leaves / "manifest.csv"), name, store)
    print(f"\nReal leaves, holdout of five draws, padded: top-1, percent [95 % over images]; chance {100 / 99:.1f}\n")
    drawn = ("--protocol", "holdout", "-o", "draws=5")
    asked = (
        Asked("prototypes", ("--mode", "prototype", *drawn), "top_1"),
        Asked("k-NN", ("--mode", "knn", *drawn), "top_1"),
    )
    table(asked, spaces, store)


def main(weights: str | None = None) -> None:
    """Print the tables."""
    encoder = (ENCODER,) if weights is None else (ENCODER, "--weights", Path(weights).resolve())
    with tempfile.TemporaryDirectory() as name:
        sample_world(Path(name), encoder)
        if SHARED.is_dir():
            real_world(Path(name), encoder)
        else:
            print("\nReal hands and leaves are left out: the shared data is not beside the project.")


if __name__ == "__main__":
    main(*sys.argv[1:2])
