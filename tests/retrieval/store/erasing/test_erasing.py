"""What is forgotten is in no file of the store; what shares nothing with it is as it was."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from retrieval.errors import InputError, StoreError, StoreLockedError, UnknownNameError
from retrieval.store.erasing.forget import forget
from retrieval.store.erasing.marker import FORGETTING
from retrieval.store.erasing.redaction import NOTE
from retrieval.store.erasing.request import ForgetRequest
from retrieval.store.erasing.verify_forgotten import verify_forgotten
from retrieval.store.open import LanceStore, open_store
from retrieval.store.verify import verify
from retrieval.types import Bank, BankKind, SplitSet
from tests.support.byte_finds import files_with, stored_vectors
from tests.support.sample_stores import key, rows, spec, store_with, unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ["ann-0001", "ann-0002", "ben-0001", "ben-0002", "cat-0001"]
PEOPLE = ["anna", "anna", "ben", "ben", None]


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    made, _ = store_with(tmp_path / "s", NAMES, unit(5), identity=PEOPLE)
    with made.writer() as writer:
        writer.append_thumbnails({key(name): f"webp of {name}".encode() for name in NAMES})
        writer.replace_failures("s", {"ann-0001.jpg": "was torn once", "x.jpg": "torn"})
        writer.commit("pictures")
    return made


def said(store: LanceStore, **request: Any) -> list[str]:
    return list(forget(store, ForgetRequest(quiet=True, wait=0, **request), print).lines())


def names(store: LanceStore) -> list[str]:
    with store.snapshot() as snapshot:
        return list(snapshot.samples(["id"]).column("id").to_pylist())


def sound(store: LanceStore) -> bool:
    with store.snapshot() as snapshot:
        return not any(finding.wrong for finding in verify(snapshot))


def folder(store: LanceStore) -> Path:
    return store.local_folder


def vector_bytes(store: LanceStore, *keys: str) -> list[bytes]:
    vectors = stored_vectors(folder(store))
    return [data for name in keys for data in vectors[key(name)]]


def test_an_identity_is_in_no_file_any_more(store: LanceStore) -> None:
    with store.snapshot() as snapshot:
        snapshot.vectors(snapshot.space())  # makes the cache
    needles = [b"ann-0001", b"ann-0002", b"anna", *vector_bytes(store, "ann-0001", "ann-0002")]
    assert {name.split("/")[0].split("_")[0] for name in files_with(folder(store), needles[3:])} == {"vectors", "cache"}
    report = forget(store, ForgetRequest(identity="anna", quiet=True), print)
    assert report.ok
    assert [row["id"] for row in report.samples] == ["ann-0001", "ann-0002"]
    assert (list(report.vectors.values()), report.thumbnails, report.identities) == ([2], 2, ["anna"])
    assert files_with(folder(store), needles) == set()
    assert names(store) == ["ben-0001", "ben-0002", "cat-0001"]
    with store.snapshot() as snapshot:
        assert sorted(snapshot.thumbnail_keys()) == sorted(key(name) for name in NAMES[2:])
        assert [row["uri"] for row in snapshot.read("failures").to_pylist()] == ["x.jpg"]
        matrix = snapshot.vectors(snapshot.space())
        place = {bytes(name).decode(): at for at, name in enumerate(matrix.keys)}
        np.testing.assert_array_equal(matrix.data[[place[key(n)] for n in NAMES[2:]]], unit(5).vectors[2:])
        assert snapshot.forgotten().ids_of(NAMES) == {"ann-0001", "ann-0002"}
        assert snapshot.read("forgotten").column("source").to_pylist() == ["s", "s"]
    assert sound(store)
    assert not (folder(store) / FORGETTING).exists()


def test_what_was_deleted_replaced_or_relabelled_before_is_gone_too(store: LanceStore) -> None:
    with store.writer() as writer:
        snapshot = writer.snapshot
        row = snapshot.samples(id="ben-0001").to_pylist()[0]
        writer.update_samples(pa.Table.from_pylist([{**row, "identity": "bernhard"}], schema=snapshot.samples().schema))
        writer.replace_vectors(snapshot.space(), [key("ben-0001")], {"base": unit(1, seed=9)})
        writer.delete_samples(["ann-0002"])
        writer.commit("changes")
    old = unit(5).vectors
    needles = [b"ben-0001", b"bernhard", b"ann-0002", old[2].tobytes(), old[1].tobytes()]
    assert all(files_with(folder(store), [needle]) for needle in needles)
    assert forget(store, ForgetRequest(id="ben-0001.jpg", quiet=True), print).ok
    assert files_with(folder(store), needles) == set()


def test_a_copy_under_another_id_keeps_what_it_shares_and_is_told_of(store: LanceStore) -> None:
    twin = rows(["dan-0001"], content=key("ann-0001"), key=key("ann-0001"), position=9, identity="dan")
    with store.writer() as writer:
        writer.append_samples(twin)
        writer.commit("twin")
    shared = vector_bytes(store, "ann-0001")
    lines = said(store, identity=["anna"])
    assert any("1 other sample of the same image files" in line and "dan-0001" in line for line in lines)
    assert files_with(folder(store), shared)
    with store.snapshot() as snapshot:
        assert not snapshot.forgotten().has_key(key("ann-0001"))
        assert snapshot.forgotten().has_key(key("ann-0002"))
    said(store, identity=["dan"])
    assert files_with(folder(store), shared) == set()


def test_another_sample_with_the_same_vector_is_told_of_as_a_trace(store: LanceStore) -> None:
    with store.writer() as writer:
        writer.append_vectors(writer.snapshot.space(), [key("eve-0001")], {"base": unit(1)})  # that of ann-0001
        writer.append_samples(rows(["eve-0001"], position=9, identity="eve"))
        writer.commit("same pixels in another file")
    lines = said(store, identity=["anna"])
    assert any("same vector" in line and "eve-0001" in line for line in lines)
    assert not any(line.startswith("Still there") for line in lines)
    assert names(store) == ["ben-0001", "ben-0002", "cat-0001", "eve-0001"]


def test_a_box_of_a_forgotten_image_stays_and_is_told_of(store: LanceStore) -> None:
    image, vectors = "0123456789abcdef" * 2, unit(2, seed=6)
    with store.writer() as writer:
        writer.append_samples(rows(["eve-0001"], content=image, key=image, position=8, identity="eve"))
        writer.append_samples(rows(["box-0001"], content=image, crop="c1", key=f"{image}#c1", position=9))
        writer.append_vectors(writer.snapshot.space(), [image, f"{image}#c1"], {"base": vectors})
        writer.commit("box")
    whole, part = (vector.tobytes() for vector in vectors.vectors)
    report = forget(store, ForgetRequest(identity="eve", quiet=True), print)
    assert (report.ok, report.traces) == (True, [])
    assert any("box-0001" in line for line in report.remains)
    assert files_with(folder(store), [whole, b"eve-0001"]) == set()
    assert files_with(folder(store), [part])
    assert forget(store, ForgetRequest(id="box-0001", quiet=True), print).ok
    assert files_with(folder(store), [part, image.encode()]) == set()


def splits_of(*samples: str, name: str = "mine") -> SplitSet:
    roles = np.array(["query", "gallery"] * len(samples))[: len(samples)]
    return SplitSet(name, np.zeros(len(samples), np.int64), np.array(samples), roles)


def result_of(splits: SplitSet, **parts: Any) -> dict[str, Any]:
    provenance = {"split_sha256": splits.sha256, "split_set": splits.name}
    return {"task": "ranking", "mode": "reid", "created": "2026", "warnings": [], "provenance": provenance, **parts}


def test_split_sets_and_results_are_written_again_under_a_new_address(store: LanceStore) -> None:
    whole, other = splits_of(*NAMES), splits_of(*NAMES[2:], name="others")
    named = SplitSet(f"draws@{whole.sha256[:8]}", whole.draw, whole.sample, whole.role)
    alone = splits_of("ann-0001", name="alone")
    for splits in (whole, other, named, alone):
        store.save_splits(splits)
    store.save_result(result_of(whole, slices={"anna": {}, "ben": {}}))
    store.save_result(result_of(other, metrics={"rank_1": {"value": 0.5}}))
    lines = said(store, identity=["anna"])
    assert any("3 split sets" in line for line in lines)
    sets = store.split_sets()
    kept = whole.without(["ann-0001", "ann-0002"])
    assert sets == {"mine": kept.sha256, "others": other.sha256, f"draws@{kept.sha256[:8]}": kept.sha256}
    assert store.read_splits("mine").sample.tolist() == NAMES[2:]
    results = {result.result["provenance"]["split_set"]: result for result in store.results()}
    assert results["mine"].result["warnings"] == [NOTE]
    assert list(results["mine"].result["slices"]) == ["(forgotten 1)", "ben"]
    assert results["mine"].result["provenance"]["split_sha256"] == whole.sha256
    assert results["others"].result == result_of(other, metrics={"rank_1": {"value": 0.5}})
    assert files_with(folder(store), [b"ann-0001", b"anna"]) == set()
    assert sound(store)


def test_an_evaluation_that_ends_afterwards_is_not_kept(store: LanceStore) -> None:
    said(store, identity=["anna"])
    with pytest.raises(StoreError, match="2 samples of it were forgotten meanwhile"):
        store.save_splits(splits_of(*NAMES))
    store.save_splits(splits_of(*NAMES[2:]))


def bank(name: str, space: str, classes: list[str], kind: BankKind) -> Bank:
    n = len(classes)
    return Bank(name, space, "import:x", unit(n, seed=3).vectors, np.arange(n), np.array(classes), kind=kind)


def test_banks_are_listed_and_not_erased(store: LanceStore) -> None:
    with store.snapshot() as snapshot:
        space = snapshot.space().fingerprint
    store.save_bank(bank("people", space, ["anna", "ben"], "prototypes"))
    store.save_bank(bank("trees", space, ["oak"], "prompts"))
    (line,) = [line for line in said(store, identity=["anna"]) if "Banks" in line]
    assert "people" in line
    assert "trees" not in line
    assert len(store.banks()) == 2


def test_an_open_reader_is_named_and_let_finish(store: LanceStore) -> None:
    needle = vector_bytes(store, "ann-0001")
    with store.snapshot() as old:
        with pytest.raises(StoreLockedError, match=r"older versions are still read by process \d+"):
            said(store, identity=["anna"])
        assert old.samples(["id"]).num_rows == 5
        assert len(old.vectors(old.space()).keys) == 5
        assert names(store) == NAMES[2:]
        assert files_with(folder(store), needle)
        with store.snapshot() as new:
            unfinished = [finding for finding in verify(new) if finding.wrong]
        assert [finding.check for finding in unfinished] == ["unfinished"]
    lines = said(store, identity=["anna"])  # the same command again
    assert lines[0] == "An erasure that was stopped is finished."
    assert files_with(folder(store), needle) == set()
    assert sound(store)
    with pytest.raises(UnknownNameError):
        said(store, identity=["anna"])


def test_a_reader_that_ends_is_waited_for(store: LanceStore) -> None:
    heard: list[str] = []
    reader = ExitStack()
    reader.enter_context(store.snapshot())

    def say(message: str) -> None:
        heard.append(message)
        reader.close()

    assert forget(store, ForgetRequest(identity="anna", quiet=True, wait=20), say).ok
    assert "is read by process" in heard[0]
    assert "waiting up to 20 s" in heard[0]


def test_finish_needs_no_name(store: LanceStore) -> None:
    with store.snapshot(), pytest.raises(StoreLockedError):
        said(store, identity=["anna"])
    assert said(store, finish=True)[0] == "An erasure that was stopped is finished."
    assert files_with(folder(store), [b"ann-0001"]) == set()
    assert said(store, finish=True)[0] == "No erasure was unfinished; old versions were erased."


def test_another_command_finishes_what_an_earlier_one_began(store: LanceStore) -> None:
    with store.snapshot(), pytest.raises(StoreLockedError):
        said(store, identity=["anna"])
    with pytest.raises(UnknownNameError):
        said(store, identity=["nobody"])
    said(store, identity=["ben"])
    assert files_with(folder(store), [b"ann-0001", b"ben-0001"]) == set()


def test_a_dry_run_changes_no_byte(store: LanceStore) -> None:
    before = {path: path.read_bytes() for path in folder(store).rglob("*") if path.is_file()}
    lines = said(store, identity=["anna"], dry_run=True)
    assert lines[0].startswith("Would erase: 2 samples, 2 vectors of model-random0@")
    assert lines[-1] == "Nothing was erased."
    after = {path: path.read_bytes() for path in folder(store).rglob("*") if path.is_file()}
    assert {path: data for path, data in after.items() if path.name != "records.lock"} == before


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"identity": "ana"}, "Did you mean 'anna'"),
        ({"id": "ann-0009.jpg"}, "Did you mean"),
        ({"id": "ann-000"}, "may mean 2 samples"),
        ({"where": "identity = 'nobody'"}, "No sample meets"),
        ({"where": "idenity = 'x'"}, "there is no column idenity"),
    ],
)
def test_what_names_nobody_is_one_sentence_and_changes_nothing(
    store: LanceStore, request_: dict[str, str], message: str
) -> None:
    with pytest.raises((UnknownNameError, InputError), match=message):
        said(store, **request_)
    assert names(store) == NAMES
    assert not (folder(store) / FORGETTING).exists()


def test_ids_paths_and_beginnings_name_a_sample(store: LanceStore) -> None:
    said(store, id=["ann-0001", "ann-0002.jpg", "cat"])
    assert names(store) == ["ben-0001", "ben-0002"]


def test_all_samples_of_a_store(store: LanceStore) -> None:
    assert said(store, where="true")[-1].endswith("nothing is left.")
    assert names(store) == []
    with store.snapshot() as snapshot:
        assert snapshot.sources == ()
        assert snapshot.read("forgotten").column("source").to_pylist() == [None] * 5
        assert len(snapshot.vectors(snapshot.space()).keys) == 0
    assert sound(store)


def test_new_sources_come_after_the_others_when_one_is_gone(store: LanceStore) -> None:
    with store.writer() as writer:
        for name in ("s", "t", "u"):
            writer.put_source(name, "folder", f"/{name}")
        writer.append_samples(rows(["t1"], source="t"))
        writer.append_samples(rows(["u1"], source="u", key=key("t1"), content=key("t1")))
        writer.append_vectors(writer.snapshot.space(), [key("t1")], {"base": unit(1, seed=8)})
        writer.commit("sources")
    said(store, where="source = 't'")
    with store.writer() as writer:
        writer.put_source("v", "folder", "/v")
        writer.commit("v")
    with store.snapshot() as snapshot:
        assert [source.name for source in snapshot.sources] == ["s", "u", "v"]


def test_names_are_searched_for_in_every_file(store: LanceStore) -> None:
    def checks(*searched: str) -> Iterator[tuple[str, bool, str]]:
        with store.snapshot() as snapshot:
            for finding in verify_forgotten(snapshot, searched, quiet=True):
                yield finding.check, finding.wrong, finding.detail

    assert next(checks("anna"))[1:] == (True, "in the store: 2 samples have this identity; 'forget' them first")
    with store.writer() as writer:
        writer.delete_samples(["ann-0002"])  # as index --prune does: its rows stay in files
        version = writer.commit("gone")
    places = [detail for name, wrong, detail in checks("ann-0002") if wrong and name == "ann-0002"]
    assert any("samples.lance/data/" in place and "column id" in place for place in places)
    assert any("samples.lance/_transactions/" in place for place in places)
    said(store, finish=True)
    assert next(checks("ann-0002")) == ("ann-0002", False, "in no file")
    with store.snapshot() as snapshot:
        assert snapshot.store_version == version
    said(store, identity=["anna"])
    listed = list(checks("ann-0001", "anna", "an"))
    assert not any(wrong for _, wrong, _ in listed)
    assert listed[0] == ("ann-0001", False, "in no file")
    assert listed[1][2].startswith("forgotten 20")
    with pytest.raises(InputError, match="is empty"):
        list(checks(" "))


def test_rows_that_come_back_are_noticed(store: LanceStore) -> None:
    said(store, identity=["anna"])
    with store.writer() as writer:
        writer.append_vectors(writer.snapshot.space(), [key("ann-0001")], {"base": unit(1)})
        writer.commit("by hand")
    with store.snapshot() as snapshot:
        wrong = [finding for finding in verify_forgotten(snapshot, ["nobody-here"], quiet=True) if finding.wrong]
    assert [finding.check for finding in wrong] == ["forgotten samples"]
    assert "of a forgotten sample" in wrong[0].detail


def test_the_store_is_that_of_lancedb(store: LanceStore) -> None:
    import lancedb

    said(store, identity=["anna"])
    database = lancedb.connect(str(folder(store)))
    assert sorted(database.open_table("samples").to_arrow().column("id").to_pylist()) == NAMES[2:]
    again = open_store(folder(store))
    with again.writer() as writer:
        writer.append_samples(rows(["new"], position=20))
        writer.append_vectors(writer.snapshot.space(), [key("new")], {"base": unit(1, seed=7)})
        writer.register_space(spec("other"), 4, ("base",))
        writer.commit("more")
        writer.tidy()
    assert sound(store)
    assert json.loads((folder(store) / "digests.jsonl").read_text().splitlines()[0])["table"]


def test_a_version_that_somebody_tagged_is_named(store: LanceStore) -> None:
    import lance

    path = str(folder(store) / "samples.lance")
    lance.dataset(path).tags.create("mine", lance.dataset(path).version)
    lines = said(store, identity=["anna"])
    assert any(line.startswith("Still there: id ann-0001 in samples.lance/data/") for line in lines)
    assert (folder(store) / FORGETTING).exists()
    lance.dataset(path).tags.delete("mine")
    assert not any(line.startswith("Still there") for line in said(store, finish=True))
    assert files_with(folder(store), [b"ann-0001"]) == set()


def test_an_index_that_somebody_made_goes(store: LanceStore) -> None:
    import lance

    dataset = lance.dataset(str(folder(store) / "samples.lance"))
    dataset.create_scalar_index("identity", "BTREE")
    with store.writer() as writer:
        writer.commit("their index")
    assert not any(line.startswith("Still there") for line in said(store, identity=["anna"]))
    assert files_with(folder(store), [b"anna", b"ann-0001"]) == set()


def test_who_was_forgotten_by_id_is_said_to_have_been(store: LanceStore) -> None:
    said(store, id=["cat-0001"])
    with pytest.raises(UnknownNameError, match="'cat-0001' was forgotten 20"):
        said(store, id=["cat-0001"])
