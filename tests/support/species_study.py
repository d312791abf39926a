"""A simulated 169-species study: numbers of images and prompts like those of a real one, vectors that are drawn.

Images of both arms are Gaussian around a direction of their species, so the best logits are known: linear in the
vectors. The classifier's are too large by :data:`OVERCONFIDENCE`, cosines to prompts are these times
:data:`SHARPNESS`. How hard an image and a species are varies, so the temperatures that calibrate them are about 2.4
and .01. Errors of the arms differ: a fusion can beat both.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retrieval.store.memory import MemoryStore
from retrieval.store.open import LanceStore, create_store
from retrieval.types import Bank, Embeddings, Float32, Int64, SpaceInfo
from tests.support.sample_stores import rows, spec
from tests.support.shared_data import SHARED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

FILES = SHARED / "mushroom"
SPECIES, DIMENSION = 169, 512
ROLES = ("val", "test")
ARMS = ("clip:prompts", "resnet:classifier")

SHARPNESS, OVERCONFIDENCE = 0.009, 2.1
COMMON = 0.8
"""What all texts have in common, as a share of their squared length: the words that say nothing of the species."""

CLIP_SIGNAL, RESNET_SIGNAL = 1.85, 2.75
"""Distance of an average species' images from the common mean, in standard deviations of the noise of one entry."""


class Study(NamedTuple):
    """Samples of all species, their vectors in both spaces, and what these are scored against.

    ``classes`` names; ``labels`` (n,) codes; ``role`` (n,) train, val or test; ``clip`` and ``resnet`` (n, 512) unit
    vectors; ``texts`` unique prompts with ``text_vectors`` (m, 512), each spoken for classes by ``edges`` (e, 2): rows
    of texts, codes of classes; ``weights`` (C, 512) and ``bias`` (C,) of the classifier.
    """

    classes: tuple[str, ...]
    labels: Int64
    role: NDArray[np.str_]
    clip: Float32
    resnet: Float32
    texts: tuple[str, ...]
    text_vectors: Float32
    edges: Int64
    weights: Float32
    bias: Float32


def study(
    images: int | None = None, prompts: int | None = None, shots: int = 0, seed: int = 0, files: Path | None = None
) -> Study:
    """Draw a study.

    Args:
        images: of val, and as many of test, with a long tail over species; None is all of them (about 15,600 each).
        prompts: at most so many per species; None is all (about 10,400).
        shots: train images of every species.
        seed: of everything that is drawn.
        files: a folder with the real label counts and prompts; without it they are drawn, and no number hangs on files.
    """
    rng = np.random.default_rng(seed)
    spoken = _prompts(prompts, files)
    classes = tuple(sorted(spoken))
    counts = {role: _counts(role, classes, images, files) for role in ROLES} | {"train": np.full(len(classes), shots)}
    labels = np.concatenate([np.repeat(np.arange(len(classes)), each) for each in counts.values()])
    role = np.repeat(list(counts), [each.sum() for each in counts.values()])
    prior = counts["val"] / counts["val"].sum()
    clear = rng.lognormal(0, 0.25, len(labels)).astype(np.float32)  # a blurred image is hard for both
    one, other = (_directions(classes, rng) for _ in range(2))
    clip, strength = _images(one, labels, clear, CLIP_SIGNAL, rng)
    resnet, _ = _images(other, labels, clear, RESNET_SIGNAL, rng)
    texts, vectors, edges = _texts(spoken, classes, one, strength, rng)
    weights = OVERCONFIDENCE * RESNET_SIGNAL * np.sqrt(DIMENSION) * other
    bias = (OVERCONFIDENCE * np.log(prior)).astype(np.float32)
    return Study(classes, labels, role, clip, resnet, texts, vectors, edges, weights.astype(np.float32), bias)


def memory_store(world: Study) -> MemoryStore:
    """The study in memory."""
    names = _names(world)
    table = rows(names, label=_labels(world), split=world.role.tolist())
    keys = table.column("key").to_pylist()
    store = MemoryStore(table, {"clip@1": {"base": (keys, world.clip)}, "resnet@2": {"base": (keys, world.resnet)}})
    with store.snapshot() as snapshot:
        banks = _banks(world, snapshot.space("clip"), snapshot.space("resnet"))
    for bank in banks:
        store.save_bank(bank)
    return store


def lance_store(world: Study, path: Path) -> LanceStore:
    """The study on disk."""
    store = create_store(path)
    names = _names(world)
    table = rows(names, label=_labels(world), split=world.role.tolist())
    keys = table.column("key").to_pylist()
    with store.writer() as writer:
        spaces = []
        for name, vectors in (("clip", world.clip), ("resnet", world.resnet)):
            space = writer.register_space(spec(name), DIMENSION, ("base",))
            writer.append_vectors(space, keys, {"base": Embeddings(vectors, np.ones(len(vectors), np.float32))})
            spaces.append(space)
        writer.append_samples(table)
        writer.commit("study")
    for bank in _banks(world, *spaces):
        store.save_bank(bank)
    return store


def _names(world: Study) -> list[str]:
    return [f"{at:06d}" for at in range(len(world.labels))]


def _labels(world: Study) -> list[str]:
    return [world.classes[code] for code in world.labels.tolist()]


def _banks(world: Study, clip: SpaceInfo, resnet: SpaceInfo) -> tuple[Bank, Bank]:
    names = np.array(world.classes)
    prompts = Bank(
        "prompts", clip.fingerprint, "drawn", world.text_vectors, world.edges[:, 0], names[world.edges[:, 1]],
        world.texts, None, 0.01, kind="prompts",
    )  # fmt: skip
    classifier = Bank(
        "classifier",
        resnet.fingerprint,
        "drawn",
        world.weights,
        np.arange(len(names)),
        names,
        None,
        world.bias,
        kind="classifier",
    )
    return prompts, classifier


def _prompts(most: int | None, files: Path | None) -> Mapping[str, Sequence[str]]:
    """The real prompts, or some with texts of a species' own and texts for all of a genus."""
    if files is not None:
        found: dict[str, list[str]] = json.loads((files / "delta_prompts.json").read_text(encoding="utf-8"))
    else:
        sizes = np.random.default_rng(7).integers(36, 88, SPECIES)
        names = [f"Genus{at // 3:02d} species{at:03d}" for at in range(SPECIES)]
        found = {
            name: [f"mushroom of {name.split()[0]}, {at}" if at % 6 == 0 else f"{name}, {at}" for at in range(size)]
            for name, size in zip(names, sizes.tolist(), strict=True)
        }
    return {name: texts[:most] for name, texts in found.items()}


def _counts(role: str, classes: Sequence[str], images: int | None, files: Path | None) -> Int64:
    """Images of every species, at least two: as in the real manifest, or with a long tail like it."""
    if files is not None:
        with (files / f"{role}.csv").open(encoding="utf-8", newline="") as lines:
            counted = Counter(row["label"] for row in csv.DictReader(lines))
        counts = np.array([counted[name] for name in classes])
    else:
        counts = np.round(32 + 842 * np.arange(1, len(classes) + 1) ** -0.715).astype(np.int64)
    if images is not None:
        counts = np.maximum(2, np.round(counts * (images / counts.sum())))
    return np.asarray(counts, np.int64)


def _unit(vectors: NDArray[np.floating]) -> Float32:
    found: Float32 = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return found


def _directions(classes: Sequence[str], rng: np.random.Generator) -> Float32:
    """A direction per species (C, 512); those of one genus are near each other."""
    genera = sorted({name.split()[0] for name in classes})
    shared = _unit(rng.standard_normal((len(genera), DIMENSION)))[[genera.index(name.split()[0]) for name in classes]]
    return _unit(np.sqrt(0.35) * shared + np.sqrt(0.65) * _unit(rng.standard_normal((len(classes), DIMENSION))))


def _images(
    directions: Float32, labels: Int64, clear: Float32, signal: float, rng: np.random.Generator
) -> tuple[Float32, float]:
    """Unit vectors of images, and the factor from (vector . direction) to the log-likelihood of a species."""
    spread = rng.lognormal(0, 0.3, len(directions)).astype(np.float32)
    vectors = rng.standard_normal((len(labels), DIMENSION), dtype=np.float32)
    for start in range(0, len(labels), 4096):
        part = slice(start, start + 4096)
        vectors[part] += (signal * clear[part] * spread[labels[part]])[:, None] * directions[labels[part]]
        vectors[part] /= np.linalg.norm(vectors[part], axis=1, keepdims=True)
    return vectors, signal * float(np.sqrt(DIMENSION))


def _texts(
    spoken: Mapping[str, Sequence[str]], classes: Sequence[str], directions: Float32, strength: float,
    rng: np.random.Generator,
) -> tuple[tuple[str, ...], Float32, Int64]:  # fmt: skip
    """Unique texts, their unit vectors and their edges; a text of several species lies between them."""
    texts = tuple(dict.fromkeys(text for name in classes for text in spoken[name]))
    place = {text: at for at, text in enumerate(texts)}
    edges = np.array([(place[text], code) for code, name in enumerate(classes) for text in spoken[name]], np.int64)
    told = np.zeros((len(texts), DIMENSION), np.float32)
    np.add.at(told, edges[:, 0], directions[edges[:, 1]])
    told /= np.bincount(edges[:, 0])[:, None]
    share = strength * SHARPNESS  # of the direction in a text: cosine = log-likelihood x SHARPNESS
    common, own = _unit(rng.standard_normal((1, DIMENSION))), _unit(rng.standard_normal((len(texts), DIMENSION)))
    return texts, _unit(share * told + np.sqrt(COMMON) * common + np.sqrt(1 - COMMON - share**2) * own), edges
