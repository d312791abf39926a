"""Prepares classifications: resolves label universe, draws and arms, and reads their arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from eval.audit.checks import data_roles
from eval.audit.crossings import crossing_warnings
from eval.classification.condition_options import ConditionalConfig
from eval.classification.condition_sections import condition_sections, read_targets, require_targets, slice_names
from eval.classification.figures import evaluation_of
from eval.classification.universe import LabelUniverse, label_universe
from eval.protocols.base import Protocol, Request, whole_split
from eval.protocols.copies import classified_pictures, copies_warning
from eval.registry import PROTOCOLS, load_mode, load_protocol, load_scorer
from eval.results.schema import ArmResult, Evaluation
from eval.runs.arms import (
    ArmRequest,
    StoredArm,
    arm_of,
    arm_options,
    read_arm,
    read_prompt_files,
    with_shared_texts,
)
from eval.runs.class_arms import bank_takers, requested_arms, require_used
from eval.runs.class_arrays import class_arrays
from eval.runs.class_roles import sample_roles, val_warnings, within_universe
from eval.runs.class_samples import labelled_pool, split_set_samples
from eval.runs.names import (
    class_columns,
    clean_columns,
    join_spellings,
    join_to_universe,
    name_warnings,
    other_spelling,
    without_labels,
)
from eval.runs.neighbour_types import predicted_situations
from eval.runs.reading import find_split_set, space_vectors
from eval.runs.request import BOOTSTRAP_STREAM, MODE_STREAM
from eval.runs.situations import ObjectFacts, needs_facts, object_facts, situated_arm, with_situated_texts
from eval.runs.split_notes import labelled_without_part, val_as_test
from eval.seams.classification import ClassArrays, ClassConfig, ClassMode, Solution
from eval.seams.mode import WHOLE_PART
from eval.seams.samples import Pool
from retrieval.errors import InputError, MissingFileError
from retrieval.text_files import read_json
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.runs.request import EvalRequest, RequestInputs
    from eval.seams.scorer import Arm
    from retrieval.config import Config
    from retrieval.names import NameKind
    from retrieval.types import Int64, SpaceInfo
    from retrieval.types.store import EmbeddingStore, Snapshot


@dataclass(frozen=True)
class PreparedClassification:
    """A classification that is ready to compute; see :class:`eval.runs.task.PreparedEvaluation`.

    Attributes:
        protocol_options: options of the protocol.
        arms: the arms with their spaces and banks, as the store has them.
        truth: (n,) codes of the true classes.
        samples: the samples, in the rows of ``arrays``.
        warnings: warnings about samples and arms.
        facts: what is known of the objects, for modes and scorers that need it.
        targets: wanted shares by the name of a slice.
    """

    request: EvalRequest
    mode: ClassMode[Any]
    config: ClassConfig
    protocol_options: Config
    protocol: str
    splits: SplitSet
    universe: LabelUniverse
    arms: tuple[StoredArm, ...]
    arrays: ClassArrays
    truth: Int64
    samples: Pool
    store_version: int
    warnings: tuple[str, ...]
    departs_from: str | None = None
    facts: ObjectFacts | None = None
    targets: Mapping[str, float] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, SplitSet]:
        """The split set, as the only part."""
        return {WHOLE_PART: self.splits}

    @property
    def spaces(self) -> tuple[SpaceInfo, ...]:
        """Spaces of the arms, without repeats."""
        return tuple({arm.space.fingerprint: arm.space for arm in self.arms}.values())

    @property
    def recorded_options(self) -> dict[str, Any]:
        """Options of the protocol, aspect and ``where``."""
        options = self.protocol_options.model_dump(mode="json")
        return {**options, "aspect": self.request.aspect, "where": self.request.where}

    def rng(self) -> np.random.Generator:
        """A new generator for the bootstrap, always in the same state."""
        sequence = np.random.SeedSequence(self.request.seed, spawn_key=(BOOTSTRAP_STREAM,))
        return np.random.Generator(np.random.PCG64(sequence))

    @cached_property
    def solution(self) -> Solution:
        """Answers of the mode, computed once."""
        seed = np.random.SeedSequence(self.request.seed, spawn_key=(MODE_STREAM,))
        return self.mode.solve(self.arrays, self.config, seed)

    def evaluate(self) -> Evaluation:
        """Compute metrics and intervals of the answers, and add the resolved arms and options."""
        evaluation = evaluation_of(self.arrays, self.universe, self.solution, self.config, self.rng())
        config, facts = self.config, self.facts
        if isinstance(config, ConditionalConfig) and facts is not None:
            sections = condition_sections(
                self.arrays, self.solution, facts.classes, facts.samples, config, self.targets, self.rng()
            )
            evaluation = evaluation.model_copy(update=sections)
        arms = {arm.name: _arm_result(arm, (evaluation.arms or {}).get(arm.name)) for arm in self.arms}
        options = {arm.name: arm.options.model_dump(mode="json", by_alias=True) for arm in self.arrays.arms}
        resolved = {**evaluation.config, "arms": [arm_text(arm) for arm in self.arms], "scorer_options": options}
        warnings = (*evaluation.warnings, *self.warnings)
        return evaluation.model_copy(update={"arms": arms, "config": resolved, "warnings": warnings})


def prepare_classification(
    store: EmbeddingStore, request: EvalRequest, inputs: RequestInputs
) -> PreparedClassification:
    """Resolve the names of a request, make its draws and read its arrays.

    Args:
        store: where samples, vectors and banks are.
        request: the request of a classification.
        inputs: inputs as objects, in place of names.

    Raises:
        VitrineError: as :func:`eval.api.evaluate`.
    """
    mode = cast("ClassMode[Any]", load_mode(request.mode))
    rule = _protocol(request)
    with store.snapshot() as snapshot:
        config, protocol_options, options = _options(mode, rule, request)
        targets = read_targets(config.targets) if isinstance(config, ConditionalConfig) else {}
        arms = requested_arms(mode, config, request)
        scorer_options = arm_options(arms, *options, {*mode.config_type.option_names(), *rule.options.option_names()})
        prompts = (*inputs.prompt_sets, *read_prompt_files(request.prompts, combine=config.combine))
        require_used(arms, prompts, config)
        stored = tuple(read_arm(store, snapshot, arm, prompts, request.device) for arm in arms)
        if not request.arms:
            stored = with_shared_texts(stored)
        source = inputs.split_set or request.split_set
        given = None if source is None else find_split_set(store, snapshot, source)
        stored_pool = labelled_pool(snapshot, [arm.space for arm in stored], request.where, config.target, config.given)
        names = class_columns(config, aspect=request.aspect is not None)
        named = clean_columns(stored_pool, ("label", "given"))
        everything = _with_known_labels(named, config, names)
        pool = everything if given is None else split_set_samples(snapshot, everything, given, request.where)
        labelled = pool.known("label")
        unlabelled, pool = int((~labelled).sum()), pool.take(labelled)
        pictures = classified_pictures(pool, drawn=rule.is_random, given=given)
        pool = pictures.pool
        draw_request = Request(request.aspect, config.draws, request.seed, given, protocol_options)
        whole = whole_split(rule.parts(pool, draw_request))
        splits = sample_roles(whole, pool, config)
        val_notes = val_warnings(whole, splits, config)
        universe = (
            LabelUniverse(*inputs.universe)
            if inputs.universe is not None
            else label_universe(config.labels_from, everything, splits)
        )
        if config.join_spellings:
            pool = join_to_universe(pool, universe.names)
        hint = other_spelling(pool.columns["label"], universe.names)
        splits, outside = within_universe(splits, pool, universe.names, hint)
        splits = _with_name(splits, rule, request.seed, given)
        used = pool.take(pool.mask(splits.sample))
        read = _with_vectors(store, snapshot, stored, used, universe, config, scorer_options, request.device)
        scorers = {name: load_scorer(name) for name in mode.other_scorers(config)}
        arrays, truth = class_arrays(used, splits, universe, read.arms, scorers, config)
        if isinstance(config, ConditionalConfig) and read.facts is not None:
            require_targets(targets, slice_names(arrays, read.facts.classes, config))
        resolved = _resolved(request, stored, config, None if given is None else splits.name)
        recorded = resolved if inputs.recorded is None else inputs.recorded
        recorded_rule = _protocol(recorded)
        recorded_config, recorded_options, _ = _options(mode, recorded_rule, recorded)
        return PreparedClassification(
            request=recorded,
            mode=mode,
            config=recorded_config,
            protocol_options=recorded_options,
            protocol=recorded_rule.name,
            splits=splits,
            universe=universe,
            arms=read.stored,
            arrays=arrays,
            facts=read.facts,
            targets=targets,
            truth=truth,
            samples=used,
            store_version=snapshot.store_version,
            warnings=(
                *read.notes,
                *val_notes,
                *name_warnings(named, named.mask(splits.sample), names, joined=config.join_spellings),
                *_left_out(unlabelled, outside, hint),
                *(labelled_without_part(pool, whole) if rule.name == "split" and given is None else ()),
                *val_as_test(recorded_options),
                *copies_warning(pictures, "label", stored[0].space.dimension),
                *crossing_warnings(
                    used,
                    data_roles(used, [splits]),
                    space_vectors(snapshot, stored[0].space, used),
                    val=recorded_rule.is_random or recorded_config.val_from is not None,
                ),
                *_scorer_notes(arrays),
            ),
        )


class _ReadArms(NamedTuple):
    """Arms with banks, as names and as arrays; what is known of the objects, if an arm or the mode asks; and notes."""

    stored: tuple[StoredArm, ...]
    arms: list[Arm]
    facts: ObjectFacts | None
    notes: list[str]


def _with_vectors(
    store: EmbeddingStore,
    snapshot: Snapshot,
    stored: Sequence[StoredArm],
    samples: Pool,
    universe: LabelUniverse,
    config: ClassConfig,
    options: Mapping[str, Config],
    device: str,
) -> _ReadArms:
    """Read the vectors of arms, and make the texts of those whose texts depend on a sample's situation."""
    facts = object_facts(snapshot, samples) if needs_facts(config, stored, snapshot) else None
    predicted = predicted_situations(store, snapshot, stored, universe.names, facts, config, device)
    stored, texts = with_situated_texts(store, stored, universe.names, facts, options, device, predicted)
    arms: list[Arm] = []
    notes: list[str] = []
    for one in stored:
        arm, said = arm_of(one, snapshot, samples, universe.names, config.views, options[one.name])
        arms.append(situated_arm(arm, texts[one.name]) if one.name in texts else arm)
        notes += said
    return _ReadArms(stored, arms, facts, notes)


def _resolved(
    request: EvalRequest, arms: Sequence[StoredArm], config: ClassConfig, split_set: str | None
) -> EvalRequest:
    """Replace names of spaces and banks by hashes, files by their content, and the split set by its stored name."""
    options = dict(request.options)
    if isinstance(options.get("class_alphas"), str):
        options["class_alphas"] = dict(getattr(config, "class_alphas", None) or {})
    update: dict[str, Any] = {"options": options, "split_set": split_set, "prompts": ()}
    if request.arms:
        update |= {"arms": tuple(arm_text(arm) for arm in arms), "space": None}
    else:
        update["space"] = arms[0].space.fingerprint
        by_name = {arm.name: arm.banks for arm in arms if arm.banks}
        takers = bank_takers([ArmRequest(arm.name, arm.space.name, arm.scorer) for arm in arms if arm.banks])
        if takers:
            options["bank"] = ",".join(bank.sha256 for bank in by_name[takers[0].name])
    return request.model_copy(update=update)


def _protocol(request: EvalRequest) -> Protocol:
    """Load the protocol of a request, and check that it fits a classification."""
    name = request.protocol or "split"
    if request.split_set is not None and name != "split":
        raise InputError(f"A split set gives the draws, so `protocol={name}` has none to make; leave one of them out.")
    rule = load_protocol(name)
    if rule.task != "classification":
        usable = ", ".join(name for name in PROTOCOLS if load_protocol(name).task == "classification")
        raise InputError(f"Protocol {name} is of re-identification; {request.mode} takes {usable}.")
    if request.aspect == "all":
        raise InputError(f"Mode {request.mode} has no parts, so `aspect=all` means nothing; name one aspect.")
    return rule


def _options(
    mode: ClassMode[Any], rule: Protocol, request: EvalRequest
) -> tuple[ClassConfig, Config, tuple[dict[str, dict[str, Any]], dict[str, Any]]]:
    """Options of the mode, of the protocol, and of scorers (by the name of an arm, and without one)."""
    dotted: dict[str, dict[str, Any]] = {}
    mode_options, protocol_options, bare = {}, {}, {}
    fields, protocols = mode.config_type.option_names(), rule.options.option_names()
    for key, value in request.options.items():
        arm, dot, option = key.rpartition(".")
        if arm == request.mode and option in fields:  # fusion.folds: the mode's own, whatever the protocol has
            mode_options[option] = value
        elif dot:
            dotted.setdefault(arm, {})[option] = value
        elif key in protocols:
            protocol_options[key] = value
        elif key in fields:
            mode_options[key] = value
        else:
            bare[key] = value
    if isinstance(mode_options.get("class_alphas"), str):
        mode_options["class_alphas"] = _read_weights(Path(mode_options["class_alphas"]))
    config = mode.config_type.read(mode_options, "options")
    return config, rule.options.read(protocol_options, f"protocol {rule.name}"), (dotted, bare)


def _read_weights(path: Path) -> dict[str, Any]:
    """Read a JSON file of weights by class, ``{"species": 0.6, ...}``."""
    try:
        weights = read_json(path, 'an object {"class": 0.6, ...}')
    except FileNotFoundError:
        raise MissingFileError(f"There is no file of weights {path}.") from None
    if not isinstance(weights, dict):
        raise InputError(f'{path} holds no weights by class; it is to be {{"class": 0.6, ...}}.')
    return weights


def _with_name(splits: SplitSet, rule: Protocol, seed: int, given: SplitSet | None) -> SplitSet:
    """Name a split set after the given one, or else after protocol and seed."""
    stem = rule.name + (f"/seed{seed}" if rule.is_random else "")
    if given is not None:
        stem = given.name.partition("@")[0]
    return SplitSet(f"{stem}@{splits.sha256[:8]}", splits.draw, splits.sample, splits.role)


def _with_known_labels(pool: Pool, config: ClassConfig, columns: Mapping[str, NameKind]) -> Pool:
    """Join the spellings of names if the options do, and take away labels that mean that none is known.

    Raises:
        InputError: no label is left.
    """
    unlabelled = config.unlabelled
    if config.join_spellings:
        joined = join_spellings(pool, columns)
        pool, unlabelled = joined.pool, joined.current("label", unlabelled)
    pool = without_labels(pool, unlabelled) if unlabelled else pool
    if not pool.known("label").any():
        raise InputError(f"`unlabelled={','.join(unlabelled)}` leaves no sample with a label; name fewer labels.")
    return pool


def _left_out(unlabelled: int, outside: int, hint: str) -> list[str]:
    """Warnings about the numbers of samples that take no part."""
    warnings = []
    if unlabelled:
        warnings.append(f"{unlabelled} samples have no label and take no part.")
    if outside:
        warnings.append(
            f"{outside} test samples have a label outside the universe and are left out of all metrics{hint}."
        )
    return warnings


def _scorer_notes(arrays: ClassArrays) -> list[str]:
    """Warnings about a logit scale or prompts that an arm lacks."""
    from eval.scorers.prompts import assumed_scale

    return [
        f"Arm {arm.name}: its bank has no logit scale, so CLIP's 100 is assumed (`class_temperature` sets it)."
        for arm in arrays.arms
        if arm.scorer.name == "prompts" and assumed_scale(arm)
    ] + [
        f"Arm {arm.name} has no prompts, so it answers by its cache of shots alone; `prompts` adds zero-shot scores."
        for arm in arrays.arms
        if arm.scorer.name == "tip" and not arm.banks
    ]


def _arm_result(arm: StoredArm, metrics: ArmResult | None) -> ArmResult:
    """Add space, scorer and banks to the result of an arm."""
    return (metrics or ArmResult()).model_copy(
        update={
            "space": arm.space.name,
            "space_fingerprint": arm.space.fingerprint,
            "scorer": arm.scorer,
            "bank": ", ".join(bank.name for bank in arm.banks) or None,
            "bank_sha256": ", ".join(bank.sha256 for bank in arm.banks) or None,
        }
    )


def arm_text(arm: StoredArm) -> str:
    """Write an arm as in a request, with its space and banks by hash."""
    banks = ",".join(bank.sha256 for bank in arm.banks)
    return f"{arm.name}={arm.space.fingerprint}:{arm.scorer}" + (f":{banks}" if banks else "")
