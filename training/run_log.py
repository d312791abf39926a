"""Losses and metrics of a run: ``history.jsonl``, ``history.csv``, TensorBoard's events, and printed lines."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from retrieval.errors import MissingDependencyError
from retrieval.escapes import printable
from retrieval.files import write_atomically

if TYPE_CHECKING:
    import torch
    from torch.utils.tensorboard import SummaryWriter

    from training.optimisers import ParameterGroup

History: TypeAlias = list[dict[str, Any]]

HISTORY, TABLE, EVENTS = "history.jsonl", "history.csv", "tensorboard"


def save_history(out: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write the lines of a history: one JSON object per line, and a CSV with a column for every name."""
    write_atomically(out / HISTORY, "".join(json.dumps(line) + "\n" for line in history))
    columns = list(dict.fromkeys(name for line in history for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_atomically(out / TABLE, text.getvalue())


def check_tensorboard() -> None:
    """Check that TensorBoard is installed.

    Raises:
        MissingDependencyError: it is not.
    """
    from importlib.util import find_spec

    if find_spec("tensorboard") is None:
        raise MissingDependencyError(
            "TensorBoard is not installed; install it with: pip install 'vitrine[tensorboard]' (or leave out "
            "`tensorboard`: history.csv has the same numbers)."
        )


def open_events(out: Path) -> SummaryWriter:
    """Open the folder ``OUT/tensorboard`` for writing.

    Raises:
        MissingDependencyError: TensorBoard is not installed.
    """
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(out / EVENTS)


def write_events(writer: SummaryWriter, line: Mapping[str, Any]) -> None:
    """Write the numbers of a line of the history, at its step, as ``STAGE/NAME``."""
    for name, value in line.items():
        if isinstance(value, int | float) and name != "step":
            writer.add_scalar(f"{line['stage']}/{name}", value, line["step"])
    writer.flush()


def print_parameters(stage: str, model: torch.nn.Module, groups: Sequence[ParameterGroup]) -> None:
    """Print how many parameters a stage trains: a line in all, and one per group with its rate and decay."""
    trained, total = sum(group.numbers for group in groups), sum(tensor.numel() for tensor in model.parameters())
    lines = [f"{stage}: {trained:,} of {total:,} parameters are trained"]
    width = max((len(group.name) for group in groups), default=0)
    lines += [
        f"  {group.name:{width}}  {group.numbers:,} at rate {group.rate:g}, decay {group.decay:g}"
        for group in groups
        if group.numbers
    ]
    _print(lines)


def print_line(line: Mapping[str, Any], seconds_left: float) -> None:
    """Print a line of the history, with speed and the time that the rest of the stage takes."""
    rate = line["images"] / max(line["seconds"], 0.01)
    text = "  ".join(f"{name} {_written(value)}" for name, value in line.items())
    _print([f"{text}  ({rate:.0f} images/s, {_duration(seconds_left)} left)"])


def losses_text(losses: Mapping[str, float]) -> str:
    """The losses of a batch, beside a progress bar."""
    return "  ".join(f"{name} {_written(value)}" for name, value in losses.items())


def _written(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min" if whole < 7200 else f"{whole / 3600:.1f} h"


def _print(lines: Sequence[str]) -> None:
    with contextlib.suppress(BrokenPipeError):
        print("\n".join(printable(line) for line in lines), flush=True)  # noqa: T201
