"""``kill -9`` at 20 random moments: the store opens, readers never fail, and the next run finishes the work."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from retrieval.errors import MissingFileError, StoreError
from retrieval.store.open import open_store
from retrieval.store.verify import verify
from tests.support.command_line import SMALL_ENCODER, call_cli
from tests.support.images import write_images
from tests.support.warm_start import Running, WarmStart, warm_start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

KILLS = 20
IMAGES = 320


class Reader(threading.Thread):
    """Opens the store again and again while writers are killed, and keeps one old snapshot open throughout."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.stop = threading.Event()
        self.rounds = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            store = open_store(self.path)
            with store.snapshot() as oldest:
                before = oldest.samples().num_rows
                while not self.stop.is_set():
                    with store.snapshot() as snapshot:
                        rows = snapshot.samples(["id", "key"])
                        keys = snapshot.vectors(snapshot.space()).keys
                        assert len(set(rows.column("id").to_pylist())) == rows.num_rows
                        assert len(set(keys.tolist())) == len(keys)
                        assert {key.encode() for key in rows.column("key").to_pylist()} <= set(keys.tolist())
                    assert oldest.samples().num_rows == before
                    self.rounds += 1
                    time.sleep(0.05)
        except BaseException as error:  # noqa: BLE001 - reported by the test
            self.error = error


def _commits(store: Path) -> int:
    folder = store / "commits.lance" / "_versions"
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def _samples(store: Path) -> int:
    try:
        with open_store(store).snapshot() as snapshot:
            return int(snapshot.samples(["id"]).num_rows)
    except (MissingFileError, StoreError):  # not made yet
        return 0


@pytest.fixture(scope="module")
def start() -> Iterator[WarmStart]:
    """Starts commands in processes of their own."""
    with warm_start() as start:
        yield start


def _index(start: WarmStart, images: Path, store: Path) -> Running:
    words = ("index", images, "--store", store, *SMALL_ENCODER, "--commit-seconds", "0", "--views", "base,hflip")
    return start(*words, output=store.with_name("said.txt"))


def _content(store: Path) -> tuple[pa.Table, list[dict[str, object]], dict[str, bytes]]:
    with open_store(store).snapshot() as snapshot:
        assert not any(finding.wrong for finding in verify(snapshot))
        space = snapshot.space()
        vectors = snapshot.read(f"vectors_{space.fingerprint}").sort_by("key").to_pylist()
        rows = snapshot.samples()
        return rows, vectors, snapshot.thumbnails(rows.column("key").to_pylist())


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path, start: WarmStart) -> None:
    images, store = tmp_path / "images", tmp_path / "s"
    write_images(images, IMAGES)
    chance = random.Random(0)
    reader: Reader | None = None
    killed = 0
    while killed < KILLS:
        before = _commits(store)
        process = _index(start, images, store)
        while _commits(store) <= before + 1 and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.25)
        if process.poll() is not None:
            break  # this run had little left and finished before its turn came
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
        killed += 1
        if reader is None and (store / "commits.lance").is_dir():
            with open_store(store).snapshot() as snapshot:
                started = bool(snapshot.spaces)
            if started:
                reader = Reader(store)
                reader.start()
    call_cli("index", images, "--store", store, *SMALL_ENCODER, "--views", "base,hflip")
    assert reader is not None
    reader.stop.set()
    reader.join(30)
    assert reader.error is None
    assert reader.rounds > KILLS
    assert killed == KILLS
    call_cli("index", images, "--store", tmp_path / "clean", *SMALL_ENCODER, "--views", "base,hflip")
    resumed, clean = _content(store), _content(tmp_path / "clean")
    assert resumed[0].num_rows == IMAGES
    for part, clean_part in zip(resumed, clean, strict=True):
        assert part == clean_part
    call_cli("verify", "--store", store)


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, start: WarmStart) -> None:
    images, store = tmp_path / "images", tmp_path / "s"
    write_images(images, IMAGES)
    process = _index(start, images, store)
    while _samples(store) == 0:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 1
    kept = _samples(store)
    assert 0 < kept < IMAGES
    report = call_cli("index", images, "--store", store, *SMALL_ENCODER)
    assert f"{IMAGES - kept} embedded" in report.stdout
    assert f"{kept} unchanged" in report.stdout
