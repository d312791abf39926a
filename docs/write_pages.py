"""Write the pages of the documentation that are made from the code: ``python -m docs.write_pages``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from docs.api_page import api_page
from eval.registry import MODES, PROTOCOLS, SCORERS, load_mode, load_protocol, load_scorer
from eval.runs.request import EvalRequest
from eval.seams.classification import ClassConfig
from eval.seams.mode import ModeConfig
from indexers.ann.request import AnnRequest
from indexers.requests import ImportRequest, IndexRequest
from indexers.sources.registry import SOURCES, load_source
from retrieval.commands.option_table import markdown_table, option_rows, written
from retrieval.config import Config
from retrieval.export.request import ExportRequest
from retrieval.search.ann_kinds import KINDS
from retrieval.search.request import SearchRequest
from retrieval.text_files import read_text
from training.registry import JOBS, load_job
from training.runs.page import page_sections, results_page
from training.runs.run_folders import find_runs

HERE = Path(__file__).resolve().parent

INTRODUCTION = """\
# Options

This page is made from the code by `python -m docs.write_pages`; the same tables stand in a terminal:

```console
$ vitrine eval --mode fusion --protocol holdout --options
$ vitrine index --source manifest --options
$ vitrine train clip --options
```

Options of a mode, its scorers and its protocol are given to `eval` as `-o KEY=VALUE`, those of a source to `index` as
`-s KEY=VALUE`, and keys of a recipe to `train` as `KEY=VALUE`. A list is written with commas: `-o ranks=1,5,10`.
Several values of a scorer's option are candidates, of which val chooses one. In modes with several arms an option of an
arm's scorer has the arm's name before it: `-o tip.beta=2`.
"""


def options_page() -> str:
    """Every option of every mode, scorer, protocol and source, and every key of a recipe."""
    rooms = (_evaluating, _modes, _scorers, _protocols, _searching, _indexing, _jobs)
    return INTRODUCTION + "".join(f"\n{title}\n\n{text}" for room in rooms for title, text in room())


def _evaluating() -> Iterator[tuple[str, str]]:
    python = "`vitrine.evaluate(store, mode, KEY=VALUE, ...)`; the command `eval` has the same options."
    yield "## Evaluating", f"{python}\n\n{_table(EvalRequest)}"


def _modes() -> Iterator[tuple[str, str]]:
    yield "## Modes", "What a mode has beside the options of every mode, and of every mode of classification.\n"
    yield "### Every mode", _table(ModeConfig)
    yield "### Every mode of classification", _table(ClassConfig, ModeConfig)
    for name in MODES:
        config = load_mode(name).config_type
        base = ClassConfig if issubclass(config, ClassConfig) else ModeConfig
        if config is not base:
            yield f"### `{name}`", _table(config, base)


def _scorers() -> Iterator[tuple[str, str]]:
    yield "## Scorers", "`zeroshot` has the scorer `prompts`; `prototype` and `knn` have those of their names.\n"
    for name in SCORERS:
        yield f"### `{name}`", _table(load_scorer(name).config_type)


def _protocols() -> Iterator[tuple[str, str]]:
    lines = ["| protocol | options of the mode that it sets |", "|---|---|"]
    for name in PROTOCOLS:
        settings = load_protocol(name).settings
        lines.append(f"| `{name}` | {', '.join(f'`{key}={written(value)}`' for key, value in settings.items())} |")
    yield "## Protocols", "\n".join(lines) + "\n"
    for name in PROTOCOLS:
        if load_protocol(name).options.model_fields:
            yield f"### `{name}`", _table(load_protocol(name).options)


def _searching() -> Iterator[tuple[str, str]]:
    python = "`vitrine.search(store, KEY=VALUE, ...)`; the command `search` has the same options."
    yield "## Searching", f"{python}\n\n{_table(SearchRequest)}"
    python = "`vitrine.index_ann(store, KEY=VALUE, ...)`; the command `index-ann` has the same options."
    yield "## Approximate indexes", f"{python}\n\n{_table(AnnRequest)}"
    for name, kind in KINDS.items():
        yield f"### `{name}`", _table(kind.options)


def _indexing() -> Iterator[tuple[str, str]]:
    python = "`vitrine.index(path, store, KEY=VALUE, ...)`; the command `index` has the same options."
    yield "## Indexing", f"{python}\n\n{_table(IndexRequest)}"
    yield "## Sources", "Where images come from: `index --source NAME -s KEY=VALUE`.\n"
    for name in SOURCES:
        if load_source(name).Options.model_fields:
            yield f"### `{name}`", _table(load_source(name).Options)
    python = "`vitrine.import_vectors(path, store, KEY=VALUE, ...)`; the command `import-vectors` has the same options."
    yield "## Importing vectors", f"{python}\n\n{_table(ImportRequest)}"
    python = "`vitrine.export_vectors(store, out, KEY=VALUE, ...)`; the command `export-vectors` has the same options."
    yield "## Exporting vectors", f"{python}\n\n{_table(ExportRequest)}"


def _jobs() -> Iterator[tuple[str, str]]:
    yield "## Training jobs", "Keys of a recipe: `train JOB --config FILE.yaml KEY=VALUE`.\n"
    for name in JOBS:
        yield f"### `{name}`", _table(load_job(name).recipe)


def _table(config: type[Config], without: type[Config] | None = None) -> str:
    return markdown_table(option_rows(config, without.option_names() if without else frozenset()))


SAMPLE = HERE / "results-sample"
"""Runs on the sample world without their weights, the pictures of their page, and the text that it begins with."""


def results_sample_page() -> str:
    """What the runs on the sample world gained; `runs --markdown` draws the pictures, too."""
    runs = find_runs(SAMPLE / "runs")
    return results_page(runs, page_sections(runs, {}), SAMPLE.name, read_text(SAMPLE / "intro.txt", "Markdown"))


PAGES: dict[str, Callable[[], str]] = {
    "api.md": api_page,
    "options.md": options_page,
    "results-sample.md": results_sample_page,
}


if __name__ == "__main__":
    for page, make in PAGES.items():
        (HERE / page).write_text(make(), encoding="utf-8")
