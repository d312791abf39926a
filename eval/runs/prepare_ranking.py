"""Prepares rankings and verifications: resolves the protocol, makes the draws and reads the arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from eval.audit.checks import NAMES, data_roles
from eval.audit.crossings import crossing_warnings
from eval.audit.leaks import learnt_rows
from eval.audit.near import left_out
from eval.protocols.base import FIXED_OPTIONS, Protocol, Request, whole_split
from eval.protocols.copies import copies_warning, ranked_pictures
from eval.protocols.held_out import held_out_samples
from eval.ranking.identities import resolve_camera_rule
from eval.ranking.relations import settle
from eval.registry import load_mode, load_protocol
from eval.runs.names import clean_columns, join_spellings, name_columns, name_warnings
from eval.runs.reading import COLUMNS, find_split_set, read_arrays, read_pool, space_vectors, with_columns
from eval.runs.request import BOOTSTRAP_STREAM
from eval.runs.split_notes import identified_without_part
from retrieval.errors import IncompleteError, InputError
from retrieval.search.vector_rows import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.results.schema import Evaluation
    from eval.runs.request import EvalRequest, RequestInputs
    from eval.seams.mode import Arrays, Mode, ModeConfig, RelatedArrays
    from eval.seams.samples import Pool
    from retrieval.config import Config
    from retrieval.names import NameKind
    from retrieval.types import SpaceInfo, SplitSet
    from retrieval.types.store import EmbeddingStore, Snapshot

BAD_BOXES = "-1"
"""Identity of bad boxes in Market-1501 (Zheng et al., ICCV 2015)."""

PAIR_RULES = ("camera_rule", "group_rule", "identity_columns", "junk_identities", "distractor_identities")
"""Options that say which pairs count. A mode cannot run under a protocol that fixes one it does not have."""

IDENTITY_OPTIONS = ("junk_identities", "distractor_identities")
"""Options that name identities, which count neither as placeholders nor as spellings."""

CUSTOM = "custom"
"""Protocol name of results whose options depart from the protocol; ``departs_from`` is its name."""


@dataclass(frozen=True, slots=True)
class PreparedRanking:
    """A ranking or verification that is ready to compute; see :class:`eval.runs.task.PreparedEvaluation`.

    ``leaks`` are warnings about the draws; ``protocol_options`` are the options of the protocol.
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
    protocol_options: Config

    def rng(self) -> np.random.Generator:
        """A new generator for the bootstrap, always in the same state."""
        sequence = np.random.SeedSequence(self.request.seed, spawn_key=(BOOTSTRAP_STREAM,))
        return np.random.Generator(np.random.PCG64(sequence))

    @property
    def splits(self) -> SplitSet:
        """Split set of all parts."""
        return whole_split(self.parts)

    @property
    def spaces(self) -> tuple[SpaceInfo, ...]:
        """The only space."""
        return (self.space,)

    @property
    def recorded_options(self) -> dict[str, Any]:
        """Options of the protocol, aspect and ``where``."""
        return {**self.protocol_options.model_dump(mode="json"), "aspect": self.aspect, "where": self.request.where}

    def evaluate(self) -> Evaluation:
        """Evaluate all draws; the result has the warnings about them."""
        evaluation = self.mode.evaluate(self.arrays, self.config, self.rng())
        return evaluation.model_copy(update={"warnings": (*evaluation.warnings, *self.leaks)})


def prepare_ranking(store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs) -> PreparedRanking:
    """Resolve the names of a request, make its draws and read its arrays.

    Args:
        store: where samples and vectors are.
        request: the request of a ranking or verification.
        inputs: inputs as objects, in place of names.

    Raises:
        VitrineError: as :func:`eval.api.evaluate`.
    """
    mode = cast("Mode[Any]", load_mode(request.mode))
    if request.arms or request.prompts:
        raise InputError(f"Mode {mode.name} has neither arms nor prompts; leave `arms` and `prompts` out.")
    with store.snapshot() as snapshot:
        space = snapshot.space(request.space)
        source = inputs.split_set or request.split_set
        given = None if source is None else find_split_set(store, snapshot, source)
        if given is not None:
            _require_samples(snapshot, given)
        rule, pool = _protocol_and_pool(snapshot, space, request.protocol, request.where, given)
        config, protocol_options = _configure(mode.config_type, rule, request.options)
        names = name_columns(config, aspect=(request.aspect or rule.aspect) is not None)
        stored = clean_columns(with_columns(snapshot, pool, tuple(names)), getattr(config, "identity_columns", ()))
        pool, config, aspect = _joined(stored, config, request.aspect, names)
        pictures = ranked_pictures(pool, given)
        pool = pictures.pool
        parts = rule.parts(pool, Request(aspect, config.draws, request.seed, given, protocol_options))
        needs = mode.needs(config)
        held_out = {key: held_out_samples(pool, part, given, needs.held_out) for key, part in parts.items()}
        unrelated = read_arrays(snapshot, space, pool, parts, needs, rule.mirrored(protocol_options), held_out)
        departs = _departs(rule, config, unrelated)
        used = pool.mask(np.concatenate([part.sample for part in parts.values()]))
        excluded = {BAD_BOXES, *(name for option in IDENTITY_OPTIONS for name in getattr(config, option, ()))}
        tested = stored.mask(pool.ids[used])
        warnings = (
            *name_warnings(stored, tested, names, joined=config.join_spellings, excluded=excluded),
            *_crossings(snapshot, space, pool.take(used | learnt_rows(pool, parts.values())), parts, config),
            *copies_warning(pictures, "identity", space.dimension),
            *_learnt_samples(pool, used),
            *_unmarked_bad_boxes(pool, used, config),
            *(identified_without_part(pool, used) if given is None else ()),
        )
        arrays, config = settle(unrelated, config)
        resolved = {"space": space.fingerprint, "protocol": rule.name, "split_set": given and whole_split(parts).name}
        return PreparedRanking(
            request=request.model_copy(update=resolved),
            mode=mode,
            config=config,
            protocol=CUSTOM if departs else rule.name,
            departs_from=rule.name if departs else None,
            aspect=aspect or rule.aspect,
            parts=parts,
            arrays=arrays,
            space=space,
            store_version=snapshot.store_version,
            leaks=warnings,
            protocol_options=protocol_options,
        )


def _crossings(
    snapshot: Snapshot, space: SpaceInfo, pool: Pool, parts: Mapping[str, SplitSet], config: ModeConfig
) -> tuple[str, ...]:
    """Say what evaluated samples share with train, val or, in a draw, with each other."""
    pool = with_columns(snapshot, pool, [name for name in NAMES if name in snapshot.column_names("samples")])
    rules = {key: value for key, value in config.model_dump().items() if key in PAIR_RULES}
    roles = data_roles(pool, parts.values())._replace(left_out=left_out(pool, rules))
    groups_meet = rules.get("group_rule") != "exclude"
    vectors = space_vectors(snapshot, space, pool)
    return crossing_warnings(pool, roles, vectors, identities=True, groups_meet=groups_meet)


def _protocol_and_pool(
    snapshot: Snapshot, space: SpaceInfo, name: str | None, where: str | None, given: SplitSet | None
) -> tuple[Protocol, Pool]:
    """Resolve the protocol and read the samples that may take part."""
    if given is not None and name not in {None, "fixed"}:
        raise InputError(f"A split set gives the draws, so `protocol={name}` has none to make; leave one of them out.")
    rule = load_protocol(name or "fixed")
    stored = set(snapshot.column_names("samples"))
    columns = [
        *COLUMNS,
        "camera",
        *(column for column in ("group", "phash", *rule.columns) if column in stored),
    ]
    pool = read_pool(snapshot, columns, where)
    if not len(pool):
        raise InputError("The store has no samples." if where is None else f"No sample meets `where` '{where}'.")
    if given is None:
        pool = _with_vectors(snapshot, space, pool, where)
        roles = pool.values("split")
        if name is None and not {"query", "gallery"} & set(roles):
            rule = load_protocol("monte-carlo")
    return rule, pool


def _joined(
    pool: Pool, config: ModeConfig, aspect: str | None, columns: Mapping[str, NameKind]
) -> tuple[Pool, ModeConfig, str | None]:
    """Join the spellings of names in samples, in options that name identities and in the aspect, if the options do."""
    if not config.join_spellings:
        return pool, config, aspect
    joined = join_spellings(pool, columns)
    options = [option for option in IDENTITY_OPTIONS if option in type(config).model_fields]
    update = {option: joined.current("identity", getattr(config, option)) for option in options}
    aspect = None if aspect is None else joined.current("aspect", [aspect])[0]
    return joined.pool, config.model_copy(update=update), aspect


def _require_samples(snapshot: Snapshot, given: SplitSet) -> None:
    """Check that the store has all samples of a split set; without some, the metrics would mean something else."""
    members = np.unique(given.sample)
    missing = int((~np.isin(members, read_pool(snapshot, ("id",), None).ids)).sum())
    if missing:
        raise InputError(
            f"{missing} of the {len(members)} samples of split set {given.name} are not in the store any more; "
            "evaluate with `protocol` to draw again."
        )


def _learnt_samples(pool: Pool, used: NDArray[np.bool_]) -> tuple[str, ...]:
    """Warn if evaluated samples are of the splits train or val."""
    learnt = int((used & pool.among("split", "train", "val")).sum())
    if not learnt:
        return ()
    return (f"{learnt} of {used.sum()} evaluated samples are of split train or val: an encoder may have learnt them.",)


def _unmarked_bad_boxes(pool: Pool, used: NDArray[np.bool_], config: ModeConfig) -> tuple[str, ...]:
    """Warn if :data:`BAD_BOXES` counts as an identity."""
    bad = used & pool.among("identity", BAD_BOXES)
    marked = {*getattr(config, "junk_identities", ()), *getattr(config, "distractor_identities", ())}
    if not bad.any() or BAD_BOXES in marked:
        return ()
    warning = (
        f"Identity {BAD_BOXES} counts as an identity (samples: {bad.sum()}), and by Market-1501's "
        f"convention it marks bad boxes; pass `protocol=market1501`, or `junk_identities={BAD_BOXES}`."
    )
    return (warning,)


def _with_vectors(snapshot: Snapshot, space: SpaceInfo, pool: Pool, where: str | None) -> Pool:
    """Leave out sources that have no vector in the space."""
    everything = pool if where is None else read_pool(snapshot, ("id", "key", "source"), None)
    has_vector = rows_of(everything.columns["key"].tolist(), snapshot.vectors(space, space.views[0])) >= 0
    sources = set(everything.columns["source"][has_vector])
    samples = pool.take(pool.among("source", *sources))
    if not len(samples):
        raise IncompleteError(f"None of the samples has a vector in space {space.name}; index them first.")
    return samples


def _configure(kind: type[ModeConfig], rule: Protocol, options: Mapping[str, Any]) -> tuple[ModeConfig, Config]:
    """Read the options of the mode and of the protocol.

    The protocol sets defaults of the mode's options; those that the mode does not have are ignored, such as the AP
    method for verification.
    """
    lacking = [key for key in PAIR_RULES if key in rule.settings and key not in kind.model_fields]
    if lacking:
        raise InputError(
            f"Protocol {rule.name} fixes {lacking[0]}={rule.settings[lacking[0]]}, which is no option of this mode; "
            "use `mode=reid`, or another protocol."
        )
    protocol_options = {key: value for key, value in options.items() if key in rule.options.model_fields}
    others = {key: value for key, value in options.items() if key not in protocol_options}
    settings = {key: value for key, value in rule.settings.items() if key in kind.model_fields}
    config = kind.read({**settings, **others}, "options")
    return config, rule.options.read(protocol_options, f"protocol {rule.name}")


def _departs(rule: Protocol, config: ModeConfig, arrays: Arrays) -> bool:
    """Whether an option differs from its value under the protocol; ``auto`` depends on the cameras."""
    kind = type(config)
    fixed_keys = [key for key in {*FIXED_OPTIONS, *rule.settings} if key in kind.model_fields]
    fixed = kind.read({key: rule.settings[key] for key in fixed_keys if key in rule.settings}, f"protocol {rule.name}")
    values, fixed_values = (
        {key: resolve_camera_rule(arrays, "auto") if value == "auto" else value for key, value in options.items()}
        for options in ({key: getattr(source, key) for key in fixed_keys} for source in (config, fixed))
    )
    return values != fixed_values
