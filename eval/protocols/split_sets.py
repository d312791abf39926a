"""Split sets: drawing from a seed, joining, writing and reading CSV files.

The columns of a CSV file are ``draw`` (0, 1, ...), ``role`` (train, val, test, query, gallery), and ``id``, or ``uri``
with or without ``source``. A sample has one role in a draw, or is both query and gallery (leave-one-out).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from retrieval.errors import InputError, MissingFileError, suggest
from retrieval.escapes import csv_cell, text_of_csv_cell
from retrieval.text_files import read_csv
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from eval.seams.samples import Pool

ROLES = ("train", "val", "test", "query", "gallery")
MAX_DRAW = 1_000_000


def draw_single_gallery(ids: NDArray[np.str_], identities: NDArray[np.object_], draws: int, seed: int) -> SplitSet:
    """Draw one gallery sample per identity; all other samples are queries.

    Draw t makes one index per identity with ``numpy.random.Generator(PCG64(SeedSequence([seed, t])))``: identities in
    sorted order, each index into the identity's samples in the order of the data. A draw depends on the seed, t, the
    identities and the order of the samples, but not on their ids or the number of draws.

    Args:
        ids: (n,) sample ids, in the order of the data.
        identities: (n,) identity of each sample; none is None.
        draws: number of draws, >= 1.
        seed: seed of the draws, >= 0.

    Returns:
        A split set without a name, in which every sample has a role in every draw.

    Raises:
        InputError: no identity has two samples.
    """
    texts = identities.astype(np.str_)
    order = np.argsort(texts, kind="stable")
    names, starts, sizes = np.unique(texts[order], return_index=True, return_counts=True)
    if sizes.max() < 2:
        raise InputError(
            f"None of the {len(names)} identities has two samples, so there is no query; use more samples (`where`, "
            "`aspect`), or check the identities."
        )
    gallery = np.zeros((draws, len(ids)), np.bool_)
    for draw in range(draws):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, draw])))
        gallery[draw, starts + rng.integers(0, sizes)] = True
    role = np.where(gallery, "gallery", "query").reshape(-1)
    return SplitSet("", np.repeat(np.arange(draws, dtype=np.int64), len(ids)), np.tile(ids[order], draws), role)


def join_splits(sets: Sequence[SplitSet]) -> SplitSet:
    """Unite the rows of several split sets, without repeats; the name joins their names with "+"."""
    rows = {
        row for part in sets for row in zip(part.draw.tolist(), part.sample.tolist(), part.role.tolist(), strict=True)
    }
    draws, samples, roles = zip(*sorted(rows), strict=True)
    name = " + ".join(dict.fromkeys(part.name for part in sets))
    return SplitSet(name, np.array(draws, np.int64), np.array(samples, np.str_), np.array(roles, np.str_))


def splits_to_csv(splits: SplitSet, pool: Pool, by: Literal["id", "uri"] = "id") -> str:
    """Write a split set as CSV text with sorted rows.

    Args:
        splits: the split set.
        pool: samples with columns ``source`` and ``uri``. For samples not in the pool, both cells are empty.
        by: ``id`` writes the columns draw, role, id, source and uri, of which reading uses ``id``; ``uri`` writes draw,
            role and uri, by which samples are found in another store.

    Raises:
        InputError: ``by`` is uri, and a sample has none of its own.
    """
    origins = {
        key: (source, uri)
        for key, source, uri in zip(pool.ids.tolist(), pool.columns["source"], pool.columns["uri"], strict=True)
    }
    if by == "uri":
        _check_uris(splits, origins)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["draw", "role", "uri"] if by == "uri" else ["draw", "role", "id", "source", "uri"])
    for row in np.lexsort((splits.sample, splits.role, splits.draw)):
        sample = str(splits.sample[row])
        source, uri = map(csv_cell, origins.get(sample, ("", "")))
        names = [uri] if by == "uri" else [sample, source, uri]
        writer.writerow([int(splits.draw[row]), str(splits.role[row]), *names])
    return text.getvalue()


def _check_uris(splits: SplitSet, origins: Mapping[str, tuple[str, str]]) -> None:
    """Raise InputError if a sample of a split set is not in the store, or shares its uri with another one."""
    counts = Counter(uri for _, uri in origins.values())
    for sample in dict.fromkeys(splits.sample.tolist()):
        if sample not in origins:
            raise InputError(f"Sample {sample} of split set {splits.name} is not in the store; write it by `by=id`.")
        uri = origins[sample][1]
        if counts[uri] > 1:
            raise InputError(f"{counts[uri]} samples have the uri '{uri}', so it names none; write them by `by=id`.")


def read_splits_csv(path: Path, pool: Pool) -> SplitSet:
    """Read a split set from a CSV file.

    Args:
        path: the CSV file (UTF-8).
        pool: all samples of the store, with columns ``source`` and ``uri``.

    Raises:
        MissingFileError: there is no such file.
        InputError: the file or one of its rows cannot be used; the message names it.
    """
    if not path.exists():
        raise MissingFileError(f"There is no split-set file {path}.")
    seen: dict[tuple[int, str], dict[str, int]] = {}
    rows: list[tuple[int, str, str]] = []
    lookup: _SampleLookup | None = None
    for line, row in read_csv(path, lambda columns: _check_header(path, columns)):
        lookup = lookup or _SampleLookup(pool, row)
        where = f"{path}, row {line}"
        draw, role, sample = _draw(row["draw"], where), _role(row["role"], where), lookup(row, where)
        before = seen.setdefault((draw, sample), {})
        if (before and {role, *before} != {"query", "gallery"}) or role in before:
            raise InputError(f"{where}: this sample is in draw {draw} already (row {min(before.values())}).")
        before[role] = line
        rows.append((draw, sample, role))
    if not rows:
        raise InputError(f"{path} has no rows.")
    draws, samples, roles = zip(*rows, strict=True)
    return SplitSet(path.stem, np.array(draws, np.int64), np.array(samples, np.str_), np.array(roles, np.str_))


def _check_header(path: Path, names: Sequence[str]) -> None:
    header = ", ".join(names)[:200] or "nothing"
    for column in ("draw", "role"):
        if column not in names:
            raise InputError(
                f"{path} has no column '{column}'; the header is draw,role,id or draw,role,uri, not: {header}."
            )
    if not {"id", "uri"} & set(names):
        raise InputError(f"{path} has neither a column 'id' nor 'uri' that says which samples are meant: {header}.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} has the column '{twice}' twice.")


def _draw(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > MAX_DRAW:
        raise InputError(f"{where}: draw '{text[:40]}' is not a number 0, 1, 2, ....")
    return int(text)


def _role(text: str, where: str) -> str:
    if text not in ROLES:
        raise InputError(f"{where}: role '{text[:40]}' is not one of {', '.join(ROLES)}.{suggest(text, ROLES)}")
    return text


class _Origin(NamedTuple):
    """Where a sample comes from; ``source`` is None if the CSV file has no such column."""

    source: str | None
    uri: str


class _SampleLookup:
    """Finds the sample of a row of a CSV file by id, or by uri and source.

    Args:
        pool: all samples of the store, with columns ``source`` and ``uri``.
        header: a row, whose keys are the columns of the file.
    """

    def __init__(self, pool: Pool, header: Mapping[str, str]) -> None:
        self._ids = set(pool.ids.tolist()) if "id" in header else None
        self._origins: dict[_Origin, list[str]] = {}
        self._by_source = "source" in header
        if self._ids is None:
            for sample, source, uri in zip(pool.ids.tolist(), pool.columns["source"], pool.columns["uri"], strict=True):
                origin = _Origin(source if self._by_source else None, uri)
                self._origins.setdefault(origin, []).append(sample)

    def __call__(self, row: Mapping[str, str], where: str) -> str:
        if self._ids is not None:
            if row["id"] in self._ids:
                return row["id"]
            hint = " (without the column 'id', samples are found by uri)" if "uri" in row else ""
            raise InputError(f"{where}: the store has no sample with id '{row['id'][:80]}'{hint}.")
        origin = _Origin(row["source"] if self._by_source else None, row["uri"])
        written = origin._replace(uri=text_of_csv_cell(origin.uri))
        samples = self._origins.get(origin) or self._origins.get(written, [])
        if not samples:
            source = f" in source '{origin.source}'" if self._by_source else ""
            raise InputError(f"{where}: the store has no sample with uri '{origin.uri[:200]}'{source}.")
        if len(samples) > 1:
            way = "name them by 'id'" if self._by_source else "add a column 'source', or name them by 'id'"
            raise InputError(f"{where}: {len(samples)} samples have the uri '{origin.uri[:200]}'; {way}.")
        return samples[0]
