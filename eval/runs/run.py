"""From a store to a result: read what a mode needs, draw, evaluate, say where the number comes from.

With :mod:`eval.runs.reading` the only file of ``eval`` that knows how to read a store.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.audit.leaks import leaks
from eval.audit.near import near_in_draws
from eval.protocols.base import SETTLED, Protocol, Request, whole_split
from eval.protocols.held_out import held_out_samples
from eval.ranking.identities import resolve_camera_rule
from eval.registry import load_mode, load_protocol
from eval.results.schema import EvalResult, Evaluation, Provenance
from eval.runs.prepare_classification import PreparedClasses, is_class_mode, prepare_classes, space_names
from eval.runs.reading import COLUMNS, find_split_set, read_arrays, read_pool
from eval.runs.request import Asked
from eval.seams.classification import Solution
from eval.seams.mode import Arrays, Mode, ModeConfig
from eval.seams.samples import Pool
from retrieval.config import Config
from retrieval.errors import IncompleteError, InputError, StoreError
from retrieval.search.vector_rows import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import SpaceInfo, SplitSet
    from retrieval.types.store import EmbeddingStore, Snapshot

BOOTSTRAP_STREAM = 1
"""Spawn key of the bootstrap's seed sequence; draws have theirs, so more of one never changes the other."""

BAD_BOXES = "-1"

PAIR_RULES = ("camera_rule", "group_rule", "identity_columns", "junk_identities", "distractor_identities")
"""What a protocol says of which pairs count: a mode that does not know such a rule may not run under it."""


def _say(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201 - what the result file does not hold


def evaluate(
    store: EmbeddingStore,
    mode: str,
    *,
    space: str | None = None,
    protocol: str | None = None,
    aspect: str | None = None,
    split_set: str | Path | None = None,
    where: str | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    arms: Sequence[str] = (),
    prompts: Sequence[Path | str] = (),
    device: str = "auto",
    say: Callable[[str], None] = _say,
) -> EvalResult:
    """Evaluate stored vectors. No image is opened and no image encoder is loaded; new prompts are embedded once.

    Args:
        store: where samples and vectors are.
        mode: name of a mode (``reid``, ``zeroshot``, ...).
        space: name, or beginning of the name, of the space; not needed where there is one.
        protocol: name of a protocol; by default ``fixed`` where there are queries and a gallery, else ``monte-carlo``;
            of classification ``split``.
        aspect: one aspect, or ``all`` for a result per aspect and their mean.
        split_set: name of a stored split set, the beginning of it, or a CSV file (:mod:`eval.protocols.split_sets`).
        where: SQL condition over the samples.
        seed: of draws and bootstrap, >= 0.
        options: of the mode, over what the protocol sets; ``ARM.key`` is an option of that arm's scorer.
        arms: ``[NAME=]SPACE:SCORER[:BANK]`` each, for ``fusion``.
        prompts: prompt files (JSON), candidates for arms of the scorer ``prompts``.
        device: where new prompts are embedded.
        say: takes sentences for people that do not belong to the result.

    Returns:
        The result, also kept in the store, as are the split sets that were drawn, where it can be written.

    Raises:
        UnknownNameError: of a mode, protocol, space, view or split set.
        InputError: an option, a condition or a row of a split set cannot be used, or no number can be made.
        IncompleteError: samples have no vector in the space yet.
    """
    asked = Asked(
        mode, space, protocol, aspect, split_set, where, seed, options or {}, tuple(arms), tuple(prompts), device=device
    )
    return evaluate_asked(store, asked, say).result


class Evaluated(NamedTuple):
    """A result; of classification also what was prepared for it and the answers."""

    result: EvalResult
    ready: Prepared | PreparedClasses
    solution: Solution | None


def evaluate_asked(store: EmbeddingStore, asked: Asked, say: Callable[[str], None] = _say) -> Evaluated:
    """Evaluate and keep the result; see :func:`evaluate`."""
    if not is_class_mode(load_mode(asked.mode)):
        if asked.arms or asked.prompts:
            raise InputError(f"Mode {asked.mode} has neither arms nor prompts; leave --arm and --prompts out.")
        ready = prepare(store, asked)
        evaluation = ready.mode.evaluate(ready.arrays, ready.config, ready.rng())
        warnings = (*evaluation.warnings, *ready.leaks)
        result = _result(ready, evaluation.model_copy(update={"warnings": warnings}))
        _keep(store, ready.parts.values(), result, say)
        return Evaluated(result, ready, None)
    classes = prepare_classes(store, asked)
    solution = classes.solve()
    result = _class_result(classes, classes.evaluation(solution))
    _keep(store, [classes.splits], result, say)
    return Evaluated(result, classes, solution)


@dataclass(frozen=True, slots=True)
class Prepared:
    """An evaluation that only has to be computed: what was read, drawn and settled for it.

    ``protocol`` is the name for the result; ``aspect`` is what was asked or the protocol's own; ``leaks`` are
    sentences on what is not clean about the draws; ``own`` are the protocol's own options.
    """

    asked: Asked
    mode: Mode[Any]
    config: ModeConfig
    protocol: str
    aspect: str | None
    parts: Mapping[str, SplitSet]
    arrays: Arrays
    space: SpaceInfo
    store_version: int
    leaks: tuple[str, ...]
    own: Config

    def rng(self) -> np.random.Generator:
        """The generator of the bootstrap, at its start."""
        sequence = np.random.SeedSequence(self.asked.seed, spawn_key=(BOOTSTRAP_STREAM,))
        return np.random.Generator(np.random.PCG64(sequence))

    @property
    def splits(self) -> SplitSet:
        """The split set of the evaluation."""
        return whole_split(self.parts)


def prepare(store: EmbeddingStore, asked: Asked) -> Prepared:
    """Read and draw what an evaluation needs; raises what :func:`evaluate` does before it computes."""
    if asked.seed < 0:
        raise InputError(f"--seed {asked.seed} cannot be used: seeds are 0 or larger.")
    mode = load_mode(asked.mode)
    with store.snapshot() as snapshot:
        space = snapshot.space(asked.space)
        given = None if asked.split_set is None else find_split_set(store, snapshot, asked.split_set)
        if given is not None:
            _require_samples(snapshot, given)
        rule, pool = _protocol_and_pool(snapshot, space, asked.protocol, asked.where, given)
        config, own = _configure(mode.config_type, rule, asked.options)
        parts = rule.parts(pool, Request(asked.aspect, config.draws, asked.seed, given, own))
        needs = mode.needs(config)
        held_out = {key: held_out_samples(pool, part, given, needs.held_out) for key, part in parts.items()}
        arrays = read_arrays(snapshot, space, pool, parts, needs, rule.mirrored(own), held_out)
        name = _protocol_name(rule, config, arrays)
        found = leaks(parts, pool, groups_meet=getattr(config, "group_rule", "none") != "exclude")
        rules = {key: value for key, value in config.model_dump().items() if key in PAIR_RULES}
        base = arrays.vectors[needs.views[0]]
        found += near_in_draws(pool, parts, rules, np.searchsorted(pool.ids, arrays.ids), base)
        used = np.isin(pool.ids, np.unique(np.concatenate([part.sample for part in parts.values()])))
        found += (*_learnt(pool, used), *_junk_that_counts(pool, used, config))
        aspect = asked.aspect or rule.aspect
        return Prepared(asked, mode, config, name, aspect, parts, arrays, space, snapshot.store_version, found, own)


def _protocol_and_pool(
    snapshot: Snapshot, space: SpaceInfo, name: str | None, where: str | None, given: SplitSet | None
) -> tuple[Protocol, Pool]:
    """Settle the protocol and read the samples it chooses from."""
    if given is not None and name not in {None, "fixed"}:
        raise InputError(f"A split set gives the draws, so --protocol {name} has none to make; leave one of them out.")
    rule = load_protocol(name or "fixed")
    have = set(snapshot.column_names("samples"))
    columns = [*COLUMNS, "camera", *(column for column in ("group", "phash", *rule.columns) if column in have)]
    pool = read_pool(snapshot, columns, where)
    if not len(pool):
        raise InputError("The store has no samples." if where is None else f"No sample meets --where '{where}'.")
    if given is None:
        pool = _of_this_space(snapshot, space, pool, where)
        roles = pool.values("split")
        if name is None and not {"query", "gallery"} <= set(roles):
            rule = load_protocol("monte-carlo")
    return rule, pool


def _require_samples(snapshot: Snapshot, given: SplitSet) -> None:
    """Refuse a split set of which samples are gone: what is left would be another problem under the same name."""
    wanted = np.unique(given.sample)
    gone = int((~np.isin(wanted, read_pool(snapshot, ("id",), None).ids)).sum())
    if gone:
        raise InputError(
            f"{gone} of the {len(wanted)} samples of split set {given.name} are not in the store any more; evaluate "
            "with --protocol to draw again."
        )


def _learnt(pool: Pool, used: NDArray[np.bool_]) -> tuple[str, ...]:
    """Say so when samples that are evaluated are training data by the data set's own split."""
    learnt = int((used & pool.among("split", "train", "val")).sum())
    if not learnt:
        return ()
    return (f"{learnt} of {used.sum()} evaluated samples are of split train or val: an encoder may have learnt them.",)


def _junk_that_counts(pool: Pool, used: NDArray[np.bool_], config: ModeConfig) -> tuple[str, ...]:
    """Say so when bad boxes, identity -1 by Market-1501's convention, take part as if they were a person."""
    bad = used & pool.among("identity", BAD_BOXES)
    marked = {*getattr(config, "junk_identities", ()), *getattr(config, "distractor_identities", ())}
    if not bad.any() or BAD_BOXES in marked:
        return ()
    words = (
        f"Identity {BAD_BOXES} takes part as if it were a person (samples: {bad.sum()}), and by Market-1501's "
        f"convention it marks bad boxes; pass --protocol market1501, or -o junk_identities={BAD_BOXES}."
    )
    return (words,)


def _of_this_space(snapshot: Snapshot, space: SpaceInfo, pool: Pool, where: str | None) -> Pool:
    """Leave out sources that have no vector in the space at all."""
    everything = pool if where is None else read_pool(snapshot, ("id", "key", "source"), None)
    found = rows_of(everything.columns["key"].tolist(), snapshot.vectors(space, space.views[0])) >= 0
    sources = set(everything.columns["source"][found])
    kept = pool.take(pool.among("source", *sources))
    if not len(kept):
        raise IncompleteError(f"None of the samples has a vector in space {space.name}; run 'index' for them first.")
    return kept


def _configure(kind: type[ModeConfig], rule: Protocol, options: Mapping[str, Any]) -> tuple[ModeConfig, Config]:
    """The mode's options, over what the protocol sets, and the protocol's own.

    Of what a protocol fixes, a mode takes what it has an option for: AP means nothing to verification.
    """
    lacking = [key for key in PAIR_RULES if key in rule.settings and key not in kind.model_fields]
    if lacking:
        raise InputError(
            f"Protocol {rule.name} fixes {lacking[0]}={rule.settings[lacking[0]]}, which this mode does not know; use "
            "--mode reid, or another protocol."
        )
    own = {key: value for key, value in options.items() if key in rule.options.model_fields}
    others = {key: value for key, value in options.items() if key not in own}
    settings = {key: value for key, value in rule.settings.items() if key in kind.model_fields}
    config = kind.read({**settings, **others}, "-o")
    return config, rule.options.read(own, f"-o, protocol {rule.name}")


def _protocol_name(rule: Protocol, config: ModeConfig, arrays: Arrays) -> str:
    """The protocol's name, ``custom`` where an option departs from what it fixes; cameras decide what ``auto`` is."""
    kind = type(config)
    known = [key for key in {*SETTLED, *rule.settings} if key in kind.model_fields]
    fixed = kind.read({key: rule.settings[key] for key in known if key in rule.settings}, f"protocol {rule.name}")
    settled = ({key: getattr(each, key) for key in known} for each in (config, fixed))
    asked, own = (
        {key: resolve_camera_rule(arrays, "auto") if value == "auto" else value for key, value in each.items()}
        for each in settled
    )
    return rule.name if asked == own else f"custom, from {rule.name}"


def _result(ready: Prepared, evaluation: Evaluation) -> EvalResult:
    splits = ready.splits
    provenance = Provenance(
        space=ready.space.name,
        space_fingerprint=ready.space.fingerprint,
        store_version=ready.store_version,
        split_set=splits.name,
        split_sha256=splits.sha256,
        seed=ready.asked.seed,
        vitrine=_version(),
    )
    sections = evaluation.parts and {
        name: part.model_copy(update={"split_sha256": ready.parts[name].sha256})
        for name, part in evaluation.parts.items()
    }
    return EvalResult(
        mode=ready.asked.mode,
        protocol=ready.protocol,
        metrics=evaluation.metrics,
        draws=evaluation.draws,
        n=evaluation.n,
        label_universe=evaluation.label_universe,
        cmc=evaluation.cmc,
        parts=sections,
        slices=evaluation.slices,
        definitions=evaluation.definitions,
        curves=evaluation.curves,
        thresholds=evaluation.thresholds,
        warnings=evaluation.warnings,
        config={
            **evaluation.config,
            **ready.own.model_dump(mode="json"),
            "aspect": ready.aspect,
            "where": ready.asked.where,
        },
        provenance=provenance,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _class_result(ready: PreparedClasses, evaluation: Evaluation) -> EvalResult:
    names, fingerprints = space_names(ready.arms)
    provenance = Provenance(
        space=names,
        space_fingerprint=fingerprints,
        store_version=ready.store_version,
        split_set=ready.splits.name,
        split_sha256=ready.splits.sha256,
        seed=ready.asked.seed,
        vitrine=_version(),
    )
    own = {**ready.own.model_dump(mode="json"), "aspect": ready.asked.aspect, "where": ready.asked.where}
    return EvalResult(
        **{name: getattr(evaluation, name) for name in Evaluation.model_fields if name != "config"},
        mode=ready.asked.mode,
        protocol=ready.protocol,
        config={**evaluation.config, **own},
        provenance=provenance,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _keep(store: EmbeddingStore, parts: Iterable[SplitSet], result: EvalResult, say: Callable[[str], None]) -> None:
    """Keep split sets and result in the store; a store that cannot be written only costs a sentence."""
    try:
        for part in parts:
            store.save_splits(part)
        store.save_result(result.to_dict())
    except StoreError as error:  # read-only, or a full disk: the number is still worth having
        say(f"Not kept in the store: {error}")


def _version() -> str:
    try:
        return version("vitrine")
    except PackageNotFoundError:  # a checkout that was never installed
        return "unknown"
