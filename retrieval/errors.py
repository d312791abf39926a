"""Every error Vitrine raises on purpose.

One root, :class:`VitrineError`; each leaf also subclasses the builtin a caller would expect, so library
users may catch either. Commands print ``str(error)`` as one readable line, so a message always names the
file or the row and the way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VitrineError(Exception):
    """Root of all errors that carry a message for people."""

    def __str__(self) -> str:
        # KeyError and friends quote their message; people should read the sentence itself.
        return str(self.args[0]) if self.args else type(self).__name__


class InputError(VitrineError, ValueError):
    """A file, a row or an option cannot be used as it is."""


class MissingFileError(VitrineError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class UnknownNameError(VitrineError, KeyError):
    """A name (model, mode, space, column, option) that does not exist."""


class SpaceMismatchError(VitrineError, ValueError):
    """Vectors of two spaces would have met in one comparison."""


class IncompleteError(VitrineError, RuntimeError):
    """Vectors or images needed for an honest number are not in the store yet."""


class TestDataError(VitrineError, RuntimeError):
    """Something would have been chosen on test data."""

    __test__ = False


class StoreError(VitrineError, RuntimeError):
    """The store cannot be opened, read or written."""


class StoreLockedError(StoreError, TimeoutError):
    """Another process is writing to the store."""


class ReadOnlyStoreError(StoreError, PermissionError):
    """Writing is not possible, or not safe, where the store lies."""


class WeightsError(VitrineError, ValueError):
    """A weight file does not fit the architecture, or holds no weights."""


class NetworkError(VitrineError, ConnectionError):
    """Weights that were named need a download that did not succeed."""


class MissingDependencyError(VitrineError, ImportError):
    """An optional package is needed; the message names the install line."""


def first_names(names: Iterable[str], most: int = 3) -> str:
    """Join the first ``most`` names for a message: ``"a, b, c, ..."``."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")


def suggest(name: str, options: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest option, or an empty string."""
    near = difflib.get_close_matches(name, list(options), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def unknown(kind: str, name: str, options: Iterable[str]) -> UnknownNameError:
    """Build the one sentence for a name that does not exist, with a suggestion and what there is."""
    listed = sorted(options)
    have = f" There is: {first_names(listed, 12)}." if listed else ""
    return UnknownNameError(f"No {kind} '{name}'.{suggest(name, listed)}{have}")
