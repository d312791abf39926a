"""Names in the product: no class name stands twice, and names that say nothing are not used."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("retrieval", "indexers", "eval", "training", "data")

EMPTY_NAMES = frozenset({"found", "each", "own", "there", "asked", "known"})
"""Names that do not say what they hold; name the thing: rows, banks, metrics, parts, draws, queries, gallery."""

USED_STILL: dict[str, int] = {
    "data/drains_site.py": 3,
    "data/hands.py": 4,
    "data/species_form.py": 1,
    "data/species_paint.py": 1,
    "data/species_world.py": 1,
    "eval/api.py": 2,
    "eval/protocols/base.py": 2,
    "eval/protocols/cross_validation.py": 1,
    "eval/protocols/general.py": 5,
    "eval/protocols/persons.py": 2,
    "eval/protocols/split_sets.py": 1,
    "eval/runs/arms.py": 14,
    "eval/runs/audit.py": 5,
    "eval/runs/class_roles.py": 3,
    "eval/runs/class_samples.py": 3,
    "eval/runs/compare_classification.py": 5,
    "eval/runs/compare_ranking.py": 4,
    "eval/runs/keep_assets.py": 7,
    "eval/runs/prepare_classification.py": 5,
    "eval/runs/prepare_ranking.py": 13,
    "eval/runs/reading.py": 4,
    "eval/runs/replay_ranking.py": 9,
    "eval/runs/rerun.py": 1,
    "eval/scorers/classifier.py": 1,
    "eval/scorers/knn.py": 5,
    "eval/scorers/pooling.py": 1,
    "eval/scorers/prompts.py": 1,
    "eval/scorers/prototypes.py": 1,
    "eval/scorers/tip.py": 4,
    "eval/seams/samples.py": 1,
    "indexers/commands.py": 1,
    "indexers/jobs.py": 9,
    "indexers/pipeline/embed.py": 5,
    "indexers/pipeline/plan.py": 4,
    "indexers/pipeline/rows.py": 1,
    "indexers/sources/hands11k.py": 1,
    "indexers/sources/pattern.py": 3,
    "indexers/sources/prepared.py": 1,
    "indexers/tables.py": 2,
    "indexers/vectors/attach_vectors.py": 3,
    "indexers/vectors/columns.py": 3,
    "indexers/vectors/import_vectors.py": 8,
    "indexers/vectors/match_samples.py": 5,
    "indexers/vectors/read_vectors.py": 2,
    "retrieval/encoders/artefact.py": 2,
    "retrieval/encoders/digests.py": 3,
    "retrieval/encoders/open_clip_encoder.py": 7,
    "retrieval/encoders/precision.py": 1,
    "retrieval/encoders/registry.py": 3,
    "retrieval/encoders/timm_encoder.py": 3,
    "retrieval/encoders/torch_encoder.py": 3,
    "retrieval/encoders/weights.py": 2,
    "retrieval/interrupt.py": 2,
    "retrieval/search/exact.py": 1,
    "retrieval/search/query_vectors.py": 1,
    "retrieval/search/ranking.py": 4,
    "retrieval/search/result.py": 1,
    "retrieval/search/searcher.py": 2,
    "retrieval/search/sheets.py": 2,
    "retrieval/search/space_view.py": 2,
    "retrieval/search/vector_rows.py": 1,
    "retrieval/store/digests.py": 2,
    "retrieval/store/hot.py": 7,
    "retrieval/store/info.py": 1,
    "retrieval/store/lance.py": 2,
    "retrieval/store/memory.py": 2,
    "retrieval/store/records.py": 2,
    "retrieval/store/spaces.py": 1,
    "retrieval/store/verify.py": 1,
    "retrieval/store/writer.py": 2,
    "retrieval/text_files.py": 1,
    "training/checkpoint.py": 1,
    "training/contrastive.py": 2,
    "training/jobs/clip_export.py": 1,
    "training/samples.py": 2,
    "training/vocabulary.py": 1,
}
"""Files that still use such names, and how often."""

TWICE_STILL: frozenset[str] = frozenset(
    {
        "Arguments",
        "Picture",
        "Skin",
        "Task",
    }
)
"""Class names that still stand twice."""


def modules() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def defined(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every variable, parameter, attribute and field that a module defines, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno


def test_a_module_that_breaks_the_rule_is_noticed() -> None:
    function = "def f(asked):\n    self._own: int = 1\n    return [each for each in x if (found := y)]\n"
    names = sorted(name.strip("_") for name, _ in defined(ast.parse(f"{function}class C:\n    known: int\n")))
    assert names == ["asked", "each", "found", "known", "own"]


@pytest.mark.parametrize("room", ROOMS)
def test_names_say_what_they_hold(room: str) -> None:
    empty = defaultdict(list)
    for path in (ROOT / room).rglob("*.py"):
        for name, line in defined(ast.parse(path.read_text(encoding="utf-8"))):
            if name.strip("_") in EMPTY_NAMES:
                empty[path.relative_to(ROOT).as_posix()].append(f"{name} (line {line})")
    more = {path: names for path, names in empty.items() if len(names) > USED_STILL.get(path, 0)}
    assert not more, f"name what these hold instead: {more}"


def test_no_class_name_stands_twice() -> None:
    places = defaultdict(list)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    twice = {name: paths for name, paths in places.items() if len(paths) > 1 and name not in TWICE_STILL}
    assert not twice, f"two classes of one name: {twice}"
