"""Inspects images: a detector, or annotated boxes, say where objects are, and a space says their condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.classification.candidates import candidate_classes
from eval.classification.situations import ObjectCondition
from eval.metrics.probabilities import softmax
from eval.registry import load_scorer
from eval.runs.arms import ArmRequest, class_bank, read_arm
from eval.runs.reading import read_pool, read_vectors
from eval.runs.situations import CONDITION, OBJECT
from eval.scorers.situated import SITUATED
from eval.seams.scorer import Arm, ScorerTask
from retrieval.crops import parse_policy
from retrieval.encoders.preprocess import pixels
from retrieval.encoders.registry import load
from retrieval.errors import InputError
from retrieval.images import read_image, upright
from retrieval.names import spelling
from retrieval.search.exact import make_index
from retrieval.types import Box

if TYPE_CHECKING:
    from PIL.Image import Image

    from eval.seams.classification import Candidates
    from eval.seams.samples import Pool
    from retrieval.detectors.base import Detection
    from retrieval.types import Float32, Int64, SpaceInfo
    from retrieval.types.store import EmbeddingStore, Snapshot

NEAREST = 3
"""Stored examples that are shown with each object."""

COLUMNS = ("id", "key", "source", "uri", "label", "split", "box_x", OBJECT, CONDITION)


class Example(NamedTuple):
    """A stored object that is like the inspected one: its id, uri, condition, and cosine."""

    id: str
    uri: str
    condition: str
    score: float


class InspectedObject(NamedTuple):
    """An object of an image.

    ``detected`` is the name that the detector or the annotation gives it, ``confidence`` the detector's, 1 where it is
    annotated. ``object`` is its type in the store, None where the store has no such type: such an object is answered
    among all classes. ``score`` is the probability of ``condition`` among those that are possible.
    """

    box: Box
    detected: str
    confidence: float
    object: str | None
    condition: str
    label: str
    score: float
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class InspectedImage:
    """An image with its objects, most confident first."""

    path: Path
    size: tuple[int, int]
    objects: tuple[InspectedObject, ...]


@dataclass(frozen=True)
class Inspector:
    """Answers the condition of objects with a space, a scorer and the train samples of a store.

    Make one by :func:`open_inspector`. It reads the store once, and may inspect any number of images.

    Attributes:
        space: the space.
        classes: names of the classes, each an object in a condition.
        objects: what each class is.
        warnings: what makes its answers doubtful.
    """

    space: SpaceInfo
    classes: tuple[str, ...]
    objects: tuple[ObjectCondition, ...]
    warnings: tuple[str, ...]
    _encoder: Any
    _arm: Arm
    _train: Pool
    _vectors: Float32
    _labels: Int64
    _types: dict[str, str] = field(default_factory=dict)

    def inspect(self, path: Path, image: Image, detections: Sequence[Detection]) -> InspectedImage:
        """Answer the condition of the objects of an image, which is encoded in one forward pass.

        Args:
            path: the file, for the report.
            image: the upright image.
            detections: its objects; empty gives an image without objects.

        Raises:
            InputError: a box lies outside the image.
        """
        if not detections:
            return InspectedImage(path, image.size, ())
        policy, preprocess = parse_policy(self.space.spec.crop), self.space.spec.preprocess
        assert preprocess is not None  # noqa: S101 - open_inspector refuses imported spaces
        crops = np.stack([pixels(policy.pictures(image, one.box)[0], preprocess) for one in detections])
        queries = self._encoder.encode_images(crops)
        kinds = [self._types.get(spelling(one.label)) for one in detections]
        allowed = self._allowed(kinds)
        probabilities = softmax(self._logits(queries.vectors, queries.norms, allowed))
        answers = probabilities.argmax(axis=1)
        similar = self._examples(queries.vectors, kinds)
        listed = [
            InspectedObject(
                one.box,
                one.label,
                one.confidence,
                kind,
                self.objects[answer].condition,
                self.classes[answer],
                float(probability[answer]),
                examples,
            )
            for one, kind, answer, probability, examples in zip(
                detections, kinds, answers.tolist(), probabilities, similar, strict=True
            )
        ]
        return InspectedImage(path, image.size, tuple(sorted(listed, key=lambda entry: -entry.confidence)))

    def _allowed(self, kinds: Sequence[str | None]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which classes are possible for each object: those of its type, or all."""
        candidates = _candidates(self._train, self._labels, len(self.classes))
        code_of = {kind: int(code) for kind, code in zip(self._train.columns[OBJECT], candidates.codes, strict=True)}
        return candidates.allowed[[-1 if kind is None else code_of[kind] for kind in kinds]]

    def _logits(self, queries: Float32, norms: Float32, allowed: np.ndarray[Any, np.dtype[np.bool_]]) -> Float32:
        scorer = self._arm.scorer
        labels = self._labels if scorer.learns else self._labels[:0]
        vectors = self._vectors if scorer.learns else self._vectors[:0]
        task = ScorerTask(queries, norms, vectors, labels, len(self.classes), make_index)
        logits = next(iter(scorer.logits(self._arm, task, scorer.settings(self._arm)[:1])))
        possible: Float32 = np.where(allowed, logits, np.float32(-np.inf))
        unanswerable = np.isneginf(possible).all(axis=1)
        possible[unanswerable] = logits[unanswerable]
        return possible

    def _examples(self, queries: Float32, kinds: Sequence[str | None]) -> list[tuple[Example, ...]]:
        """Return the nearest train objects of the same type, of any where the type is not known."""
        types, columns = self._train.columns[OBJECT], self._train.columns
        examples = []
        for query, kind in zip(queries, kinds, strict=True):
            rows = np.arange(len(types)) if kind is None else np.flatnonzero(types == kind)
            scores = self._vectors[rows] @ query
            best = rows[np.argsort(-scores, kind="stable")[:NEAREST]]
            examples.append(
                tuple(
                    Example(
                        str(self._train.ids[row]),
                        str(columns["uri"][row]),
                        str(columns[CONDITION][row]),
                        float(self._vectors[row] @ query),
                    )
                    for row in best.tolist()
                )
            )
        return examples


def _candidates(train: Pool, labels: Int64, classes: int) -> Candidates:
    return candidate_classes(train.columns[OBJECT], np.arange(len(labels)), labels, classes)


def open_inspector(
    store: EmbeddingStore, snapshot: Snapshot, space: str | None, method: str, bank: str | None, device: str
) -> Inspector:
    """Read what an inspection needs, and load the encoder of the space.

    Args:
        store: the store.
        snapshot: a snapshot of it.
        space: the space; None for the default.
        method: a scorer that learns from train samples, or one with a bank.
        bank: name of a bank for the scorer.
        device: device of the encoder.

    Raises:
        UnknownNameError: there is no such space, scorer or bank.
        InputError: the space has no encoder, or the store has no train objects with a condition.
        WeightsError, MissingFileError: the encoder cannot be loaded.
    """
    info = snapshot.space(space)
    if info.spec.preprocess is None:
        raise InputError(f"Space {info.name} was imported and has no encoder; inspect with a space of an encoder.")
    if method in SITUATED:
        raise InputError(f"`method={method}` is for stored samples; take prototype, knn, gda, or prompts with a bank.")
    scorer = load_scorer(method)
    train, notes = _train_objects(snapshot)
    objects = _classes_of(train)
    classes = tuple(objects)
    labels = np.array([classes.index(label) for label in train.columns["label"]], np.int64)
    vectors = read_vectors(snapshot, info, "base", train)
    request = ArmRequest(method, info.fingerprint, method, () if bank is None else (bank,))
    stored = read_arm(store, snapshot, request, (), device)
    banks = tuple(class_bank(one, classes, one.name) for one in stored.banks)
    temperature = next((one.temperature for one in stored.banks if one.temperature), None)
    scale = None if temperature is None else 1 / temperature
    arm = Arm(method, scorer, {}, scorer.config_type(), banks, logit_scale=scale)
    types = {spelling(one.object): one.object for one in objects.values()}
    types |= {spelling(label): one.object for label, one in objects.items()}
    encoder = load(info.spec, device)
    return Inspector(info, classes, tuple(objects.values()), notes, encoder, arm, train, vectors, labels, types)


def _train_objects(snapshot: Snapshot) -> tuple[Pool, tuple[str, ...]]:
    """Return the objects to answer with: those of the split train, or all where no object has a split.

    Raises:
        InputError: there are none, or they have no condition.
    """
    if not {OBJECT, CONDITION} <= set(snapshot.column_names("samples")):
        raise InputError(
            "The samples have no object and condition; index with the source yolo or coco, whose `class_map` says of "
            "which object and condition each class is."
        )
    pool = read_pool(snapshot, COLUMNS, None)
    pool = pool.take(pool.known("box_x") & pool.known("label") & pool.known(OBJECT) & pool.known(CONDITION))
    has_split = pool.known("split")
    train = pool.take(pool.among("split", "train")) if has_split.any() else pool
    if not len(train):
        counts = ", ".join(f"{count} {split}" for split, count in Counter(pool.columns["split"].tolist()).items())
        raise InputError(f"The store has no train objects with a condition to answer with ({counts or 'no objects'}).")
    notes = () if has_split.any() else ("No object has a split, so all of them answer, also those inspected.",)
    return train, notes


def _classes_of(train: Pool) -> dict[str, ObjectCondition]:
    """Return what each class is, in the order of their names.

    Raises:
        InputError: samples of one class say different things.
    """
    said = sorted(
        {
            (str(label), ObjectCondition(kind, condition))
            for label, kind, condition in zip(
                *(train.columns[name] for name in ("label", OBJECT, CONDITION)), strict=True
            )
        }
    )
    classes = dict(said)
    if len(classes) < len(said):
        raise InputError("A class is of several objects or conditions in the store; index with one `class_map`.")
    return classes


def read_upright(path: Path) -> Image:
    """Decode an image, upright.

    Raises:
        InputError: the file cannot be read, with its path.
    """
    try:
        return upright(read_image(path)).image
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
