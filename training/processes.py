"""Training in several processes that ``torchrun`` starts: every batch is divided among them, gradients are averaged.

Every process has the whole model and does the same steps. Each trains on its share of a batch, and the gradients of
the shares are added, weighted by their sizes, so that the step is that of the whole batch if the loss is a mean over
samples. Batch normalisation and losses over pairs see a share only, as in PyTorch's ``DistributedDataParallel``, unless
they are given the features of all shares (:func:`joined_rows`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

Value = TypeVar("Value")

RANK, RANKS, LOCAL_RANK = "RANK", "WORLD_SIZE", "LOCAL_RANK"
"""Variables of the environment that ``torchrun`` sets."""

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others, which may be validating or embedding."""


def rank() -> int:
    """Number of this process, from 0; the first one alone writes."""
    return int(os.environ.get(RANK, "0"))


def ranks() -> int:
    """Number of processes of the run."""
    return int(os.environ.get(RANKS, "1"))


@contextmanager
def joined_processes(device: str) -> Iterator[str]:
    """Connect the processes of a run until the block ends; yield the device of this one.

    Args:
        device: ``cpu``, ``cuda`` or ``mps``; each process gets a ``cuda`` device of its own.
    """
    if ranks() == 1:
        yield device
        return
    import torch
    from torch import distributed

    own_device = device
    if device.startswith("cuda"):
        own_device = f"cuda:{os.environ.get(LOCAL_RANK, '0')}"
        torch.cuda.set_device(own_device)
    # gloo exchanges Python values and tensors of the CPU, nccl those of accelerators.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo", timeout=PATIENCE)
    try:
        yield own_device
    finally:
        distributed.destroy_process_group()


def share_of(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The rows of this process: consecutive ones, equally many in every process or one more."""
    return np.array_split(rows, ranks())[rank()]


def joined_rows(share: torch.Tensor, places: np.ndarray[Any, Any], n: int) -> torch.Tensor:
    """Collect the rows that all processes have computed of a batch of n samples: each then has the loss of the batch.

    The gradient of the loss goes to the rows of this process alone, times n / m. :func:`add_gradients` multiplies by
    m / n and adds, so that parameters before the joined rows get the sum over all rows; those behind them have the
    gradient of the whole batch in every process, and get its mean over processes, which is the same.

    Args:
        share: (m, ...) rows of this process.
        places: (m,) where they stand in the batch.
        n: number of samples of the batch.

    Returns:
        (n, ...).
    """
    if ranks() == 1:
        return share
    import torch
    from torch import distributed

    at = torch.from_numpy(places).to(share.device)
    whole = share.new_zeros(n, *share.shape[1:]).index_copy_(0, at, share.detach())
    distributed.all_reduce(whole)
    if not share.requires_grad:
        return whole
    weighted = share.clone()
    weighted.register_hook(lambda gradient: gradient * (n / len(share)))  # type: ignore[no-untyped-call]
    return whole.index_copy(0, at, weighted)


def add_gradients(parameters: Iterable[torch.nn.Parameter], weight: float) -> None:
    """Replace every gradient by the sum over processes of ``weight`` times the gradient; weights add to 1."""
    import torch
    from torch import distributed

    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if ranks() == 1 or not trained:
        return
    has_gradient = torch.tensor([float(parameter.grad is not None) for parameter in trained])
    distributed.all_reduce(has_gradient, distributed.ReduceOp.MAX)
    kept = [parameter for parameter, has in zip(trained, has_gradient.tolist(), strict=True) if has]
    if not kept:
        return
    flat = torch.cat([_gradient(parameter).reshape(-1).float() for parameter in kept]) * weight
    distributed.all_reduce(flat)
    parts = torch.split(flat, [parameter.numel() for parameter in kept])
    for parameter, part in zip(kept, parts, strict=True):
        parameter.grad = part.view_as(parameter).to(parameter.dtype)


def _gradient(parameter: torch.nn.Parameter) -> torch.Tensor:
    import torch

    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def add_losses(losses: Mapping[str, float], weight: float) -> dict[str, float]:
    """Sum of ``weight`` times each loss over processes."""
    if ranks() == 1:
        return dict(losses)
    import torch
    from torch import distributed

    values = torch.tensor([losses[name] for name in sorted(losses)], dtype=torch.float64) * weight
    distributed.all_reduce(values)
    summed = dict(zip(sorted(losses), values.tolist(), strict=True))
    return {name: summed[name] for name in losses}


def any_process(flag: bool) -> bool:  # noqa: FBT001 - the value that is exchanged
    """Whether the flag is set in any process."""
    return any(gathered(flag))


def gathered(value: Value) -> list[Value]:
    """The values of all processes, by rank."""
    if ranks() == 1:
        return [value]
    from torch import distributed

    values: list[Any] = [None] * ranks()
    distributed.all_gather_object(values, value)
    return values


def from_first(value: Value) -> Value:
    """The value of the first process."""
    if ranks() == 1:
        return value
    from torch import distributed

    values = [value]
    distributed.broadcast_object_list(values, src=0)
    return values[0]
