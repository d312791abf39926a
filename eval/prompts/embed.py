"""Prompts to a bank: every text is embedded once in a space, then it is stored."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from eval.prompts.sets import PromptSet, edges
from retrieval.commands.options import note
from retrieval.errors import InputError, StoreError
from retrieval.types import Bank, Encoder, EncoderSpec, Float32, TextEncoder

if TYPE_CHECKING:
    from retrieval.types import SpaceInfo
    from retrieval.types.store import EmbeddingStore

BATCH = 256
"""Texts between two steps of the progress bar."""

EMBEDDED, IMPORTED = "prompts:", "import:"
"""How the origin of a bank begins whose texts our text tower embedded, or somebody else's."""

Load = Callable[[EncoderSpec, str], Encoder]


def prompt_bank(
    store: EmbeddingStore,
    space: SpaceInfo,
    prompts: PromptSet,
    device: str = "auto",
    *,
    say: Callable[[str], None] = note,
    load: Load | None = None,
) -> Bank:
    """The bank of a prompt set in a space, from the store where it is there already.

    A stored bank with the same pairs of class and text is taken as it is, under the set's name. Otherwise the vectors
    of texts that other stored banks of the space have are taken from them, the text tower embeds the rest, and the
    bank is saved. So the text tower is loaded only for a text that the space has never seen.

    Args:
        store: where banks are; one that cannot be written costs a sentence and nothing else.
        space: whose text tower is asked.
        prompts: the texts; classes keep the names that the set gives them.
        device: for the text tower.
        say: takes sentences for people.
        load: makes the encoder; :func:`retrieval.encoders.registry.load` unless given.

    Raises:
        InputError: there is no text, or a new text and no text tower to embed it.
        VitrineError: the encoder cannot be loaded (see :func:`retrieval.encoders.registry.load`).
    """
    if not prompts.unique_texts:
        raise InputError(f"Prompt set '{prompts.name}' has no text to embed.")
    stored = _text_banks(store, space)
    same = next((bank for bank in stored if _pairs(bank) == _pairs_of(prompts)), None)
    if same is not None:
        return replace(same, name=prompts.name)
    known = _known_vectors(stored)
    temperature = next((bank.temperature for bank in stored if bank.temperature is not None), None)
    new = [text for text in prompts.unique_texts if text not in known]
    if new:
        encoder = _text_tower(space, device, load)
        temperature = 1 / encoder.logit_scale
        known.update(zip(new, _embed(encoder, new, space.name, say), strict=True))
    bank = _bank(space, prompts, known, temperature)
    try:
        store.save_bank(bank)
    except StoreError as error:  # read-only, or a full disk: the vectors are still good
        say(f"Prompt set '{prompts.name}' is not kept in the store: {error}")
    return bank


def _text_banks(store: EmbeddingStore, space: SpaceInfo) -> list[Bank]:
    """Banks whose vectors are those of their texts: of our text tower first, then imported."""
    banks = [bank for bank in store.banks(space.fingerprint) if bank.kind == "prompts"]
    return [bank for origin in (EMBEDDED, IMPORTED) for bank in banks if bank.origin.startswith(origin)]


def _pairs(bank: Bank) -> frozenset[tuple[str, str]]:
    texts = bank.texts or ()
    return frozenset(
        (label, texts[at]) for at, label in zip(bank.edge_vector.tolist(), bank.edge_class.tolist(), strict=True)
    )


def _pairs_of(prompts: PromptSet) -> frozenset[tuple[str, str]]:
    return frozenset((label, text) for label, texts in prompts.prompts.items() for text in texts)


def _known_vectors(banks: Sequence[Bank]) -> dict[str, Float32]:
    """Every stored text to its vector (d,); where several banks have it, that of the first."""
    known: dict[str, Float32] = {}
    for bank in banks:
        for text, vector in zip(bank.texts or (), bank.vectors, strict=True):
            known.setdefault(text, vector)
    return known


def _text_tower(space: SpaceInfo, device: str, load: Load | None) -> TextEncoder:
    way_out = "import vectors of the texts as a bank, or evaluate with `mode=prototype` or knn"
    if space.imported:
        raise InputError(f"Space {space.name} was imported and has no text tower for new prompts; {way_out}.")
    encoder = (load or _registry_load)(space.spec, device)
    if not isinstance(encoder, TextEncoder):
        raise InputError(f"Space {space.name} has no text tower; {way_out}.")
    return encoder


def _registry_load(spec: EncoderSpec, device: str) -> Encoder:
    from retrieval.encoders.registry import load

    return load(spec, device)


def _embed(encoder: TextEncoder, texts: Sequence[str], space: str, say: Callable[[str], None]) -> Float32:
    """Unit vectors (n, d) of texts."""
    parts = [encoder.encode_texts(texts[start : start + BATCH]).vectors for start in _steps(len(texts), space, say)]
    return np.concatenate(parts)


def _steps(n: int, space: str, say: Callable[[str], None]) -> Iterator[int]:
    """First places of batches, with a bar on a terminal and one line elsewhere."""
    what = f"Embedding {n:,} {'text' if n == 1 else 'texts'} in space {space}"
    if not sys.stderr.isatty():
        say(what)
        yield from range(0, n, BATCH)
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(range(0, n, BATCH), what, console=Console(stderr=True))


def _bank(space: SpaceInfo, prompts: PromptSet, known: Mapping[str, Float32], temperature: float | None) -> Bank:
    spoken = edges(prompts)
    return Bank(
        name=prompts.name,
        space=space.fingerprint,
        kind="prompts",
        origin=f"{EMBEDDED}{prompts.sha256}",
        vectors=np.stack([known[text] for text in prompts.unique_texts]).astype(np.float32, copy=False),
        edge_vector=spoken.vector,
        edge_class=np.array(spoken.label, np.str_),
        texts=prompts.unique_texts,
        temperature=temperature,
    )
