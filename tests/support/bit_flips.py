"""A small store with something in every table, and what a flipped bit in one of its files does."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from retrieval.errors import VitrineError
from retrieval.store.commits import read_commit
from retrieval.store.lance import LanceTables
from retrieval.store.open import create_store
from retrieval.store.schema import APPENDED
from retrieval.types import Bank
from tests.support.command_line import call_cli
from tests.support.sample_stores import key, rows, spec, unit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import SpaceInfo

N, CLASSES = 60, 3


class Flip(NamedTuple):
    """A flipped bit of a file, and what came of it.

    ``content`` says whether Lance, without our checks, reads every table as before; ``numbers`` is ``same``,
    ``different``, or the sentence with which an evaluation stopped; ``named`` says whether verify names damage.
    """

    path: str
    bit: int
    content: bool
    numbers: str
    named: bool

    @property
    def place(self) -> str:
        """Folder of the file: that of a table, and which of its folders; or the cache."""
        parts = self.path.split("/")
        table = parts[0].split("_")[0].removesuffix(".lance")
        return "/".join([table, *(parts[1:-1] if parts[0].endswith(".lance") else [])])


def make_store(folder: Path) -> None:
    """Make a store with rows in every table, a deletion, relabelled rows, two views and a cache, and evaluate it."""
    names = [f"{at:02d}" for at in range(N)]
    labels = [f"species {at % CLASSES}" for at in range(N)]
    splits = ["test" if at % 4 == 0 else "train" for at in range(N)]
    store = create_store(folder)
    with store.writer() as writer:
        writer.put_source("s", "folder", "/photos")
        space = writer.register_space(spec(), 16, ("base", "hflip"))
        writer.append_vectors(space, [key(name) for name in names], {"base": unit(N), "hflip": unit(N, seed=1)})
        writer.append_samples(rows(names, label=labels, split=splits, position=list(range(N))))
        writer.append_thumbnails({key(name): f"a picture of {name}".encode() for name in names})
        writer.replace_failures("s", {"broken.jpg": "no image"})
        writer.commit("test")
        writer.delete_samples(names[:4])
        writer.update_samples(rows(names[4:7], label="species 0", split="train", position=[4, 5, 6]))
        writer.commit("changed")
    store.save_bank(_words(space))
    numbers(folder)


def _words(space: SpaceInfo) -> Bank:
    classes = np.array([f"species {at}" for at in range(CLASSES)])
    texts = tuple(f"a photo of {name}" for name in classes)
    at = np.arange(CLASSES)
    return Bank("words", space.fingerprint, "prompts:x", unit(CLASSES, seed=2).vectors, at, classes, texts, None, 0.01,
                kind="prompts")  # fmt: skip


def numbers(folder: Path) -> list[Any] | str:
    """Evaluate by vectors, labels and a bank; return the numbers, or what the command says when it fails."""
    figures = []
    for mode, options in (("knn", ("-o", "views=base,hflip", "-o", "k=3")), ("zeroshot", ("-o", "bank=words"))):
        done = call_cli("eval", "--mode", mode, *options, "--store", folder, "--json", check=None)
        if done.returncode:
            return done.stderr
        result = json.loads(done.stdout)
        figures.append([result[name] for name in ("metrics", "draws", "n")])
    return figures


def contents(folder: Path) -> str:
    """Hash all rows of all tables as Lance reads them; ``failed`` if it cannot."""
    try:
        tables = LanceTables(str(folder))
        commit = read_commit(tables)
        state = hashlib.sha256(repr((commit.number, sorted(commit.tables.items()))).encode())
        for name, version in [*sorted(commit.tables.items()), *((name, None) for name in APPENDED)]:
            state.update(repr(tables.read(name, version).to_pylist()).encode())
    except VitrineError:
        return "failed"
    return state.hexdigest()


def flip_bits(sound: Path, work: Path, times: int, seed: int) -> list[Flip]:
    """Flip one bit after the other, each in a fresh copy of a store; places are drawn by table, then by folder."""
    rng = random.Random(seed)
    want = contents(sound), numbers(sound)
    by_place: dict[str, dict[str, list[Path]]] = {}
    for path in sorted(sound.rglob("*")):
        if path.is_file() and path.stat().st_size:
            inside = path.relative_to(sound)
            by_place.setdefault(inside.parts[0], {}).setdefault(inside.parts[1] if inside.parts[1:] else "", []).append(
                inside
            )
    flips = []
    for at in range(times):
        places = by_place[sorted(by_place)[at % len(by_place)]]
        path = rng.choice(places[rng.choice(sorted(places))])
        flips.append(_flip(sound, work / f"flip{at}", path, rng, want))
        shutil.rmtree(work / f"flip{at}")
    return flips


def _flip(sound: Path, copy: Path, path: Path, rng: random.Random, want: tuple[str, list[Any] | str]) -> Flip:
    shutil.copytree(sound, copy)
    content = bytearray((copy / path).read_bytes())
    bit = rng.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    (copy / path).write_bytes(content)
    same = contents(copy) == want[0]
    named = call_cli("verify", "--store", copy, check=None).returncode != 0
    outcome = numbers(copy)
    if not isinstance(outcome, str):
        outcome = "same" if outcome == want[1] else "different"
    return Flip(path.as_posix(), bit, same, outcome, named)


def breaks_a_promise(flip: Flip) -> bool:
    """Whether a change of what is read was not named, a number changed, or a refusal is not one plain sentence."""
    changes = not flip.content or flip.numbers != "same"
    refused = flip.numbers not in {"same", "different"}
    plain = flip.numbers.startswith("Error: ") and flip.numbers.count("\n") == 1 and ".rs:" not in flip.numbers
    return (changes and not flip.named) or flip.numbers == "different" or (refused and not plain)
