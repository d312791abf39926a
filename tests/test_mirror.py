"""Tests stand where their sources stand, and sources are tested there.

``tests/eval/runs/test_arms.py`` tests ``eval/runs/arms.py``. A long file has others beside it, named for their topic
(``test_fusion_weights.py`` beside ``test_fusion.py``); one test of a whole folder is named for the folder. What is not
of one module stands apart: what all implementations of a seam must do (contracts), whole ways through the product
(integration), times (bench), what training gains (studies), builders (support).
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ROOMS = ("data", "eval", "indexers", "retrieval", "training")
APART = ("bench", "contracts", "integration", "studies", "support")
SMALL = 60
"""Lines. Modules of no more need no test file: other tests run through them."""

TESTED_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "data/commands.py": ("data/test_species_folder.py", "data/test_hands.py", "data/test_drains.py"),
    "data/drawing.py": ("data/test_species.py", "data/test_drains.py"),
    "data/drawing_hands.py": ("data/test_hands.py",),
    "eval/audit/vectors.py": ("eval/runs/test_audit.py",),
    "eval/classification/condition_slices.py": ("integration/test_conditional.py",),
    "eval/commands/shared.py": ("eval/commands/test_eval.py",),
    "eval/commands/inspect.py": ("integration/test_inspect.py",),
    "eval/report/annotated.py": ("integration/test_inspect.py",),
    "eval/runs/inspect.py": ("integration/test_inspect.py",),
    "eval/runs/inspect_files.py": ("integration/test_inspect.py",),
    "eval/runs/inspection.py": ("integration/test_inspect.py",),
    "eval/views/inspection_tables.py": ("integration/test_inspect.py",),
    "eval/protocols/base.py": ("contracts/test_protocols.py",),
    "eval/registry.py": ("contracts/test_modes.py", "contracts/test_scorers.py", "contracts/test_protocols.py"),
    "eval/report/document.py": ("eval/report/test_page.py", "eval/report/test_html.py"),
    "eval/report/sections.py": ("eval/report/test_page.py",),
    "eval/results/schema.py": ("eval/results/test_files.py",),
    "eval/runs/class_arms.py": ("eval/runs/test_prepare_classification.py",),
    "eval/runs/class_arrays.py": ("contracts/test_class_modes.py", "eval/runs/test_prepare_classification.py"),
    "eval/runs/classification_task.py": ("eval/runs/test_rerun.py", "eval/runs/test_compare_classification.py"),
    "eval/runs/prepare_ranking.py": ("eval/runs/test_run.py", "contracts/test_protocols.py"),
    "eval/runs/ranking_tasks.py": ("eval/runs/test_rerun.py", "eval/runs/test_compare_ranking.py"),
    "eval/runs/request.py": ("eval/runs/test_rerun.py",),
    "eval/runs/neighbour_types.py": ("integration/test_conditional.py",),
    "eval/runs/situations.py": ("integration/test_conditional.py",),
    "eval/runs/task.py": ("eval/runs/test_rerun.py",),
    "eval/seams": ("contracts/test_modes.py", "contracts/test_class_modes.py", "contracts/test_scorers.py"),
    "eval/statistics/paired_comparison.py": ("eval/test_api.py", "eval/runs/test_compare_ranking.py"),
    "indexers/ann/request.py": ("indexers/ann/test_build.py", "indexers/test_ann_command.py"),
    "indexers/jobs.py": ("indexers/pipeline/test_embed.py", "indexers/vectors/test_import_vectors.py"),
    "indexers/pipeline/buffer.py": ("indexers/pipeline/test_embed.py",),
    "indexers/pipeline/filling.py": ("indexers/pipeline/test_embed.py", "training/refresh/test_refresh.py"),
    "indexers/sources/base.py": ("contracts/test_sources.py",),
    "indexers/sources/joined_table.py": ("indexers/sources/test_gbif.py", "indexers/sources/test_inaturalist.py"),
    "indexers/sources/signs.py": ("indexers/sources/test_levels.py",),
    "indexers/sources/split_column.py": ("indexers/sources/test_manifest.py",),
    "indexers/sources/image_file.py": ("indexers/sources/test_image_table.py",),
    "indexers/sources/shards.py": ("indexers/sources/test_tar_table.py", "indexers/sources/test_image_table.py"),
    "indexers/sources/table_source.py": ("indexers/sources/test_manifest.py",),
    "indexers/sources/webdataset.py": ("indexers/sources/test_tar_table.py",),
    "indexers/vectors/arrays.py": ("indexers/vectors/test_read_vectors.py",),
    "indexers/vectors/imported.py": ("indexers/vectors/test_read_vectors.py",),
    "indexers/vectors/named_arrays.py": ("indexers/vectors/test_read_vectors.py",),
    "indexers/vectors/read_bank.py": ("indexers/vectors/test_read_vectors.py",),
    "indexers/vectors/with_table.py": ("indexers/vectors/test_read_vectors.py", "indexers/vectors/test_columns.py"),
    "retrieval/commands": ("test_cli.py", "integration/test_main_path.py"),
    "retrieval/encoders/family.py": ("contracts/test_encoders.py",),
    "retrieval/encoders/hf_keys.py": ("retrieval/encoders/test_hf_encoder.py",),
    "retrieval/encoders/hf_model.py": ("retrieval/encoders/test_hf_encoder.py",),
    "retrieval/encoders/torch_encoder.py": ("contracts/test_encoders.py",),
    "retrieval/encoders/two_towers.py": ("contracts/test_encoders.py",),
    "retrieval/export": ("integration/test_export.py", "integration/test_export_encoder.py"),
    "retrieval/search/ann_kinds.py": ("contracts/test_indexes.py", "indexers/ann/test_build.py"),
    "retrieval/store/info.py": ("test_cli.py", "integration/test_attach.py"),
    "retrieval/store/memory.py": ("contracts/test_stores.py",),
    "retrieval/store/records.py": ("retrieval/store/test_writer.py",),
    "retrieval/store/repair.py": ("integration/test_repair.py",),
    "retrieval/store/schema.py": ("retrieval/store/test_open.py",),
    "retrieval/types": ("contracts/test_stores.py", "contracts/test_encoders.py"),
    "training/batch_errors.py": ("training/test_loop.py",),
    "training/jobs/label_export.py": ("training/jobs/test_classifier.py", "training/jobs/test_finetune.py"),
    "training/jobs/label_stage.py": ("training/jobs/test_classifier.py", "training/jobs/test_finetune.py"),
    "training/jobs/reid/network.py": ("training/jobs/reid/test_groups.py", "training/jobs/reid/test_stages.py"),
    "training/data/crossings.py": ("training/data/test_read_training_data.py",),
    "training/data/held_out.py": ("training/data/test_read_training_data.py",),
    "training/data/sample_roles.py": ("training/data/test_read_training_data.py",),
    "training/data/selection.py": ("training/data/test_read_training_data.py",),
    "training/registry.py": ("training/test_commands.py", "training/test_request.py"),
    "training/learner.py": ("training/test_loop.py",),
    "training/run_origin.py": ("training/test_commands.py",),
    "training/train_report.py": ("training/test_commands.py", "training/test_study.py"),
    "training/refresh_command.py": ("training/refresh/test_refresh.py",),
}
"""Modules, and folders of modules, without a test of their own, and the tests that run through them."""


def sources() -> list[Path]:
    """All modules of the rooms."""
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found if not path.name.startswith("__"))


def mirrored() -> list[Path]:
    """All test files of the rooms, as paths within ``tests``."""
    found = (path for room in ROOMS for path in (ROOT / "tests" / room).rglob("test_*.py"))
    return sorted(path.relative_to(ROOT / "tests") for path in found)


def source_of(test: Path) -> Path | None:
    """The module that a test file is named for: the longest name goes first; or its folder."""
    words = test.stem.removeprefix("test_").split("_")
    for n in range(len(words), 0, -1):
        module = test.parent / ("_".join(words[:n]) + ".py")
        if (ROOT / module).is_file():
            return module
    return test.parent if words == test.parent.name.split("_") else None


def is_tested(module: Path, tested: set[Path | None]) -> bool:
    """Whether a module, the one whose part it is (``hands_skin`` of ``hands``) or its folder has a test."""
    words = module.stem.split("_")
    wholes = {module.parent / ("_".join(words[:n]) + ".py") for n in range(1, len(words) + 1)}
    return bool((wholes | {module.parent}) & tested)


def test_every_test_file_is_named_for_a_module_in_the_same_place() -> None:
    lost = [str(test) for test in mirrored() if source_of(test) is None]
    assert not lost, f"no module of that name where these stand: {lost}"


def test_every_module_of_some_length_has_a_test_in_its_place() -> None:
    tested = {source_of(test) for test in mirrored()}
    without = [
        module.as_posix()
        for module in sources()
        if not is_tested(module, tested) and len((ROOT / module).read_text(encoding="utf-8").splitlines()) > SMALL
    ]
    excused = {name for name in without if TESTED_ELSEWHERE.keys() & {name, name.rpartition("/")[0]}}
    assert not set(without) - excused, "write a test file, or say in TESTED_ELSEWHERE what tests it"
    stale = [key for key in TESTED_ELSEWHERE if not any(key in {name, name.rpartition("/")[0]} for name in without)]
    assert not stale, f"TESTED_ELSEWHERE names what has a test of its own: {stale}"


@pytest.mark.parametrize("tested_by", sorted({test for tests_of in TESTED_ELSEWHERE.values() for test in tests_of}))
def test_what_tests_other_modules_is_there(tested_by: str) -> None:
    assert (ROOT / "tests" / tested_by).is_file()


def test_builders_stand_in_support_and_no_test_imports_another() -> None:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        place = path.relative_to(ROOT / "tests")
        if place.parts[0] not in {"bench", "studies", "support"}:
            assert path.name.startswith(("test_", "conftest", "__init__")), f"move {place} to tests/support"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        allowed = ("tests.support", "tests.bench") if place.parts[0] == "bench" else ("tests.support",)
        others = {name for name in modules if name.startswith("tests") and not name.startswith(allowed)}
        assert not others, f"{place} imports from {others}"
