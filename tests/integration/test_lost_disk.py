"""A full disk, permissions that are lost midway, and a store copied while it is written: one sentence, nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import yaml

from retrieval.store.open import open_store
from tests.support.caption_images import draw, recipe
from tests.support.command_line import SMALL_ENCODER, call_cli
from tests.support.images import write_images
from tests.support.warm_start import WarmStart, warm_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Command(NamedTuple):
    """A command that writes, and what shows that it was done."""

    words: Sequence[str]
    proof: str


INDEX = ("index", "manifest.csv", "--commit-seconds", "0", "--workers", "1", *SMALL_ENCODER)

COMMANDS = {
    "index": Command((*INDEX, "--store", "new"), "new"),
    "index more": Command((*INDEX, "--store", "store"), "store"),
    "import-vectors": Command(
        ("import-vectors", "vectors.npz", "--vectors", "vectors", "--label", "label", "--store", "new"), "new"
    ),
    "eval": Command(("eval", "--mode", "reid", "--store", "all", "--out", "out/result.json"), "out/result.json"),
    "splits": Command(
        ("splits", "export", "{drawn}", "--store", "all", "--out", "out/splits.csv", "--force"), "out/splits.csv"
    ),
    "prompts": Command(
        (
            "prompts",
            "make",
            "--store",
            "all",
            "--template",
            "a {name} " + "very " * 300 + "old",
            "--out",
            "out/prompts.json",
        ),
        "out/prompts.json",
    ),
    "search": Command(("search", "--label", "c0", "--store", "all", "--sheet", "out/sheet.png"), "out/sheet.png"),
    "report": Command(("report", "result.json", "--out", "out/report"), "out/report/report.md"),
    "sample": Command(
        ("sample", "species", "--out", "out/world", "--species", "2", "--n", "2", "--size", "48", "--workers", "1"),
        "out/world/manifest.csv",
    ),
    "train": Command(
        ("train", "clip", "--config", "recipe.yaml", "--out", "out/run", "--device", "cpu", "loop.epochs=1"),
        "out/run/encoder/encoder.json",
    ),
}


COPIES = 4


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Make a folder the current one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def write_manifest(images: int) -> None:
    """Draw images with labels, identities and cameras, and list them in ``manifest.csv``."""
    lines = ["filepath,label,identity,camera"]
    for at, path in enumerate(write_images(Path("images"), images)):
        lines.append(f"{path},c{at % 3},p{at % 6},k{at % 4}")
    Path("manifest.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of 6 images, a store of all 24, vectors, a result and a recipe."""
    place = tmp_path_factory.mktemp("world")
    with working_in(place):
        write_manifest(6)
        call_cli(*INDEX, "--store", "store")
        write_manifest(24)
        call_cli(*INDEX, "--store", "all")
        call_cli("eval", "--mode", "reid", "--store", "all", "--out", "result.json")
        rng = np.random.default_rng(0)
        np.savez("vectors.npz", vectors=rng.standard_normal((40, 64)).astype(np.float32), label=["a", "b"] * 20)
        Path("recipe.yaml").write_text(yaml.safe_dump(recipe(draw(place / "captions"))))
    return place


def words(command: Command) -> list[str]:
    """Return the words of a command, with the name of the split set that was drawn."""
    if "{drawn}" not in command.words:
        return list(command.words)
    (drawn,) = open_store("all").split_sets()
    return [drawn if word == "{drawn}" else word for word in command.words]


def one_sentence(stderr: str) -> str:
    """Return the message of a command that could not finish."""
    errors = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, stderr
    assert "defect" not in stderr
    assert ".rs:" not in stderr
    return errors[0]


def finish(command: Command) -> None:
    """Run a command again where nothing is in its way; what it should write is there and whole."""
    call_cli(*words(command))
    assert Path(command.proof).exists()
    for store in ("store", "new", "all"):
        if Path(store).is_dir():
            call_cli("verify", "--store", store)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a disk that is full.

    Python writes no compiled modules meanwhile: it does not notice that they are cut off.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "dont_write_bytecode", True)
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", COMMANDS)
def test_files_that_cannot_grow(world: Path, tmp_path: Path, name: str) -> None:
    command = COMMANDS[name]
    shutil.copytree(world, tmp_path / "w")
    with working_in(tmp_path / "w"):
        spoken = words(command)
        with largest_file(700):
            done = call_cli(*spoken, check=1)
        one_sentence(done.stderr)
        finish(command)


@pytest.fixture
def small_disk(world: Path, tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with a copy of the world."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a disk of a few megabytes can only be mounted by root; see test_files_that_cannot_grow")
    try:
        shutil.copytree(world, disk / "w")
        yield disk / "w"
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(small_disk: Path, name: str) -> None:
    """The disk is full from the start, or after some of the work."""
    command = COMMANDS[name]
    with working_in(small_disk):
        spoken = words(command)
        for left in (0, 40_000, 150_000):
            fill(Path("filler"), left)
            done = call_cli(*spoken, check=None)
            Path("filler").unlink()
            assert done.returncode in {0, 1}, done.stderr
            if done.returncode:
                one_sentence(done.stderr)
            else:
                break
        finish(command)


def fill(path: Path, left: int) -> None:
    """Write a file that leaves only so many bytes of the disk."""
    with path.open("wb") as handle:
        handle.truncate(0)
        size = shutil.disk_usage(path.parent).free - left
        handle.write(bytes(max(size, 0)))


@pytest.fixture(scope="module")
def start() -> Iterator[WarmStart]:
    """Starts commands in processes of their own; permissions hold for them, also for root where that can be had."""
    setpriv = shutil.which("setpriv") if os.geteuid() == 0 else None
    caps = "-dac_override,-dac_read_search"
    with warm_start([setpriv, "--bounding-set", caps, "--inh-caps", caps] if setpriv else []) as start:
        yield start


@pytest.fixture(scope="module")
def bound_by_permissions(start: WarmStart) -> WarmStart:
    """Starts commands for which permissions hold."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and setpriv is not installed")
    return start


def set_writable(folder: Path, *, writable: bool) -> None:
    """Give or take the permission to write to a folder and all below it."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755 if writable else 0o555)


@pytest.mark.parametrize(
    ("name", "folder", "sign"),
    [
        ("index more", "store", "store/commits.lance/_versions/*.manifest"),  # after a commit of some images
        ("train", "out", "out/run/**/*.npy"),  # after decoding
        ("import-vectors", "new", ""),  # from the start: there is one commit
        ("eval", "all", ""),
        ("report", "out", ""),
    ],
)
def test_a_permission_lost_midway(
    world: Path, tmp_path: Path, bound_by_permissions: WarmStart, name: str, folder: str, sign: str
) -> None:
    command = COMMANDS[name]
    shutil.copytree(world, tmp_path / "w")
    with working_in(tmp_path / "w"):
        place = Path(folder)
        place.mkdir(exist_ok=True)
        before = len(list(Path().glob(sign))) if sign else 0
        if not sign:
            set_writable(place, writable=False)
        process = bound_by_permissions(*words(command), output=tmp_path / "said.txt")
        while sign and process.poll() is None and len(list(Path().glob(sign))) <= before:
            time.sleep(0.005)
        set_writable(place, writable=False)
        status = process.wait(300)
        set_writable(place, writable=True)
        said = process.said()
        if status and name != "eval":
            one_sentence(said)
        elif name == "eval":  # the number is there; only keeping it failed, which is said
            assert status == 0, said
            assert "cannot be written" in said
        finish(command)


def test_a_store_copied_while_it_is_written(world: Path, tmp_path: Path, start: WarmStart) -> None:
    """A plain copy, file by file, may mix two commits; it opens as one of them, or says that it is damaged."""
    shutil.copytree(world, tmp_path / "w")
    opened = 0
    with working_in(tmp_path / "w"):
        process = start(*words(COMMANDS["index more"]), output=tmp_path / "said.txt")
        copies: list[Path] = []
        seen = commits = len(list(Path("store/commits.lance/_versions").iterdir()))
        while process.poll() is None:
            commits = len(list(Path("store/commits.lance/_versions").iterdir()))
            if len(copies) < COPIES and commits >= seen + 4:
                copies.append(Path(f"copy{len(copies)}"))
                copy_files(Path("store"), copies[-1])
                seen = commits
            time.sleep(0.01)
        assert process.poll() == 0, process.said()
        with open_store("store").snapshot() as snapshot:
            complete = snapshot.samples(["id", "key"])
        for copy in copies:
            done = call_cli("verify", "--store", copy, check=None)
            assert done.returncode in {0, 1}
            if done.returncode == 0:
                opened += 1
                call_cli("info", "--store", copy)
                call_cli(*INDEX, "--store", copy)
                with open_store(copy).snapshot() as snapshot:
                    assert snapshot.samples(["id", "key"]) == complete
            else:
                assert done.stderr or "damaged" in done.stdout or "missing" in done.stdout
    assert opened


def copy_files(source: Path, target: Path) -> None:
    """Copy a folder file by file, passing over what vanishes meanwhile, as cp and rsync do."""
    for path in sorted(source.rglob("*")):
        there = target / path.relative_to(source)
        try:
            if path.is_dir():
                there.mkdir(parents=True, exist_ok=True)
            else:
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, there)
        except FileNotFoundError:
            continue
