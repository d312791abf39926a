"""An unpickler that runs no code of a file: it reads tensors and containers, and replaces other objects.

A pickle is a program. Training checkpoints contain optimisers, configuration objects and classes of the project that
wrote them, so ``weights_only=True`` refuses many harmless files. Here every global outside a short table becomes a
placeholder: a class that can be called, filled and given a state, and does nothing. The names of these globals are
recorded for messages.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import torch


class _PlaceholderType(type):
    """Metaclass of placeholders, on which the BUILD instruction of a pickle cannot set attributes."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise AttributeError(f"{name} of a placeholder cannot be set")


class Placeholder(metaclass=_PlaceholderType):
    """Replaces an object of an unknown class. It accepts any arguments, items and state, and does nothing."""

    state: Any = None

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        # The state of a pickled module contains its tensors.
        object.__setattr__(self, "state", state)

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, item: Any) -> None: ...

    def extend(self, items: Any) -> None: ...

    def add(self, item: Any) -> None: ...


class _AllowedCall:
    """A callable that a pickle may call, but whose attributes it can neither read nor set."""

    __slots__ = ("__call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_AllowedCall__call", call)

    def __call__(self, *arguments: Any) -> Any:
        return self.__call(*arguments)  # type: ignore[attr-defined]  # set in __init__, past our own __setattr__

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name} cannot be set")


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_rest: Any) -> torch.Tensor:
    import torch

    empty = torch.empty((0,), dtype=storage.dtype)
    return empty.set_(storage._untyped_storage, offset, tuple(size), tuple(stride))  # noqa: SLF001  # as torch.load does


def _rebuild_parameter(data: Any, *_rest: Any) -> Any:
    return data


def _rebuild_from_type(rebuild: Any, _type: Any, arguments: Any, _state: Any) -> Any:
    return rebuild(*arguments) if isinstance(rebuild, _AllowedCall) else None


ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_from_type,
    ("torch", "Size"): tuple,
}


class RestrictedPickle:
    """A pickle module for ``torch.load(pickle_module=...)``. ``ignored`` collects the names of unknown globals."""

    __name__ = "restricted_pickle"

    def __init__(self) -> None:
        self.ignored: list[str] = []
        ignored = self.ignored

        class Unpickler(RestrictedUnpickler):
            def __init__(self, file: IO[bytes], **_options: Any) -> None:
                super().__init__(file, ignored)

        self.Unpickler = Unpickler

    def load(self, file: IO[bytes], **_options: Any) -> Any:
        """Read one pickle from ``file``."""
        return self.Unpickler(file).load()


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that resolves the globals of a table; every other name becomes a new placeholder class."""

    table = ALLOWED

    def __init__(self, file: IO[bytes], ignored: list[str]) -> None:
        # torch's pickles are UTF-8; files written by Python 2 are read in the same way.
        super().__init__(file, encoding="utf-8")
        self._ignored = ignored

    def find_class(self, module: str, name: str, /) -> Any:
        """Look up a global in the table; nothing is imported."""
        call = self.table.get((module, name))
        if call is not None:
            return _AllowedCall(call)
        full = f"{module}.{name}"
        if full not in self._ignored:
            self._ignored.append(full)
        # torch compares the source of classes in legacy files; no source file defines a class of this name.
        return _PlaceholderType("<placeholder>", (Placeholder,), {})


def read_pickled(path: Path) -> tuple[Any, list[str]]:
    """Read a torch file (zip or legacy) without running its code.

    Returns:
        The object, with placeholders in it, or None if the file cannot be read; and the names of unknown globals.
    """
    import warnings

    import torch

    reader = RestrictedPickle()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader), reader.ignored
    except Exception:  # noqa: BLE001  # a foreign file may raise any error; the caller writes the message
        return None, reader.ignored


def tensors_in(value: Any, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield dotted names and tensors of a pickled module, which is a placeholder with a state."""
    import torch

    if isinstance(value, torch.Tensor):
        yield prefix.removesuffix("."), value.detach()
        return
    inner = value.state if isinstance(value, Placeholder) else value
    if not isinstance(inner, Mapping):
        return
    parts = [inner.get(part) for part in ("_parameters", "_buffers", "_modules")]
    groups = [part for part in parts if isinstance(part, Mapping)] or [inner]
    for group in groups:
        for name, child in group.items():
            if isinstance(child, torch.Tensor | Placeholder):
                yield from tensors_in(child, f"{prefix}{name}.")
