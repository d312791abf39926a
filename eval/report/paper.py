"""Tables of results for a paper: CSV of all metrics with all digits, LaTeX and Markdown of the headline metrics."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, NamedTuple

from eval.ranking.rescoring import scoring_words
from eval.report.differing import option_words
from eval.report.groups import table_key
from eval.report.markdown import escape as markdown_text
from eval.results.listing import ResultEntry
from eval.results.schema import EvalResult, Metric, Part, TaskName
from eval.views.wording import (
    count_words,
    counted,
    gallery_count,
    lower_is_better,
    metric_name,
    metric_words,
    protocol_words,
    setting_words,
    spaces_of,
)
from retrieval.escapes import csv_cell, printable

HEADLINES: Mapping[TaskName, re.Pattern[str]] = {
    "classification": re.compile(r"top_\d+|balanced_accuracy|macro_f1"),
    "ranking": re.compile(r"rank_\d+|mean_ap|mean_inp"),
    "verification": re.compile(r"auc|eer|tpr_at_fpr_.*|open_set_rank_1"),
}
"""Metrics that a table for a paper has; CSV has all."""

COUNTS = {
    "query": "queries", "gallery": "in the gallery", "test": "test samples", "genuine": "genuine pairs",
    "impostor": "impostor pairs",
}  # fmt: skip
"""Counts that a caption has, and how it names them."""

CSV_COLUMNS = (
    "id", "sha256", "created", "task", "mode", "protocol", "departs_from", "scoring", "space", "bank", "split_set",
    "split_sha256", "universe_n", "universe_sha256", "seed", "draws", "store_version", "vitrine", "options", "setting",
    "part", "metric", "value", "ci95_low", "ci95_high", "sd_draws", "sd_seeds",
)  # fmt: skip

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}", "±": r"$\pm$", "≤": r"$\leq$", "·": r"$\cdot$",
}  # fmt: skip
"""Characters that LaTeX would read otherwise, or has no letter for, and how they are written."""


class PaperTable(NamedTuple):
    """Results over the same samples and classes; ``rows`` have a cell per column, the metrics last."""

    caption: str
    label: str
    columns: tuple[str, ...]
    texts: int
    rows: tuple[tuple[str, ...], ...]


def to_csv(entries: Iterable[ResultEntry]) -> str:
    """Write a row per metric of each result and of each of its parts; values are fractions with all digits.

    ``part`` is empty for the whole. ``options`` are those of the result's config as JSON, without those that are off;
    ``setting`` is what was chosen of several values (of few shots the method and the number of shots), by draw where
    draws differ. Texts are escaped as in ``predictions.csv``.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for entry in entries:
        head = tuple(csv_cell(str(cell)) for cell in _csv_head(entry))
        sections: dict[str, EvalResult | Part] = {"": entry.result, **(entry.result.parts or {})}
        for part, section in sections.items():
            for name, metric in section.metrics.items():
                writer.writerow((*head, csv_cell(part), name, *_numbers(metric)))
    return text.getvalue()


def to_latex(entries: Iterable[ResultEntry]) -> str:
    r"""Write a ``table`` of booktabs for the results of each task, split set and label universe."""
    return "% needs \\usepackage{booktabs}\n" + "\n".join(map(_latex_table, paper_tables(entries)))


def to_markdown(entries: Iterable[ResultEntry]) -> str:
    """Write a table of Markdown for the results of each task, split set and label universe."""
    return "\n".join(map(_markdown_table, paper_tables(entries)))


def paper_tables(entries: Iterable[ResultEntry]) -> Iterator[PaperTable]:
    """Yield a table for the results over the same samples and classes, in the order of the first of each."""
    groups: dict[tuple[object, ...], list[ResultEntry]] = {}
    for entry in entries:
        groups.setdefault(table_key(entry.result), []).append(entry)
    labels: set[str] = set()
    for group in groups.values():
        table = _paper_table(group)
        label, at = table.label, 2
        while table.label in labels:  # LaTeX refers to a table by its label
            table, at = table._replace(label=f"{label}-{at}"), at + 1
        labels.add(table.label)
        yield table


def _paper_table(entries: Sequence[ResultEntry]) -> PaperTable:
    results = [entry.result for entry in entries]
    first = results[0]
    pattern = HEADLINES[first.task]
    metrics = [
        name for name in dict.fromkeys(name for one in results for name in one.metrics) if pattern.fullmatch(name)
    ]
    texts = {
        "mode": [one.mode for one in results],
        "protocol": [protocol_words(one) for one in results],
        "space": [" + ".join(spaces_of(one)) for one in results],
        "options": option_words(results),
    }
    if len(set(zip(*texts.values(), strict=True))) < len(results):  # by the numbers alone rows must not differ
        texts["result"] = [entry.id for entry in entries]
    shown = [name for name, cells in texts.items() if name == "mode" or len(set(cells)) > 1]
    heads = [metric_name(name) + (" (lower is better)" if lower_is_better(name) else "") for name in metrics]
    rows = [
        (*(texts[name][at] for name in shown), *(_cell(name, one.metrics.get(name)) for name in metrics))
        for at, one in enumerate(results)
    ]
    common = [f"{name} {texts[name][0]}" for name in texts if name not in shown and texts[name][0]]
    label = f"{first.task}-{first.provenance.split_sha256[:8]}"
    return PaperTable(_caption(results, common), label, (*shown, *heads), len(shown), tuple(rows))


def _cell(name: str, metric: Metric | None) -> str:
    return "" if metric is None else metric_words(name, metric)


def _caption(results: Sequence[EvalResult], common: Iterable[str]) -> str:
    """What all results of a table have in common, and what the numbers are."""
    first = results[0]
    of_parts = gallery_count(first)  # a query is ranked against the gallery of its part
    counts = [
        of_parts if of_parts and key == "gallery" else f"{count_words(n)} {COUNTS[key]}"
        for key, n in first.n.items()
        if key in COUNTS
    ]
    names = ("class", "classes") if first.task == "classification" else ("identity", "identities")
    kind = counted(first.label_universe.n, *names)
    draws = {len(one.draws) for one in results}
    spread = f", ±standard deviation over {max(draws)} draws" if max(draws) > 1 else ""
    return (
        f"{first.task.capitalize()}: {', '.join([*common, *counts, kind])}, split set "
        f"{first.provenance.split_sha256[:8]}. Percent, [95 % interval by bootstrap]{spread}."
    )


def _csv_head(entry: ResultEntry) -> tuple[object, ...]:
    result, source = entry.result, entry.result.provenance
    banks = dict.fromkeys(arm.bank for arm in (result.arms or {}).values() if arm.bank)
    return (
        entry.id, entry.sha256, result.created, result.task, result.mode, result.protocol, result.departs_from or "",
        " ".join(scoring_words(result.config)), " + ".join(spaces_of(result)), " + ".join(banks), source.split_set,
        source.split_sha256, result.label_universe.n, result.label_universe.sha256, source.seed, len(result.draws),
        source.store_version, source.vitrine, _options_json(result.config), _settings(result),
    )  # fmt: skip


def _options_json(config: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in config.items() if value is not None}, ensure_ascii=False)


def _settings(result: EvalResult) -> str:
    settings = () if result.chosen is None else filter(None, result.chosen.settings)
    return "; ".join(dict.fromkeys(map(setting_words, settings)))


def _numbers(metric: Metric) -> tuple[str, ...]:
    low, high = metric.ci95 or (None, None)
    return tuple("" if value is None else repr(float(value)) for value in (
        metric.value, low, high, metric.sd_draws, metric.sd_seeds,
    ))  # fmt: skip


def latex_text(text: str) -> str:
    """Escape a text so that LaTeX shows it literally, on one line; other letters than Latin ones stay as they are."""
    escaped = "".join(LATEX.get(letter, letter) for letter in " ".join(printable(text).split()))
    return escaped.replace("--", "-{}-")  # which would be a dash


def _latex_table(table: PaperTable) -> str:
    align = "l" * table.texts + "r" * (len(table.columns) - table.texts)
    rows = [f"    {' & '.join(map(latex_text, row))} \\\\" for row in table.rows]
    lines = (
        "\\begin{table}", "  \\centering", f"  \\caption{{{latex_text(table.caption)}}}",
        f"  \\label{{tab:{table.label}}}", f"  \\begin{{tabular}}{{{align}}}", "    \\toprule",
        f"    {' & '.join(map(latex_text, table.columns))} \\\\", "    \\midrule", *rows, "    \\bottomrule",
        "  \\end{tabular}", "\\end{table}", "",
    )  # fmt: skip
    return "\n".join(lines)


def _markdown_table(table: PaperTable) -> str:
    align = ["---"] * table.texts + ["---:"] * (len(table.columns) - table.texts)
    rows = [_markdown_row(table.columns), f"| {' | '.join(align)} |", *map(_markdown_row, table.rows)]
    return "\n".join([*rows, "", markdown_text(table.caption), ""])


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(markdown_text, cells))} |"
