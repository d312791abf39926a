"""Results as the modes make them, of a drawn world: 169 species, and the answers of an imagined classifier."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.results.schema import (
    ArmResult,
    CalibrationResult,
    Choice,
    ClassMetrics,
    ConfusedPair,
    EvalResult,
    Gain,
    Metric,
    Provenance,
    SweepPoint,
    Universe,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

GENERA = (
    "Agaricus Amanita Armillaria Boletus Calocera Cantharellus Clitocybe Coprinopsis Cortinarius Evernia Fomitopsis "
    "Ganoderma Hygrophoropsis"
)
EPITHETS = (
    "augustus amerirubescens muscaria atramentaria citrina xanthodermus pinastri mesomorpha-subfurfuracea rubescens "
    "sulcata edulis acerinum velutipes"
)
SPECIES = tuple(sorted(f"{genus} {epithet}" for genus in GENERA.split() for epithet in EPITHETS.split()))
TEMPERATURES = (0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5)
ALPHAS = tuple(round(0.1 * at, 1) for at in range(11))
METRICS = ("top_1", "top_5", "balanced_accuracy", "macro_f1", "macro_jaccard")


def metric(value: float, half: float = 0.008) -> Metric:
    return Metric(value=value, ci95=(value - half, value + half))


def figures(top_1: float, half: float = 0.008) -> dict[str, Metric]:
    values = (top_1, top_1 + 0.27 * (1 - top_1) + 0.1, top_1 - 0.04, top_1 - 0.07, 0.7 * top_1)
    found = {name: metric(min(value, 0.99), half) for name, value in zip(METRICS, values, strict=True)}
    return found | {"nll": Metric(value=1.9 - top_1, ci95=(1.86 - top_1, 1.94 - top_1)), "ece": metric(0.061, 0.005)}


def plain(top_1: float) -> dict[str, float]:
    return {name: each.value for name, each in figures(top_1).items() if name != "ece"}


def names_hash(names: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(names)).encode()).hexdigest()


@cache
def answers(n: int = 15_614, seed: int = 0, classes: int = 169) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Labels, predictions and confidences; the classes are of unequal size and some pairs are alike."""
    rng = np.random.default_rng(seed)
    share = rng.pareto(1.2, classes) + 0.05
    labels = np.sort(rng.choice(classes, n, p=share / share.sum()))
    ease = rng.beta(3, 2, classes)[labels]
    confidence = np.clip(rng.beta(4, 2, n) * (0.35 + 0.65 * ease) + 0.1, 0.01, 0.999)
    right = rng.random(n) < np.clip(confidence * 0.85 + 0.05, 0, 1)
    twin = (labels + 1 + (rng.random(n) < 0.4) * rng.integers(1, classes - 1, n)) % classes
    return labels, np.where(right, labels, twin), confidence


def share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """0 where there is nothing to count."""
    found: NDArray[Any] = part / np.maximum(whole, 1)
    return found


def tables(names: Sequence[str]) -> dict[str, Any]:
    """The sections per class, confusion and curves that the answers make."""
    labels, predicted, confidence = answers(classes=len(names))
    classes = len(names)
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    hits, support, taken = matrix.diagonal(), matrix.sum(1), matrix.sum(0)
    columns = zip(
        share(hits, taken), share(hits, support), share(2 * hits, support + taken),
        share(hits, support + taken - hits), support.tolist(), taken.tolist(), strict=True,
    )  # fmt: skip
    keys = ("precision", "recall", "f1", "jaccard", "support", "predicted")
    per_class = {
        name: ClassMetrics(**dict(zip(keys, row, strict=True))) for name, row in zip(names, columns, strict=True)
    }
    np.fill_diagonal(matrix, 0)
    pairs = sorted(zip(*np.nonzero(matrix), strict=True), key=lambda at: (-matrix[at], at))
    confusion = tuple(ConfusedPair(label=names[i], predicted=names[j], count=int(matrix[i, j])) for i, j in pairs)
    return {"per_class": per_class, "confusion": confusion, "curves": curves(labels == predicted, confidence)}


def curves(correct: NDArray[Any], confidence: NDArray[Any], bins: int = 15) -> dict[str, dict[str, tuple[float, ...]]]:
    at = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(at, minlength=bins)
    means = [np.bincount(at, values, bins) / np.maximum(count, 1) for values in (confidence, correct)]
    kept = np.arange(1, 101) / 100
    order = np.cumsum(correct[np.argsort(-confidence)])
    sizes = (kept * len(correct)).astype(int)
    return {
        "reliability": {"confidence": tuple(means[0]), "accuracy": tuple(means[1]), "count": tuple(map(float, count))},
        "coverage": {"coverage": tuple(kept), "accuracy": tuple(order[sizes - 1] / sizes)},
    }


def result(mode: str, top_1: float, names: Sequence[str] = SPECIES, **sections: Any) -> EvalResult:
    """A classification result; sections replace those of the drawn world."""
    base: dict[str, Any] = {
        "task": "classification",
        "request": {},
        "mode": mode,
        "protocol": "splits",
        "metrics": figures(top_1),
        "draws": ({name: each.value for name, each in figures(top_1).items()},),
        "n": {"train": 689_520, "val": 15_616, "test": 15_614, "classes_tested": len(names)},
        "label_universe": Universe(n=len(names), sha256=names_hash(names), names=tuple(names), origin="all"),
        "config": {"views": ["base"], "criterion": "top_1", "macro_over": "present", "bins": 15, "where": None},
        "provenance": Provenance(
            space="clip@1", space_fingerprint="c" * 32, store_version=3, split_set="splits",
            split_sha256="5" * 64, seed=0, vitrine="0.1.0",
        ),
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return EvalResult(**{**base, **tables(names), **sections})


def zeroshot(**sections: Any) -> EvalResult:
    points = []
    for bank, lift in (("delta_prompts", 0.03), ("class_prompts_plain", 0.0)):
        for at, temperature in enumerate(TEMPERATURES):
            setting = {"bank": bank, "pool": "softmax", "temperature": temperature}
            best = bank == "delta_prompts" and at == 0
            found = plain(0.25 + lift - 0.006 * at * (1 + lift * 10))
            points.append(SweepPoint(settings=setting, role="val", metrics=found, chosen=float(best)))
        for pool, drop in (("mean-embedding", 0.012), ("max", 0.045)):
            setting = {"bank": bank, "pool": pool, "temperature": None}
            points.append(SweepPoint(settings=setting, role="val", metrics=plain(0.25 + lift - drop)))
    chosen = Choice(settings=(points[0].settings,), criterion="top_1", on="val")
    return result("zeroshot", 0.265, **{"sweep": tuple(points), "chosen": chosen, **sections})


def fusion(names: Sequence[str] = SPECIES, **sections: Any) -> EvalResult:
    alphas = [
        SweepPoint(
            settings={"alpha": alpha},
            role="val",
            metrics=plain(0.3 + 0.3 * alpha**0.4 - 0.05 * alpha**2),
            chosen=float(alpha == 0.6),
        )
        for alpha in ALPHAS
    ]
    gains = {
        name: Gain(value=each.value - figures(0.55)[name].value, ci95=(0.01, 0.06), p_value=0.00002)
        for name, each in figures(0.594).items()
    }
    fit = CalibrationResult(temperature=2.4, nll_before=1.9, nll_after=1.4, ece_before=0.21, ece_after=0.03)
    arms = {
        "clip": ArmResult(
            space="clip@1", scorer="prompts", bank="delta_prompts", metrics=figures(0.25),
            gains={name: Gain(value=0.34, ci95=(0.33, 0.35), p_value=0.0) for name in METRICS},
        ),
        "resnet": ArmResult(
            space="resnet@2", scorer="classifier", bank="classifier", metrics=figures(0.55), gains=gains,
            calibration=fit,
        ),
    }  # fmt: skip
    curves = dict(tables(names)["curves"])
    curves |= {f"{name}_{arm}": curve for arm in arms for name, curve in list(curves.items()) if "_" not in name}
    extra = {"sweep": tuple(alphas), "arms": arms, "curves": curves}
    chosen = Choice(settings=({"alpha": 0.6},), criterion="top_1", on="val")
    return result("fusion", 0.594, names, **{**extra, "chosen": chosen, **sections})


def shots_and_alpha(**sections: Any) -> EvalResult:
    points = [
        SweepPoint(
            settings={"alpha": alpha, "shots": shots},
            role="val",
            metrics=plain(0.5 + 0.2 * (1 - (alpha - 0.55) ** 2) + 0.01 * np.log(shots)),
            chosen=float((alpha, shots) == (0.5, 10)),
        )
        for shots in (1, 2, 5, 10)
        for alpha in ALPHAS
    ]
    return result("fusion", 0.72, **{"sweep": tuple(points), **sections})


def fewshot(**sections: Any) -> EvalResult:
    points = []
    for method, lift in (("prototype", 0.0), ("tip", 0.05), ("linear", -0.03)):
        for shots in (1, 2, 5, 10):
            found = plain(0.4 + lift + 0.08 * float(np.log2(shots)))
            points.append(
                SweepPoint(
                    settings={"method": method, "shots": shots},
                    role="test",
                    metrics=found,
                    ci95_of={name: (value - 0.02, value + 0.02) for name, value in found.items()},
                    sd_seeds_of=dict.fromkeys(found, 0.03 / shots),
                )
            )
    return result("fewshot", 0.66, **{"sweep": tuple(points), **sections})


def knn(**sections: Any) -> EvalResult:
    points = [
        SweepPoint(
            settings={"k": k, "votes": votes},
            role="val",
            metrics=plain(0.45 + lift - 0.02 * abs(np.log2(k / 10))),
            chosen=float((k, votes) == (10, "exp")),
        )
        for votes, lift in (("exp", 0.02), ("uniform", 0.0))
        for k in (1, 5, 10, 20, 50)
    ]
    return result("knn", 0.47, **{"sweep": tuple(points), **sections})


def reid(**sections: Any) -> EvalResult:
    cmc = tuple(float(1 - 0.3 * np.exp(-k / 6)) for k in range(1, 51))
    base: dict[str, Any] = {
        "task": "ranking",
        "request": {},
        "mode": "reid",
        "protocol": "clipfh-11k",
        "metrics": {
            "rank_1": Metric(value=cmc[0], ci95=(0.68, 0.79), sd_draws=0.02), "rank_5": metric(cmc[4], 0.03),
            "mean_ap": metric(0.79, 0.04), "mean_inp": metric(0.79, 0.04),
        },
        "draws": tuple({"rank_1": cmc[0]} for _ in range(10)),
        "n": {"query": 971, "gallery": 71, "identities": 71},
        "label_universe": Universe(n=71, sha256=names_hash([str(at) for at in range(71)])),
        "cmc": cmc,
        "config": {"ap_method": "step", "aspect": "dorsal right"},
        "provenance": Provenance(
            space="vit@3", space_fingerprint="d" * 32, store_version=1, split_set="clipfh", split_sha256="6" * 64,
            seed=0, vitrine="0.1.0",
        ),
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return EvalResult(**{**base, **sections})


def verification(**sections: Any) -> EvalResult:
    scores = {"edges": tuple(np.linspace(-1, 1, 41)), "counts": tuple(float(40 - abs(20 - at)) for at in range(40))}
    rates = np.geomspace(1e-4, 1, 60)
    base = {
        "task": "verification",
        "mode": "verification",
        "metrics": {"auc": metric(0.97), "eer": metric(0.08), "tpr_at_fpr_0.01": metric(0.71, 0.04)},
        "cmc": None,
        "n": {"query": 971, "gallery": 71, "identities": 71, "genuine": 971, "impostor": 67_970},
        "curves": {
            "roc": {"fpr": tuple(rates), "tpr": tuple(rates**0.08)},
            "det": {"fmr": tuple(rates), "fnmr": tuple(1 - rates**0.08)},
            "genuine": scores,
            "impostor": scores,
        },
    }
    return reid(**{**base, **sections})
