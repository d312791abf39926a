from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.torch import save_file

from eval.prompts.embed import prompt_bank
from eval.prompts.sets import PromptSet
from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, MissingFileError
from retrieval.store.memory import MemoryStore
from retrieval.store.open import LanceStore, create_store
from retrieval.types import Bank
from tests.support import tiny_open_clip as tiny
from tests.support.identity_stores import memory_store, people
from tests.support.sample_stores import spec, unit

if TYPE_CHECKING:
    from retrieval.types import EncoderSpec, SpaceInfo

PLAIN = PromptSet.of("plain", [("a", ["a red cap", "a cap"]), ("b", ["a cap", "a blue cap"])])
DELTA = PromptSet.of("delta", [("a", ["a ring"]), ("c", ["a cap"])])
BOTH = PromptSet.of("both", [*PLAIN.prompts.items(), *DELTA.prompts.items()])


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights of a small open_clip model on disk."""
    tiny.register(tmp_path)
    save_file(tiny.state_dict(seed=5), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def registered(folder: Path, encoder: EncoderSpec, dimension: int = 16) -> tuple[LanceStore, SpaceInfo]:
    store = create_store(folder)
    with store.writer() as writer:
        space = writer.register_space(encoder, dimension, ("base",))
        writer.commit("test")
    return store, space


def clip(weights: Path) -> EncoderSpec:
    request = EncoderRequest(f"open_clip/{tiny.NAME}", weights=str(weights), precision="fp32", device="cpu")
    return resolve(request)


def vectors_of(bank: Bank) -> dict[str, list[float]]:
    return dict(zip(bank.texts or (), bank.vectors.tolist(), strict=True))


def refuse(*_: Any) -> Any:
    raise AssertionError("an encoder was loaded")


def test_the_text_tower_embeds_a_set_once(tmp_path: Path, weights: Path) -> None:
    store, space = registered(tmp_path / "s", clip(weights))
    said: list[str] = []
    first = prompt_bank(store, space, PLAIN, "cpu", say=said.append)
    assert said == [f"Embedding 3 texts in space {space.name}"]
    encoder = tiny.encoder(weights=str(weights))
    assert first.texts == ("a red cap", "a cap", "a blue cap")
    np.testing.assert_array_equal(first.vectors, encoder.encode_texts(first.texts).vectors)
    assert first.edge_vector.tolist() == [0, 1, 1, 2]
    assert first.edge_class.tolist() == ["a", "a", "b", "b"]
    assert first.temperature == pytest.approx(1 / encoder.logit_scale)
    assert (first.name, first.space, first.origin) == ("plain", space.fingerprint, f"prompts:{PLAIN.sha256}")
    weights.unlink()
    again = prompt_bank(store, space, PLAIN, "cpu", say=said.append)
    assert again.sha256 == first.sha256
    shuffled = PromptSet.of("other", [("b", ["a blue cap", "a cap"]), ("a", ["a cap", "a red cap"])])
    same = prompt_bank(store, space, shuffled, "cpu", say=said.append)
    assert (same.name, same.sha256) == ("other", first.sha256)
    assert len(said) == 1
    with pytest.raises(MissingFileError, match=r"w\.safetensors"):
        prompt_bank(store, space, DELTA, "cpu", say=said.append)


def test_only_new_texts_are_embedded(tmp_path: Path, weights: Path) -> None:
    store, space = registered(tmp_path / "s", clip(weights))
    said: list[str] = []
    plain = prompt_bank(store, space, PLAIN, "cpu", say=said.append)
    delta = prompt_bank(store, space, DELTA, "cpu", say=said.append)
    assert said[1:] == [f"Embedding 1 text in space {space.name}"]
    weights.unlink()
    both = prompt_bank(store, space, BOTH, "cpu", say=said.append, load=refuse)
    assert len(said) == 2
    assert vectors_of(both) == vectors_of(plain) | vectors_of(delta)
    assert both.temperature == plain.temperature
    assert both.edge_class.tolist() == ["a", "a", "a", "b", "b", "c"]
    assert {bank.name for bank in store.banks(space.fingerprint)} == {"plain", "delta", "both"}


def test_a_space_without_a_text_tower_says_what_to_do(tmp_path: Path) -> None:
    encoder = resolve(EncoderRequest("torchvision/resnet18", random_init=0, precision="fp32", device="cpu"))
    store, space = registered(tmp_path / "s", encoder, 512)
    with pytest.raises(InputError, match=r"has no text tower; .*`mode=prototype`"):
        prompt_bank(store, space, PLAIN, "cpu")


def imported(texts: tuple[str, ...], origin: str = "import:texts.npz") -> tuple[MemoryStore, SpaceInfo]:
    store = memory_store(people(2, 2))
    with store.snapshot() as snapshot:
        space = snapshot.space()
    n = len(texts)
    edges = np.arange(n), np.array([f"x{at}" for at in range(n)])
    store.save_bank(Bank("texts", space.fingerprint, origin, unit(n).vectors, *edges, texts, kind="prompts"))
    return store, space


def test_an_imported_space_has_the_texts_that_were_imported() -> None:
    store, space = imported((*BOTH.unique_texts, "another"))
    bank = prompt_bank(store, space, BOTH, load=refuse)
    np.testing.assert_array_equal(bank.vectors, unit(5).vectors[:4])
    assert bank.temperature is None


def test_an_imported_space_has_no_others() -> None:
    store, space = imported(PLAIN.unique_texts)
    with pytest.raises(InputError, match=r"imported and has no text tower .*import vectors of the texts as a bank"):
        prompt_bank(store, space, BOTH)


def test_learned_prompts_are_not_taken_for_texts() -> None:
    store, space = imported(PLAIN.unique_texts, origin="coop:run")
    with pytest.raises(InputError, match="no text tower"):
        prompt_bank(store, space, PLAIN)


class Towers:
    """An encoder of both towers that counts what it embeds."""

    logit_scale = 50.0
    spec, device, dimension, head, notes = spec(), "cpu", 16, None, ()

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode_images(self, batch: Any) -> Any:
        raise AssertionError("an image was embedded")

    def encode_texts(self, texts: Any) -> Any:
        self.texts += texts
        return unit(len(texts), seed=len(self.texts))


def test_many_texts_go_in_batches(tmp_path: Path) -> None:
    many = PromptSet.of("many", [("a", [f"text {at}" for at in range(600)])])
    towers, said = Towers(), list[str]()
    store, space = registered(tmp_path / "s", spec())
    bank = prompt_bank(store, space, many, say=said.append, load=lambda *_: towers)
    assert towers.texts == list(many.unique_texts)
    assert bank.vectors.shape == (600, 16)
    assert bank.vectors.dtype == np.float32
    assert bank.temperature == pytest.approx(0.02)


def test_a_store_that_takes_no_writes_costs_a_sentence() -> None:
    writable, space = imported(PLAIN.unique_texts)
    store = memory_store(people(2, 2), writable=False)
    store._banks = dict(writable._banks)
    said: list[str] = []
    bank = prompt_bank(store, space, PLAIN, say=said.append)
    assert bank.texts == PLAIN.unique_texts
    assert len(said) == 1
    assert "'plain' is not kept in the store" in said[0]


def test_no_text_is_an_error() -> None:
    store, space = imported(())
    with pytest.raises(InputError, match="no text to embed"):
        prompt_bank(store, space, PromptSet.of("none", [("a", [])]))
