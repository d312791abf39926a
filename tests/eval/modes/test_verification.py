from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from eval.mode import Arrays
from eval.modes.verification import MODE, VerificationConfig
from eval.result import EvalResult, Evaluation
from eval.runner import evaluate as evaluate_store
from eval.tables import result_table
from retrieval.errors import InputError, TestDataError
from tests.eval.problems import Problem, arrays, golden
from tests.eval.stores import memory_store, people


def evaluate(problem: Arrays, **options: Any) -> Evaluation:
    return MODE.evaluate(problem, VerificationConfig.read(options, "test"), np.random.default_rng(0))


def with_held_out(seed: int = 1, **roles: slice) -> Arrays:
    """The golden problem, and 60 images of six other people and one that is tested."""
    problem, rng = golden(), np.random.default_rng(seed)
    people_of = np.repeat(np.arange(7), 10)[:60]
    raw = rng.standard_normal((7, 16))[people_of] + 1.3 * rng.standard_normal((60, 16))
    others = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    names = [*problem.identity, *(f"other{at}" if at else "3" for at in people_of)]
    whole = arrays(Problem(np.concatenate([problem.vectors, others]), names, [None] * 300, 40))
    draw = {"query": np.arange(40), "gallery": np.arange(40, 240)}
    held_out = {role: np.arange(240, 300)[rows] for role, rows in roles.items()}
    return Arrays(whole.ids, whole.vectors, whole.columns, {"": ({**draw, **held_out},)})


@pytest.mark.parametrize("camera_rule", ["none", "market1501"])
def test_golden_problem_equals_scikit_learn(camera_rule: str) -> None:
    problem = golden()
    scores = problem.vectors[:40] @ problem.vectors[40:].T
    identity, camera = np.array(problem.identity), np.array(problem.camera)
    same = identity[:40, None] == identity[None, 40:]
    junk = same & (camera[:40, None] == camera[None, 40:]) & (camera_rule == "market1501")
    truth, kept = same[~junk], scores[~junk]
    found = evaluate(arrays(problem), camera_rule=camera_rule)
    fpr, tpr, _ = roc_curve(truth, kept, drop_intermediate=False)
    assert (found.n["genuine"], found.n["impostor"]) == (truth.sum(), (~truth).sum())
    assert found.metrics["auc"].value == pytest.approx(roc_auc_score(truth, kept), abs=1e-6)
    for rate in (0.001, 0.01, 0.1):
        assert found.metrics[f"tpr_at_fpr_{rate:g}"].value == pytest.approx(tpr[fpr <= rate].max(), abs=1e-6)
        quantile = np.quantile(kept[~truth], 1 - rate)
        expected = (kept[truth] <= quantile).mean()
        assert found.metrics[f"fnmr_at_fmr_{rate:g}"].value == pytest.approx(expected, abs=1 / truth.sum() + 1e-9)


def test_all_pairs_are_each_pair_once() -> None:
    found = evaluate(arrays(golden()), pairs="all", camera_rule="none", bootstrap=0)
    sizes = np.unique(np.array(golden().identity), return_counts=True)[1]
    genuine = (sizes * (sizes - 1) // 2).sum()
    assert (found.n["genuine"], found.n["genuine"] + found.n["impostor"]) == (genuine, 240 * 239 // 2)


def test_the_threshold_comes_from_identities_that_are_not_tested() -> None:
    problem = with_held_out(val=slice(0, 60))
    found = evaluate(problem)
    assert found.thresholds is not None
    rows = np.arange(250, 300)  # the first ten are of an identity that is tested
    vectors, names = problem.vectors["base"][rows].astype(float), problem.columns["identity"][rows]
    pairs = [(vectors[a] @ vectors[b], names[a] != names[b]) for a in range(50) for b in range(a)]
    impostors = sorted((score for score, different in pairs if different), reverse=True)
    threshold = found.thresholds["whole"]
    assert threshold == pytest.approx(impostors[int(0.01 * len(impostors))], abs=1e-6)
    assert (found.n["threshold_identities"], found.n["threshold_samples"]) == (5, 50)
    scores = problem.vectors["base"][:40] @ problem.vectors["base"][40:240].T
    same = problem.columns["identity"][:40, None] == problem.columns["identity"][None, 40:240]
    assert found.metrics["threshold_fmr"].value == pytest.approx((scores[~same] > threshold).mean(), abs=1e-9)
    assert found.metrics["threshold_fnmr"].value == pytest.approx((scores[same] <= threshold).mean(), abs=1e-9)
    assert not found.warnings[:1] or "threshold" not in found.warnings[0]


def test_training_identities_are_a_warning_and_test_identities_an_error() -> None:
    found = evaluate(with_held_out(train=slice(0, 60)))
    assert found.config["threshold_from"] == ["val", "train"]
    assert "5 of split train" in found.warnings[0]
    with pytest.raises(InputError, match="No threshold can be chosen: identities of split val that are not tested"):
        evaluate(with_held_out(train=slice(0, 60)), threshold_from="val")
    for split in ("test", "query", "val,gallery"):
        with pytest.raises(TestDataError, match=r"on test data.*pass -o threshold_from=val, val,train, or none"):
            evaluate(with_held_out(), threshold_from=split)
    with pytest.raises(InputError, match="it is auto, none, or some of val,train"):
        evaluate(with_held_out(), threshold_from="valid")
    none = evaluate(with_held_out(val=slice(0, 60)), threshold_from="none")
    assert none.thresholds is None
    assert "threshold_fmr" not in none.metrics


def test_unknown_people_by_hand() -> None:
    eye = np.eye(4, dtype=np.float32)
    # Queries of a, b, c; the gallery has a and b: c is a search without a mate, b's mate is beaten by a's.
    query = np.stack([eye[0], 0.8 * eye[0] + 0.6 * eye[1], 0.6 * eye[0] + 0.8 * eye[3]])
    problem = Problem(np.concatenate([query, eye[:2]]), ["a", "b", "c", "a", "b"], [None] * 5, 3)
    found = evaluate(arrays(problem), fpir="0.5,0.9", bootstrap=0)
    assert (found.n["mated"], found.n["unmated"]) == (2, 1)
    assert found.metrics["open_set_rank_1"].value == 0.5
    assert found.metrics["fnir_at_fpir_0.5"].value == 0.5  # above .6 only a is returned
    assert any("only 1 unmated searches" in warning for warning in found.warnings)
    assert "mated" not in evaluate(arrays(golden()), bootstrap=0).n


def test_a_share_of_the_gallery_is_taken_out_by_the_seed() -> None:
    found = [
        MODE.evaluate(arrays(golden()), VerificationConfig(unknown=0.4, bootstrap=0), np.random.default_rng(seed))
        for seed in (0, 0, 1)
    ]
    assert found[0] == found[1]
    assert found[0].n["unmated"] != found[2].n["unmated"] or found[0].metrics != found[2].metrics
    assert found[0].metrics["auc"] == found[2].metrics["auc"]


def test_pairs_that_are_not_there() -> None:
    with pytest.raises(InputError, match="pass -o camera_rule=none"):
        evaluate(arrays(golden()._replace(camera=["c"] * 240)))
    with pytest.raises(InputError, match="leading zeros"):
        evaluate(arrays(golden()._replace(identity=["007"] * 40 + ["7"] * 200)))
    with pytest.raises(InputError, match="of one identity, so there is no impostor pair"):
        evaluate(arrays(golden()._replace(identity=["7"] * 240)), camera_rule="none")
    nameless = evaluate(arrays(golden()._replace(identity=[None, *golden().identity[1:]])), bootstrap=0)
    assert "1 queries over 1 draws have no identity" in " ".join(nameless.warnings)
    assert nameless.n["query"] == 39


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    """The EER of new people, 80 times: near the nominal 95 %, on the wide side rather than the narrow one."""
    rng = np.random.default_rng(0)

    def sample(n: int) -> Arrays:
        names = np.repeat(np.arange(n), 4)
        noise = rng.uniform(0.8, 2.2, n)[names, None]  # people differ in how hard they are
        raw = rng.standard_normal((n, 12))[names] + noise * rng.standard_normal((4 * n, 12))
        vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
        order = np.argsort(np.arange(4 * n) % 4 != 0, kind="stable")
        return arrays(Problem(vectors[order], list(map(str, names[order])), [None] * 4 * n, n))

    def metrics(n: int, resamples: int) -> Evaluation:
        return evaluate(sample(n), bootstrap=resamples, threshold_from="none")

    truth = np.mean([metrics(1000, 0).metrics["eer"].value for _ in range(3)])
    intervals = [metrics(40, 200).metrics["eer"].ci95 for _ in range(80)]
    covered = np.mean([interval is not None and interval[0] <= truth <= interval[1] for interval in intervals])
    assert covered >= 0.9


def test_from_a_store_to_a_table() -> None:
    rows = [*people(8, 4, ("left", "right"), split="test"), *people(12, 4, ("left", "right"), split="val")]
    for at, row in enumerate(rows):
        row["uri"] = f"{at}.jpg"
    store = memory_store(rows)
    found = evaluate_store(store, "verification", aspect="all", options={"unknown": 0.3, "bootstrap": 50})
    assert set(found.thresholds or ()) == {"left", "right"}
    assert found.n["threshold_identities"] == 4  # people 8 ... 11; the others are tested
    assert set(found.curves or ()) == {"roc", "det", "genuine", "impostor", "open_set"}
    curves = found.curves or {}
    assert sum(curves["genuine"]["counts"]) == 10 * found.n["genuine"]
    assert np.all(np.diff(curves["roc"]["tpr"]) >= 0)
    edges = np.array(curves["genuine"]["edges"])
    assert list(edges) == list(curves["impostor"]["edges"])
    counted = np.array(curves["genuine"]["counts"]) + np.array(curves["impostor"]["counts"])
    assert counted[0] > 0  # the bins span the scores that there are, no more
    assert counted[-1] > 0
    assert curves["roc"]["fpr"][1] >= 1 / found.n["impostor"] - 1e-12
    table = result_table(found)
    assert [column.header for column in table.columns] == ["", "left", "right", "mean"]
    assert EvalResult.read(found.to_dict(), "test") == found


def test_hands_of_one_person_may_be_two_identities_and_some_identities_count_for_nothing() -> None:
    problem = golden()
    whole = arrays(problem)
    sides = np.array(["left", "right"] * 120, dtype=np.object_)
    both = Arrays(whole.ids, whole.vectors, {**whole.columns, "aspect": sides}, whole.parts)
    apart = evaluate(both, identity_columns="identity,aspect", camera_rule="none", bootstrap=0)
    renamed = [f"{name} {side}" for name, side in zip(problem.identity, sides, strict=True)]
    assert (
        apart.metrics == evaluate(arrays(problem._replace(identity=renamed)), camera_rule="none", bootstrap=0).metrics
    )
    names = np.array(problem.identity)
    left_out = evaluate(whole, junk_identities=["3"], distractor_identities=["04"], camera_rule="none", bootstrap=0)
    queries, gallery = names[:40][~np.isin(names[:40], ["3", "4"])], names[40:][names[40:] != "3"]
    genuine = (queries[:, None] == gallery[None]).sum()
    assert (left_out.n["query"], left_out.n["gallery"]) == (len(queries), len(gallery))
    assert (left_out.n["genuine"], left_out.n["impostor"]) == (genuine, queries.size * gallery.size - genuine)


def a_gallery_of(n: int) -> Arrays:
    """One query and one gallery image of n people each, who are perfectly apart."""
    eye = np.eye(n, dtype=np.float32)
    return arrays(Problem(np.concatenate([eye, eye]), [f"p{at}" for at in range(n)] * 2, [None] * 2 * n, n))


@pytest.mark.parametrize(("unknown", "taken", "missing"), [(0.01, 0, "unknown"), (0.999, 12, "known")])
def test_a_share_of_unknown_people_that_leaves_none_names_those_that_work(
    unknown: float, taken: int, missing: str
) -> None:
    problem = a_gallery_of(12)
    with pytest.raises(InputError) as raised:
        evaluate(problem, unknown=unknown, bootstrap=0)
    assert str(raised.value) == (
        f"unknown={unknown:g} takes {taken} of the 12 identities out of a draw's gallery, which leaves no query of an "
        f"identity that is {missing} there; unknown from 0.042 to 0.958 works in every draw."
    )
    for works, unmated in ((0.042, 1), (0.958, 11)):
        assert evaluate(problem, unknown=works, bootstrap=0).n["unmated"] == unmated
    for fails in (0.041, 0.959):
        with pytest.raises(InputError, match="works in every draw"):
            evaluate(problem, unknown=fails, bootstrap=0)


def test_only_people_with_queries_can_be_searched_for() -> None:
    whole = a_gallery_of(12)
    few = {"query": np.arange(2), "gallery": np.arange(12, 24)}
    problem = Arrays(whole.ids, whole.vectors, whole.columns, {"": (few, few)})
    with pytest.raises(
        InputError, match=r"no query .* unknown there; unknown from ([\d.]+) to ([\d.]+) works"
    ) as raised:
        evaluate(problem, unknown=0.01, bootstrap=0)
    found = re.search(r"from ([\d.]+) to ([\d.]+)", str(raised.value))
    assert found
    for works in found.groups():
        assert evaluate(problem, unknown=float(works), bootstrap=0).n["mated"] == 1
    one = {"query": np.arange(1), "gallery": np.arange(12, 24)}
    with pytest.raises(InputError, match="no value works in every draw, so leave the option out"):
        evaluate(Arrays(whole.ids, whole.vectors, whole.columns, {"": (one,)}), unknown=0.5, bootstrap=0)


def test_some_draws_without_unknown_people_count_no_searches() -> None:
    whole = a_gallery_of(4)
    every = {"query": np.arange(4), "gallery": np.arange(4, 8)}
    problem = Arrays(whole.ids, whole.vectors, whole.columns, {"": ({**every, "gallery": np.arange(5, 8)}, every)})
    found = evaluate(problem, bootstrap=0)
    assert "mated" not in found.n
    assert any("open-set identification is left out" in warning for warning in found.warnings)


def sliced(problem: Arrays, values: list[str | None], **parts: Any) -> Arrays:
    """The problem with a column ``hand``."""
    columns = {**problem.columns, "hand": np.array(values, dtype=np.object_)}
    return Arrays(problem.ids, problem.vectors, columns, parts.get("parts") or problem.parts)


def test_slices_are_the_pairs_of_their_queries_alone() -> None:
    problem = with_held_out(val=slice(0, 60))
    hands: list[str | None] = [("left", "right", "left", None)[at % 4] for at in range(300)]
    found = evaluate(sliced(problem, hands), slice="hand", unknown=0.4)
    assert found.slices is not None
    assert list(found.slices) == ["left", "right", "unknown"]
    names, vectors = problem.columns["identity"].astype(str), problem.vectors["base"].astype(float)
    threshold = (found.thresholds or {})["whole"]
    for name, part in found.slices.items():
        query = np.flatnonzero([str(hand or "unknown") == name for hand in hands[:40]])
        scores = vectors[query] @ vectors[40:240].T
        same = names[query, None] == names[None, 40:240]
        fpr, tpr, _ = roc_curve(same.ravel(), scores.ravel(), drop_intermediate=False)
        assert part.metrics["auc"].value == pytest.approx(roc_auc_score(same.ravel(), scores.ravel()), abs=1e-6)
        assert part.metrics["tpr_at_fpr_0.01"].value == pytest.approx(tpr[fpr <= 0.01].max(), abs=1e-6)
        assert part.metrics["threshold_fmr"].value == pytest.approx((scores[~same] > threshold).mean(), abs=1e-9)
        assert part.metrics["threshold_fnmr"].value == pytest.approx((scores[same] <= threshold).mean(), abs=1e-9)
        people = len(np.unique(names[query]))
        assert part.n == {
            "query": len(query), "identities": people, "genuine": same.sum(), "impostor": (~same).sum()
        }  # fmt: skip
        assert part.small
        for metric in ("auc", "threshold_fnmr", "open_set_rank_1"):
            ends = part.metrics[metric].ci95
            assert ends is not None
            assert ends[0] <= part.metrics[metric].value <= ends[1]
    mated = sum(part.n["genuine"] for part in found.slices.values())
    assert mated == found.n["genuine"]


def test_the_option_slice_changes_nothing_else_and_a_slice_of_all_is_the_whole() -> None:
    problem = with_held_out(val=slice(0, 60))
    plain = evaluate(problem, unknown=0.4)
    assert "slice" not in plain.config
    first, again = (evaluate(sliced(problem, ["left"] * 300), slice="hand", unknown=0.4) for _ in range(2))
    assert first == again
    assert first.metrics == plain.metrics
    assert first.draws == plain.draws
    assert first.curves == plain.curves
    assert first.slices is not None
    assert first.slices["left"].metrics == plain.metrics
    assert not first.slices["left"].small


def test_searches_of_a_slice_by_hand() -> None:
    eye = np.eye(4, dtype=np.float32)
    # As above, twice: left hands of a, b and c, of whom b is beaten and c is not enrolled; a right hand of a alone.
    query = np.stack([eye[0], 0.8 * eye[0] + 0.6 * eye[1], 0.6 * eye[0] + 0.8 * eye[3], eye[0]])
    problem = arrays(Problem(np.concatenate([query, eye[:2]]), ["a", "b", "c", "a", "a", "b"], [None] * 6, 4))
    hands: list[str | None] = ["left", "left", "left", "right", None, None]
    found = evaluate(sliced(problem, hands), slice="hand", fpir="0.5,0.9", bootstrap=10)
    assert found.slices is not None
    assert found.slices["left"].metrics["open_set_rank_1"].value == 0.5
    assert found.slices["left"].metrics["fnir_at_fpir_0.5"].value == 0.5
    assert "open_set_rank_1" not in found.slices["right"].metrics
    assert found.slices["right"].metrics["auc"].ci95 is None  # one person
    assert any("of slice right: open-set identification is left out there" in text for text in found.warnings)


def test_slices_without_pairs_are_named_and_parts_without_them_do_not_count() -> None:
    eye = np.eye(8, dtype=np.float32)
    problem = arrays(Problem(np.concatenate([eye[:4], eye]), list("abcx" + "abcdefgh"), [None] * 12, 4))
    hands: list[str | None] = ["left", "left", "right", "none", *[None] * 8]
    gallery = np.arange(4, 12)
    parts = {
        "one": ({"query": np.array([0, 1, 3]), "gallery": gallery},) * 2,
        "two": ({"query": np.array([2]), "gallery": gallery}, {"query": np.array([1, 2]), "gallery": gallery}),
    }
    found = evaluate(sliced(problem, hands, parts=parts), slice="hand", bootstrap=0)
    assert found.slices is not None
    assert {name: part.n["query"] for name, part in found.slices.items()} == {"left": 3, "right": 1}
    assert "No genuine or no impostor pair has a query of slice none: left out of the slices." in found.warnings


def test_all_pairs_have_no_query_to_slice_by() -> None:
    with pytest.raises(InputError, match="pairs=all has no queries; leave one of the two out"):
        evaluate(arrays(golden()), slice="camera", pairs="all")
