"""Queries and gallery of scripts of re-identification, in ``.npz``, ``.mat`` and ``.pth``: read, or asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from indexers.vectors.imported import ImportedVectors, VectorOptions
from indexers.vectors.read_vectors import read_vectors
from retrieval.errors import InputError, UnknownNameError
from tests.support.command_line import call_cli, call_json

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)
Q, G = RNG.standard_normal((4, 6)).astype(np.float32), RNG.standard_normal((9, 6)).astype(np.float32)
QI, GI, QC, GC = np.arange(4), np.arange(9) % 4, np.ones(4, np.int64), np.full(9, 2)
SPLITS = ["query"] * 4 + ["gallery"] * 9
COLUMNS = {
    "identity": [str(at) for at in (*QI, *GI)],
    "camera": [str(at) for at in (*QC, *GC)],
    "split": SPLITS,
}


def read(path: Path, **options: str) -> ImportedVectors:
    return read_vectors(path, VectorOptions(**options))


def check(imported: ImportedVectors, columns: dict[str, Any] = COLUMNS) -> None:
    assert np.array_equal(imported.vectors, np.concatenate([Q, G]))
    assert imported.columns == columns


def test_tuples_and_dictionaries_of_torch(tmp_path: Path) -> None:
    """What torchreid and CLIP-ReID compute (features, pids, camids of both), saved with torch.save."""
    named = {"qf": torch.from_numpy(Q), "q_pids": QI, "q_camids": QC, "gf": torch.from_numpy(G), "g_pids": GI}
    torch.save(named | {"g_camids": torch.from_numpy(GC), "mAP": 0.31}, tmp_path / "dict.pth")
    check(read(tmp_path / "dict.pth"))
    inner = {
        "query": {"feats": Q, "pids": QI.tolist(), "camids": QC},
        "gallery": {"feats": G, "pids": GI, "camids": GC},
    }
    torch.save(inner, tmp_path / "inner.pt")
    check(read(tmp_path / "inner.pt"))
    torch.save((torch.from_numpy(Q), QI, QC, torch.from_numpy(G), GI, GC), tmp_path / "tuple.pt")
    with pytest.raises(InputError, match=r"it has: 0, 1, 2, 3, 4, 5. Of queries .*`vectors=QUERY,GALLERY`"):
        read(tmp_path / "tuple.pt")
    check(read(tmp_path / "tuple.pt", vectors="0,3", identity="1,4", camera="2,5"))


def test_deep_sort_and_its_paths(tmp_path: Path) -> None:
    paths = {"query_paths": [f"q{at}.jpg" for at in range(4)], "gallery_paths": [f"g{at}.jpg" for at in range(9)]}
    features = {"qf": torch.from_numpy(Q), "ql": torch.from_numpy(QI), "gf": torch.from_numpy(G), "gl": GI, **paths}
    torch.save(features, tmp_path / "features.pth")
    asked = "'ql' and 'gl' may be identities or labels; say `identity=ql,gl` or `label=ql,gl`"
    with pytest.raises(InputError, match=asked):
        read(tmp_path / "features.pth")
    imported = read(tmp_path / "features.pth", identity="ql,gl")
    check(imported, {"identity": COLUMNS["identity"], "split": SPLITS})
    assert list(imported.rows) == [*paths["query_paths"], *paths["gallery_paths"]]
    features["gallery_paths"] = [*paths["query_paths"], *paths["gallery_paths"][:5]]
    torch.save(features, tmp_path / "both.pth")
    assert list(read(tmp_path / "both.pth", identity="ql,gl").rows)[3:5] == ["query/q3.jpg", "gallery/q0.jpg"]
    features["query_paths"] = ["q.jpg"] * 4
    torch.save(features, tmp_path / "twice.pth")
    with pytest.raises(InputError, match="empty or repeated paths; leave them out with `filepath=`"):
        read(tmp_path / "twice.pth", identity="ql,gl")
    assert not read(tmp_path / "twice.pth", identity="ql,gl", filepath="").named


def test_the_matlab_file_of_the_person_baseline(tmp_path: Path) -> None:
    """``pytorch_result.mat``: labels and cameras of shape (1, n), by scipy; as far as the evaluation."""
    arrays = {"gallery_f": G, "gallery_label": GI, "gallery_cam": GC, "query_f": Q, "query_label": QI, "query_cam": QC}
    savemat(tmp_path / "pytorch_result.mat", arrays)
    done = call_cli("import-vectors", tmp_path / "pytorch_result.mat", "--store", tmp_path / "s", check=1)
    assert "say --identity query_label,gallery_label or --label query_label,gallery_label" in done.stderr
    done = call_cli(
        "import-vectors", tmp_path / "pytorch_result.mat", "--identity", "query_label,gallery_label",
        "--store", tmp_path / "s",
    )  # fmt: skip
    assert "identity = 'query_label, gallery_label', camera = 'query_cam, gallery_cam'" in done.stderr
    result = call_json("eval", "--mode", "reid", "--store", tmp_path / "s")
    assert (result["n"]["query"], result["n"]["gallery"]) == (4, 9)
    check(read(tmp_path / "pytorch_result.mat", identity="query_label,gallery_label"))


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"vectors": "qf,g"}, UnknownNameError, "No array .* 'g'. Did you mean 'gf'"),
        ({"identity": "q_pids"}, InputError, r"holds the vectors \(`vectors`\)"),
        ({"vectors": "qf,gf", "identity": "q_pids"}, InputError, "`identity=q_pids` is one array, but queries and"),
        ({"vectors": "qf,gf", "identity": ""}, InputError, "no query_identity and gallery_identity.*QUERY,GALLERY"),
        ({"vectors": "qf,gf", "identity": "g_pids,q_pids"}, InputError, "There are 4 vectors, but .* has 9 rows"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, str], kind: type[Exception], says: str) -> None:
    np.savez(tmp_path / "v.npz", qf=Q, gf=G, q_pids=QI, g_pids=GI)
    with pytest.raises(kind, match=says):
        read(tmp_path / "v.npz", **options)
    check(read(tmp_path / "v.npz"), {"identity": COLUMNS["identity"], "split": SPLITS})
