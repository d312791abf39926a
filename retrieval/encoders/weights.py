"""Read weight files without running code in them, select the keys of an encoder, and check that they fit.

Formats are safetensors, torch's zip and legacy formats, and TorchScript archives. The file contains the state dict
itself, a training checkpoint with the state dict under a key (``state_dict``, ``model``, ...), or a pickled module.
Keys may have prefixes of wrappers (``module.``, ``net._orig_mod.``, ...). Each encoder family calls
:func:`read_weights`, :func:`retrieval.encoders.networks.select_network` and :func:`check_fit`, in this order, when it
builds an encoder.
"""

from __future__ import annotations

import logging
import math
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from retrieval.encoders.networks import set_heads_aside
from retrieval.encoders.restricted_pickle import Budget, Placeholder, read_pickled, tensors_in
from retrieval.encoders.torchscript import archive_names, check_archive, is_torchscript, read_torchscript
from retrieval.errors import InputError, MissingFileError, WeightsError, first_names
from retrieval.limits import FREE_BYTES, MOST_WEIGHTS_EXPANSION

if TYPE_CHECKING:
    from pathlib import Path

    import torch

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar", ".th", ".jit")
"""Suffixes by which an encoder's name is recognised as a weight file; ``.tar`` as in old ``.pth.tar`` checkpoints."""

CONTAINERS = ("state_dict", "model_state_dict", "model", "model_state", "module", "net", "network", "weights")
"""Keys of a training checkpoint under which its state dict may be, in order of preference."""

TRAINING_STATE = frozenset(
    """
    amp callbacks hparams loops lr_scheduler lr_schedulers optim optimizer optimizer_states optimizers rng_state
    rng_states scaler scheduler schedulers
    """.split()  # noqa: SIM905 - a list of words reads better as text
)
"""Keys of a training checkpoint whose tensors are of no network."""

DEEPEST = 8
"""Containers within each other in which tensors are looked for."""

LONGEST_NAME = 1000
"""Letters of a tensor's name, with the names of the containers around it."""

LONGEST_HEADER = 16 << 20
"""Bytes of the header of a safetensors file; that of the largest encoders has a few hundred thousand."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Weights:
    """Contents of a weight file.

    Attributes:
        path: path of the file.
        tensors: tensors by name, with the names of the file.
        ignored: functions and classes that a pickle in the file names and that were not run.
        container: key under which ``tensors`` were, such as ``state_dict``; empty if they were not under one.
        beside: tensors under other keys, by their full names.
        notes: what the user should know of the network that is taken, added while it is selected.
    """

    path: Path
    tensors: dict[str, torch.Tensor]
    ignored: tuple[str, ...] = ()
    container: str = ""
    beside: dict[str, torch.Tensor] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def spelling(self, prefix: str) -> str:
        """Return how a user names the tensors behind a prefix: ``FILE#spelling``."""
        return prefix.removesuffix(".") or self.container


def read_weights(path: Path, inside: str = "") -> Weights:
    """Read the state dict of a weight file without running code in it.

    Args:
        path: the file.
        inside: the network to take, as the beginning of its keys: ``teacher.backbone``; empty for all.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file cannot be read.
        WeightsError: the file has another format, is damaged, or contains no tensors, or none that ``inside`` names.
    """
    weights = _read(path)
    _check_sizes(weights)
    return _chosen(weights, inside) if inside else weights


def _check_sizes(weights: Weights) -> None:
    """Check that no tensor is far larger than the file (one value repeated), and that names have a usual length."""
    most = FREE_BYTES + MOST_WEIGHTS_EXPANSION * weights.path.stat().st_size
    for tensors in (weights.tensors, weights.beside):
        for name, tensor in tensors.items():
            if len(name) > LONGEST_NAME:
                raise WeightsError(f"{weights.path} has a tensor whose name has {len(name):,} letters; fetch it again.")
            if math.prod(tensor.shape) * tensor.element_size() > most:
                raise WeightsError(
                    f"{weights.path}: the tensor '{name}' has the shape {tuple(tensor.shape)}, far more than the file "
                    "holds; fetch it again."
                )


def _chosen(weights: Weights, inside: str) -> Weights:
    """Return the tensors whose names begin with ``inside``, with or without the container's name before it."""
    container = f"{weights.container}." if weights.container else ""
    everything = {f"{container}{key}": value for key, value in weights.tensors.items()} | weights.beside
    parts = [part for part in inside.split(".") if part]
    for tensors in (weights.tensors, everything):
        for skipped in ((), ("_orig_mod",), ("_orig_mod", "module")):
            taken = {
                ".".join(rest): value
                for key, value in tensors.items()
                if (rest := _behind(key, parts, frozenset(skipped))) is not None
            }
            if taken:
                return Weights(weights.path, taken, weights.ignored)
    names = Counter(".".join(key.split(".")[:1]) for key in everything)
    listed = ", ".join(f"{name} ({count} tensors)" for name, count in names.most_common(8))
    raise WeightsError(f"{weights.path} holds no tensors of '{inside}'; it holds {listed}.")


def _behind(key: str, parts: list[str], skipped: frozenset[str]) -> list[str] | None:
    """Return the parts of a key behind ``parts``, passing over some parts; None if it does not begin with them."""
    left = [part for part in key.split(".") if part not in skipped]
    return left[len(parts) :] if len(left) > len(parts) and left[: len(parts)] == parts else None


def _read(path: Path) -> Weights:
    head = _head(path)
    # a safetensors file begins with the length of its JSON header as 8 bytes, then the header itself
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        if int.from_bytes(head[:8], "little") > LONGEST_HEADER:
            raise WeightsError(f"{path} has a header of more than {LONGEST_HEADER >> 20} MiB; fetch it again.")
        return Weights(path, _read_safetensors(path))
    if path.suffix == ".safetensors":
        raise WeightsError(
            f"{path} is not a safetensors file: it is cut short or holds another format; fetch it again."
        )
    if archive_names(path) is not None:
        check_archive(path)
    elif head.startswith(b"PK\3\4"):
        raise WeightsError(f"{path} is a torch file that is cut short or damaged; fetch it again.")
    if is_torchscript(path):
        return _read_torchscript(path)
    if tarfile.is_tarfile(path):
        raise WeightsError(f"{path} is a tar archive; unpack it and name the weight file inside with `weights`.")
    return _read_torch(path)


def _head(path: Path) -> bytes:
    """Return the first bytes of a file, after checking that it is not empty, a web page or a git-lfs pointer."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such weight file; check the path given to `weights`.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path given to `weights`.") from None
    if not head:
        raise WeightsError(f"{path} is empty; fetch the weight file again.")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path} is a git-lfs pointer, not the weights; run 'git lfs pull' where it came from.")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise WeightsError(f"{path} is a web page, not weights; download the file itself instead of its page.")
    return head


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, ValueError, OSError) as error:
        raise WeightsError(f"{path} is a damaged safetensors file ({error}); fetch it again.") from None
    if not tensors:
        raise WeightsError(f"{path} holds no tensors; name another file with `weights`.")
    return tensors


def _read_torchscript(path: Path) -> Weights:
    try:
        tensors = read_torchscript(path, Budget(path))
    except WeightsError:
        raise
    except Exception as error:  # noqa: BLE001  # a damaged archive may raise any error
        kind = type(error).__name__
        raise WeightsError(f"{path} is a damaged TorchScript archive ({kind}: {error}); fetch it again.") from None
    if not tensors:
        raise WeightsError(f"{path} is a TorchScript archive without weights; its code was not run.")
    return Weights(path, tensors)


def _read_torch(path: Path) -> Weights:
    budget = Budget(path)
    loaded, ignored = read_pickled(path, budget)
    not_run = f"; it asked to run {first_names(ignored)}, which was not run" if ignored else ""
    networks = _containers(loaded, budget, {})
    container = _default(networks)
    tensors = _joined({} if container is None else {"": networks[container]}) or _joined(networks)
    if tensors:
        if ignored:
            _LOG.info("%s: the weights were read%s.", path, not_run)
        beside = {key: value for key, value in networks.items() if key != container} if container is not None else {}
        return Weights(path, tensors, tuple(ignored), container or "", _joined(beside))
    if loaded is None and not ignored:
        kind = "a torch file that is cut short or damaged" if zipfile.is_zipfile(path) else "no weight file, or damaged"
        raise WeightsError(f"{path} is {kind}; give a .safetensors, .pt, .pth, .bin or .ckpt file.")
    raise WeightsError(f"{path} holds no weights{not_run}; give a file that holds a state dict.")


def _containers(
    loaded: Any, budget: Budget, tensors_by_id: dict[int, dict[str, torch.Tensor]], path: str = "", depth: int = 0
) -> dict[str, dict[str, torch.Tensor]]:
    """Return all state dicts in a checkpoint by their dotted path; that of the checkpoint itself is empty.

    ``tensors_by_id`` keeps the tensors of containers by their identity, as one may be at several paths.
    """
    if depth > DEEPEST:
        return {}
    if id(loaded) not in tensors_by_id:
        tensors_by_id[id(loaded)] = _tensors(loaded, budget)
    networks = {path: tensors} if (tensors := tensors_by_id[id(loaded)]) else {}
    budget.spend(1 + len(tensors))
    if isinstance(loaded, Mapping):
        items = [(_key(key), value) for key, value in loaded.items() if _key(key) not in TRAINING_STATE]
    elif isinstance(loaded, list | tuple):
        items = [(str(at), value) for at, value in enumerate(loaded)]
    else:
        return networks
    budget.spend(len(items))
    for key, value in items:
        if isinstance(value, Mapping | list | tuple | Placeholder):
            networks |= _containers(value, budget, tensors_by_id, f"{path}.{key}" if path else key, depth + 1)
    return networks


def _key(key: Any) -> str:
    return str(key) if isinstance(key, str | int | float) else type(key).__name__


def _default(networks: Mapping[str, dict[str, torch.Tensor]]) -> str | None:
    """Return the state dict that is meant if none is chosen; None if several may be."""
    for key in CONTAINERS:
        if key in networks:
            return key
    nested = [path for path in networks if path.rpartition(".")[2] in CONTAINERS]
    if len(networks) == 1 or "" in networks:
        return "" if "" in networks else next(iter(networks))
    return nested[0] if len(nested) == 1 else None


def _joined(networks: Mapping[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Return the tensors of several state dicts under their full names."""
    return {
        f"{path}.{key}" if path else key: value for path, tensors in networks.items() for key, value in tensors.items()
    }


def _tensors(value: Any, budget: Budget) -> dict[str, torch.Tensor]:
    import torch

    if isinstance(value, Mapping):
        return {_key(name): item.detach() for name, item in value.items() if isinstance(item, torch.Tensor)}
    return dict(tensors_in(value, budget)) if isinstance(value, Placeholder) else {}


def check_fit(
    tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], weights: Weights, model: str
) -> dict[str, torch.Tensor]:
    """Check that the keys and shapes of tensors are those of a model (``num_batches_tracked`` may be missing).

    Heads of the training that the model does not have are set aside.

    Args:
        tensors: the tensors.
        expected: state dict of the model.
        weights: the file, for the message.
        model: name of the encoder, for the message.

    Returns:
        The tensors without those set aside.

    Raises:
        WeightsError: keys are missing or unexpected, or shapes differ.
    """
    tensors = set_heads_aside(tensors, expected, weights)
    missing = [k for k in expected if k not in tensors and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in tensors if k not in expected]
    shapes = [
        f"{k} {tuple(tensors[k].shape)} instead of {tuple(v.shape)}"
        for k, v in expected.items()
        if k in tensors and tensors[k].shape != v.shape
    ]
    parts = [
        f"{len(keys)} {kind} ({first_names(keys)})"
        for keys, kind in ((missing, "missing"), (unexpected, "unexpected"), (shapes, "of another shape"))
        if keys
    ]
    if parts:
        raise WeightsError(
            f"{weights.path} does not fit {model}: {', '.join(parts)}, of {len(expected)} keys; "
            "name the model that the file was trained with, or another file with `weights`."
        )
    return dict(tensors)
