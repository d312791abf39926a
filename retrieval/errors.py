"""The exceptions of Vitrine.

All derive from :class:`VitrineError`, and each also from the built-in exception that callers expect, so that either
can be caught. Commands print ``str(error)`` as one line, so a message names the file or row and the way out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VitrineError(Exception):
    """Base class of all exceptions whose message is written for users."""

    def __str__(self) -> str:
        # KeyError would put the message in quotation marks.
        return str(self.args[0]) if self.args else type(self).__name__


class InputError(VitrineError, ValueError):
    """A file, a row or an option is invalid."""


class MissingFileError(VitrineError, FileNotFoundError):
    """A given file or folder does not exist."""


class UnknownNameError(VitrineError, KeyError):
    """A model, mode, space, column or option of the given name does not exist."""


class UnknownOptionError(UnknownNameError, InputError):
    """An option, or one of the names that its value is made of (a choice, a column, an aspect), does not exist."""


class SpaceMismatchError(VitrineError, ValueError):
    """Vectors of different spaces cannot be compared."""


class IncompleteError(VitrineError, RuntimeError):
    """The store lacks vectors or images without which the result would be wrong."""


class TestDataError(VitrineError, RuntimeError):
    """A setting or model would have been selected on test data."""

    __test__ = False


class StoreError(VitrineError, RuntimeError):
    """The store cannot be opened, read or written."""


class StoreLockedError(StoreError, TimeoutError):
    """Another process is writing to the store."""


class ReadOnlyStoreError(StoreError, PermissionError):
    """The store cannot be written, or not safely, because of permissions or the file system."""


class WeightsError(VitrineError, ValueError):
    """A file of weights does not fit the architecture, or contains no weights."""


class NetworkError(VitrineError, ConnectionError):
    """A download of weights failed."""


class MissingDependencyError(VitrineError, ImportError):
    """An optional package is not installed; the message contains the install command."""


def first_names(names: Iterable[str], most: int = 3) -> str:
    """Join the first ``most`` names for a message: ``"a, b, c, ..."``."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")


def suggest(name: str, options: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the most similar option, or an empty string if none is similar."""
    matches = difflib.get_close_matches(name, list(options), n=1, cutoff=0.6)
    return f" Did you mean '{matches[0]}'?" if matches else ""


def unknown(kind: str, name: str, options: Iterable[str]) -> UnknownNameError:
    """Make the exception for a name that does not exist.

    Args:
        kind: what the name should be of, such as ``"space"``.
        name: the given name.
        options: existing names; the message suggests the most similar and lists at most twelve.
    """
    listed = sorted(options)
    have = f" There is: {first_names(listed, 12)}." if listed else ""
    return UnknownNameError(f"No {kind} '{name}'.{suggest(name, listed)}{have}")
