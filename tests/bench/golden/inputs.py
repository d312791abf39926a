"""Files that the cases read: vectors drawn from a seed, and what is made of the sample world once it is drawn."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np

PEOPLE, SHOTS, DIMENSIONS = 30, 8, 12

MUSHROOMS = (
    "Amanita muscaria", "Cantharellus cibarius", "Hygrophoropsis aurantiaca", "Boletus edulis", "Imleria badia",
    "Amanita virosa", "Craterellus cornucopioides",
)  # fmt: skip
"""Species in the order of the outputs of efficientnet_b3_mushroom7 (../shared/data/README.md)."""


def write_vectors(folder: Path) -> None:
    """Write ``people.csv``, ``hd.csv``, ``kinds.csv`` and banks: vectors of coarse values, so that scores tie."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    _write_table(folder / "people.csv", _people(rng))
    _write_table(folder / "hd.csv", _hd(rng))
    _write_classes(folder, rng)


def _coarse(centres: np.ndarray, noise: float, rng: np.random.Generator) -> list[list[int]]:
    """Integers near the centres, none a vector of zeros: equal vectors, and equal cosines of others, are frequent."""
    found = np.rint(centres + noise * rng.standard_normal(centres.shape)).astype(int)
    found[~found.any(axis=1), 0] = 1
    return [[int(value) for value in row] for row in found]


def _people(rng: np.random.Generator) -> list[dict[str, object]]:
    """Identities of four splits with cameras, bursts and aspects; junk (-1) and distractors (0000) in the gallery."""
    rows: list[dict[str, object]] = []
    for person in range(PEOPLE):
        centre = np.tile(2 * rng.standard_normal(DIMENSIONS), (SHOTS, 1))
        split = "train" if person < 6 else "val" if person < 12 else ""
        for shot, vector in enumerate(_coarse(centre, 1.6, rng)):
            rows.append(
                {
                    "name": f"{person:04d}/{shot}.jpg",
                    "identity": f"{person + 1:04d}",
                    "camera": f"c{shot % 4}",
                    "group": f"{person}-{shot // 2}",
                    "aspect": ("left", "right")[shot % 2],
                    "split": split or ("query" if shot < 3 else "gallery"),
                    "vector": vector,
                }
            )
    for at, vector in enumerate(_coarse(rng.standard_normal((20, DIMENSIONS)), 1.6, rng)):
        rows.append(
            {
                "name": f"other/{at}.jpg",
                "identity": "-1" if at % 2 else "0000",
                "camera": f"c{at % 4}",
                "group": f"other-{at}",
                "aspect": ("left", "right")[at % 2],
                "split": "gallery",
                "vector": vector,
            }
        )
    return rows


def _hd(rng: np.random.Generator) -> list[dict[str, object]]:
    """Test identities, and others that are only in the gallery."""
    rows: list[dict[str, object]] = []
    for person in range(24):
        centre = np.tile(2 * rng.standard_normal(DIMENSIONS), (4, 1))
        rows += [
            {
                "name": f"{person:03d}_{shot}.jpg",
                "identity": f"{person:03d}",
                "split": "test" if person < 16 else "gallery",
                "vector": vector,
            }
            for shot, vector in enumerate(_coarse(centre, 1.8, rng))
        ]
    return rows


def _write_classes(folder: Path, rng: np.random.Generator) -> None:
    """Labelled vectors without splits, of bursts of two, and banks for their space: texts of a kind, and unit rows."""
    classes, each = 12, 14
    centres = rng.standard_normal((classes, DIMENSIONS))
    names = [f"kind {code:02d}" for code in range(classes)]
    rows: list[dict[str, object]] = []
    for code, name in enumerate(names):
        vectors = np.tile(centres[code], (each, 1)) + 0.7 * rng.standard_normal((each, DIMENSIONS))
        rows += [
            {
                "name": f"{name}/{at}.jpg",
                "label": name,
                "group": f"{name}-{at // 2}",
                "vector": [round(float(v), 4) for v in vector],
            }
            for at, vector in enumerate(vectors)
        ]
    _write_table(folder / "kinds.csv", rows)
    texts = np.repeat(centres, 3, axis=0) + 0.5 * rng.standard_normal((3 * classes, DIMENSIONS))
    said = [f"{way} of {name}" for name in names for way in ("a photo", "a sketch", "a close-up")]
    np.savez(folder / "texts.npz", said=texts.astype(np.float32), classes=np.repeat(names, 3), texts=np.array(said))
    np.savez(folder / "means.npz", means=centres.astype(np.float32), classes=np.array(names))


def _write_table(path: Path, rows: list[dict[str, object]]) -> None:
    """Write one CSV row per vector, its numbers in columns v0, v1, ..."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        plain = [name for name in rows[0] if name != "vector"]
        writer.writerow([*plain, *(f"v{at}" for at in range(DIMENSIONS))])
        for row in rows:
            vector = row["vector"]
            assert isinstance(vector, list)
            writer.writerow([*(row[name] for name in plain), *vector])


def write_derived(folder: Path) -> None:
    """Write what names the species and hands that were drawn: class names, universe, weights, split sets."""
    with (folder / "species/manifest.csv").open(encoding="utf-8", newline="") as file:
        labels = sorted({row["label"] for row in csv.DictReader(file)})
    rows = 0.02 * np.random.default_rng(1).standard_normal((len(labels), 512))
    np.savez(folder / "head.npz", rows=rows.astype(np.float32), classes=np.array(labels))
    (folder / "universe.txt").write_text("\n".join(labels[1:]), encoding="utf-8")
    weights = {label: round(0.05 + 0.9 * at / len(labels), 3) for at, label in enumerate(labels[:-2])}
    (folder / "class_alphas.json").write_text(json.dumps(weights), encoding="utf-8")
    _write_market(folder / "market", folder / "hands")
    with (folder / "hands/HandInfo.csv").open(encoding="utf-8", newline="") as file:
        hands = [row for row in csv.DictReader(file) if row["aspectOfHand"] == "dorsal left"]
    with (folder / "split_set.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["draw", "role", "uri"])
        for draw in range(2):
            for at, row in enumerate(hands):
                writer.writerow([draw, "gallery" if (at + draw) % 2 else "query", f"Hands/{row['imageName']}"])


def _write_market(folder: Path, hands: Path) -> None:
    """Copy hands under the names of Market-1501: PERSON_cCAMERAs1_NUMBER_00.jpg; an aspect is a camera."""
    aspects = ("dorsal left", "dorsal right", "palmar left", "palmar right")
    with (hands / "HandInfo.csv").open(encoding="utf-8", newline="") as file:
        rows = [(at, row) for at, row in enumerate(csv.DictReader(file)) if at % 3 == 0]
    people = sorted({row["id"] for _, row in rows})
    for at, row in rows:
        person, camera = people.index(row["id"]), aspects.index(row["aspectOfHand"]) + 1
        held_out = "query" if at % 2 else "bounding_box_test"
        name = {0: "-1", 1: "0000"}.get(person, f"{person:04d}")
        part = "bounding_box_test" if person < 2 else "bounding_box_train" if person < 6 else held_out
        target = folder / part / f"{name}_c{camera}s1_{at:06d}_00.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(hands / "Hands" / row["imageName"], target)


def write_real(folder: Path, shared: Path) -> None:
    """Write a small manifest of real photographs, and the names of the outputs of the network that was trained on them.

    Train, val and test in turn, four of each of the seven species that the network knows.
    """
    with (folder / "mushrooms.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filepath", "label", "split"])
        for name in MUSHROOMS:
            images = sorted(image.name for image in (shared / "species/mushrooms" / name).iterdir())[:12]
            writer.writerows(
                [f"{name}/{image}", name, ("train", "val", "test")[at % 3]] for at, image in enumerate(images)
            )
    (folder / "mushroom_outputs.txt").write_text("\n".join(MUSHROOMS), encoding="utf-8")
