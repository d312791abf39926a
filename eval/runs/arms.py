"""Reads arms: from the user's text to a space of the store, its vectors, and its banks over the label universe."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.classification.universe import match_names
from eval.registry import SCORERS, load_scorer
from eval.runs.reading import read_norms, read_vectors
from eval.scorers.banks import missing_classes
from eval.scorers.situated import SITUATED
from eval.seams.scorer import Arm, ClassBank
from retrieval.config import split_commas
from retrieval.errors import InputError, UnknownOptionError, first_names, suggest, unknown
from retrieval.types import require_bank_of, require_bank_width
from retrieval.types.store import banks_for

if TYPE_CHECKING:
    from eval.prompts.sets import PromptSet
    from eval.seams.samples import Pool
    from retrieval.config import Config
    from retrieval.types import Bank, EncoderSpec, SpaceInfo
    from retrieval.types.store import EmbeddingStore, Snapshot

CLASSIFIER = "classifier"


class ArmRequest(NamedTuple):
    """An arm as the user names it.

    ``space`` None is the default space of the store; ``banks`` are names of stored banks.
    """

    name: str
    space: str | None
    scorer: str
    banks: tuple[str, ...] = ()


class StoredArm(NamedTuple):
    """An arm with its space and its banks, over all their classes, as the store has them."""

    name: str
    scorer: str
    space: SpaceInfo
    banks: tuple[Bank, ...]


def parse_arm(text: str) -> ArmRequest:
    """Read ``[NAME=]SPACE:SCORER[:BANK[,BANK]]``.

    Raises:
        InputError: the text has another form.
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
    bank_names = tuple(filter(None, split_commas(banks)))
    return ArmRequest(name or scorer.strip(), space.strip(), scorer.strip(), bank_names)


def with_distinct_names(arms: Sequence[ArmRequest]) -> tuple[ArmRequest, ...]:
    """Put the space in front of the names of arms that share a name.

    Raises:
        InputError: two arms share both name and space.
    """
    shared = {arm.name for arm in arms if sum(other.name == arm.name for other in arms) > 1}
    distinct = [arm._replace(name=f"{arm.space} {arm.name}") if arm.name in shared else arm for arm in arms]
    names = [arm.name for arm in distinct]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Two arms are called '{twice}'; give them names: `arms=NAME=SPACE:SCORER`.")
    return tuple(distinct)


def read_arm(
    store: EmbeddingStore, snapshot: Snapshot, request: ArmRequest, prompts: Sequence[PromptSet], device: str
) -> StoredArm:
    """Find the space and the banks of an arm.

    Args:
        store: the store of the space and the banks.
        snapshot: a snapshot of it.
        request: the arm as the user names it.
        prompts: prompt sets for an arm without banks. The text tower embeds those that are not stored yet.
        device: device of the text tower.

    Raises:
        UnknownNameError: there is no such space or bank.
        SpaceMismatchError: a bank belongs to another space.
        InputError: the scorer needs a bank, and the space has none or several.
    """
    space = snapshot.space(request.space)
    return StoredArm(request.name, request.scorer, space, _banks(store, space, request, prompts, device))


def with_shared_texts(arms: Sequence[StoredArm]) -> tuple[StoredArm, ...]:
    """Give arms that take texts and have none those of the first arm that has some, so that all are compared alike."""
    takes_texts = [load_scorer(arm.scorer).takes_texts for arm in arms]
    texts = next((arm.banks for arm, takes in zip(arms, takes_texts, strict=True) if takes and arm.banks), ())
    return tuple(
        arm._replace(banks=texts) if takes and not arm.banks else arm
        for arm, takes in zip(arms, takes_texts, strict=True)
    )


def _banks(
    store: EmbeddingStore, space: SpaceInfo, request: ArmRequest, prompts: Sequence[PromptSet], device: str
) -> tuple[Bank, ...]:
    from eval.prompts.embed import prompt_bank

    if request.banks:
        return tuple(_named_bank(store, space, name) for name in request.banks)
    scorer = load_scorer(request.scorer)
    if request.scorer in SITUATED:
        return ()  # texts are made when the samples are known
    if not scorer.takes_texts:
        return (_classifier_bank(store, space),) if scorer.needs_bank else ()
    if prompts:
        return tuple(prompt_bank(store, space, prompt_set, device) for prompt_set in prompts)
    return (_text_bank(store, space),) if scorer.needs_bank else ()


def _named_bank(store: EmbeddingStore, space: SpaceInfo, name: str) -> Bank:
    """Find a bank of a space by its name, or the beginning of its name or hash."""
    banks = banks_for(store, space)
    by_name = _without_namesakes(banks, space)
    exact = [bank for bank in by_name if bank.name == name]
    begin_so = [bank for bank in by_name if bank.name.startswith(name)]
    matches = exact or begin_so + [bank for bank in banks if bank.sha256.startswith(name)]
    if not matches:
        for bank in store.banks():
            if name in (bank.name, bank.sha256):
                require_bank_of(space, bank)
        raise unknown(f"bank of space {space.name}", name, {bank.name for bank in banks})
    if len({bank.sha256 for bank in matches}) > 1:
        shas = first_names((f"{bank.name} ({bank.sha256[:8]})" for bank in matches), 6)
        raise InputError(f"'{name}' may mean {shas}; name one by its hash.")
    return matches[0]


def _without_namesakes(banks: Sequence[Bank], space: SpaceInfo) -> list[Bank]:
    """Leave out banks of the parent of a space whose name a bank of the space itself has."""
    names = {bank.name for bank in banks if bank.space == space.fingerprint}
    return [bank for bank in banks if bank.space == space.fingerprint or bank.name not in names]


def _classifier_bank(store: EmbeddingStore, space: SpaceInfo) -> Bank:
    """Find the classifier layer of a space.

    Layers whose classes ``index --class-names`` named come first, then those with class names, then those with class
    numbers, and last heads for unit vectors.
    """
    heads = [bank for bank in store.banks(space.fingerprint) if bank.kind == "classifier"]
    layers = [bank for bank in heads if bank.temperature is None] or heads
    with_names = [bank for bank in layers if not all(name.isdecimal() for name in bank.edge_class.tolist())]
    preferred = [bank for bank in layers if bank.name != CLASSIFIER] or with_names or layers
    if not preferred:
        raise InputError(
            f"Space {space.name} has no classifier layer; index with weights that have one, or use another scorer "
            f"({', '.join(name for name in SCORERS if name != CLASSIFIER)})."
        )
    if len(preferred) > 1:
        names = ", ".join(f"{bank.name} ({bank.sha256[:8]})" for bank in preferred)
        raise InputError(
            f"Space {space.name} has several classifier banks: {names}; name one: `arms=SPACE:classifier:HASH`."
        )
    return preferred[0]


def _text_bank(store: EmbeddingStore, space: SpaceInfo) -> Bank:
    """Find the only bank of texts of a space.

    Raises:
        InputError: there is none, or there are several; the message says how prompts are made.
    """
    from eval.prompts.embed import NO_TOWER
    from retrieval.encoders.text_tokens import has_text_tower

    banks = [bank for bank in _without_namesakes(banks_for(store, space), space) if bank.kind == "prompts"]
    if len(banks) == 1:
        return banks[0]
    if not banks and not has_text_tower(space.spec):
        raise InputError(f"Space {space.name} has no text tower for prompts; {NO_TOWER}.")
    stored = f"the space has {', '.join(sorted({bank.name for bank in banks}))}" if banks else "the space has none yet"
    folder = shlex.quote(str(getattr(store, "uri", "STORE")))
    make = f"prompts make --store {folder} --template 'a photo of a {{name}}' --out prompts.json"
    ways = f"`prompts=FILE.json`, or a stored bank with `bank=NAME` ({stored})"
    raise InputError(f"Say which prompts: {ways}. This makes a file: {make}")


def class_bank(bank: Bank, classes: Sequence[str], name: str) -> ClassBank:
    """Restrict a stored bank to the label universe: edges to other classes are left out.

    Args:
        bank: the stored bank.
        classes: (C,) names of the label universe.
        name: name of the new bank.

    Raises:
        InputError: none of the bank's classes is in the universe.
    """
    codes = match_names(bank.edge_class.tolist(), classes)
    edge_class = np.array([codes.get(label, -1) for label in bank.edge_class.tolist()], np.int64)
    edges = np.flatnonzero(edge_class >= 0)
    if not len(edges):
        ways = "name its classes when the images are indexed" if bank.kind == "classifier" else "check names"
        raise InputError(
            f"None of the {len(set(bank.edge_class.tolist()))} classes of bank {bank.name} (the first is "
            f"'{bank.edge_class[0] if len(bank.edge_class) else ''}') is in the label universe of {len(classes)} (the "
            f"first is '{classes[0]}'); {ways}, or choose another universe with `labels_from`."
        )
    order = edges[np.lexsort((bank.edge_vector[edges], edge_class[edges]))]
    vectors, edge_vector = bank.vectors, bank.edge_vector[order]
    used = np.unique(edge_vector)
    return ClassBank(
        name,
        vectors[used],
        np.searchsorted(used, edge_vector).astype(np.int64),
        edge_class[order],
        None if bank.bias is None else bank.bias[used],
        None if bank.texts is None else tuple(bank.texts[row] for row in used.tolist()),
        bank.temperature,
    )


def arm_of(
    arm: StoredArm, snapshot: Snapshot, pool: Pool, classes: Sequence[str], views: Sequence[str], options: Config
) -> tuple[Arm, tuple[str, ...]]:
    """Read the arrays of an arm over the label universe.

    Args:
        arm: the arm with its space and banks.
        snapshot: where the vectors are.
        pool: samples of the evaluation.
        classes: (C,) names of the label universe.
        views: views of the images.
        options: options of the arm's scorer.

    Returns:
        The arm, and warnings about classes that its banks lack.

    Raises:
        IncompleteError, UnknownNameError: samples have no vector in the space, or it lacks a view.
        SpaceMismatchError: a bank belongs to another space.
    """
    space = arm.space
    for bank in arm.banks:
        require_bank_of(space, bank)
    vectors = {view: read_vectors(snapshot, space, view, pool) for view in dict.fromkeys(views)}
    for bank in arm.banks:  # earlier versions saved banks of any width
        require_bank_width(bank, space.name, [data.shape[1] for data in vectors.values()])
    norms = {}
    if arm.scorer == CLASSIFIER and any(bank.temperature is None for bank in arm.banks):
        norms = {view: read_norms(snapshot, space, view, pool) for view in vectors}
    names = [bank.name for bank in arm.banks]
    distinct = [name if names.count(name) == 1 else f"{name} {bank.sha256[:8]}"
                for name, bank in zip(names, arm.banks, strict=True)]  # fmt: skip
    banks = tuple(class_bank(bank, classes, name) for bank, name in zip(arm.banks, distinct, strict=True))
    warnings = [
        text
        for bank, stored in zip(banks, arm.banks, strict=True)
        for text in _warnings(bank, stored, classes, space.spec)
    ]
    temperature = next((bank.temperature for bank in arm.banks if bank.temperature), None)
    scale = None if temperature is None else 1 / temperature
    return Arm(arm.name, load_scorer(arm.scorer), vectors, options, banks, norms, scale), tuple(warnings)


def _warnings(bank: ClassBank, stored: Bank, classes: Sequence[str], spec: EncoderSpec) -> list[str]:
    """Warnings about classes without an edge, edges without a class, and texts that tell no classes apart."""
    from eval.prompts.unread import unread_warnings

    warnings = []
    missing = missing_classes(bank, len(classes))
    if missing:
        vector = "prompt" if bank.texts is not None else "row"
        names = first_names([classes[code] for code in missing])
        warnings.append(f"Bank {bank.name} has no {vector} for {len(missing)} of {len(classes)} classes ({names}).")
    bank_classes = set(stored.edge_class.tolist())
    extra = sorted(bank_classes - set(match_names(bank_classes, classes)))
    if extra:
        warnings.append(
            f"{len(extra)} classes of bank {bank.name} are not in the label universe ({first_names(extra)})."
        )
    pairs = np.unique(np.stack([bank.edge_vector, bank.edge_class]), axis=1)
    shared = int((np.bincount(pairs[0]) > 1).sum())
    if shared and bank.texts is not None:
        text = bank.texts[int(np.argmax(np.bincount(pairs[0])))]
        warnings.append(f"{shared} texts of bank {bank.name} speak for several classes (such as '{text[:60]}').")
    if bank.texts is not None:
        warnings += unread_warnings(bank, classes, spec)
    return warnings


def read_prompt_files(paths: Sequence[Path | str], *, combine: bool) -> tuple[PromptSet, ...]:
    """Read prompt files, a prompt set each.

    Args:
        paths: prompt files (JSON); ``a.json+b.json`` joins two files into one set.
        combine: whether to join all sets into one.

    Raises:
        MissingFileError, InputError: a file is missing or cannot be used.
    """
    from eval.prompts.sets import merge, read_prompts

    sets = []
    for text in map(str, paths):
        files = [text] if Path(text).is_file() else text.split("+")
        file_sets = [read_prompts(Path(file)) for file in files]
        name = "+".join(prompts.name for prompts in file_sets)
        sets.append(file_sets[0] if len(file_sets) == 1 else merge(file_sets, name))
    if combine and len(sets) > 1:
        sets = [merge(sets, "+".join(prompts.name for prompts in sets))]
    return tuple(sets)


def arm_options(
    arms: Sequence[ArmRequest],
    dotted: Mapping[str, Mapping[str, object]],
    bare: Mapping[str, object],
    others: Collection[str],
) -> dict[str, Config]:
    """Read the options of the scorers of all arms.

    Args:
        arms: the arms.
        dotted: options written as ``-o NAME.key=value``, by the name or scorer of an arm.
        bare: options written without the name of an arm, for all arms whose scorer has them.
        others: options of the mode and the protocol, for suggestions.

    Returns:
        Name of the arm to options of its scorer.

    Raises:
        UnknownNameError: an option names an arm that does not exist.
        InputError: an option does not exist, or its value cannot be used.
    """
    names = {_key(name) for arm in arms for name in (arm.name, arm.scorer)}
    for name in dotted:
        if name not in names:
            raise unknown("arm", name, names)
    kinds = {arm.name: load_scorer(arm.scorer).config_type for arm in arms}
    option_names = sorted({*others, *(option for kind in kinds.values() for option in kind.option_names())})
    for option in bare:
        if not any(option in kind.option_names() for kind in kinds.values()):
            raise UnknownOptionError(
                f"options: there is no option '{option}'.{suggest(option, option_names)} Options: "
                f"{', '.join(option_names)}."
            )
    options = {}
    for arm in arms:
        shared = {option: value for option, value in bare.items() if option in kinds[arm.name].option_names()}
        values = {**shared, **dotted.get(_key(arm.scorer), {}), **dotted.get(_key(arm.name), {})}
        options[arm.name] = kinds[arm.name].read(values, f"scorer {arm.scorer}")
    return options


def _key(name: str) -> str:
    """The name as it is written in keys of options."""
    return name.replace("-", "_")
