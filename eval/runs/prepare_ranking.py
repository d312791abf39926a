"""Rankings and verifications of a store: what was read, drawn and settled for one, and how that is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from eval.audit.leaks import leaks
from eval.audit.near import near_in_draws
from eval.protocols.base import FIXED_OPTIONS, Protocol, Request, whole_split
from eval.protocols.held_out import held_out_samples
from eval.ranking.identities import resolve_camera_rule
from eval.ranking.relations import settle
from eval.registry import load_mode, load_protocol
from eval.runs.reading import COLUMNS, find_split_set, read_arrays, read_pool
from eval.runs.request import BOOTSTRAP_STREAM
from retrieval.errors import IncompleteError, InputError
from retrieval.search.vector_rows import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.results.schema import Evaluation
    from eval.runs.request import EvalRequest, RequestInputs
    from eval.seams.mode import Arrays, Mode, ModeConfig, RelatedArrays
    from eval.seams.samples import Pool
    from retrieval.config import Config
    from retrieval.types import SpaceInfo, SplitSet
    from retrieval.types.store import EmbeddingStore, Snapshot

BAD_BOXES = "-1"

PAIR_RULES = ("camera_rule", "group_rule", "identity_columns", "junk_identities", "distractor_identities")
"""What a protocol says of which pairs count: a mode that does not know such a rule may not run under it."""

CUSTOM = "custom"
"""Name of a protocol whose options were changed; a result says beside it what it departs from."""


@dataclass(frozen=True, slots=True)
class PreparedRanking:
    """A ranking or a verification that only has to be computed; see :class:`eval.runs.task.Prepared`.

    ``leaks`` are sentences on what is not clean about the draws; ``own`` are the protocol's own options.
    """

    request: EvalRequest
    mode: Mode[Any]
    config: ModeConfig
    protocol: str
    departs_from: str | None
    aspect: str | None
    parts: Mapping[str, SplitSet]
    arrays: RelatedArrays
    space: SpaceInfo
    store_version: int
    leaks: tuple[str, ...]
    own: Config

    def rng(self) -> np.random.Generator:
        """The generator of the bootstrap, at its start."""
        sequence = np.random.SeedSequence(self.request.seed, spawn_key=(BOOTSTRAP_STREAM,))
        return np.random.Generator(np.random.PCG64(sequence))

    @property
    def splits(self) -> SplitSet:
        """The split set of the evaluation."""
        return whole_split(self.parts)

    @property
    def spaces(self) -> tuple[SpaceInfo, ...]:
        """The one space."""
        return (self.space,)

    @property
    def recorded(self) -> dict[str, Any]:
        """Options of the protocol, the aspect and the condition."""
        return {**self.own.model_dump(mode="json"), "aspect": self.aspect, "where": self.request.where}

    def evaluate(self) -> Evaluation:
        """Evaluate all draws, and say what is not clean about them."""
        found = self.mode.evaluate(self.arrays, self.config, self.rng())
        return found.model_copy(update={"warnings": (*found.warnings, *self.leaks)})


def prepare_ranking(store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs) -> PreparedRanking:
    """Read and draw what an evaluation needs; raises what :func:`eval.api.evaluate` does before it computes."""
    mode = cast("Mode[Any]", load_mode(request.mode))
    if request.arms or request.prompts:
        raise InputError(f"Mode {mode.name} has neither arms nor prompts; leave `arms` and `prompts` out.")
    with store.snapshot() as snapshot:
        space = snapshot.space(request.space)
        wanted = inputs.split_set or request.split_set
        given = None if wanted is None else find_split_set(store, snapshot, wanted)
        if given is not None:
            _require_samples(snapshot, given)
        rule, pool = _protocol_and_pool(snapshot, space, request.protocol, request.where, given)
        config, own = _configure(mode.config_type, rule, request.options)
        parts = rule.parts(pool, Request(request.aspect, config.draws, request.seed, given, own))
        needs = mode.needs(config)
        held_out = {key: held_out_samples(pool, part, given, needs.held_out) for key, part in parts.items()}
        read = read_arrays(snapshot, space, pool, parts, needs, rule.mirrored(own), held_out)
        departs = _departs(rule, config, read)
        found = leaks(parts, pool, groups_meet=getattr(config, "group_rule", "none") != "exclude")
        rules = {key: value for key, value in config.model_dump().items() if key in PAIR_RULES}
        base = read.vectors[needs.views[0]]
        found += near_in_draws(pool, parts, rules, np.searchsorted(pool.ids, read.ids), base)
        used = np.isin(pool.ids, np.unique(np.concatenate([part.sample for part in parts.values()])))
        found += (*_learnt(pool, used), *_junk_that_counts(pool, used, config))
        arrays, config = settle(read, config)
        resolved = {"space": space.fingerprint, "protocol": rule.name, "split_set": given and whole_split(parts).name}
        return PreparedRanking(
            request=request.model_copy(update=resolved),
            mode=mode,
            config=config,
            protocol=CUSTOM if departs else rule.name,
            departs_from=rule.name if departs else None,
            aspect=request.aspect or rule.aspect,
            parts=parts,
            arrays=arrays,
            space=space,
            store_version=snapshot.store_version,
            leaks=found,
            own=own,
        )


def _protocol_and_pool(
    snapshot: Snapshot, space: SpaceInfo, name: str | None, where: str | None, given: SplitSet | None
) -> tuple[Protocol, Pool]:
    """Settle the protocol and read the samples it chooses from."""
    if given is not None and name not in {None, "fixed"}:
        raise InputError(f"A split set gives the draws, so `protocol={name}` has none to make; leave one of them out.")
    rule = load_protocol(name or "fixed")
    have = set(snapshot.column_names("samples"))
    columns = [*COLUMNS, "camera", *(column for column in ("group", "phash", *rule.columns) if column in have)]
    pool = read_pool(snapshot, columns, where)
    if not len(pool):
        raise InputError("The store has no samples." if where is None else f"No sample meets `where` '{where}'.")
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
            "with `protocol` to draw again."
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
        f"convention it marks bad boxes; pass `protocol=market1501`, or `junk_identities={BAD_BOXES}`."
    )
    return (words,)


def _of_this_space(snapshot: Snapshot, space: SpaceInfo, pool: Pool, where: str | None) -> Pool:
    """Leave out sources that have no vector in the space at all."""
    everything = pool if where is None else read_pool(snapshot, ("id", "key", "source"), None)
    found = rows_of(everything.columns["key"].tolist(), snapshot.vectors(space, space.views[0])) >= 0
    sources = set(everything.columns["source"][found])
    kept = pool.take(pool.among("source", *sources))
    if not len(kept):
        raise IncompleteError(f"None of the samples has a vector in space {space.name}; index them first.")
    return kept


def _configure(kind: type[ModeConfig], rule: Protocol, options: Mapping[str, Any]) -> tuple[ModeConfig, Config]:
    """The mode's options, over what the protocol sets, and the protocol's own.

    Of what a protocol fixes, a mode takes what it has an option for: AP means nothing to verification.
    """
    lacking = [key for key in PAIR_RULES if key in rule.settings and key not in kind.model_fields]
    if lacking:
        raise InputError(
            f"Protocol {rule.name} fixes {lacking[0]}={rule.settings[lacking[0]]}, which this mode does not know; use "
            "`mode=reid`, or another protocol."
        )
    own = {key: value for key, value in options.items() if key in rule.options.model_fields}
    others = {key: value for key, value in options.items() if key not in own}
    settings = {key: value for key, value in rule.settings.items() if key in kind.model_fields}
    config = kind.read({**settings, **others}, "options")
    return config, rule.options.read(own, f"protocol {rule.name}")


def _departs(rule: Protocol, config: ModeConfig, arrays: Arrays) -> bool:
    """Whether an option departs from what the protocol fixes; cameras decide what ``auto`` is."""
    kind = type(config)
    known = [key for key in {*FIXED_OPTIONS, *rule.settings} if key in kind.model_fields]
    fixed = kind.read({key: rule.settings[key] for key in known if key in rule.settings}, f"protocol {rule.name}")
    settled = ({key: getattr(each, key) for key in known} for each in (config, fixed))
    asked, own = (
        {key: resolve_camera_rule(arrays, "auto") if value == "auto" else value for key, value in each.items()}
        for each in settled
    )
    return asked != own
