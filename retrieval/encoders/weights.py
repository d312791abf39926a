"""Weight files: read without running foreign code, cut to the encoder's own keys, and checked to fit.

Read are safetensors, torch's zip and legacy formats, and TorchScript archives. Inside, the state dict may stand
alone, under a key of a training checkpoint (``state_dict``, ``model``, ...), or in a whole pickled module; its keys
may carry the prefixes that wrappers leave (``module.``, ``net._orig_mod.``, ...).
"""

from __future__ import annotations

import logging
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retrieval.encoders.restricted_pickle import Placeholder, read_pickled, tensors_in
from retrieval.encoders.torchscript import is_torchscript, read_torchscript
from retrieval.errors import InputError, MissingFileError, WeightsError, first_names

if TYPE_CHECKING:
    from pathlib import Path

    import torch

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar", ".th", ".jit")
CONTAINERS = ("state_dict", "model_state_dict", "model", "model_state", "module", "net", "network", "weights")
WRAPPERS = frozenset(("module", "model", "net", "network", "encoder", "backbone", "clip", "clip_model", "base_model"))
_BESIDE = re.compile(r"(criterion|loss\w*|ema\w*|\w+_ema|metrics?|acc|accuracy|(train|val|valid|test)_\w+)(\.|$)")
"""Roots of keys that a training module keeps beside its network."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Weights:
    """The tensors of a file by name, and the globals its pickle named that were not run."""

    path: Path
    tensors: dict[str, torch.Tensor]
    ignored: tuple[str, ...] = ()


def read_weights(path: Path) -> Weights:
    """Read the state dict of a weight file without running any code it may hold.

    Raises:
        MissingFileError: there is no such file.
        InputError: it may not be read.
        WeightsError: it is no weight file, is damaged, or holds no tensors.
    """
    head = _head(path)
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return Weights(path, _read_safetensors(path))
    if path.suffix == ".safetensors":
        raise WeightsError(
            f"{path} is not a safetensors file: it is cut short or holds another format; fetch it again."
        )
    if is_torchscript(path):
        return _named(path, lambda: read_torchscript(path))
    if tarfile.is_tarfile(path):
        raise WeightsError(f"{path} is a tar archive; unpack it and name the weight file inside with `weights`.")
    return _read_torch(path)


def _head(path: Path) -> bytes:
    """First bytes of a file that is there, is not empty, and is neither a web page nor a git-lfs pointer."""
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


def _named(path: Path, read: Callable[[], dict[str, torch.Tensor]]) -> Weights:
    try:
        tensors = read()
    except Exception as error:  # noqa: BLE001  # a damaged archive may fail in any way; it must end in a sentence
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
    asked = f"; it asked to run {first_names(ignored)}, which was not run" if ignored else ""
    if tensors:
        if ignored:
            _LOG.info("%s: the weights were read%s.", path, asked)
        return Weights(path, tensors, tuple(ignored))
    if loaded is None and not ignored:
        kind = "a torch file that is cut short or damaged" if zipfile.is_zipfile(path) else "no weight file, or damaged"
        raise WeightsError(f"{path} is {kind}; give a .safetensors, .pt, .pth, .bin or .ckpt file.")
    raise WeightsError(f"{path} holds no weights{asked}; give a file that holds a state dict.")


def _state_dict(loaded: Any) -> dict[str, torch.Tensor]:
    """Find the tensors: a known container of a checkpoint, the object itself, or a pickled module."""
    if isinstance(loaded, Mapping):
        for key in CONTAINERS:
            inner = loaded.get(key)
            if isinstance(inner, Mapping | Placeholder) and (found := _tensors(inner)):
                return found
    return _tensors(loaded)


def _tensors(value: Any) -> dict[str, torch.Tensor]:
    import torch

    if isinstance(value, Mapping):
        return {str(name): item.detach() for name, item in value.items() if isinstance(item, torch.Tensor)}
    return dict(tensors_in(value)) if isinstance(value, Placeholder) else {}


def strip_prefixes(tensors: Mapping[str, torch.Tensor], expected: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Cut a training module's state dict to an encoder's own keys.

    ``_orig_mod.`` (``torch.compile``) goes wherever it stands. Of the other prefixes (``net.``, ``module.model.``,
    ``resnet.``) the one that meets most of the ``expected`` keys is taken; what lies outside it belongs to other parts
    of the training module, as do losses, metrics and averaged copies that lie beside keys without a prefix.
    """
    plain = {".".join(part for part in key.split(".") if part != "_orig_mod"): value for key, value in tensors.items()}
    prefix = _network_prefix(plain, expected)
    inside = {key.removeprefix(prefix): value for key, value in plain.items() if key.startswith(prefix)}
    return {key: value for key, value in inside.items() if key in expected or not _BESIDE.match(key)}


def _network_prefix(keys: Iterable[str], expected: Mapping[str, Any]) -> str:
    """The prefix of most expected keys. Of equals a wrapper's goes first, the shortest, then one of another name.

    Between several other names (``student.``, ``teacher.``) nothing is guessed: the file will not fit.
    """
    met: Counter[str] = Counter()
    for key in keys:
        parts = key.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in expected:
                met["".join(f"{part}." for part in parts[:cut])] += 1
    most = max(met.values(), default=0)
    best = [prefix for prefix, count in met.items() if count == most]
    wrappers = [prefix for prefix in best if WRAPPERS.issuperset(prefix.split(".")[:-1])]
    if wrappers:
        return min(wrappers, key=lambda prefix: (len(prefix), prefix))
    named = [prefix for prefix in best if not _BESIDE.match(prefix)] or best
    return named[0] if len(named) == 1 else ""


def check_fit(
    tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], weights: Weights, model: str
) -> None:
    """Check that names and shapes are exactly those of the model (batch counters may be missing).

    Raises:
        WeightsError: which keys are missing or unexpected and which shapes differ: how many, and the first few.
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
