"""What indexing says of the names in a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexers.pipeline.names import name_notes
from tests.support.command_line import SMALL_ENCODER, call_json
from tests.support.identity_stores import memory_store, people
from tests.support.images import write_images

if TYPE_CHECKING:
    from pathlib import Path


def test_names_of_folders_are_told_when_they_are_indexed(tmp_path: Path) -> None:
    for at, name in enumerate(("Red fox", "red_fox", "unknown", "owl")):
        write_images(tmp_path / "one", 3, seed=at)
        for path in sorted((tmp_path / "one").rglob("*.jpg")):
            target = tmp_path / "images" / name / f"{path.parent.name}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    words = ("index", tmp_path / "images", "--store", tmp_path / "s", *SMALL_ENCODER)
    report = call_json(*words)
    told = " ".join(report["notes"])
    assert "Labels in several spellings that may be one: 'Red fox' (3 samples) and 'red_fox' (3)" in told
    assert "unlabelled=unknown" in told
    assert len(report["notes"]) == 2


def test_cameras_aspects_and_groups() -> None:
    rows = people(3, 4, camera="unknown", group="n/a", label=None)
    for at, row in enumerate(rows):
        row["aspect"] = "Left" if at % 2 else "left"
    with memory_store(rows).snapshot() as snapshot:
        notes = name_notes(snapshot)
    assert [line.split(" ")[0] for line in notes] == ["Cameras", "Aspects", "Groups"]
    assert "'unknown' (12 samples). Each counts as one camera; leave their cells empty and index again." in notes[0]
    assert "may be one: 'Left' (6 samples) and 'left' (6)" in notes[1]
    with memory_store(people(3, 4, camera="1", group="g", label=None)).snapshot() as snapshot:
        assert name_notes(snapshot) == []


def test_one_sample_without_a_name_is_told_with_both_options() -> None:
    rows = people(3, 4, camera="1", group="g", label=None)
    rows[0]["identity"] = "unknown"
    with memory_store(rows).snapshot() as snapshot:
        (note,) = name_notes(snapshot)
    assert note.startswith("Identities that read like placeholders: 'unknown' (1 sample). Each counts as one identity;")
    assert "-o junk_identities=unknown" in note
    assert "-o distractor_identities=unknown." in note
    rows[0]["identity"], rows[0]["camera"] = rows[1]["identity"], "unknown"
    with memory_store(rows).snapshot() as snapshot:
        assert name_notes(snapshot) == []
