"""Limits of what is read from files of strangers, so that no small file fills the memory or runs for hours.

Each limit is far above what people have; the message names it and the way out.
"""

from __future__ import annotations

from pathlib import Path

from retrieval.errors import InputError

MIB = 1 << 20

MOST_TEXT = 256 * MIB
"""Bytes of a text file that is read whole: JSON, prompts, lists of names."""

MOST_YAML = MIB
"""Bytes of a recipe or another YAML file."""

MOST_DEPTH = 50
"""Levels of lists and mappings inside each other in YAML."""

MOST_NODES = 100_000
"""Values of a YAML file, with every alias (``*name``) counted as all that it stands for."""

MOST_DIGITS = 4300
"""Digits of a whole number; Python reads no longer ones, as that takes time with the square of their number."""

FREE_BYTES, MOST_EXPANSION = 128 * MIB, 200
"""An array or a column may have ``FREE_BYTES`` in memory, and more if that is at most ``MOST_EXPANSION`` times what it
has in the file; measured vectors hardly shrink at all, and repeated names by a factor of some 50."""

MOST_WEIGHTS_EXPANSION = 10
"""The same for weights, which torch writes uncompressed."""


def check_text_size(path: Path, most: int, what: str) -> None:
    """Check the size of a file before it is read whole.

    Args:
        path: the file; one that does not exist is left to the reader.
        most: limit in bytes.
        what: what the file should contain, for the message.

    Raises:
        InputError: the file is larger.
    """
    size = path.stat().st_size if path.is_file() else 0
    if size > most:
        raise InputError(
            f"{path} has {size / MIB:,.0f} MiB, and {what} may have {most // MIB:,} MiB; divide it into several files, "
            "or leave out what is not needed."
        )


def check_expansion(stored: int, whole: int, what: str, way_out: str, most: int = MOST_EXPANSION) -> None:
    """Check that compressed data do not swell: a few KB can be written that become terabytes.

    Args:
        stored: bytes in the file.
        whole: bytes in memory.
        what: name of the data, with which the message begins.
        way_out: how such data can be written so that they are read.
        most: highest factor.

    Raises:
        InputError: the data swell beyond the limit.
    """
    if whole > FREE_BYTES and whole > most * stored:
        raise InputError(
            f"{what} has {stored / MIB:,.1f} MiB in the file and would have {whole / MIB:,.0f} MiB in memory, more "
            f"than {most} times as much; {way_out}."
        )
