"""An unpickler that runs no code of a file: it reads tensors and containers, and replaces other objects.

A pickle is a program. Training checkpoints contain optimisers, configuration objects and classes of the project that
wrote them, so ``weights_only=True`` refuses many harmless files. Here every global outside a short table becomes a
placeholder: a class that can be called, filled and given a state, and does nothing. The names of these globals are
recorded for messages. The program may be hostile: its instructions and the values that it copies are counted by a
:class:`Budget`, keys of dictionaries must be simple, and a tensor must lie within its storage. Python's own version of
the unpickler is used, since that written in C reserves memory for whatever position in its memo a file names.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from retrieval.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

    import torch


MOST_VALUES = 2_000_000
"""Instructions of a pickle, and values in the containers that it builds; checkpoints have some 10,000."""

MOST_DIMENSIONS = 64
"""Dimensions of a tensor, as in torch."""

_DEEPEST = 64
"""Modules within each other of a pickled module."""


STATE_DICT_ALONE = "save the state dict alone: torch.save(model.state_dict(), FILE)"


class Budget:
    """Counts what reading a file costs, so that a small file does not build or repeat values without end.

    Args:
        path: the file, for the message.
        most: number of values that may be built.
        way_out: what the user can do about a file with more.
    """

    def __init__(self, path: Path, most: int = MOST_VALUES, way_out: str = STATE_DICT_ALONE) -> None:
        self._path, self._most, self._way_out = path, most, way_out
        self._left = most

    def spend(self, number: int = 1) -> None:
        """Count some values.

        Raises:
            WeightsError: there were more than the budget allows.
        """
        self._left -= number
        if self._left < 0:
            raise WeightsError(
                f"{self._path} holds more than {self._most:,} values beside its tensors, or contains itself; "
                f"{self._way_out}."
            )


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

    untyped = storage._untyped_storage  # noqa: SLF001  # as torch.load does
    empty = torch.empty((0,), dtype=storage.dtype)
    check_view(offset, size, stride, untyped.nbytes() // empty.element_size())
    return empty.set_(untyped, offset, tuple(size), tuple(stride))


def check_view(offset: Any, size: Any, stride: Any, length: int) -> None:
    """Check that a tensor lies within its storage; torch would extend the storage, with values of chance.

    Args:
        offset: position of the first element.
        size: size of every dimension.
        stride: distance of neighbours in every dimension.
        length: elements of the storage.

    Raises:
        UnpicklingError: it does not.
    """
    numbers = (offset, *size, *stride)
    whole = all(isinstance(number, int) and number >= 0 for number in numbers)
    if not whole or len(size) != len(stride) or len(size) > MOST_DIMENSIONS:
        raise pickle.UnpicklingError("a tensor has no valid shape")
    if 0 not in size and offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) >= length:
        raise pickle.UnpicklingError("a tensor is larger than its storage")


def _size(values: Any = ()) -> tuple[Any, ...]:
    if len(values) > MOST_DIMENSIONS:
        raise pickle.UnpicklingError("a tensor has too many dimensions")
    return tuple(values)


def _ordered_dict(items: Any = ()) -> OrderedDict[Any, Any]:
    pairs = list(items.items() if isinstance(items, Mapping) else items)
    _check_keys([key for key, _ in pairs])
    return OrderedDict(pairs)


def _check_keys(keys: Iterable[Any], *, nested: bool = False) -> None:
    """Check that keys are quickly hashed: Python hashes a tuple of tuples anew each time, and equal hashes one by one.

    Raises:
        UnpicklingError: they are not.
    """
    for key in keys:
        if isinstance(key, tuple) and len(key) <= _KEY_PARTS and not nested:
            _check_keys(key, nested=True)
        elif isinstance(key, tuple) or (isinstance(key, int) and abs(key) >= _HIGHEST_KEY):
            raise pickle.UnpicklingError("a key is a nested tuple or a number out of range")


def _rebuild_parameter(data: Any, *_rest: Any) -> Any:
    return data


def _rebuild_from_type(rebuild: Any, _type: Any, arguments: Any, _state: Any) -> Any:
    return rebuild(*arguments) if isinstance(rebuild, _AllowedCall) else None


Table: TypeAlias = Mapping[tuple[str, str], Callable[..., Any]]
"""Module and name of a global -> the function that is called in its place."""

ALLOWED: Table = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_from_type,
    ("torch", "Size"): _size,
}


_KEY_PARTS, _HIGHEST_KEY = 16, 2**60

_UNKNOWN = _PlaceholderType("<placeholder>", (Placeholder,), {})
"""Stands for all unknown globals. torch compares the source of classes in legacy files; no file defines this name."""


class RestrictedPickle:
    """A pickle module for ``torch.load(pickle_module=...)``. ``ignored`` collects the names of unknown globals."""

    __name__ = "restricted_pickle"

    def __init__(self, budget: Budget, allowed: Table = ALLOWED) -> None:
        self.ignored: dict[str, None] = {}
        ignored = self.ignored

        class Unpickler(RestrictedUnpickler):
            table = allowed

            def __init__(self, file: IO[bytes], **_options: Any) -> None:
                super().__init__(file, ignored, budget)

        self.Unpickler = Unpickler

    def load(self, file: IO[bytes], **_options: Any) -> Any:
        """Read one pickle from ``file``."""
        return self.Unpickler(file).load()


class _Instructions:
    """The table of a pickle's instructions, which counts each that is looked up."""

    def __init__(self, table: Mapping[int, Callable[[Any], None]], budget: Budget) -> None:
        self._table, self._budget = table, budget

    def __getitem__(self, code: int) -> Callable[[Any], None]:
        self._budget.spend()
        return self._table[code]


class RestrictedUnpickler(pickle._Unpickler):  # noqa: SLF001  # the version in Python, see the head of this file
    """An unpickler that resolves the globals of a table; every other name becomes a placeholder class."""

    table: Table = ALLOWED
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]
    readline: Callable[[], bytes]

    def __init__(self, file: IO[bytes], ignored: dict[str, None], budget: Budget) -> None:
        # torch's pickles are UTF-8; files written by Python 2 are read in the same way.
        super().__init__(file, encoding="utf-8")
        self._ignored, self._budget = ignored, budget
        self.dispatch = _Instructions({**self.dispatch, **_INSTRUCTIONS}, budget)  # type: ignore[misc, assignment]

    def find_class(self, module: str, name: str, /) -> Any:
        """Look up a global in the table; nothing is imported."""
        call = self.table.get((module, name))
        if call is not None:
            return _AllowedCall(call)
        if (module, name) == ("torch.storage", "UntypedStorage"):
            from torch.serialization import StorageType

            return StorageType("ByteStorage")  # type: ignore[no-untyped-call]
        self._ignored[f"{module}.{name}"] = None
        return _UNKNOWN

    def make(self, call: Any, arguments: Any) -> Any:
        """Call an allowed function or a placeholder.

        Raises:
            UnpicklingError: it is something else.
        """
        if not isinstance(call, _AllowedCall | _PlaceholderType):
            raise pickle.UnpicklingError("an object that is called is no class")
        self._budget.spend(
            len(arguments) + sum(len(part) for part in arguments if isinstance(part, tuple | list | dict))
        )
        return call(*arguments)

    def reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self.make(self.stack[-1], arguments)

    def new_object_with_names(self) -> None:
        self.stack.pop()
        self.reduce()

    def object_of_mark(self) -> None:
        call, *arguments = self.pop_mark()
        self.stack.append(self.make(call, arguments))

    def instance_of_mark(self) -> None:
        module, name = (self.readline()[:-1].decode("ascii") for _ in range(2))
        self.stack.append(self.make(self.find_class(module, name), self.pop_mark()))

    def build(self) -> None:
        """Give a state to a placeholder; other objects need none."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Placeholder):
            self.stack[-1].__setstate__(state)

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def set_items(self) -> None:
        self._fill(self.pop_mark())

    def dictionary(self) -> None:
        items = self.pop_mark()
        self.stack.append({})
        self._fill(items)

    def _fill(self, items: list[Any]) -> None:
        _check_keys(items[::2])
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif not isinstance(self.stack[-1], Placeholder):
            raise pickle.UnpicklingError("an object that is filled is no dictionary")

    def add_items(self) -> None:
        items = self.pop_mark()
        _check_keys(items)
        if isinstance(self.stack[-1], set):
            self.stack[-1].update(items)

    def frozen_set(self) -> None:
        items = self.pop_mark()
        _check_keys(items)
        self.stack.append(frozenset(items))


_INSTRUCTIONS: dict[int, Callable[[Any], None]] = {
    pickle.REDUCE[0]: RestrictedUnpickler.reduce,
    pickle.NEWOBJ[0]: RestrictedUnpickler.reduce,
    pickle.NEWOBJ_EX[0]: RestrictedUnpickler.new_object_with_names,
    pickle.OBJ[0]: RestrictedUnpickler.object_of_mark,
    pickle.INST[0]: RestrictedUnpickler.instance_of_mark,
    pickle.BUILD[0]: RestrictedUnpickler.build,
    pickle.SETITEM[0]: RestrictedUnpickler.set_item,
    pickle.SETITEMS[0]: RestrictedUnpickler.set_items,
    pickle.DICT[0]: RestrictedUnpickler.dictionary,
    pickle.ADDITEMS[0]: RestrictedUnpickler.add_items,
    pickle.FROZENSET[0]: RestrictedUnpickler.frozen_set,
}
"""Instructions that call or hash what a file contains; the others are Python's."""


def read_pickled(path: Path, budget: Budget, allowed: Table = ALLOWED) -> tuple[Any, list[str]]:
    """Read a torch file (zip or legacy) without running its code.

    Args:
        path: the file.
        budget: counts its values.
        allowed: functions that are called in place of globals.

    Returns:
        The object, with placeholders in it, or None if the file cannot be read; and the names of unknown globals.

    Raises:
        WeightsError: the file has more values than ``budget`` allows.
    """
    import warnings

    import torch

    reader = RestrictedPickle(budget, allowed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader)
            return loaded, list(reader.ignored)
    except WeightsError:
        raise
    except Exception:  # noqa: BLE001  # a foreign file may raise any error; the caller writes the message
        return None, list(reader.ignored)


def tensors_in(value: Any, budget: Budget, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield dotted names and tensors of a pickled module, which is a placeholder with a state."""
    import torch

    if isinstance(value, torch.Tensor):
        budget.spend(10)  # a name and a tensor are larger than most values
        yield prefix.removesuffix("."), value.detach()
        return
    inner = value.state if isinstance(value, Placeholder) else value
    if not isinstance(inner, Mapping) or depth > _DEEPEST:
        return
    parts = [inner.get(part) for part in ("_parameters", "_buffers", "_modules")]
    groups = [part for part in parts if isinstance(part, Mapping)] or [inner]
    for group in groups:
        budget.spend(len(group))
        for name, child in group.items():
            if isinstance(child, torch.Tensor | Placeholder):
                yield from tensors_in(child, budget, f"{prefix}{name}.", depth + 1)
