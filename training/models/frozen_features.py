"""Features of the frozen first part of a network, computed once per image and kept in a file.

The network is not taken apart. A hook takes the input of the first trained module out of a forward pass, and puts it
into another pass, of one black image, whose own activations are dropped there: it costs one image per batch, and works
for every network that hands one tensor to that module. Whether it does is tried when the split is made.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import InputError
from retrieval.files import write_atomically
from retrieval.progress import progress
from retrieval.text_files import read_json
from training.models.stages import stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from training.models.towers import ImageTower, TowerFeatures

BATCH = 16
"""Images per forward pass of the frozen part."""


class _BoundaryReachedError(Exception):
    """Ends a forward pass at the first trained module."""


@dataclass(frozen=True, slots=True)
class FrozenSplit:
    """A network in two parts.

    Attributes:
        tower: the network.
        boundary: name of the first trained module in the network.
        shape: shape of its input for one image.
    """

    tower: ImageTower
    boundary: str
    shape: tuple[int, ...]

    def before(self, images: torch.Tensor) -> torch.Tensor:
        """Return the input of the first trained module for normalised images (n, 3, height, width)."""
        import torch

        kept: list[torch.Tensor] = []

        def stop(_: Any, given: tuple[Any, ...]) -> None:
            kept.append(given[0])
            raise _BoundaryReachedError

        handle = self._module.register_forward_pre_hook(stop)
        try:
            with torch.no_grad():
                self.tower.features(images)
        except _BoundaryReachedError:
            return kept[0]
        finally:
            handle.remove()
        raise InputError(f"{self.boundary} takes no part in the features of {self.tower.spec.model}.")

    def features(self, activations: torch.Tensor) -> TowerFeatures:
        """Return the features of n images, given the input (n, ...) of the first trained module."""
        import torch

        with self._given(activations):
            return self.tower.features(torch.zeros(1, 3, *self.tower.side, device=self.tower.device))

    @property
    def _module(self) -> torch.nn.Module:
        return self.tower.network.get_submodule(self.boundary)

    @contextmanager
    def _given(self, activations: torch.Tensor) -> Iterator[None]:
        handle = self._module.register_forward_pre_hook(lambda _, given: (activations, *given[1:]))
        try:
            yield
        finally:
            handle.remove()


def split_frozen(tower: ImageTower) -> FrozenSplit | None:
    """Split a network before its first trained module.

    Returns:
        The split; None if all or nothing is trained, or if the parts together do not give the features of the whole.
    """
    import torch

    parameters = dict(tower.visual.named_parameters())
    trained = [parameter.requires_grad for parameter in parameters.values()]
    if all(trained) or not any(trained):
        return None
    names = [name for group in stages(tower) for name in group]
    boundary = _boundary(tower.network, next(name for name in names if tower.network.get_parameter(name).requires_grad))
    images = torch.rand(2, 3, *tower.side, generator=torch.Generator().manual_seed(0)).to(tower.device)
    training = tower.network.training
    tower.network.eval()
    try:
        with torch.no_grad():
            split = FrozenSplit(tower, boundary, ())
            activations = split.before(images)
            whole, parts = tower.features(images), split.features(activations)
    except (InputError, RuntimeError, IndexError, TypeError):  # it takes no tensor, or more than one
        return None
    finally:
        tower.network.train(training)
    pairs = ((a, b) for a, b in zip(whole, parts, strict=True) if a is not None and b is not None)
    same = all(a.shape == b.shape and torch.allclose(a, b, atol=1e-4) for a, b in pairs)
    return FrozenSplit(tower, boundary, tuple(activations.shape[1:])) if same else None


def _boundary(network: torch.nn.Module, first: str) -> str:
    """Return the largest module that has a parameter and in which everything is trained."""
    parts = first.split(".")[:-1]
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        if all(parameter.requires_grad for parameter in network.get_submodule(name).parameters()):
            return name
    return ".".join(parts)


class FrozenFeatures:
    """The inputs of the first trained module for n images, in a memory-mapped file."""

    def __init__(self, path: Path, shape: tuple[int, ...], *, half: bool) -> None:
        """Open a file that :func:`cache_frozen` has written; ``half`` says that its numbers are bfloat16."""
        self._half = half
        self._numbers: NDArray[Any] = np.load(path, mmap_mode="r")
        self._shape = shape

    def __len__(self) -> int:
        """Number of images."""
        return len(self._numbers)

    def rows(self, rows: NDArray[np.int64], device: str) -> torch.Tensor:
        """Return the activations (m, ...) of m images in float32 on a device."""
        import torch

        numbers = torch.from_numpy(np.array(self._numbers[rows]))
        activations = numbers.view(torch.bfloat16) if self._half else numbers
        return activations.view(len(rows), *self._shape).to(device).float()


def cache_frozen(
    split: FrozenSplit,
    images: Callable[[NDArray[np.int64]], torch.Tensor],
    keys: NDArray[np.str_],
    path: Path,
    *,
    half: bool = False,
    quiet: bool = False,
) -> FrozenFeatures:
    """Compute the frozen part of n images once; a file that an earlier run completed for the same is taken as it is.

    Args:
        split: the network.
        images: maps rows (m,) to normalised images (m, 3, height, width), without augmentation.
        keys: (n,) keys of the images.
        path: the file, ``.npy``; what it is of is written beside it when it is complete.
        half: whether to keep bfloat16 instead of float32.
        quiet: whether to show no progress.

    Raises:
        InputError: an image cannot be read.
        OSError: the disk is full.
    """
    import torch

    made, count = path.with_suffix(".json"), len(keys)
    spec = split.tower.spec
    what = {"encoder": spec.fingerprint, "boundary": split.boundary, "shape": list(split.shape), "half": half}
    what |= {"keys": keys.tolist()}
    if not (path.is_file() and made.is_file() and read_json(made, "what cached features are of") == what):
        made.unlink(missing_ok=True)
        kind = np.int16 if half else np.float32
        numbers = np.lib.format.open_memmap(path, "w+", kind, (count, int(np.prod(split.shape))))
        with progress("frozen layers, images", count, quiet=quiet) as shown:
            for start in range(0, count, BATCH):
                rows = np.arange(start, min(start + BATCH, count))
                flat = split.before(images(rows).to(split.tower.device)).float().cpu().flatten(1)
                numbers[rows] = (flat.bfloat16().view(torch.int16) if half else flat).numpy()
                shown.advance(len(rows))
        numbers.flush()
        write_atomically(made, json.dumps(what) + "\n")
    return FrozenFeatures(path, split.shape, half=half)
