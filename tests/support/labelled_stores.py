"""Labelled samples in a store in memory: two spaces, prompts in one and a classifier layer in the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from eval.protocols.base import Request, whole_split
from eval.registry import load_protocol
from eval.seams.samples import Pool
from retrieval.store.memory import MemoryStore
from retrieval.types import Bank, SplitSet, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.types import Float32

CLIP, RES = "clip@1", "res@2"
DIMENSION = 8
ROLES = {"train": 6, "val": 4, "test": 5}
TEXTS = ("id", "key", "source", "uri", "label", "group", "aspect", "identity", "split")


def name_of(code: int) -> str:
    return f"class {code}"


def labelled(classes: int = 4, roles: dict[str, int] | None = None, **columns: Any) -> list[dict[str, Any]]:
    """So many images of every class in every split."""
    return [
        {"uri": f"{code}/{role}{at}.jpg", "label": name_of(code), "split": role, **columns}
        for code in range(classes)
        for role, images in (roles or ROLES).items()
        for at in range(images)
    ]


def unit_rows(raw: Any) -> Float32:
    vectors: Float32 = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def centres(classes: int, seed: int) -> Float32:
    return unit_rows(np.random.default_rng(seed).standard_normal((classes, DIMENSION)))


def vectors_of(rows: Sequence[dict[str, Any]], seed: int, noise: float = 1.1) -> Float32:
    """Unit vectors around a centre per label, each drawn from its own uri: the same image is the same everywhere."""
    names = sorted({str(row["label"]) for row in rows})
    middle = dict(zip(names, centres(len(names), seed), strict=True))
    drawn = []
    for row in rows:
        rng = np.random.default_rng([seed, int(digest(row["uri"])[:8], 16)])
        drawn.append(middle[str(row["label"])] + noise * rng.standard_normal(DIMENSION) / np.sqrt(DIMENSION))
    return unit_rows(np.array(drawn))


def table_of(rows: Sequence[dict[str, Any]]) -> pa.Table:
    full: list[dict[str, Any]] = [{**dict.fromkeys(TEXTS), "source": "s", **row} for row in rows]
    for row in full:
        row["id"] = row["id"] or digest(row["source"], row["uri"])
        row["key"] = row["key"] or row["id"]
    names = dict.fromkeys([*TEXTS, *(name for row in full for name in row)])
    return pa.table({name: pa.array([row.get(name) for row in full], pa.string()) for name in names})


def class_store(rows: Sequence[dict[str, Any]], *, lacking: Sequence[str] = (), writable: bool = True) -> MemoryStore:
    """A store of these rows.

    Sources named in ``lacking`` have no vectors in the space ``res@2``. A store that cannot be written has no banks.
    """
    table = table_of(rows)
    keys = table.column("key").to_pylist()
    in_res = [at for at, source in enumerate(table.column("source").to_pylist()) if source not in lacking]
    spaces = {
        CLIP: {"base": (keys, vectors_of(rows, 1)), "hflip": (keys, vectors_of(rows, 1, 1.2))},
        RES: {"base": ([keys[at] for at in in_res], vectors_of(rows, 2)[in_res])},
    }
    store = MemoryStore(table, spaces, writable=writable)
    names = sorted({str(row["label"]) for row in rows if row["label"] is not None})
    for bank in banks_of(store, names) if writable else ():
        store.save_bank(bank)
    return store


def fingerprint(store: MemoryStore, space: str) -> str:
    with store.snapshot() as snapshot:
        return snapshot.space(space).fingerprint


def banks_of(store: MemoryStore, names: Sequence[str]) -> tuple[Bank, Bank]:
    """Two texts a class in the first space, and a layer with biases in the second."""
    c = len(names)
    middle = centres(c, 1)
    texts = np.concatenate([middle, unit_rows(middle + 0.2 * centres(c, 3))])
    spoken = np.array([*names, *names])
    bias = np.linspace(-0.5, 0.5, c).astype(np.float32)
    said = tuple(f"text {at}" for at in range(2 * c))
    return (
        Bank(
            "said",
            fingerprint(store, CLIP),
            "prompts:x",
            texts,
            np.arange(2 * c),
            spoken,
            said,
            None,
            0.05,
            kind="prompts",
        ),
        Bank(
            "classifier",
            fingerprint(store, RES),
            "head",
            5 * centres(c, 2),
            np.arange(c),
            np.array(names),
            None,
            bias,
            kind="classifier",
        ),
    )


def pool_of(rows: list[dict[str, Any]]) -> Pool:
    """The same rows as a protocol sees them."""
    table = table_of(rows)
    values = {name: np.array(table.column(name).to_pylist(), dtype=np.object_) for name in table.column_names}
    return Pool(values.pop("id").astype(np.str_), values)


def drawn(pool: Pool, name: str = "split", draws: int | None = None, seed: int = 0, **own: Any) -> SplitSet:
    """The split set of a protocol, ``own`` its options."""
    rule = load_protocol(name)
    return whole_split(rule.parts(pool, Request(draws=draws, seed=seed, options=rule.options.read(own, "test"))))


def role(splits: SplitSet, name: str, draw: int = 0) -> set[str]:
    return set(splits.sample[(splits.role == name) & (splits.draw == draw)].tolist())


def labels_of(pool: Pool, samples: set[str]) -> list[str]:
    rows = np.isin(pool.ids, list(samples))
    return sorted(map(str, pool.columns["label"][rows]))
