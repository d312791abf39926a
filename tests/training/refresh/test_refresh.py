"""``vitrine refresh``: what gets vectors, from what, what does not change, and what cannot be done."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitrine
from retrieval.store.lock import writer_lock
from retrieval.store.open import open_store
from retrieval.types import Bank, SpaceInfo
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.images import draw_images
from tests.support.trained_runs import (
    CLASSES,
    adapter_run,
    classifier_run,
    index_images,
    matrix_of,
    record,
    spaces,
    uris,
    vectors,
)
from training.export import RECORD, TrainedBank, write_bank, write_record


def refresh(folder: Path, run: Path, *options: str | Path, check: int = 0) -> dict[str, Any]:
    words = ("refresh", "--checkpoint", run, "--store", folder / "s", "--no-compare", "--json")
    report: dict[str, Any] = json.loads(call_cli(*words, *options, check=check).stdout)
    return report


def rows(folder: Path) -> object:
    with open_store(folder / "s").snapshot() as snapshot:
        return snapshot.samples()


def test_an_encoder_gets_the_vectors_that_index_would_give_and_nothing_else_changes(
    tmp_path: Path, parent: SpaceInfo, world: tuple[Path, SpaceInfo]
) -> None:
    run = classifier_run(tmp_path / "run", parent)
    before, samples = vectors(tmp_path, parent), rows(tmp_path)
    report = refresh(tmp_path, run)
    assert (report["embedded"], report["unchanged"], report["state"]) == (18, 0, "complete")
    old, new = spaces(tmp_path)
    assert (new.parent, new.name, new.state) == (parent.fingerprint, report["space"], "complete")
    assert new.views == ("base", "hflip")
    assert vectors(tmp_path, old) == before
    assert rows(tmp_path) == samples
    (bank,) = open_store(tmp_path / "s").banks(new.fingerprint)
    assert (bank.kind, bank.edge_class.tolist()) == ("classifier", list(CLASSES))
    (tmp_path / "clean").mkdir()
    shutil.copytree(world[0] / "images", tmp_path / "clean" / "images")
    index_images(tmp_path / "clean", "--encoder", str(run), "--views", "base,hflip")
    assert vectors(tmp_path / "clean", new) == vectors(tmp_path, new)
    call_cli("verify", "--store", tmp_path / "s")


@pytest.mark.usefixtures("own_images")
def test_again_only_what_is_missing_is_embedded(tmp_path: Path, parent: SpaceInfo) -> None:
    run = classifier_run(tmp_path / "run", parent)
    assert refresh(tmp_path, run, "--views", "base")["embedded"] == 18
    assert refresh(tmp_path, run, "--views", "base")["unchanged"] == 18
    draw_images(tmp_path / "new" / "images", *uris(21))
    for uri in uris(3, 18):
        shutil.copy(tmp_path / "new" / "images" / uri, tmp_path / "images" / uri)
    index_images(tmp_path, *SMALL_ENCODER)
    name = spaces(tmp_path)[1].name
    failed = call_cli("eval", "--mode", "prototype", "--space", name, "--store", tmp_path / "s", check=1).stderr
    assert "have no vector in space" in failed
    assert "refresh it again from its training run" in failed
    report = refresh(tmp_path, run / "encoder", "--views", "base")
    assert (report["embedded"], report["unchanged"]) == (3, 18)
    assert spaces(tmp_path)[1].views == ("base",)
    report = refresh(tmp_path, run)  # now with the view that the parent has, too
    assert (report["embedded"], report["unchanged"], spaces(tmp_path)[1].views) == (21, 0, ("base", "hflip"))


def test_images_that_are_gone_are_told_and_the_space_waits_for_them(
    tmp_path: Path, parent: SpaceInfo, own_images: Path
) -> None:
    run, images = classifier_run(tmp_path / "run", parent), own_images
    gone, changed, damaged = (images / uri for uri in uris(3))
    kept = {path: path.read_bytes() for path in (gone, changed, damaged)}
    gone.unlink()
    changed.write_bytes((images / uris(9)[8]).read_bytes())
    damaged.write_bytes(b"no image")
    before = vectors(tmp_path, parent)
    done = call_cli("refresh", "--checkpoint", run, "--store", tmp_path / "s", check=3)
    assert "15 new vectors; it is still filling" in done.stdout
    assert f"1 image gone (first {uris(1)[0]}); put the files back and run the same command again, or" in done.stdout
    assert "1 image changed since they were indexed" in done.stdout
    assert "1 image unreadable" in done.stdout
    assert "are not compared" in done.stderr
    new = spaces(tmp_path)[1]
    assert (new.state, new.rows) == ("filling", 15)
    assert vectors(tmp_path, parent) == before
    assert "is not complete" in call_cli("promote", new.name, "--store", tmp_path / "s", check=1).stderr
    for path, data in kept.items():
        path.write_bytes(data)
    report = refresh(tmp_path, run)
    assert (report["embedded"], report["unchanged"], report["left_out"]) == (3, 15, {})
    assert spaces(tmp_path)[1].state == "complete"


def test_one_of_several_copies_is_enough(tmp_path: Path, parent: SpaceInfo, own_images: Path) -> None:
    shutil.copy(own_images / uris(1)[0], own_images / "train" / "oak" / "copy.png")
    index_images(tmp_path)
    (own_images / uris(1)[0]).unlink()
    assert refresh(tmp_path, classifier_run(tmp_path / "run", parent))["embedded"] == 18


def test_an_adapter_maps_stored_vectors_and_opens_no_image(tmp_path: Path, parent: SpaceInfo, own_images: Path) -> None:
    run = adapter_run(tmp_path / "run", parent, d=256)
    shutil.rmtree(own_images)
    texts = np.eye(3, parent.dimension, dtype=np.float32)
    words = Bank("words", parent.fingerprint, "prompts:x", texts, np.arange(3), np.array(CLASSES), ("a", "b", "c"),
                 kind="prompts")  # fmt: skip
    open_store(tmp_path / "s").save_bank(words)
    before = vectors(tmp_path, parent)
    assert refresh(tmp_path, run)["embedded"] == 18
    old, new = spaces(tmp_path)
    assert (new.state, new.parent, new.dimension, new.views) == ("complete", old.fingerprint, 256, ("base", "hflip"))
    assert new.matrix is not None
    np.testing.assert_array_equal(new.matrix, matrix_of(run))
    with open_store(tmp_path / "s").snapshot() as snapshot:
        for view in new.views:
            given, made = snapshot.vectors(old, view), snapshot.vectors(new, view)
            product = given.data.astype(np.float64) @ matrix_of(run).T.astype(np.float64)
            expected = product / np.linalg.norm(product, axis=1, keepdims=True)
            order = np.argsort(made.keys)[np.argsort(np.argsort(given.keys))]
            assert made.keys[order].tolist() == given.keys.tolist()
            np.testing.assert_allclose(made.data[order], expected, atol=1e-6)
    assert vectors(tmp_path, parent) == before
    assert open_store(tmp_path / "s").banks(new.fingerprint) == ()  # texts are of another dimension
    call_cli("verify", "--store", tmp_path / "s")


def test_an_adapter_replaces_vectors_that_are_stale_and_adds_those_that_are_missing(
    tmp_path: Path, parent: SpaceInfo
) -> None:
    run = adapter_run(tmp_path / "run", parent)
    refresh(tmp_path, run)
    new = spaces(tmp_path)[1]
    right = vectors(tmp_path, new)
    with open_store(tmp_path / "s").writer() as writer:
        stale, missing = sorted(right)[:2]
        with_rows = {view: (writer.snapshot.vectors(new, view).data[:1], np.ones(1, np.float32)) for view in new.views}
        writer.replace_vectors(new, [stale], with_rows)  # type: ignore[arg-type]
        writer._tables.delete(f"vectors_{new.fingerprint}", f"key = '{missing}'")
        writer.commit("spoilt")
    assert vectors(tmp_path, new) != right
    report = refresh(tmp_path, run)
    assert (report["embedded"], report["replaced"], report["unchanged"]) == (1, 1, 16)
    assert vectors(tmp_path, new) == right


def test_banks_of_a_run_go_to_their_spaces(tmp_path: Path, parent: SpaceInfo) -> None:
    run = tmp_path / "run"
    run.mkdir()
    head = TrainedBank(
        "gda", "classifier", "parent", np.eye(3, parent.dimension, dtype=np.float32), np.arange(3), np.array(CLASSES)
    )
    write_bank(run, head)
    write_record(run, record(parent, "adapter"))
    report = refresh(tmp_path, run, "--space", parent.name)
    assert (report["space"], report["banks"]) == (None, [f"gda in {parent.name}"])
    assert [bank.name for bank in open_store(tmp_path / "s").banks(parent.fingerprint)] == ["gda"]
    classifier_run(run, parent)
    write_bank(
        run, TrainedBank("own", "classifier", "new", np.eye(3, 64, dtype=np.float32), np.arange(3), np.array(CLASSES))
    )
    report = refresh(tmp_path, run)
    assert report["banks"] == [f"gda in {parent.name}", f"own in {report['space']}"]
    assert [bank.name for bank in open_store(tmp_path / "s").banks(spaces(tmp_path)[1].fingerprint)] == ["own"]


def test_a_bank_of_the_parent_goes_to_no_other_space(tmp_path: Path, parent: SpaceInfo) -> None:
    refresh(tmp_path, classifier_run(tmp_path / "other", parent))
    other = spaces(tmp_path)[1]
    call_cli("promote", other.name, "--store", tmp_path / "s")
    run = tmp_path / "head"
    run.mkdir()
    for width in (parent.dimension, other.dimension):  # also one of the same width
        weights = np.eye(3, width, dtype=np.float32)
        write_bank(run, TrainedBank("mine", "classifier", "parent", weights, np.arange(3), np.array(CLASSES)))
        write_record(run, record(parent, "finetune"))
        words = ("refresh", "--checkpoint", run, "--store", tmp_path / "s")
        refused = call_cli(*words, "--space", other.name, check=1).stderr
        assert f"The bank mine of {run} is of space {parent.name}, and not of {other.name}, whose" in refused
        (run / RECORD).unlink()
        for options in ((), ("--space", other.name), ("--space", parent.name)):
            assert f"{run} does not tell from which space the vec" in call_cli(*words, *options, check=1).stderr
    assert {bank.name for bank in open_store(tmp_path / "s").banks()} == {"classifier"}
    weights = np.eye(3, parent.dimension, dtype=np.float32)
    write_bank(run, TrainedBank("mine", "classifier", "parent", weights, np.arange(3), np.array(CLASSES)))
    for kept in ({"space": parent.name}, {"space": "x", "space_fingerprint": parent.fingerprint}):
        (run / "data.json").write_text(json.dumps(kept))
        assert refresh(tmp_path, run)["banks"] == [f"mine in {parent.name}"]  # and not in the default space
        assert "and not of" in call_cli(*words, "--space", other.name, check=1).stderr


def test_python_takes_the_same_options(tmp_path: Path, parent: SpaceInfo, own_images: Path) -> None:
    run = classifier_run(tmp_path / "run", parent)
    report = vitrine.refresh(run, vitrine.open_store(tmp_path / "s"), quiet=True, sheet=tmp_path / "moved.png")
    assert (report.embedded, report.state) == (18, "complete")
    assert report.changes is not None
    assert (tmp_path / "moved.png").read_bytes().startswith(b"\x89PNG")
    assert "nearest before" in repr(report)
    assert json.loads(json.dumps(report.to_dict()))["changes"]["comparisons"][0]["task"] == "classification"
    vitrine.promote(tmp_path / "s", report.space or "")
    draw_images(tmp_path / "more", *uris(21))
    shutil.copytree(tmp_path / "more", own_images, dirs_exist_ok=True)
    index_images(tmp_path)  # without an encoder: that of the default space
    assert [space.rows for space in spaces(tmp_path)] == [18, 21]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--checkpoint", "none"), 1, "none: no such folder; check --checkpoint."),
        (("--checkpoint", "images"), 1, "images holds nothing for a store, neither encoder/encoder.json nor banks"),
        (("--checkpoint", "run", "--store", "nowhere"), 1, "no store here"),
        (("--checkpoint", "run", "--views", "base,flip"), 2, "No view 'flip'. Did you mean 'hflip'?"),
        (("--checkpoint", "run", "--views", "base,preproj"), 1, "has no projection"),
        (("--checkpoint", "run", "--space", "shuflenet"), 2, "No space 'shuflenet'. There is: shufflenet-v2"),
        (("--checkpoint", "run", "--evaluate", "rei"), 2, "No mode 'rei'"),
        (("--checkpoint", "run", "--evaluate", "knn:kk=3"), 2, "No option 'kk'"),
        (("--checkpoint", "run", "--evaluate", "knn:k"), 1, "'k' is not key=value"),
        (("--checkpoint", "run", "--evaluate", "reid"), 1, "identit"),
        (("--checkpoint", "run", "--evaluate", "knn", "--no-compare"), 1, "--evaluate is of the comparison, which is"),
        (("--checkpoint", "run", "--wait", "0"), 1, "still being written by process"),
        (("--checkpoint", "lost"), 1, "The store has no space gone@1, from which lost was trained; it has shufflenet"),
        (("--checkpoint", "adapter"), 1, "which adapter was trained"),
        ((), 2, "Missing option '--checkpoint'"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_sentence(
    tmp_path: Path, world: tuple[Path, SpaceInfo], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...],
    status: int, said: str,
) -> None:  # fmt: skip
    folder, parent = world
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    other = SpaceInfo("1" * 32, "gone@1", parent.spec.at("random:1"), 8, ("base",), "")
    name = options[1] if options else ""
    if name in {"run", "lost"}:
        classifier_run(tmp_path / name, parent if name == "run" else other)
    if name == "adapter":
        from dataclasses import replace

        spec = replace(parent.spec, weights_digest="other")
        adapter_run(tmp_path / name, replace(parent, spec=spec, fingerprint=spec.fingerprint))
    store = () if "--store" in options else ("--store", folder / "s")
    if "--wait" in options:
        with writer_lock(folder / "s", 0, print):
            done = call_cli("refresh", *options, *store, check=status)
    else:
        done = call_cli("refresh", *options, *store, check=status)
    assert said in done.stderr
    assert "defect" not in done.stderr
    assert len(spaces(folder)) == 1


def test_a_run_is_refused_in_its_own_space_and_one_without_record_takes_the_default(
    tmp_path: Path, parent: SpaceInfo
) -> None:
    run = classifier_run(tmp_path / "run", None)
    report = refresh(tmp_path, run)
    assert (report["parent"], report["embedded"]) == (parent.name, 18)
    assert refresh(tmp_path, run)["parent"] == parent.name  # the store knows it now
    words = ("refresh", "--checkpoint", run, "--store", tmp_path / "s", "--space", report["space"])
    assert "is that of the trained encoder itself" in call_cli(*words, check=1).stderr
    (run / "encoder" / "weights.safetensors").write_bytes(b"x")
    assert "damaged or was changed" in call_cli(*words[:5], check=1).stderr


def test_what_info_and_drop_say(tmp_path: Path, parent: SpaceInfo) -> None:
    run = classifier_run(tmp_path / "run", parent)
    name = refresh(tmp_path, run)["space"]
    assert call_json("info", "--store", tmp_path / "s")["spaces"][1]["parent_name"] == parent.name
    kept = vectors(tmp_path, spaces(tmp_path)[1])
    said = call_cli("drop-space", parent.name, "--yes", "--store", tmp_path / "s").stdout
    assert f"Made from it, and kept with their vectors: {name}; refresh cannot add to them any more" in said
    assert [space.name for space in spaces(tmp_path)] == [name]
    assert vectors(tmp_path, spaces(tmp_path)[0]) == kept
    failed = call_cli("refresh", "--checkpoint", run, "--store", tmp_path / "s", check=1).stderr
    assert f"The store has no space {parent.name}" in failed
    evaluated = call_json("eval", "--mode", "prototype", "--store", tmp_path / "s")
    assert evaluated["provenance"]["space"] == name
