"""All modes of classification over 100,000 x 512 vectors beside the same study in plain scikit-learn and torch.

169 classes of unequal size; 80,000 train, 10,000 val and 10,000 test vectors; five prompts a class. Each study has a
process of its own: zero-shot with two poolings, prototypes, k-NN with three k, few-shot 1/2/5/10 for five seeds, and a
fusion of prompts and prototypes over 11 alphas. Ours also has intervals, calibration figures and gains; the plain study
has the same point figures (top-1, top-5, balanced accuracy, macro-F1, NLL) and no intervals.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from eval.api import evaluate
from retrieval.store.memory import MemoryStore
from retrieval.types import Bank, Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
CLASSES, DIMENSION, ROWS, PROMPTS = 169, 512, 100_000, 5
SHOTS, SEEDS, NEIGHBOURS = (1, 2, 5, 10), 5, (5, 20, 50)


class World(NamedTuple):
    """``vectors`` (n, d) of length one, their ``labels`` (n,) and roles, and prompts (C * 5, d)."""

    vectors: Float32
    labels: Int64
    role: np.ndarray
    prompts: Float32


def world() -> World:
    """Clusters that overlap, a long tail of class sizes, prompts somewhat off the centres."""
    rng = np.random.default_rng(0)
    centres = _unit(rng.standard_normal((CLASSES, DIMENSION), np.float32))
    sizes = 1 / np.arange(3, CLASSES + 3)
    labels = rng.choice(CLASSES, ROWS, p=sizes / sizes.sum()).astype(np.int64)
    labels[: 3 * CLASSES] = np.tile(np.arange(CLASSES), 3)
    vectors = _unit(0.16 * centres[labels] + _unit(rng.standard_normal((ROWS, DIMENSION), np.float32)))
    prompts = _unit(centres.repeat(PROMPTS, axis=0) + 2 * _unit(rng.standard_normal((CLASSES * PROMPTS, DIMENSION))))
    role = np.repeat(["train", "val", "test"], [80_000, 10_000, 10_000])
    role[: 3 * CLASSES] = np.repeat(["train", "val", "test"], CLASSES)
    return World(vectors, labels, role, prompts.astype(np.float32))


def _unit(rows: np.ndarray) -> Float32:
    found: Float32 = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def ours(made: World) -> Mapping[str, Callable[[], float]]:
    """Every mode by name; each gives its top-1."""
    ids = [f"{at:06d}" for at in range(ROWS)]
    names = np.array([f"class {code:03d}" for code in range(CLASSES)])
    columns = {"id": ids, "key": ids, "uri": ids, "source": ["s"] * ROWS, "split": made.role.tolist()}
    empty = {name: pa.nulls(ROWS, pa.string()) for name in ("identity", "aspect")}
    table = pa.table({**columns, "label": names[made.labels].tolist(), **empty})
    store = MemoryStore(table, {"clip@0": {"base": (ids, made.vectors)}})
    with store.snapshot() as snapshot:
        space = snapshot.space().fingerprint
    texts = tuple(f"text {at}" for at in range(len(made.prompts)))
    edges = np.arange(len(texts), dtype=np.int64)
    store.save_bank(
        Bank("prompts", space, "bench", made.prompts, edges, names.repeat(PROMPTS), texts, None, 0.01, kind="prompts")
    )

    def run(mode: str, arms: tuple[str, ...] = (), **options: object) -> Callable[[], float]:
        return lambda: evaluate(store, mode, arms=arms, options=options, say=lambda _: None).metrics["top_1"].value

    return {
        "zeroshot": run("zeroshot", pool="mean-embedding,softmax"),
        "prototype": run("prototype"),
        "knn": run("knn", k=list(NEIGHBOURS)),
        "fewshot": run("fewshot", shots=list(SHOTS), seeds=SEEDS),
        "fusion": run("fusion", ("clip@0:prompts", "clip@0:prototype")),
    }


def plain(made: World) -> Mapping[str, Callable[[], float]]:  # noqa: C901 - five short scripts
    """The same questions as a notebook asks them."""
    import torch
    from sklearn.neighbors import KNeighborsClassifier

    train, val, test = (np.flatnonzero(made.role == role) for role in ("train", "val", "test"))
    x, y = torch.from_numpy(made.vectors), made.labels

    def means(rows: Int64) -> torch.Tensor:
        sums = torch.zeros(CLASSES, DIMENSION).index_add_(0, torch.from_numpy(y[rows]), x[rows])
        return torch.nn.functional.normalize(sums, dim=1)

    def softmax(scores: torch.Tensor, temperature: float) -> np.ndarray:
        return torch.softmax(scores.double() / temperature, dim=1).numpy()

    def zeroshot() -> float:
        scores = x @ torch.from_numpy(made.prompts).T
        edges = scores.view(ROWS, CLASSES, PROMPTS)
        pooled = [
            x @ torch.nn.functional.normalize(torch.from_numpy(made.prompts).view(CLASSES, PROMPTS, -1).mean(1)).T,
            (torch.softmax(edges / 0.05, dim=2) * edges).sum(dim=2),
        ]
        found = [_figures(softmax(each[val], 0.01), y[val]) for each in pooled]
        best = int(np.argmax([each["top_1"] for each in found]))
        return _figures(softmax(pooled[best][test], 0.01), y[test])["top_1"]

    def prototype() -> float:
        return _figures(softmax(x[test] @ means(train).T, 0.01), y[test])["top_1"]

    def knn() -> float:
        best: tuple[float, int] = (-1.0, 0)
        for k in NEIGHBOURS:
            model = KNeighborsClassifier(k, metric="cosine", weights=_exponential).fit(made.vectors[train], y[train])
            best = max(best, (_figures(model.predict_proba(made.vectors[val]), y[val])["top_1"], k))
        model = KNeighborsClassifier(best[1], metric="cosine", weights=_exponential)
        return _figures(model.fit(made.vectors[train], y[train]).predict_proba(made.vectors[test]), y[test])["top_1"]

    def fewshot() -> float:
        last = 0.0
        for shots in SHOTS:
            top = []
            for seed in range(SEEDS):
                order = np.random.default_rng(seed).permutation(train)
                rows = np.concatenate([order[y[order] == code][:shots] for code in range(CLASSES)])
                top.append(_figures(softmax(x[test] @ means(rows).T, 0.01), y[test])["top_1"])
            last = float(np.mean(top))
        return last

    def fusion() -> float:
        texts = torch.nn.functional.normalize(torch.from_numpy(made.prompts).view(CLASSES, PROMPTS, -1).mean(1))
        arms = [x @ texts.T, x @ means(train).T]
        probs = [softmax(each, 0.01) for each in arms]
        alphas = np.linspace(0, 1, 11)
        found = [_figures((1 - a) * probs[0][val] + a * probs[1][val], y[val])["top_1"] for a in alphas]
        best = float(alphas[int(np.argmax(found))])
        return _figures((1 - best) * probs[0][test] + best * probs[1][test], y[test])["top_1"]

    return {"zeroshot": zeroshot, "prototype": prototype, "knn": knn, "fewshot": fewshot, "fusion": fusion}


def _exponential(distances: np.ndarray) -> np.ndarray:
    return np.exp((1 - distances) / 0.07)


def _figures(probs: np.ndarray, labels: Int64) -> dict[str, float]:
    """Point figures by scikit-learn."""
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss, top_k_accuracy_score

    predicted, every = probs.argmax(axis=1), np.arange(CLASSES)
    return {
        "top_1": float(accuracy_score(labels, predicted)),
        "top_5": float(top_k_accuracy_score(labels, probs, k=5, labels=every)),
        "balanced_accuracy": float(balanced_accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "nll": float(log_loss(labels, probs, labels=every)),
    }


CONTENDERS = {"ours": ours, "plain": plain}


def contend(name: str) -> None:
    """Run one study in this process: a line per mode, then the peak memory."""
    for mode, run in CONTENDERS[name](world()).items():
        start = time.perf_counter()
        top = run()
        print(f"{mode} {time.perf_counter() - start:.3f} {top:.4f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"memory {peak / 1e9:.2f} 0")


def main() -> None:
    """Print seconds and top-1 of every mode, both studies side by side."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name in CONTENDERS:
        command = [sys.executable, "-m", "tests.bench.bench_classification", name]
        lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
        words = [line.split() for line in lines]
        found[name] = {mode: (float(seconds), float(top)) for mode, seconds, top in words}
    print(f"{'':10} {'ours':>16} {'plain':>16}   ratio")
    for mode, (seconds, top) in found["ours"].items():
        other, same = found["plain"][mode]
        if mode == "memory":
            print(f"{mode:10} {seconds:13.2f} GB {other:13.2f} GB   {seconds / other:.2f}")
        else:
            print(f"{mode:10} {seconds:7.2f} s ({top:.3f}) {other:7.2f} s ({same:.3f})   {seconds / other:.2f}")
    ours_all, plain_all = (
        sum(each[0] for mode, each in found[name].items() if mode != "memory") for name in CONTENDERS
    )
    print(f"{'together':10} {ours_all:7.2f} s {'':8}{plain_all:7.2f} s {'':10}{ours_all / plain_all:.2f}")


if __name__ == "__main__":
    contend(sys.argv[1]) if len(sys.argv) > 1 else main()
