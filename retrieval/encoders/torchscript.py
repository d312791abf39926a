"""Read the tensors of a TorchScript archive (such as OpenAI's original CLIP files) without running its code.

The archive is a zip of one restricted pickle (``data.pkl``), the raw tensors (``data/0``, ...) and source text
(``code/...``). The text is searched for the names of parameters and buffers, because other tensors (attention masks)
are not weights.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import IO, TYPE_CHECKING, Any

from retrieval.encoders.restricted_pickle import ALLOWED, Budget, RestrictedUnpickler, check_view, tensors_in
from retrieval.limits import MOST_WEIGHTS_EXPANSION, check_expansion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

_DECLARED = re.compile(r"__(?:parameters|buffers)__ = \[([^\[\]]*)\]")
_STORAGES = {
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "DoubleStorage": "float64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


def is_torchscript(path: Path) -> bool:
    """Return whether a file is a TorchScript archive."""
    return any(name.count("/") == 1 and name.endswith("/constants.pkl") for name in archive_names(path) or ())


def code_contains(path: Path, text: str) -> bool:
    """Return whether the source text in a TorchScript archive contains a text; nothing of it is run.

    Raises:
        InputError: what is packed in the archive swells.
    """
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        code = [name for name in archive.namelist() if "/code/" in name and name.endswith(".py")]
        return any(text.encode() in archive.read(name) for name in code)


def archive_names(path: Path) -> list[str] | None:
    """Return the names of the files in a zip; None if it is no zip that can be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except Exception:  # noqa: BLE001  # a damaged zip may raise any error
        return None


def check_archive(path: Path) -> None:
    """Check that what is packed in a zip does not swell; torch does not compress tensors.

    Raises:
        InputError: it does.
    """
    with zipfile.ZipFile(path) as archive:
        whole = sum(part.file_size for part in archive.infolist())
    way_out = "fetch it again, or save it with torch.save, which does not compress"
    check_expansion(path.stat().st_size, whole, str(path), way_out, MOST_WEIGHTS_EXPANSION)


def read_torchscript(path: Path, budget: Budget) -> dict[str, torch.Tensor]:
    """Read the parameters and buffers of a TorchScript archive, named as in its ``state_dict``.

    Raises:
        Exception: any, if the archive is damaged; the caller writes the message.
    """
    with zipfile.ZipFile(path) as archive:
        root = next(name for name in archive.namelist() if name.endswith("/constants.pkl")).partition("/")[0]
        declared: set[str] = set()
        for name in archive.namelist():
            if name.startswith(f"{root}/code/") and name.endswith(".py"):
                text = archive.read(name).decode()
                declared.update(word for names in _DECLARED.findall(text) for word in re.findall(r'"([^"]+)"', names))
        module = _Unpickler(io.BytesIO(archive.read(f"{root}/data.pkl")), archive, root, budget).load()
    return {name: tensor for name, tensor in tensors_in(module, budget) if name.rpartition(".")[2] in declared}


def _view(flat: torch.Tensor, offset: Any, size: Any, stride: Any, *_rest: Any) -> torch.Tensor:
    check_view(offset, size, stride, flat.numel())
    return flat.as_strided(tuple(size), tuple(stride), offset)


class _Unpickler(RestrictedUnpickler):
    """An unpickler that resolves storages to flat tensors read from the archive."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, root: str, budget: Budget) -> None:
        super().__init__(file, {}, budget)
        self._archive, self._root = archive, root
        self._storages: dict[tuple[str, str], torch.Tensor] = {}

    table: dict[tuple[str, str], Callable[..., Any]] = {  # noqa: RUF012  # a constant of the base class, extended
        **ALLOWED,
        ("torch._utils", "_rebuild_tensor_v2"): _view,
    }

    def find_class(self, module: str, name: str, /) -> Any:
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        return super().find_class(module, name)

    def persistent_load(self, saved: Any, /) -> Any:
        """Read the storage with the persistent id ``("storage", type, key, device, length)``."""
        import torch

        _, kind, key, *_ = saved
        if (kind, key) not in self._storages:
            raw = bytearray(self._archive.read(f"{self._root}/data/{key}"))
            dtype = getattr(torch, kind)
            self._storages[kind, key] = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        return self._storages[kind, key]
