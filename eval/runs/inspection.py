"""Inspects images: a detector, or annotated boxes, say where objects are, and a space says their condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.classification.candidates import candidate_classes, possible_logits
from eval.classification.situations import ObjectCondition
from eval.metrics.probabilities import softmax
from eval.registry import load_scorer
from eval.runs.arms import ArmRequest, class_bank, read_arm
from eval.runs.reading import read_pool, read_vectors
from eval.runs.situations import CONDITION, OBJECT, object_classes, require_objects
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
    from numpy.typing import NDArray
    from PIL.Image import Image

    from eval.seams.samples import Pool
    from retrieval.detectors.base import Detection
    from retrieval.types import Embeddings, Float32, Int64, SpaceInfo
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


class EncodedImage(NamedTuple):
    """An image whose objects are encoded: its file and name, (width, height), n objects and vectors, None of none."""

    path: Path
    name: str
    size: tuple[int, int]
    detections: tuple[Detection, ...] = ()
    embeddings: Embeddings | None = None


@dataclass(frozen=True, slots=True)
class InspectedImage:
    """An image with its objects, most confident first.

    ``name`` is its path relative to the inspected folder, or its uri in the store, with ``/`` between folders.
    """

    path: Path
    name: str
    size: tuple[int, int]
    objects: tuple[InspectedObject, ...]


@dataclass(frozen=True)
class Inspector:
    """Answers the condition of objects with a space, a scorer and the train samples of a store.

    Make one by :func:`open_inspector`. It reads the store once. Images are encoded one by one and answered together.

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

    def encode(self, path: Path, name: str, image: Image, detections: Sequence[Detection]) -> EncodedImage:
        """Encode the objects of an image, all in one forward pass.

        Args:
            path: the file, for the report.
            name: its name there.
            image: the upright image.
            detections: its objects; there may be none.

        Raises:
            InputError: a box lies outside the image.
        """
        if not detections:
            return EncodedImage(path, name, image.size)
        policy, preprocess = parse_policy(self.space.spec.crop), self.space.spec.preprocess
        assert preprocess is not None  # noqa: S101 - open_inspector refuses imported spaces
        crops = np.stack([pixels(policy.pictures(image, one.box, one.polygon)[0], preprocess) for one in detections])
        return EncodedImage(path, name, image.size, tuple(detections), self._encoder.encode_images(crops))

    def answer(self, images: Sequence[EncodedImage]) -> tuple[InspectedImage, ...]:
        """Answer the conditions of the objects of all images; the scorer learns from the train samples once."""
        objects = iter(self._answers(images))
        return tuple(
            InspectedImage(
                image.path,
                image.name,
                image.size,
                tuple(sorted((next(objects) for _ in image.detections), key=lambda entry: -entry.confidence)),
            )
            for image in images
        )

    def _answers(self, images: Sequence[EncodedImage]) -> list[InspectedObject]:
        """Answer the objects of all images, in order."""
        encoded = [image.embeddings for image in images if image.embeddings is not None]
        if not encoded:
            return []
        queries = np.concatenate([one.vectors for one in encoded])
        norms = np.concatenate([one.norms for one in encoded])
        detections = [one for image in images for one in image.detections]
        kinds = [self._types.get(spelling(one.label)) for one in detections]
        probabilities = softmax(possible_logits(self._logits(queries, norms), self._allowed(kinds)))
        answers = probabilities.argmax(axis=1)
        return [
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
                detections, kinds, answers.tolist(), probabilities, self._examples(queries, kinds), strict=True
            )
        ]

    def _allowed(self, kinds: Sequence[str | None]) -> NDArray[np.bool_]:
        """Return which classes are possible for each object (n, C): those of its type, or all."""
        types = self._train.columns[OBJECT]
        candidates = candidate_classes(types, np.arange(len(types)), self._labels, len(self.classes))
        code_of = dict(zip(types.tolist(), candidates.codes.tolist(), strict=True))
        allowed: NDArray[np.bool_] = candidates.allowed[[-1 if kind is None else code_of[kind] for kind in kinds]]
        return allowed

    def _logits(self, queries: Float32, norms: Float32) -> Float32:
        scorer = self._arm.scorer
        labels = self._labels if scorer.learns else self._labels[:0]
        vectors = self._vectors if scorer.learns else self._vectors[:0]
        task = ScorerTask(queries, norms, vectors, labels, len(self.classes), make_index)
        return next(iter(scorer.logits(self._arm, task, scorer.settings(self._arm)[:1])))

    def _examples(self, queries: Float32, kinds: Sequence[str | None]) -> list[tuple[Example, ...]]:
        """Return the nearest train objects of the same type, of any where the type is not known."""
        types = self._train.columns[OBJECT]
        examples: list[tuple[Example, ...]] = [()] * len(kinds)
        for kind in dict.fromkeys(kinds):
            rows = np.arange(len(types)) if kind is None else np.flatnonzero(types == kind)
            places = [at for at, other in enumerate(kinds) if other == kind]
            near = make_index("exact", self._vectors, rows).search(queries[places], min(NEAREST, len(rows)))
            for at, nearest, scores in zip(places, near.rows, near.scores, strict=True):
                pairs = zip(rows[nearest].tolist(), scores.tolist(), strict=True)
                examples[at] = tuple(self._example(row, score) for row, score in pairs)
        return examples

    def _example(self, row: int, score: float) -> Example:
        uri, condition = (str(self._train.columns[name][row]) for name in ("uri", CONDITION))
        return Example(str(self._train.ids[row]), uri, condition, score)


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
    objects = object_classes(train)
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
    require_objects(snapshot)
    pool = read_pool(snapshot, COLUMNS, None)
    pool = pool.take(pool.known("box_x") & pool.known("label") & pool.known(OBJECT) & pool.known(CONDITION))
    has_split = pool.known("split")
    train = pool.take(pool.among("split", "train")) if has_split.any() else pool
    if not len(train):
        counts = ", ".join(f"{count} {split}" for split, count in Counter(pool.columns["split"].tolist()).items())
        raise InputError(f"The store has no train objects with a condition to answer with ({counts or 'no objects'}).")
    notes = () if has_split.any() else ("No object has a split, so all of them answer, also those inspected.",)
    return train, notes


def read_upright(path: Path) -> Image:
    """Decode an image, upright.

    Raises:
        InputError: the file cannot be read, with its path.
    """
    try:
        return upright(read_image(path)).image
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
