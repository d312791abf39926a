"""Reads and writes the folder of a run: recipe, checkpoint, best weights and history.

``recipe.json``         the resolved recipe; a run is resumed with the same recipe only
``state.pt``            the last checkpoint: model, stage, optimisers, generators, history, progress within the epoch;
                        replaced after each validation and when the run is interrupted
``best.safetensors``    weights (float32) of the best held-out score so far, of the present stage
``history.jsonl``       a line of losses and metrics per validation; ``history.csv`` is the same as a table
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from retrieval.errors import InputError, WeightsError
from retrieval.files import replacing, write_atomically
from retrieval.text_files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

RECIPE, STATE, BEST = "recipe.json", "state.pt", "best.safetensors"
NOTES = ("run.json", "run.lock")
"""Files of :mod:`training.run_state`, which are there before the recipe."""

ORIGIN, SAMPLES = "data.json", "samples.json"
"""Files of :mod:`training.run_origin` and :mod:`training.run_samples`."""

NEEDED = frozenset(("stage", "model", "optimisers", "average", "history", "ended", "part", "processes"))
"""Keys of a checkpoint."""


def open_run(out: Path, recipe: Mapping[str, Any]) -> None:
    """Make the folder of a run, or check that an existing one is of the same recipe.

    Raises:
        InputError: it holds a run of another recipe, a damaged one, or something else.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"`out={out}` is a file; name a folder.")
    out.mkdir(parents=True, exist_ok=True)
    kept = out / RECIPE
    if not kept.is_file() and any(path.name not in NOTES for path in out.iterdir()):
        raise InputError(f"`out={out}` is not empty and holds no run; choose a new folder.")
    if (out / STATE).is_file():
        different = sorted(_differences(read_kept(kept, "a recipe"), json.loads(json.dumps(recipe))))
        if different:
            raise InputError(
                f"{out} holds a run of another recipe (other {', '.join(different)}); choose a new `out`, or delete it."
            )
    else:
        write_atomically(kept, json.dumps(recipe, indent=1) + "\n")


def read_kept(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON object of a run's folder, without which the run cannot go on.

    Raises:
        InputError: it is damaged.
    """
    way_out = f"delete the folder {path.parent}, or choose a new `out`"
    try:
        values = read_json(path, what)
    except InputError as error:
        raise InputError(f"{str(error).rstrip('.')}; {way_out}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} is not {what}; {way_out}.")
    return values


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = before.keys() | now.keys()
        return [
            difference
            for key in keys
            for difference in _differences(before.get(key), now.get(key), f"{where}.{key}" if where else key)
        ]
    return [] if before == now else [where]


def save_state(out: Path, state: Mapping[str, Any]) -> None:
    """Replace the checkpoint of the run.

    Raises:
        InputError: it cannot be written; the one before stays.
    """
    import torch

    with replacing(out / STATE, shared=False) as part:
        try:
            torch.save(dict(state), part)
        except RuntimeError as error:  # what torch makes of a full disk
            raise _not_written(out / STATE) from error


def load_state(out: Path) -> dict[str, Any] | None:
    """The last checkpoint; None where the run has none yet.

    Raises:
        WeightsError: it cannot be read, or is of another version.
    """
    import pickle

    import torch

    path = out / STATE
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
        raise WeightsError(f"{path} is damaged; delete it to begin again.") from None
    if not isinstance(state, dict) or not state.keys() >= NEEDED:
        raise WeightsError(f"{path} is no checkpoint of this version; delete it to begin again.")
    return state


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors as safetensors, atomically.

    Raises:
        InputError: they cannot be written; a file that was there stays.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with replacing(path, shared=False) as part:
        part.touch()
        usual = part.stat().st_mode
        try:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, part)
        except SafetensorError as error:
            raise _not_written(path) from error
        part.chmod(usual)  # safetensors makes files that only their owner may read


def _not_written(path: Path) -> InputError:
    return InputError(
        f"{path} cannot be written; make room on the disk, and run the same command again: it goes on from the last "
        "checkpoint."
    )
