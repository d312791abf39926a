"""Make the bank of a prompt set in a space; a text is encoded once and then read from the store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from eval.prompts.sets import PromptSet, edges
from retrieval.commands.options import note
from retrieval.console import plain_console
from retrieval.errors import InputError, StoreError
from retrieval.types import Bank, Encoder, EncoderSpec, Float32, TextEncoder
from retrieval.types.store import banks_for

if TYPE_CHECKING:
    from retrieval.types import SpaceInfo
    from retrieval.types.store import EmbeddingStore

BATCH = 256
"""Texts that are embedded at a time, between two steps of the progress bar."""

EMBEDDED, IMPORTED = "prompts:", "import:"
"""Prefixes of a bank's origin: its texts were embedded by the text tower of the space, or imported as vectors."""

NO_TOWER = "import vectors of the texts as a bank, or evaluate with `mode=prototype` or knn"
"""What can be done where a space has no text tower."""

LoadEncoder = Callable[[EncoderSpec, str], Encoder]


def prompt_bank(
    store: EmbeddingStore,
    space: SpaceInfo,
    prompts: PromptSet,
    device: str = "auto",
    *,
    say: Callable[[str], None] = note,
    load: LoadEncoder | None = None,
) -> Bank:
    """Read the bank of a prompt set from the store, or make and save it.

    A stored bank with the same pairs of class and text is returned under the set's name. Otherwise vectors of texts
    that other banks of the space have are taken from these, the text tower embeds the others, and the bank is saved.
    The text tower is loaded only if there is a text that no bank of the space has.

    Args:
        store: the store of the banks; if it cannot be written, ``say`` gets a sentence and the bank is returned.
        space: the space, whose encoder has the text tower.
        prompts: the texts by class.
        device: device of the text tower.
        say: called with sentences for the user.
        load: loads the encoder; :func:`retrieval.encoders.registry.load` by default.

    Raises:
        InputError: the set has no text, or there is a new text and the space has no text tower.
        VitrineError: the encoder cannot be loaded (see :func:`retrieval.encoders.registry.load`).
    """
    if not prompts.unique_texts:
        raise InputError(f"Prompt set '{prompts.name}' has no text to embed.")
    stored = _text_banks(store, space)
    same = next((bank for bank in stored if _bank_pairs(bank) == _prompt_pairs(prompts)), None)
    if same is not None:
        return replace(same, name=prompts.name)
    vectors = _stored_vectors(stored)
    temperature = next((bank.temperature for bank in stored if bank.temperature is not None), None)
    new = [text for text in prompts.unique_texts if text not in vectors]
    if new:
        encoder = _text_tower(space, device, load)
        temperature = 1 / encoder.logit_scale
        vectors.update(zip(new, _embed(encoder, new, space.name, say), strict=True))
    bank = _bank(space, prompts, vectors, temperature)
    try:
        store.save_bank(bank)
    except StoreError as error:  # read-only, or a full disk: the vectors are still good
        say(f"Prompt set '{prompts.name}' is not kept in the store: {error}")
    return bank


def _text_banks(store: EmbeddingStore, space: SpaceInfo) -> list[Bank]:
    """Banks whose vectors are embedded texts: those of the space's text tower first, then imported ones."""
    banks = [bank for bank in banks_for(store, space) if bank.kind == "prompts"]
    return [bank for origin in (EMBEDDED, IMPORTED) for bank in banks if bank.origin.startswith(origin)]


def _bank_pairs(bank: Bank) -> frozenset[tuple[str, str]]:
    texts = bank.texts or ()
    return frozenset(
        (label, texts[at]) for at, label in zip(bank.edge_vector.tolist(), bank.edge_class.tolist(), strict=True)
    )


def _prompt_pairs(prompts: PromptSet) -> frozenset[tuple[str, str]]:
    return frozenset((label, text) for label, texts in prompts.prompts.items() for text in texts)


def _stored_vectors(banks: Sequence[Bank]) -> dict[str, Float32]:
    """Stored texts -> vectors (d,); a text of several banks has the vector of the first."""
    vectors: dict[str, Float32] = {}
    for bank in banks:
        for text, vector in zip(bank.texts or (), bank.vectors, strict=True):
            vectors.setdefault(text, vector)
    return vectors


def _text_tower(space: SpaceInfo, device: str, load: LoadEncoder | None) -> TextEncoder:
    if space.imported:
        raise InputError(f"Space {space.name} was imported and has no text tower for new prompts; {NO_TOWER}.")
    encoder = (load or _registry_load)(space.spec, device)
    if not isinstance(encoder, TextEncoder):
        raise InputError(f"Space {space.name} has no text tower; {NO_TOWER}.")
    return encoder


def _registry_load(spec: EncoderSpec, device: str) -> Encoder:
    from retrieval.encoders.registry import load

    return load(spec, device)


def _embed(encoder: TextEncoder, texts: Sequence[str], space: str, say: Callable[[str], None]) -> Float32:
    """Unit vectors (n, d) of texts."""
    parts = [encoder.encode_texts(texts[start : start + BATCH]).vectors for start in _steps(len(texts), space, say)]
    return np.concatenate(parts)


def _steps(n: int, space: str, say: Callable[[str], None]) -> Iterator[int]:
    """Start of every batch of ``BATCH`` texts, with a progress bar on a terminal and one line elsewhere."""
    action = f"Embedding {n:,} {'text' if n == 1 else 'texts'} in space {space}"
    if not sys.stderr.isatty():
        say(action)
        yield from range(0, n, BATCH)
        return
    from rich.progress import track

    yield from track(range(0, n, BATCH), action, console=plain_console(stderr=True))


def _bank(space: SpaceInfo, prompts: PromptSet, vectors: Mapping[str, Float32], temperature: float | None) -> Bank:
    pairs = edges(prompts)
    return Bank(
        name=prompts.name,
        space=space.fingerprint,
        kind="prompts",
        origin=f"{EMBEDDED}{prompts.sha256}",
        vectors=np.stack([vectors[text] for text in prompts.unique_texts]).astype(np.float32, copy=False),
        edge_vector=pairs.vector,
        edge_class=np.array(pairs.label, np.str_),
        texts=prompts.unique_texts,
        temperature=temperature,
    )
