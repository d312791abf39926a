"""Every mode of classification through a store, beside plain numpy and scikit-learn from the raw vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, jaccard_score, log_loss, top_k_accuracy_score

from eval.api import evaluate
from eval.results.schema import EvalResult
from retrieval.store.memory import MemoryStore
from retrieval.types import Bank
from tests.support.labelled_stores import CLIP, RES, class_store, fingerprint, labelled

Float64 = NDArray[np.float64]
CLASSES = 7


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return class_store(labelled(CLASSES, {"train": 6, "val": 8, "test": 9}))


class Raw(NamedTuple):
    """Vectors of a role in float64, and their labels."""

    vectors: Float64
    labels: NDArray[np.int64]


def raw(store: MemoryStore, role: str, space: str = CLIP, view: str = "base") -> Raw:
    """Straight from the store's tables, row by row."""
    with store.snapshot() as snapshot:
        matrix = snapshot.vectors(snapshot.space(space), view)
        table = snapshot.samples(["key", "label", "split"]).to_pylist()
    place = {key.decode(): at for at, key in enumerate(matrix.keys)}
    rows = [row for row in table if row["split"] == role]
    names = sorted({row["label"] for row in table})
    return Raw(
        np.array([matrix.data[place[row["key"]]] for row in rows], np.float64),
        np.array([names.index(row["label"]) for row in rows]),
    )


def bank(store: MemoryStore, space: str, name: str) -> Bank:
    return next(each for each in store.banks(fingerprint(store, space)) if each.name == name)


def softmax(logits: Float64) -> Float64:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Float64 = raised / raised.sum(axis=1, keepdims=True)
    return found


def unit(rows: Float64) -> Float64:
    found: Float64 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def figures(probs: Float64, labels: NDArray[np.int64]) -> dict[str, float]:
    predicted, every = probs.argmax(axis=1), np.arange(CLASSES)
    return {
        "top_1": float((predicted == labels).mean()),
        "top_5": float(top_k_accuracy_score(labels, probs, k=5, labels=every)),
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
        "macro_jaccard": float(jaccard_score(labels, predicted, average="macro")),
        "nll": float(log_loss(labels, probs / probs.sum(axis=1, keepdims=True), labels=every)),
    }


def agrees(result: EvalResult, want: dict[str, float], within: float = 1e-6) -> None:
    found = {name: result.metrics[name].value for name in want}
    assert found == pytest.approx(want, abs=within)
    assert 0.2 < found["top_1"] < 1  # a problem that can tell right from wrong


def evaluated(store: MemoryStore, mode: str, **asked: Any) -> EvalResult:
    options = {"bootstrap": 0, **asked.pop("options", {})}
    if "arms" not in asked:
        asked["space"] = CLIP
    return evaluate(store, mode, options=options, **asked)


def prompt_logits(store: MemoryStore, queries: Float64, pool: str, temperature: float = 0.05) -> Float64:
    """Class by class, prompt by prompt; the bank's temperature is 0.05, so the logit scale is 20."""
    said = bank(store, CLIP, "said")
    logits = np.empty((len(queries), CLASSES))
    for code in range(CLASSES):
        texts = said.vectors[said.edge_vector[said.edge_class == f"class {code}"]].astype(np.float64)
        scores = queries @ texts.T
        if pool == "softmax":
            logits[:, code] = (softmax(scores / temperature) * scores).sum(axis=1)
        else:
            logits[:, code] = queries @ unit(texts.mean(axis=0)[None])[0]
    return 20 * logits


def test_zeroshot(store: MemoryStore) -> None:
    test = raw(store, "test")
    for pool in ("mean-embedding", "softmax"):
        want = figures(softmax(prompt_logits(store, test.vectors, pool)), test.labels)
        agrees(evaluated(store, "zeroshot", options={"pool": pool}), want)


def test_zeroshot_chooses_on_val_what_is_best_there(store: MemoryStore) -> None:
    val, test = raw(store, "val"), raw(store, "test")
    swept = [0.01, 0.3, 3.0]
    on_val = [figures(softmax(prompt_logits(store, val.vectors, "softmax", each)), val.labels) for each in swept]
    best = max(range(3), key=lambda at: (on_val[at]["top_1"], -on_val[at]["nll"], -at))
    result = evaluated(store, "zeroshot", options={"pool": "softmax", "temperature": "0.01,0.3,3"})
    agrees(result, figures(softmax(prompt_logits(store, test.vectors, "softmax", swept[best])), test.labels))
    assert result.chosen is not None
    assert result.sweep is not None
    assert (result.chosen.on, result.chosen.criterion) == ("val", "top_1")
    assert result.chosen.settings[0]["temperature"] == swept[best]
    assert [point.chosen for point in result.sweep] == [float(at == best) for at in range(3)]
    for point, want in zip(result.sweep, on_val, strict=True):
        assert {name: point.metrics[name] for name in want} == pytest.approx(want, abs=1e-5)


def test_zeroshot_of_two_views(store: MemoryStore) -> None:
    sides = [raw(store, "test", view=view) for view in ("base", "hflip")]
    both = softmax(prompt_logits(store, unit(sides[0].vectors + sides[1].vectors), "mean"))
    agrees(evaluated(store, "zeroshot", options={"views": "base,hflip"}), figures(both, sides[0].labels))
    mean = np.mean([softmax(prompt_logits(store, side.vectors, "mean")) for side in sides], axis=0)
    result = evaluated(store, "zeroshot", options={"views": "base,hflip", "tta": "probabilities"})
    agrees(result, figures(mean, sides[0].labels))


def prototype_logits(train: Raw, queries: Float64) -> Float64:
    means = np.array([train.vectors[train.labels == code].mean(axis=0) for code in range(CLASSES)])
    return queries @ unit(means).T / 0.01


def test_prototype(store: MemoryStore) -> None:
    train, test = raw(store, "train"), raw(store, "test")
    want = figures(np.maximum(softmax(prototype_logits(train, test.vectors)), 1e-300), test.labels)
    agrees(evaluated(store, "prototype"), want, 2e-5)  # cosines in float32, divided by 0.01


def test_knn(store: MemoryStore) -> None:
    train, test = raw(store, "train"), raw(store, "test")
    probs = np.zeros((len(test.vectors), CLASSES))
    for at, query in enumerate(test.vectors):
        scores = train.vectors @ query
        near = np.argsort(-scores, kind="stable")[:5]
        for each in near:
            probs[at, train.labels[each]] += np.exp((scores[each] - scores[near[0]]) / 0.07)
        probs[at] = (probs[at] + 1 / CLASSES) / (probs[at].sum() + 1)
        probs[at, train.labels[near[::-1]]] += 1e-12 * np.arange(len(near))  # of equals the nearest is first
    want = figures(probs, test.labels)
    del want["top_5"]  # classes without a vote are equal, and scikit-learn orders equals otherwise
    agrees(evaluated(store, "knn", options={"k": 5}), want, 1e-5)


def test_fewshot_of_the_first_two(store: MemoryStore) -> None:
    train, test = raw(store, "train"), raw(store, "test")
    first = np.concatenate([np.flatnonzero(train.labels == code)[:2] for code in range(CLASSES)])
    shots = Raw(train.vectors[first], train.labels[first])
    result = evaluated(store, "fewshot", options={"shots": "1,2", "sampling": "first", "method": "prototype,linear"})
    agrees(result, figures(softmax(prototype_logits(shots, test.vectors)), test.labels), 2e-5)
    model = LogisticRegression(C=100, tol=1e-8, max_iter=10_000).fit(shots.vectors, shots.labels)
    point = next(each for each in result.sweep or () if each.settings == {"method": "linear", "shots": 2})
    want = figures(model.predict_proba(test.vectors), test.labels)
    assert {name: point.metrics[name] for name in want} == pytest.approx(want, abs=1e-3)
    assert result.chosen is not None
    assert result.chosen.on is None


def classifier_logits(store: MemoryStore, queries: Float64) -> Float64:
    layer = bank(store, RES, "classifier")
    assert layer.bias is not None
    return queries @ layer.vectors.T.astype(np.float64) + layer.bias


def test_fusion(store: MemoryStore) -> None:
    alphas = [0.0, 0.25, 0.5, 0.75, 1.0]

    def mixed(role: str, alpha: float) -> Float64:
        clip, resnet = raw(store, role), raw(store, role, RES)
        parts = softmax(prompt_logits(store, clip.vectors, "mean")), softmax(classifier_logits(store, resnet.vectors))
        return (1 - alpha) * parts[0] + alpha * parts[1]

    on_val = [figures(mixed("val", alpha), raw(store, "val").labels) for alpha in alphas]
    best = max(range(5), key=lambda at: (on_val[at]["top_1"], -on_val[at]["nll"], -abs(alphas[at] - 0.5)))
    arms = (f"{CLIP}:prompts", f"{RES}:classifier")
    result = evaluated(store, "fusion", arms=arms, options={"alphas": "0,0.25,0.5,0.75,1"})
    agrees(result, figures(mixed("test", alphas[best]), raw(store, "test").labels))
    assert result.chosen is not None
    assert result.chosen.settings[0]["alpha"] == alphas[best]
    assert result.arms is not None
    for name, alpha in (("prompts", 0.0), ("classifier", 1.0)):
        alone = result.arms[name].metrics
        assert alone is not None
        want = figures(mixed("test", alpha), raw(store, "test").labels)
        assert {each: alone[each].value for each in want} == pytest.approx(want, abs=1e-6)


def test_calibration_divides_by_the_temperature_that_is_likeliest_on_val(store: MemoryStore) -> None:
    val, test = raw(store, "val"), raw(store, "test")
    grid = np.exp(np.linspace(np.log(0.1), np.log(20), 4000))
    logits = prompt_logits(store, val.vectors, "mean")
    losses = [log_loss(val.labels, softmax(logits / each), labels=np.arange(CLASSES)) for each in grid]
    result = evaluated(store, "zeroshot", options={"calibrate": True})
    assert result.arms is not None
    fitted = result.arms["prompts"].calibration
    assert fitted is not None
    assert fitted.temperature == pytest.approx(grid[int(np.argmin(losses))], rel=2e-3)
    want = figures(softmax(prompt_logits(store, test.vectors, "mean") / fitted.temperature), test.labels)
    agrees(result, want)
