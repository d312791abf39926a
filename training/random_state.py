"""Saves and restores the states of torch's generators, so that a resumed run gives the same bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def random_state() -> dict[str, Any]:
    """States of the generators of the CPU and of every accelerator that torch sees."""
    import torch

    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: Mapping[str, Any]) -> None:
    """Restore what :func:`random_state` returned; states of absent accelerators are ignored."""
    import torch

    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])
