"""Arms as the user names them, and what they are in the store: a space, its vectors, its banks over the universe."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.classification.universe import match_names
from eval.registry import SCORERS, load_scorer
from eval.runs.reading import read_norms, read_vectors
from eval.scorers.banks import missing_classes
from eval.seams.scorer import Arm, ClassBank
from retrieval.config import split_commas
from retrieval.errors import InputError, first_names, suggest, unknown
from retrieval.types import require_same_space

if TYPE_CHECKING:
    from eval.prompts.sets import PromptSet
    from eval.seams.samples import Pool
    from retrieval.config import Config
    from retrieval.types import Bank, SpaceInfo
    from retrieval.types.store import EmbeddingStore, Snapshot

CLASSIFIER = "classifier"


class ArmRequest(NamedTuple):
    """An arm as it is asked for; ``space`` None is the only one, ``banks`` are names of stored banks."""

    name: str
    space: str | None
    scorer: str
    banks: tuple[str, ...] = ()


class StoredArm(NamedTuple):
    """An arm as it is in the store: its name and scorer, its space, and its banks over all their classes."""

    name: str
    scorer: str
    space: SpaceInfo
    banks: tuple[Bank, ...]


def parse_arm(text: str) -> ArmRequest:
    """Read ``[NAME=]SPACE:SCORER[:BANK[,BANK]]``.

    Raises:
        InputError: it has another shape.
        UnknownNameError: there is no such scorer.
    """
    head, equals, tail = text.partition("=")
    name, rest = (head.strip(), tail) if equals and ":" not in head else ("", text)
    space, _, more = rest.partition(":")
    scorer, _, banks = more.partition(":")
    if not space.strip() or not scorer.strip():
        raise InputError(f"`arms` '{text}' is not SPACE:SCORER or SPACE:SCORER:BANK; scorers: {', '.join(SCORERS)}.")
    if scorer.strip() not in SCORERS:
        raise unknown("scorer", scorer.strip(), SCORERS)
    named = tuple(filter(None, split_commas(banks)))
    return ArmRequest(name or scorer.strip(), space.strip(), scorer.strip(), named)


def named_apart(arms: Sequence[ArmRequest]) -> tuple[ArmRequest, ...]:
    """Give arms that would share a name their space in front of it.

    Raises:
        InputError: two arms are the same, or have one name in one space.
    """
    shared = {arm.name for arm in arms if sum(other.name == arm.name for other in arms) > 1}
    apart = [arm._replace(name=f"{arm.space} {arm.name}") if arm.name in shared else arm for arm in arms]
    names = [arm.name for arm in apart]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Two arms are called '{twice}'; give them names: `arms=NAME=SPACE:SCORER`.")
    return tuple(apart)


def read_arm(
    store: EmbeddingStore, snapshot: Snapshot, asked: ArmRequest, prompts: Sequence[PromptSet], device: str
) -> StoredArm:
    """Find the space of an arm and its banks; prompts that are not stored yet are embedded by the text tower.

    Raises:
        UnknownNameError: of the space or a bank.
        SpaceMismatchError: the bank that is named belongs to another space.
        InputError: the scorer needs a bank and there is none, or several.
    """
    space = snapshot.space(asked.space)
    return StoredArm(asked.name, asked.scorer, space, _banks(store, space, asked, prompts, device))


def _banks(
    store: EmbeddingStore, space: SpaceInfo, asked: ArmRequest, prompts: Sequence[PromptSet], device: str
) -> tuple[Bank, ...]:
    from eval.prompts.embed import prompt_bank

    if asked.banks:
        return tuple(_named_bank(store, space, name) for name in asked.banks)
    scorer = load_scorer(asked.scorer)
    if not scorer.takes_texts:
        return (_classifier_bank(store, space),) if scorer.needs_bank else ()
    if prompts:
        return tuple(prompt_bank(store, space, each, device) for each in prompts)
    return (_text_bank(store, space),) if scorer.needs_bank else ()


def _named_bank(store: EmbeddingStore, space: SpaceInfo, name: str) -> Bank:
    banks = store.banks(space.fingerprint)
    exact = [bank for bank in banks if bank.name == name]
    found = exact or [bank for bank in banks if bank.name.startswith(name) or bank.sha256.startswith(name)]
    if not found:
        for bank in store.banks():
            if name in (bank.name, bank.sha256):
                require_same_space(space, bank.space, f"Bank '{name}'")
        raise unknown(f"bank of space {space.name}", name, {bank.name for bank in banks})
    if len({bank.sha256 for bank in found}) > 1:
        shas = first_names((f"{bank.name} ({bank.sha256[:8]})" for bank in found), 6)
        raise InputError(f"'{name}' may mean {shas}; name one by its hash.")
    return found[0]


def _classifier_bank(store: EmbeddingStore, space: SpaceInfo) -> Bank:
    """The classifier layer of a space: named by ``index --class-names`` before spoken names before numbers."""
    found = [bank for bank in store.banks(space.fingerprint) if bank.kind == "classifier"]
    spoken = [bank for bank in found if not all(name.isdecimal() for name in bank.edge_class.tolist())]
    named = [bank for bank in found if bank.name != CLASSIFIER] or spoken or found
    if not named:
        raise InputError(
            f"Space {space.name} has no classifier layer; index with weights that have one, or use another scorer "
            f"({', '.join(name for name in SCORERS if name != CLASSIFIER)})."
        )
    if len(named) > 1:
        listed = ", ".join(f"{bank.name} ({bank.sha256[:8]})" for bank in named)
        raise InputError(
            f"Space {space.name} has several classifier banks: {listed}; name one: `arms=SPACE:classifier:HASH`."
        )
    return named[0]


def _text_bank(store: EmbeddingStore, space: SpaceInfo) -> Bank:
    found = [bank for bank in store.banks(space.fingerprint) if bank.kind == "prompts"]
    if len(found) == 1:
        return found[0]
    have = f"the space has {', '.join(sorted({bank.name for bank in found}))}" if found else "the space has none yet"
    raise InputError(f"Say which prompts: `prompts=FILE.json`, or a stored bank with `bank=NAME` ({have}).")


def class_bank(bank: Bank, classes: Sequence[str], name: str) -> ClassBank:
    """A stored bank over the label universe: only edges to its classes stay.

    Raises:
        InputError: none of the bank's classes is in the universe.
    """
    codes = match_names(bank.edge_class.tolist(), classes)
    edge_class = np.array([codes.get(label, -1) for label in bank.edge_class.tolist()], np.int64)
    kept = np.flatnonzero(edge_class >= 0)
    if not len(kept):
        ways = "name its classes when the images are indexed" if bank.kind == "classifier" else "check names"
        raise InputError(
            f"None of the {len(set(bank.edge_class.tolist()))} classes of bank {bank.name} (the first is "
            f"'{bank.edge_class[0] if len(bank.edge_class) else ''}') is in the label universe of {len(classes)} (the "
            f"first is '{classes[0]}'); {ways}, or choose another universe with `labels_from`."
        )
    order = kept[np.lexsort((bank.edge_vector[kept], edge_class[kept]))]
    vectors, edge_vector = bank.vectors, bank.edge_vector[order]
    used = np.unique(edge_vector)
    return ClassBank(
        name,
        vectors[used],
        np.searchsorted(used, edge_vector).astype(np.int64),
        edge_class[order],
        None if bank.bias is None else bank.bias[used],
        None if bank.texts is None else tuple(bank.texts[at] for at in used.tolist()),
    )


def arm_of(
    arm: StoredArm, snapshot: Snapshot, pool: Pool, classes: Sequence[str], views: Sequence[str], options: Config
) -> tuple[Arm, tuple[str, ...]]:
    """An arm's arrays over the universe, and sentences on what its banks lack.

    Raises:
        IncompleteError, UnknownNameError: samples have no vector in the space, or it lacks a view.
        SpaceMismatchError: a bank belongs to another space.
    """
    space = arm.space
    for bank in arm.banks:
        require_same_space(space, bank.space, f"Bank '{bank.name}'")
    vectors = {view: read_vectors(snapshot, space, view, pool) for view in dict.fromkeys(views)}
    norms = {}
    if arm.scorer == CLASSIFIER:
        norms = {view: read_norms(snapshot, space, view, pool) for view in vectors}
    names = [bank.name for bank in arm.banks]
    called = [name if names.count(name) == 1 else f"{name} {bank.sha256[:8]}"
              for name, bank in zip(names, arm.banks, strict=True)]  # fmt: skip
    banks = tuple(class_bank(bank, classes, name) for bank, name in zip(arm.banks, called, strict=True))
    notes = [words for bank, stored in zip(banks, arm.banks, strict=True) for words in _lacks(bank, stored, classes)]
    temperature = next((bank.temperature for bank in arm.banks if bank.temperature), None)
    scale = None if temperature is None else 1 / temperature
    return Arm(arm.name, load_scorer(arm.scorer), vectors, options, banks, norms, scale), tuple(notes)


def _lacks(bank: ClassBank, stored: Bank, classes: Sequence[str]) -> list[str]:
    """Classes without an edge, edges without a class, texts that speak for several classes."""
    words = []
    lacking = missing_classes(bank, len(classes))
    if lacking:
        what = "prompt" if bank.texts is not None else "row"
        shown = first_names([classes[code] for code in lacking])
        words.append(f"Bank {bank.name} has no {what} for {len(lacking)} of {len(classes)} classes ({shown}).")
    there = set(stored.edge_class.tolist())
    extra = sorted(there - set(match_names(there, classes)))
    if extra:
        words.append(f"{len(extra)} classes of bank {bank.name} are not in the label universe ({first_names(extra)}).")
    pairs = np.unique(np.stack([bank.edge_vector, bank.edge_class]), axis=1)
    shared = int((np.bincount(pairs[0]) > 1).sum())
    if shared and bank.texts is not None:
        text = bank.texts[int(np.argmax(np.bincount(pairs[0])))]
        words.append(f"{shared} texts of bank {bank.name} speak for several classes (such as '{text[:60]}').")
    return words


def read_prompt_files(paths: Sequence[Path | str], *, combine: bool) -> tuple[PromptSet, ...]:
    """Read prompt files; ``a.json+b.json`` is one set, and with ``combine`` all are.

    Raises:
        MissingFileError, InputError: of a file that cannot be used.
    """
    from eval.prompts.sets import merge, read_prompts

    sets = []
    for text in map(str, paths):
        files = [text] if Path(text).is_file() else text.split("+")
        found = [read_prompts(Path(each)) for each in files]
        sets.append(found[0] if len(found) == 1 else merge(found, "+".join(each.name for each in found)))
    if combine and len(sets) > 1:
        sets = [merge(sets, "+".join(each.name for each in sets))]
    return tuple(sets)


def arm_options(
    arms: Sequence[ArmRequest],
    dotted: Mapping[str, Mapping[str, object]],
    bare: Mapping[str, object],
    others: Collection[str],
) -> dict[str, Config]:
    """The options of every arm's scorer.

    Args:
        arms: the arms.
        dotted: per arm, by name or scorer, what was written as ``-o NAME.key=value``.
        bare: options written without an arm's name, for every arm whose scorer has them.
        others: options that belong elsewhere, for a suggestion.

    Raises:
        UnknownNameError: an option names an arm that is not there.
        InputError: an option is not known or has a value that cannot be used.
    """
    names = {_key(name) for arm in arms for name in (arm.name, arm.scorer)}
    for name in dotted:
        if name not in names:
            raise unknown("arm", name, names)
    kinds = {arm.name: load_scorer(arm.scorer).config_type for arm in arms}
    known = sorted({*others, *(option for kind in kinds.values() for option in kind.option_names())})
    for option in bare:
        if not any(option in kind.option_names() for kind in kinds.values()):
            raise InputError(
                f"options: there is no option '{option}'.{suggest(option, known)} Options: {', '.join(known)}."
            )
    found = {}
    for arm in arms:
        shared = {option: value for option, value in bare.items() if option in kinds[arm.name].option_names()}
        own = {**shared, **dotted.get(_key(arm.scorer), {}), **dotted.get(_key(arm.name), {})}
        found[arm.name] = kinds[arm.name].read(own, f"scorer {arm.scorer}")
    return found


def _key(name: str) -> str:
    """A name as keys of options have it."""
    return name.replace("-", "_")
