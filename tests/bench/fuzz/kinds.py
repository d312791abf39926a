"""The kinds of files of a fuzz run: where they come from, the commands that read them, and what must add up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.bench.fuzz import odd_files, seeds
from tests.bench.fuzz.mutations import mutate
from tests.support.command_line import SMALL_ENCODER, call_cli

Report = Mapping[str, Any]


class Command(NamedTuple):
    """A command line, and a check of the JSON that it prints when it succeeds: a complaint, or None."""

    words: tuple[str, ...]
    check: Callable[[Report], str | None] | None = None


class Kind:
    """A kind of file. Its commands run in a folder ``world``, which is made once per worker.

    ``batch`` is the number of files of a case: more than one if a single command reads many.
    """

    batch = 1

    def __init__(self, world: Path) -> None:
        self.world = world
        self.seeds: Mapping[str, bytes] = {}
        self.odd: Mapping[str, odd_files.Content] = {}

    def file(self, number: int, seed: int) -> tuple[str, bytes]:
        """Return the name and the content of a file: first the odd ones, then mutations of the seeds."""
        if number < len(self.odd):
            name = list(self.odd)[number]
            content = self.odd[name]
            return f"{number}.{name}", content() if callable(content) else content
        random = Random(f"{seed} {type(self).__name__} {number}")
        suffix = random.choice(list(self.seeds))
        data = mutate(self.seeds[suffix], list(self.seeds.values()), random)
        if random.random() < 0.05:
            suffix = random.choice(list(self.seeds))
        return f"{number}.{suffix}", data

    def commands(self, files: list[Path], place: Path) -> Iterator[Command]:
        """Yield the commands of a case; ``place`` is an empty folder for what they write."""
        raise NotImplementedError


class Images(Kind):
    """Images, 50 in a folder that is indexed; every tenth is searched with."""

    batch = 50

    def __init__(self, world: Path) -> None:
        super().__init__(world)
        seeds.write_pictures(world / "images" / "oak")
        self.seeds, self.odd = seeds.image_seeds(), odd_files.odd_images()
        call_cli("index", world / "images", "--source", "folder", "--store", world / "store", *SMALL_ENCODER)

    def commands(self, files: list[Path], place: Path) -> Iterator[Command]:
        index = (
            "index",
            str(files[0].parents[1]),
            "--source",
            "folder",
            "--store",
            str(place / "store"),
            *SMALL_ENCODER,
            "--json",
        )
        yield Command(index, lambda report: _adds_up(report, len(files)))
        for path in files[:: 10 if len(files) > 1 else 1]:
            yield Command(("search", str(path), "--store", str(self.world / "store"), "--json"))


class Tables(Kind):
    """Tables of images, beside a folder of twelve."""

    def __init__(self, world: Path) -> None:
        super().__init__(world)
        seeds.write_pictures(world / "images")
        self.seeds, self.odd = seeds.table_seeds(), odd_files.odd_tables()

    def commands(self, files: list[Path], place: Path) -> Iterator[Command]:
        table = self.world / files[0].name
        shutil.copy(files[0], table)
        yield Command(
            ("index", str(table), "--store", str(place / "store"), *SMALL_ENCODER, "--json"),
            lambda report: _adds_up(report, None),
        )
        table.unlink()


class Vectors(Kind):
    """Files of vectors that are imported into a new store."""

    def __init__(self, world: Path) -> None:
        super().__init__(world)
        self.seeds, self.odd = seeds.vector_seeds(), odd_files.odd_vectors()
        (world / "rows.csv").write_bytes(seeds.table_seeds()["plain.csv"])

    def commands(self, files: list[Path], place: Path) -> Iterator[Command]:
        name = files[0].name
        options: tuple[str, ...] = ()
        if name.endswith(("csv", "tsv")):
            options = ("--vectors", "v*")
        elif name.endswith(".npy"):
            options = ("--metadata", str(self.world / "rows.csv"))
        elif name.endswith(".npz") and not name.endswith("roles.npz"):
            options = ("--vectors", "vectors", *(("--label", "label") if "names" in name or "labels" in name else ()))
        store = ("--store", str(place / "store"))
        yield Command(("import-vectors", str(files[0]), *options, *store, "--json"), _every_row_is_a_sample)
        if (place / "store").is_dir():
            yield Command(("info", *store))


class Weights(Kind):
    """Weights of a small model that embeds two images."""

    def __init__(self, world: Path) -> None:
        super().__init__(world)
        seeds.write_pictures(world / "images" / "oak", 2)
        self.seeds, self.odd = seeds.weight_seeds(world), odd_files.odd_weights()

    def commands(self, files: list[Path], place: Path) -> Iterator[Command]:
        encoder = ("--encoder", seeds.MODEL, "--weights", str(files[0]))
        yield Command(
            (
                "index",
                str(self.world / "images"),
                "--source",
                "folder",
                "--store",
                str(place / "store"),
                *encoder,
                "--json",
            ),
            lambda report: _adds_up(report, 2),
        )


class Recipes(Kind):
    """Recipes of a training run of one epoch over 60 images."""

    def __init__(self, world: Path) -> None:
        from tests.support.caption_images import draw

        super().__init__(world)
        draw(world / "captions")
        self.seeds = seeds.recipe_seeds("captions")
        self.odd = odd_files.odd_recipes(self.seeds["yaml"])

    def commands(self, files: list[Path], place: Path) -> Iterator[Command]:
        out = ("--out", str(place / "run"), "--device", "cpu", "--json")
        yield Command(("train", "clip", "--config", str(files[0]), *out, "loop.epochs=1"))


class Results(Kind):
    """Result files of a ranking and of a classification."""

    def __init__(self, world: Path) -> None:
        super().__init__(world)
        (world / "vectors.csv").write_bytes(seeds.vector_table())
        store = ("--store", world / "store")
        call_cli("import-vectors", world / "vectors.csv", "--vectors", "v*", *store)
        call_cli("eval", "--mode", "reid", *store, "--out", world / "reid.json")
        call_cli("eval", "--mode", "prototype", *store, "--out", world / "prototype.json")
        self.seeds = {f"{mode}.json": (world / f"{mode}.json").read_bytes() for mode in ("reid", "prototype")}
        self.odd = odd_files.odd_results(self.seeds["reid.json"])

    def commands(self, files: list[Path], place: Path) -> Iterator[Command]:
        path, store = str(files[0]), ("--store", str(self.world / "store"))
        other = str(self.world / ("prototype.json" if "prototype" in path else "reid.json"))
        yield Command(("report", path, other, "--out", str(place / "report"), "--json"))
        yield Command(("compare", other, path, *store))
        yield Command(("eval", "--from", path, *store, "--json"))


KINDS: Mapping[str, type[Kind]] = {
    "images": Images, "tables": Tables, "vectors": Vectors, "weights": Weights, "recipes": Recipes, "results": Results,
}  # fmt: skip


def _adds_up(report: Report, files: int | None) -> str | None:
    """Say which samples of an indexed source are neither stored nor told of."""
    taken = report["embedded"] + report["reused"] + report["unchanged"]
    told = report["missing"] + len(report["failures"])
    if taken != report["samples"]:
        return f"{taken} samples are reported and {report['samples']} stored"
    if files is not None and taken + told != files:
        return f"of {files} files, {taken} are stored and {told} told of"
    return None


def _every_row_is_a_sample(report: Report) -> str | None:
    if report["rows"] != report["samples"] or not 0 < report["vectors"] <= report["rows"]:
        return f"counts do not add up: {json.dumps(report)}"
    return None
