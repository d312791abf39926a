"""Interface of scorers: arms of a classification, and scorers that score classes of the label universe for an arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from retrieval.config import Config
from retrieval.types import Float32, Int64, SearchIndex

Setting: TypeAlias = Mapping[str, str | int | float | None]
"""One value for each option of a scorer that may list several values."""


class IndexFactory(Protocol):
    """Makes a search index of a kind (``exact``, ``hnsw``, ``ivf``) over vectors (n, d), or over rows (t,) of them.

    The index counts the vectors, or the rows, from 0.
    """

    def __call__(self, kind: str, vectors: Float32, rows: Int64 | None = None) -> SearchIndex: ...


@dataclass(frozen=True, slots=True)
class ClassBank:
    """A bank over the label universe.

    ``vectors`` (m, d) float32, as they were made (texts and class means are unit vectors, a classifier's rows are
    not); ``edge_vector`` (e,) rows of them and ``edge_class`` (e,) codes of classes, ascending by class, then by row;
    ``bias`` (m,) or None; ``texts`` m texts or None; ``temperature`` as in :class:`retrieval.types.Bank`. Classes
    without an edge cannot be answered with this bank.
    """

    name: str
    vectors: Float32
    edge_vector: Int64
    edge_class: Int64
    bias: Float32 | None = None
    texts: tuple[str, ...] | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class SituatedTexts:
    """Texts of classes that differ by the situation of a sample, such as where it lies in its image.

    ``codes`` (n,) number the situation of each sample, rows as in :class:`ClassArrays`; ``texts`` (situations, C) is
    the row in the bank of the text of a class in a situation, -1 for none.
    """

    codes: Int64
    texts: Int64


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of a classification: vectors of one space, a scorer, and what they are scored against.

    ``vectors`` view -> (n, d) float32 unit vectors, rows as in :class:`ClassArrays`; ``norms`` view -> (n,) their
    lengths before normalisation; ``banks`` are prompt sets of which a mode chooses one, or empty for scorers that learn
    from the train split; ``options`` are those of the scorer; ``logit_scale`` is the encoder's, None if it has none;
    ``situated`` says which text of the bank stands for a class, where that depends on the sample.
    """

    name: str
    scorer: Scorer
    vectors: Mapping[str, Float32]
    options: Config
    banks: tuple[ClassBank, ...] = ()
    norms: Mapping[str, Float32] = field(default_factory=dict)
    logit_scale: float | None = None
    situated: SituatedTexts | None = None

    def bank(self, name: str) -> ClassBank:
        """Return the bank of this name."""
        return next(bank for bank in self.banks if bank.name == name)


@dataclass(frozen=True, slots=True)
class ScorerTask:
    """Queries to score, and train samples to learn from.

    ``queries`` (q, d) float32 unit vectors and ``norms`` (q,) their lengths before normalisation (None if unknown);
    ``vectors`` are the unit vectors of the train samples, or ``train_rows`` (t,) says which of them are, so that a
    scorer that only searches copies none; ``labels`` (t,) are their classes. Both are empty for scorers that do not
    learn. ``classes`` is C; ``rows`` (q,) are the rows
    of the queries in :class:`ClassArrays`, None where they are no samples of it.
    """

    queries: Float32
    norms: Float32 | None
    vectors: Float32
    labels: Int64
    classes: int
    index: IndexFactory
    train_rows: Int64 | None = None
    rows: Int64 | None = None

    @property
    def train(self) -> Float32:
        """Unit vectors (t, d) of the train samples."""
        return self.vectors if self.train_rows is None else self.vectors[self.train_rows]

    def train_index(self, kind: str) -> SearchIndex:
        """An index of a kind over the train samples, counted as in ``labels``."""
        return self.index(kind, self.vectors, self.train_rows)


class Scorer(Protocol):
    """Scores the classes of a label universe with a bank or train samples. Pure.

    ``learns``: whether it needs train samples; ``needs_bank``: whether it needs a bank; ``takes_texts``: whether its
    bank is one of texts, as prompt sets give it, and not a classifier layer. ``config_type`` are its options; those
    that may hold several candidates make the settings.
    """

    @property
    def name(self) -> str: ...

    @property
    def config_type(self) -> type[Config]: ...

    @property
    def learns(self) -> bool: ...

    @property
    def needs_bank(self) -> bool: ...

    @property
    def takes_texts(self) -> bool: ...

    def settings(self, arm: Arm) -> tuple[Setting, ...]:
        """Return all combinations of values in ``arm.options`` and banks, in the given order; never empty."""
        ...

    def logits(self, arm: Arm, task: ScorerTask, settings: Sequence[Setting]) -> Iterator[Float32]:
        """Yield the logits (q, C) float32 of the queries for each setting; their softmax is the class probabilities.

        The logits include the logit scale of the encoder or the class temperature. -inf is a class that cannot be
        answered; every row has at least one other class.

        Args:
            arm: the arm; its ``options`` are of ``config_type``.
            task: queries, and train samples.
            settings: some of :meth:`settings`.

        Raises:
            InputError: the queries cannot be scored; the message says what to do.
        """
        ...
