"""Read weight files without running code in them, select the keys of an encoder, and check that they fit.

Formats are safetensors, torch's zip and legacy formats, and TorchScript archives. The file contains the state dict
itself, a training checkpoint with the state dict under a key (``state_dict``, ``model``, ...), or a pickled module.
Keys may have prefixes of wrappers (``module.``, ``net._orig_mod.``, ...). Each encoder family calls
:func:`read_weights`, :func:`strip_prefixes` and :func:`check_fit`, in this order, when it builds an encoder.
"""

from __future__ import annotations

import logging
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retrieval.encoders.restricted_pickle import Placeholder, read_pickled, tensors_in
from retrieval.encoders.torchscript import is_torchscript, read_torchscript
from retrieval.errors import InputError, MissingFileError, WeightsError, first_names

if TYPE_CHECKING:
    from pathlib import Path

    import torch

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar", ".th", ".jit")
"""Suffixes by which an encoder's name is recognised as a weight file; ``.tar`` as in old ``.pth.tar`` checkpoints."""

CONTAINERS = ("state_dict", "model_state_dict", "model", "model_state", "module", "net", "network", "weights")
"""Keys of a training checkpoint under which its state dict may be, in order of preference."""

WRAPPERS = frozenset(("module", "model", "net", "network", "encoder", "backbone", "clip", "clip_model", "base_model"))
"""Attributes by which modules usually hold a network; they become prefixes of its keys (``module.model.``)."""

_NOT_NETWORK = re.compile(r"(criterion|loss\w*|ema\w*|\w+_ema|metrics?|acc|accuracy|(train|val|valid|test)_\w+)(\.|$)")
"""Beginnings of keys of a training module that do not belong to its network: losses, metrics, averaged copies."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Weights:
    """Contents of a weight file.

    Attributes:
        path: path of the file.
        tensors: tensors by name, with the names of the file.
        ignored: functions and classes that a pickle in the file names and that were not run.
    """

    path: Path
    tensors: dict[str, torch.Tensor]
    ignored: tuple[str, ...] = ()


def read_weights(path: Path) -> Weights:
    """Read the state dict of a weight file without running code in it.

    Raises:
        MissingFileError: the file does not exist.
        InputError: the file cannot be read.
        WeightsError: the file has another format, is damaged, or contains no tensors.
    """
    head = _head(path)
    # a safetensors file begins with the length of its JSON header as 8 bytes, then the header itself
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return Weights(path, _read_safetensors(path))
    if path.suffix == ".safetensors":
        raise WeightsError(
            f"{path} is not a safetensors file: it is cut short or holds another format; fetch it again."
        )
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
        tensors = read_torchscript(path)
    except Exception as error:  # noqa: BLE001  # a damaged archive may raise any error
        kind = type(error).__name__
        raise WeightsError(f"{path} is a damaged TorchScript archive ({kind}: {error}); fetch it again.") from None
    if not tensors:
        raise WeightsError(f"{path} is a TorchScript archive without weights; its code was not run.")
    return Weights(path, tensors)


def _read_torch(path: Path) -> Weights:
    import pickle
    import warnings

    import torch

    ignored: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        RuntimeError,
        ValueError,
        EOFError,
        OSError,
        LookupError,
        TypeError,
        AttributeError,
    ):
        loaded, ignored = read_pickled(path)
    tensors = _state_dict(loaded)
    not_run = f"; it asked to run {first_names(ignored)}, which was not run" if ignored else ""
    if tensors:
        if ignored:
            _LOG.info("%s: the weights were read%s.", path, not_run)
        return Weights(path, tensors, tuple(ignored))
    if loaded is None and not ignored:
        kind = "a torch file that is cut short or damaged" if zipfile.is_zipfile(path) else "no weight file, or damaged"
        raise WeightsError(f"{path} is {kind}; give a .safetensors, .pt, .pth, .bin or .ckpt file.")
    raise WeightsError(f"{path} holds no weights{not_run}; give a file that holds a state dict.")


def _state_dict(loaded: Any) -> dict[str, torch.Tensor]:
    """Return the tensors of a checkpoint under one of :data:`CONTAINERS`, or of a state dict or pickled module."""
    if isinstance(loaded, Mapping):
        for key in CONTAINERS:
            inner = loaded.get(key)
            if isinstance(inner, Mapping | Placeholder) and (tensors := _tensors(inner)):
                return tensors
    return _tensors(loaded)


def _tensors(value: Any) -> dict[str, torch.Tensor]:
    import torch

    if isinstance(value, Mapping):
        return {str(name): item.detach() for name, item in value.items() if isinstance(item, torch.Tensor)}
    return dict(tensors_in(value)) if isinstance(value, Placeholder) else {}


def strip_prefixes(tensors: Mapping[str, torch.Tensor], expected: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Select the tensors of an encoder from the state dict of a training module, and remove prefixes of their keys.

    ``_orig_mod.`` (of ``torch.compile``) is removed wherever it is in a key. Of the other prefixes (``net.``,
    ``module.model.``, ``resnet.``, or none) the one is removed behind which most of the ``expected`` keys are. Keys
    without that prefix belong to other components of the training module and are dropped, as are losses, metrics and
    averaged copies.

    Args:
        tensors: state dict of the file.
        expected: state dict of the encoder; only its keys are used.
    """
    plain = {".".join(part for part in key.split(".") if part != "_orig_mod"): value for key, value in tensors.items()}
    prefix = _network_prefix(plain, expected)
    inside = {key.removeprefix(prefix): value for key, value in plain.items() if key.startswith(prefix)}
    return {key: value for key, value in inside.items() if key in expected or not _NOT_NETWORK.match(key)}


def _network_prefix(keys: Iterable[str], expected: Mapping[str, Any]) -> str:
    """Find the prefix behind which most of the ``expected`` keys are.

    If several prefixes have equally many, the shortest of those made of :data:`WRAPPERS` (or empty) is returned; if
    there is none of these, the only one that is not of losses, metrics or averaged copies. If that leaves several
    (``student.``, ``teacher.``), an empty prefix is returned: :func:`check_fit` then refuses the file.
    """
    counts: Counter[str] = Counter()
    for key in keys:
        parts = key.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in expected:
                counts["".join(f"{part}." for part in parts[:cut])] += 1  # "a.b." for the first two parts
    most = max(counts.values(), default=0)
    best = [prefix for prefix, count in counts.items() if count == most]
    wrappers = [prefix for prefix in best if WRAPPERS.issuperset(prefix.split(".")[:-1])]
    if wrappers:
        return min(wrappers, key=lambda prefix: (len(prefix), prefix))
    named = [prefix for prefix in best if not _NOT_NETWORK.match(prefix)] or best
    return named[0] if len(named) == 1 else ""


def check_fit(
    tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], weights: Weights, model: str
) -> None:
    """Check that the keys and shapes of tensors are those of a model (``num_batches_tracked`` may be missing).

    Args:
        tensors: the tensors.
        expected: state dict of the model.
        weights: the file, for the message.
        model: name of the encoder, for the message.

    Raises:
        WeightsError: keys are missing or unexpected, or shapes differ.
    """
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
