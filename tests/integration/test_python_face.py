"""Python alone, in another folder than the checkout: index, evaluate, frame, vectors, search, compare, report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import vitrine
from retrieval.errors import MissingDependencyError
from tests.support.command_line import ROOT
from tests.support.images import write_images

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOK = """
import vitrine
small = {"encoder": "torchvision/resnet18", "random_init": 0, "preprocess": {"resize": 32, "crop": 32}, "quiet": True}
report = vitrine.index("images", "images.vitrine", **small)
store = vitrine.open_store("images.vitrine")
knn = vitrine.evaluate(store, "knn", protocol="holdout", k=[1, 3], bootstrap=50, out="knn.json")
prototype = vitrine.evaluate(store, "prototype", protocol="holdout", bootstrap=50)
table = knn.to_table()
ids, X, y = vitrine.vectors(store, where="label <> 'class2'")
similar = vitrine.search(store, identity=None, id="class0/00000.jpg", k=3)
difference = vitrine.compare(store, "knn.json", prototype)
page = vitrine.report(["knn.json", prototype], "report")
"""

CHECKS = """
import json
audit, info = vitrine.audit(store, protocol="holdout"), vitrine.info("images.vitrine")
sections = ("metrics", "draws", "per_class", "confusion", "sweep")
print(json.dumps({
    "counts": [report.embedded, info["counts"]["samples"], len(similar.hits)],
    "metrics": table.column("metric").to_pylist()[:2],
    "shapes": [ids.shape, X.shape, y.shape],
    "labels": sorted(set(y)),
    "written": [page.html.exists(), vitrine.read_result("knn.json") == knn, vitrine.verify(store).ok],
    "rows": [knn.to_table(section).num_rows for section in sections],
    "difference": difference.to_table().column_names,
    "texts": [repr(shown) for shown in (knn, difference, similar, audit, info)],
    "html": [shown._repr_html_() for shown in (knn, difference, similar, audit, info, store, vitrine.verify(store))],
}))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, and what the notebook has left there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    write_images(folder / "images", 24)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", NOTEBOOK + CHECKS]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False)
    assert done.returncode == 0, done.stderr
    (folder / "found.json").write_text(done.stdout.splitlines()[-1])
    return folder


def test_a_notebook_needs_python_alone(place: Path) -> None:
    found = json.loads((place / "found.json").read_text())
    assert found["counts"] == [24, 24, 3]
    assert found["metrics"] == ["top_1", "top_5"]
    assert found["shapes"] == [[16], [16, 512], [16]]
    assert found["labels"] == ["class0", "class1"]
    assert found["written"] == [True, True, True]
    assert all(found["rows"])
    assert found["difference"] == ["metric", "a", "b", "difference", "ci_low", "ci_high", "p_value"]
    assert all(len(text.splitlines()) > 2 for text in found["texts"])
    assert all("<table>" in html for html in found["html"])


def test_a_frame_needs_pandas(place: Path) -> None:
    result = vitrine.read_result(place / "knn.json")
    if find_spec("pandas"):
        assert len(result.to_frame("draws")) == 1
    else:
        with pytest.raises(MissingDependencyError, match=r"pip install \"vitrine\[pandas\]\""):
            result.to_frame()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s: vitrine.index("images", s, veiws="base"), "no option 'veiws'. Did you mean 'views'"),
        (lambda s: vitrine.index("images", "new"), "Say which `encoder`"),
        (lambda s: vitrine.import_vectors("x.npz", s, textx="t"), "Did you mean 'texts'"),
        (lambda s: vitrine.evaluate(s, "knn", protcol="holdout"), "No option 'protcol'. Did you mean 'protocol'"),
        (lambda s: vitrine.evaluate(s, "knn", protocol="holdout", vots="exp"), "No option 'vots'"),
        (lambda s: vitrine.evaluate(s, "knn"), "`protocol=holdout`"),
        (lambda s: vitrine.search(s, id="x", kk=3), "no option 'kk'"),
        (lambda s: vitrine.search(s, text="x"), "no text tower"),
        (lambda s: vitrine.compare(s, "knn.json", "resnet18"), "give two of a kind"),
        (lambda s: vitrine.compare(s, "knn.json", "knn.json", seed=1), "leave out seed"),
        (lambda s: vitrine.audit(s, aspect="x"), "name one with `protocol`"),
        (lambda s: vitrine.read_result("none.json"), "There is no result file none.json"),
        (lambda s: vitrine.open_store("nowhere"), "nowhere: no store here"),
    ],
)
def test_errors_have_no_words_of_the_command_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any], says: str
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(vitrine.VitrineError) as raised:
        call("images.vitrine")
    assert says in str(raised.value)
    assert "--" not in str(raised.value)
    assert "-o " not in str(raised.value)
