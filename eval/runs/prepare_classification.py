"""Classification from a store: settle universe, splits and arms, read them, and say where the numbers come from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from eval.classification.figures import evaluation_of
from eval.classification.universe import LabelUniverse, label_universe
from eval.protocols.base import Protocol, Request, whole_split
from eval.registry import PROTOCOLS, load_mode, load_protocol
from eval.results.schema import ArmResult, Evaluation
from eval.runs.arms import ArmAsked, ArmRead, arm_of, arm_options, named_apart, parse_arm, read_arm, read_prompt_files
from eval.runs.class_roles import sample_roles, val_taken, within_universe
from eval.runs.class_samples import labelled_pool, of_split_set
from eval.runs.reading import find_split_set
from eval.seams.classification import ClassArrays, ClassConfig, ClassMode, Solution
from eval.seams.samples import Pool, text_codes
from retrieval.errors import InputError, MissingFileError
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.runs.request import Asked
    from retrieval.config import Config
    from retrieval.types.store import EmbeddingStore

BOOTSTRAP_STREAM, MODE_STREAM = 1, 2
"""Spawn keys of the seed sequences, so that more of one never changes the other."""

CLASS_PROTOCOLS = ("split", "holdout", "k-fold")
TEXT_SCORERS = ("prompts", "tip")
"""Scorers that are given prompts."""


@dataclass(frozen=True, slots=True)
class PreparedClasses:
    """A classification that only has to be computed: what was read, drawn and settled for it."""

    asked: Asked
    mode: ClassMode[Any]
    config: ClassConfig
    own: Config
    protocol: str
    splits: SplitSet
    universe: LabelUniverse
    arms: tuple[ArmRead, ...]
    arrays: ClassArrays
    places: Pool
    store_version: int
    warnings: tuple[str, ...]

    def rng(self) -> np.random.Generator:
        """The generator of the bootstrap, at its start."""
        sequence = np.random.SeedSequence(self.asked.seed, spawn_key=(BOOTSTRAP_STREAM,))
        return np.random.Generator(np.random.PCG64(sequence))

    def solve(self) -> Solution:
        """The mode's answers."""
        return self.mode.solve(
            self.arrays, self.config, np.random.SeedSequence(self.asked.seed, spawn_key=(MODE_STREAM,))
        )

    def evaluation(self, solution: Solution) -> Evaluation:
        """The answers counted, with the arms' spaces and banks, and the options as resolved."""
        found = evaluation_of(self.arrays, self.universe, solution, self.config, self.rng())
        arms = {read.asked.name: _arm_result(read, (found.arms or {}).get(read.asked.name)) for read in self.arms}
        options = {arm.name: arm.options.model_dump(mode="json", by_alias=True) for arm in self.arrays.arms}
        config = {**found.config, "arms": [arm_text(read) for read in self.arms], "scorer_options": options}
        return found.model_copy(update={"arms": arms, "config": config, "warnings": (*found.warnings, *self.warnings)})


def is_class_mode(mode: object) -> bool:
    """Whether a mode is one of classification."""
    return hasattr(mode, "solve")


def prepare_classes(store: EmbeddingStore, asked: Asked) -> PreparedClasses:
    """Read and draw what a classification needs; raises what :func:`eval.runs.run.evaluate` does before it computes."""
    if asked.seed < 0:
        raise InputError(f"--seed {asked.seed} cannot be used: seeds are 0 or larger.")
    mode = cast("ClassMode[Any]", load_mode(asked.mode))
    rule = _protocol(asked)
    with store.snapshot() as snapshot:
        config, own, options = _options(mode, rule, asked)
        arms = _arms(mode, config, asked)
        scorer_options = arm_options(arms, *options, {*mode.config_type.option_names(), *rule.options.option_names()})
        prompts = (*asked.prompt_sets, *read_prompt_files(asked.prompts, combine=config.combine))
        _require_use(arms, prompts, config)
        read = tuple(read_arm(store, snapshot, arm, prompts, asked.device) for arm in arms)
        given = None if asked.split_set is None else find_split_set(store, snapshot, asked.split_set)
        everything = labelled_pool(snapshot, [arm.space for arm in read], asked.where)
        pool = everything if given is None else of_split_set(snapshot, everything, given, asked.where)
        labelled = pool.known("label")
        unlabelled, pool = int((~labelled).sum()), pool.take(labelled)
        whole = whole_split(rule.parts(pool, Request(asked.aspect, config.draws, asked.seed, given, own)))
        splits = sample_roles(whole, pool, config)
        taken = val_taken(whole, splits, config)
        universe = (
            LabelUniverse(*asked.universe)
            if asked.universe is not None
            else label_universe(config.labels_from, everything, splits)
        )
        splits, outside = within_universe(splits, pool, universe.names)
        splits = _named(splits, rule, asked, given)
        used = pool.take(np.isin(pool.ids, splits.sample))
        views = config.views
        made = [arm_of(each, snapshot, used, universe.names, views, scorer_options[each.asked.name]) for each in read]
        arrays = _arrays(used, splits, universe, [arm for arm, _ in made])
        notes = [note for _, notes in made for note in notes]
        warnings = (*notes, *taken, *_counted(unlabelled, outside), *_leaks(used, splits), *_assumed(arrays))
        return PreparedClasses(
            asked, mode, config, own, rule.name, splits, universe, read, arrays, used, snapshot.store_version,
            tuple(warnings),
        )  # fmt: skip


def _protocol(asked: Asked) -> Protocol:
    name = asked.protocol or "split"
    if asked.split_set is not None and name != "split":
        raise InputError(f"A split set gives the draws, so --protocol {name} has none to make; leave one of them out.")
    if name in PROTOCOLS and name not in CLASS_PROTOCOLS:
        raise InputError(f"Protocol {name} is of re-identification; {asked.mode} takes {', '.join(CLASS_PROTOCOLS)}.")
    if asked.aspect == "all":
        raise InputError(f"Mode {asked.mode} has no parts, so --aspect all means nothing; name one aspect.")
    return load_protocol(name)


def _options(
    mode: ClassMode[Any], rule: Protocol, asked: Asked
) -> tuple[ClassConfig, Config, tuple[dict[str, dict[str, Any]], dict[str, Any]]]:
    """Options of the mode, of the protocol, and of scorers (by arm, and without an arm's name)."""
    dotted: dict[str, dict[str, Any]] = {}
    mine, own, bare = {}, {}, {}
    fields, protocols = mode.config_type.option_names(), rule.options.option_names()
    for key, value in asked.options.items():
        arm, dot, option = key.rpartition(".")
        if dot:
            dotted.setdefault(arm, {})[option] = value
        elif key in fields:
            mine[key] = value
        elif key in protocols:
            own[key] = value
        else:
            bare[key] = value
    if isinstance(mine.get("class_alphas"), str):
        mine["class_alphas"] = _weights_file(Path(mine["class_alphas"]))
    config = mode.config_type.read(mine, "-o")
    return config, rule.options.read(own, f"-o, protocol {rule.name}"), (dotted, bare)


def _weights_file(path: Path) -> dict[str, Any]:
    """Weights by class, ``{"species": 0.6, ...}``."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFileError(f"There is no file of weights {path}.") from None
    except (OSError, ValueError):
        raise InputError(f'{path} is not JSON; a file of weights is {{"class": 0.6, ...}}.') from None
    if not isinstance(found, dict):
        raise InputError(f'{path} holds no weights by class; it is to be {{"class": 0.6, ...}}.')
    return found


def _arms(mode: ClassMode[Any], config: ClassConfig, asked: Asked) -> tuple[ArmAsked, ...]:
    """The arms that were named, or those of the mode with the one space."""
    scorers = mode.arm_scorers(config)
    if scorers and asked.arms:
        raise InputError(f"Mode {asked.mode} takes --space, not --arm: its scorer is {' and '.join(scorers)}.")
    if not scorers and len(asked.arms) < 2:
        raise InputError(
            f"Mode {asked.mode} needs two arms: --arm SPACE:SCORER[:BANK] --arm SPACE:SCORER[:BANK]; 'info' lists "
            "spaces."
        )
    named = [parse_arm(text) for text in asked.arms] or [ArmAsked(name, asked.space, name) for name in scorers]
    banks = config.bank or ()
    return named_apart([arm._replace(banks=banks) if _wants_texts(arm) else arm for arm in named])


def _wants_texts(arm: ArmAsked) -> bool:
    """Whether an arm is scored with prompts and names none."""
    return arm.scorer in TEXT_SCORERS and not arm.banks


def _require_use(arms: Sequence[ArmAsked], prompts: Sequence[object], config: ClassConfig) -> None:
    """Check that prompts and banks that were given go to an arm.

    Raises:
        InputError: none takes them, or both are given.
    """
    takers = " and ".join(TEXT_SCORERS)
    if prompts and config.bank:
        raise InputError("Give --prompts or -o bank=, not both; a file whose texts are stored is not embedded again.")
    if prompts and not any(_wants_texts(arm) for arm in arms):
        raise InputError(f"--prompts belong to the scorers {takers}, and no arm has one of these without a bank.")
    if config.bank and not any(arm.banks == config.bank and arm.scorer in TEXT_SCORERS for arm in arms):
        raise InputError(f"-o bank= belongs to the scorers {takers}, and no arm has one of these without a bank.")


def _named(splits: SplitSet, rule: Protocol, asked: Asked, given: SplitSet | None) -> SplitSet:
    stem = rule.name + (f"/seed{asked.seed}" if rule.draws_lots else "")
    if given is not None:
        stem = given.name.partition("@")[0]
    return SplitSet(f"{stem}@{splits.sha256[:8]}", splits.draw, splits.sample, splits.role)


def _arrays(pool: Pool, splits: SplitSet, universe: LabelUniverse, arms: list[Any]) -> ClassArrays:
    from retrieval.search.exact import make_index

    codes = {name: code for code, name in enumerate(universe.names)}
    labels = np.array([codes.get(str(label), -1) for label in pool.columns["label"]], np.int64)
    groups = pool.columns.get("group")
    units = None if groups is None or not any(value is not None for value in groups) else text_codes(groups)[0]
    rows = np.searchsorted(pool.ids, splits.sample)
    draws = tuple(
        {
            role: np.sort(rows[(splits.draw == draw) & (splits.role == role)]).astype(np.int64)
            for role in ("train", "val", "test")
        }
        for draw in np.unique(splits.draw)
    )
    return ClassArrays(pool.ids, universe.names, labels, units, tuple(arms), draws, make_index)


def _counted(unlabelled: int, outside: int) -> list[str]:
    words = []
    if unlabelled:
        words.append(f"{unlabelled} samples have no label and take no part.")
    if outside:
        words.append(f"{outside} test samples have a label outside the universe and are left out of all figures.")
    return words


def _leaks(pool: Pool, splits: SplitSet) -> list[str]:
    """Say when test samples share a picture or a group with what is learnt from or chosen on in the same draw."""
    words = []
    for column, what in (("key", "the same picture as"), ("group", "a group with")):
        values = pool.columns.get(column)
        if values is None:
            continue
        codes, _ = text_codes(values)
        worst = 0
        for draw in np.unique(splits.draw):
            mine = splits.draw == draw
            at = np.searchsorted(pool.ids, splits.sample[mine])
            test = splits.role[mine] == "test"
            known = codes[at] >= 0
            shared = np.isin(codes[at[test & known]], codes[at[~test & known]])
            worst = max(worst, int(shared.sum()))
        if worst:
            words.append(f"{worst} test samples have {what} train or val samples (audit shows duplicates).")
    return words


def _assumed(arrays: ClassArrays) -> list[str]:
    from eval.scorers.prompts import assumed_scale

    return [
        f"Arm {arm.name}: its bank says no logit scale, so CLIP's 100 is assumed (-o class_temperature=... sets it)."
        for arm in arrays.arms
        if arm.scorer == "prompts" and assumed_scale(arm)
    ] + [
        f"Arm {arm.name} has no prompts, so its cache of shots answers alone; --prompts adds zero-shot scores."
        for arm in arrays.arms
        if arm.scorer == "tip" and not arm.banks
    ]


def _arm_result(read: ArmRead, found: ArmResult | None) -> ArmResult:
    plain = found or ArmResult()
    return plain.model_copy(
        update={
            "space": read.space.name,
            "space_fingerprint": read.space.fingerprint,
            "scorer": read.asked.scorer,
            "bank": ", ".join(bank.name for bank in read.banks) or None,
            "bank_sha256": ", ".join(bank.sha256 for bank in read.banks) or None,
        }
    )


def arm_text(read: ArmRead) -> str:
    """An arm as ``--arm`` takes it, its space and banks named by hash."""
    banks = ",".join(bank.sha256 for bank in read.banks)
    return f"{read.asked.name}={read.space.fingerprint}:{read.asked.scorer}" + (f":{banks}" if banks else "")


def space_names(arms: Sequence[ArmRead]) -> tuple[str, str]:
    """Names and fingerprints of the spaces of all arms, each once."""
    spaces = {arm.space.fingerprint: arm.space.name for arm in arms}
    return " + ".join(spaces.values()), " + ".join(spaces)
