from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from eval.audit.findings import AuditReport, NeighbourSearch
from eval.runs import audit as audit_module
from eval.runs import neighbours
from eval.runs.audit import audit
from eval.views.audit_tables import audit_table
from retrieval.errors import InputError, UnknownNameError
from tests.support.audit_samples import IDENTITY, IMAGES, PEOPLE, SPLIT, N, clusters, said, store_of


def checks(report: AuditReport) -> dict[str, tuple[str, list[tuple[str, ...]]]]:
    return said(report.findings)


def test_tight_clusters_with_right_names_are_clean() -> None:
    report = audit(store_of(clusters(PEOPLE, IMAGES, noise=0.5, d=64), identity=IDENTITY, split=SPLIT))
    assert report.findings == ()
    assert not report.fails(strict=True)
    assert (report.samples, report.space, report.split_set) == (N, "model@1234", None)
    assert report.to_dict()["clean"] is True


def test_one_wrong_identity_is_found_exactly() -> None:
    identity = [*IDENTITY]
    identity[12] = "p6"
    report = audit(store_of(clusters(PEOPLE, IMAGES, noise=0.5, d=64), identity=identity, split=SPLIT))
    (found,) = report.findings
    assert (found.check, found.severity, found.items[0].samples[0]) == ("suspected-identity", "warning", "12")
    assert found.items[0].detail.startswith("identity p6, neighbours say p2 ")
    assert not report.fails(strict=False)
    assert report.fails(strict=True)


def test_a_wrong_label_is_looked_for_apart_from_identities_and_within_a_side() -> None:
    vectors = clusters(PEOPLE, IMAGES, noise=0.5, d=64)
    label = [*IDENTITY]
    label[12] = "p6"
    split = ["train" if at % IMAGES < 3 else "test" for at in range(N)]
    found = checks(audit(store_of(vectors, label=label, split=split)))
    assert [(check, severity, items[0][0]) for check, (severity, items) in found.items()] == [
        ("suspected-label", "warning", "12")
    ]


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({}, "near-duplicate-in-draw"),
        ({"split": ["train"] + ["test"] * (N - 1)}, "near-duplicate-across-splits"),
        ({"identity": ["p7", *IDENTITY[1:]]}, "near-duplicate-other-name"),
    ],
)
def test_near_duplicates_by_hash_and_vector(changes: dict[str, list[str]], check: str) -> None:
    vectors = clusters(PEOPLE, IMAGES, noise=0.5, d=64)
    vectors[1] = vectors[0] + 0.45 * vectors[30]
    vectors[1] /= np.linalg.norm(vectors[1])
    hashes = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, N)
    hashes[1] = hashes[0] ^ 0b101
    columns: dict[str, Any] = {"identity": IDENTITY, "split": SPLIT} | changes
    store = store_of(vectors, phash=pa.array(hashes, pa.int64()), **columns)
    assert checks(audit(store))[check] == ("warning", [("00", "01")])
    assert not any(name.startswith("near") for name in checks(audit(store, bits=1)))


def test_samples_without_a_vector_are_named_and_the_others_judged() -> None:
    identity = [*IDENTITY]
    identity[12] = "p6"
    found = checks(audit(store_of(clusters(PEOPLE, IMAGES, noise=0.5, d=64), drop=2, identity=identity, split=SPLIT)))
    assert found["no-vector"] == ("warning", [("38",), ("39",)])
    assert found["suspected-identity"][1][0][0] == "12"


@pytest.mark.parametrize("drop", [39, 40])
def test_next_to_no_vectors(drop: int) -> None:
    report = audit(store_of(clusters(PEOPLE, IMAGES), drop=drop, identity=IDENTITY, split=SPLIT))
    assert [(found.check, found.count) for found in report.findings] == [("no-vector", drop)]
    assert report.thresholds["typical_distance"] is None


def test_a_protocol_that_leaves_the_group_out_lets_groups_meet() -> None:
    vectors = clusters(PEOPLE, IMAGES, noise=0.5, d=64)
    store = store_of(vectors, identity=IDENTITY, split=SPLIT, group=["g", "g"] + [f"g{at}" for at in range(N - 2)])
    assert checks(audit(store)) == {"group-in-draw": ("error", [("00", "01")])}
    assert checks(audit(store, protocol="leave-one-out")) == {}


def test_what_cannot_be_audited() -> None:
    vectors = clusters(PEOPLE, IMAGES)
    with pytest.raises(InputError, match="no samples to audit; index some first"):
        audit(store_of(vectors[:0]))
    store = store_of(vectors, identity=IDENTITY)
    with pytest.raises(InputError, match="A split set gives the draws, so `protocol=clipfh-11k` has none"):
        audit(store, protocol="clipfh-11k", split_set="mine")
    wrongs: tuple[dict[str, Any], ...] = ({"space": "other"}, {"protocol": "clipfh"}, {"split_set": "mine"})
    for wrong in wrongs:
        with pytest.raises(UnknownNameError):
            audit(store, **wrong)


def test_an_approximate_audit_finds_the_same_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clusters(PEOPLE, IMAGES, noise=0.5, d=64)
    vectors[1] = vectors[0] + 0.45 * vectors[30]
    vectors[3] = vectors[2] + 0.01 * vectors[30]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    identity = [*IDENTITY]
    identity[12] = "p6"
    hashes = pa.array([5] * N, pa.int64())  # all alike
    store = store_of(vectors, phash=hashes, identity=identity, split=SPLIT)
    exact = audit(store)
    assert exact.search == NeighbourSearch(exact=True)
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", N - 1)
    monkeypatch.setattr(audit_module, "MOST_COMPARISONS", 0)
    assert audit(store, exact=True) == exact
    report = audit(store)
    assert report.findings == exact.findings
    assert report.search == NeighbourSearch(
        exact=False, all_hashes=False, sampled=N, recall=1.0, near_pairs=2, near_pairs_found=2
    )
    assert report.to_dict()["search"]["recall"] == 1
    caption = str(audit_table(report, 5).caption)
    assert caption.startswith(
        "The search for near vectors was approximate: of 40 samples drawn at random it had 100.0%"
    )
    assert "those of nearest neighbours were compared" in caption
    assert audit_table(exact, 5).caption == ""


@pytest.mark.parametrize("column", ["split", "aspect"])
def test_train_and_test_and_aspects_are_no_witnesses_for_each_other(column: str) -> None:
    identity = [*IDENTITY]
    identity[12] = "p6"
    apart = ["train" if at in {10, 11, 13, 14} else "test" for at in range(N)]
    columns: dict[str, Any] = {"identity": identity, column: apart}
    store = store_of(clusters(PEOPLE, IMAGES, noise=0.5, d=64), **columns)
    assert "suspected-identity" not in checks(audit(store))


def test_what_a_ranking_leaves_out_is_no_near_duplicate_of_it() -> None:
    vectors = clusters(PEOPLE, IMAGES, noise=0.5, d=64)
    vectors[1] = vectors[0]
    vectors[7] = vectors[6]
    group: list[str | None] = [None] * N
    group[0] = group[1] = "burst"
    columns: dict[str, Any] = {
        "identity": IDENTITY,
        "group": group,
        "key": [f"k{at}" if at not in {11, 12} else "same" for at in range(N)],
        "camera": [f"c{at}" if at in {11, 12} else None for at in range(N)],  # copies of one camera would count once
    }
    store = store_of(vectors, **columns)
    assert checks(audit(store, protocol="leave-one-out"))["near-vector-in-draw"] == ("warning", [("06", "07")])
    assert checks(audit(store, protocol="leave-one-out"))["duplicate-in-draw"] == ("error", [("11", "12")])
    group[11] = group[12] = "other"
    again = checks(audit(store_of(vectors, **columns), protocol="leave-one-out"))
    assert "duplicate-in-draw" not in again
    assert again["duplicate"] == ("note", [("11", "12")])


def test_images_of_one_camera_that_market1501_leaves_out_are_no_near_duplicates_of_a_draw() -> None:
    vectors = clusters(PEOPLE, IMAGES, noise=0.5, d=64)
    vectors[1], vectors[6], vectors[11] = vectors[0], vectors[5], vectors[10]
    camera = [f"c{at % IMAGES}" for at in range(N)]
    camera[1] = camera[0]
    unknown: list[str | None] = [*camera]
    unknown[10] = unknown[11] = None
    store = store_of(vectors, identity=IDENTITY, split=SPLIT, camera=unknown)
    for protocol in ("market1501", "fixed", None):
        found = checks(audit(store, protocol=protocol))
        assert found["near-vector-in-draw"] == ("warning", [("05", "06"), ("10", "11")])
