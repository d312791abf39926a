"""Open text files in the encodings that people have, packed by gzip or not, and read them line by line."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GZIP = b"\x1f\x8b"
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks and encodings; that of UTF-32 begins like that of UTF-16, so it goes first."""

LONGEST_LINE = 1 << 25
"""Characters. A longer line is no table, and reading it would fill the memory."""

MOST_EXPANSION = 1 << 30
"""Bytes. A packed file that grows beyond it, and to over 200 times its size, is refused."""

_CHUNK = 1 << 20


class TextFile:
    """A text file whose encoding is found by reading it once.

    A byte order mark decides; then NUL bytes at every second place (UTF-16); then UTF-8, if the whole file is valid;
    else Windows-1252, which is said in ``notes``.

    Args:
        path: the file.
        encoding: name of the encoding; None finds it.

    Raises:
        InputError: the file cannot be read, is damaged UTF-8, or the encoding does not exist or does not fit.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self.notes: list[str] = []
        self.quotes: frozenset[str] = frozenset()  # characters of the file that a dialect may give a meaning
        with self._reading():
            self.encoding = self._given(encoding) if encoding else self._detect()
            self._check()

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends.

        Raises:
            InputError: the file cannot be read any more, or a line is too long.
        """
        with self._reading(), self._binary() as binary, io.TextIOWrapper(binary, self.encoding, newline="") as file:
            number = 0
            while line := file.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise InputError(f"{self.path}: line {number} is longer than {LONGEST_LINE:,} characters.")
                yield line

    def _given(self, encoding: str) -> str:
        try:
            "".encode(encoding)  # unlike codecs.lookup, refuses what is no encoding of text
        except LookupError:
            raise InputError(
                f"There is no encoding '{encoding}'; `encoding` takes names such as cp1252, utf-16, gbk or shift_jis."
            ) from None
        return encoding

    def _detect(self) -> str:
        with self._binary() as file:
            start = file.read(_CHUNK)
        mark = next((name for mark, name in MARKS if start.startswith(mark)), None)
        return mark or _utf_16_without_mark(start) or "utf-8"

    def _check(self) -> None:
        """Decode the whole file once; a file that is not UTF-8 and has no mark becomes Windows-1252 or Latin-1."""
        try:
            self._decode(self.encoding)
        except UnicodeDecodeError:
            if self.encoding != "utf-8":
                raise
            self._fall_back()

    def _decode(self, encoding: str, errors: str = "strict") -> int:
        """Decode the file, note which of the quotation marks occur; return the number of characters beyond ASCII."""
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        marks: set[str] = set()
        beyond = size = 0
        packed = self.path.stat().st_size
        with self._binary() as file:
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > max(MOST_EXPANSION, 200 * packed):
                    raise InputError(
                        f"{self.path} expands to more than {size:,} bytes; unpack it, and check what it is."
                    )
                text = decoder.decode(chunk)
                marks.update(mark for mark in "\"'\\" if mark in text)
                beyond += 0 if text.isascii() else sum(character > "\x7f" for character in text)
            decoder.decode(b"", final=True)
        self.quotes = frozenset(marks)
        return beyond

    def _fall_back(self) -> None:
        """Choose an encoding of one byte per character, unless the file is UTF-8 in which bytes are damaged.

        Raises:
            InputError: at least half of the characters beyond ASCII are valid UTF-8.
        """
        number, bad, good = self._first_bad_line()
        if good >= bad:
            raise InputError(
                f"{self.path}, line {number}: the bytes are not valid UTF-8, though most of the file is; correct the "
                "line, or name the `encoding=`, such as cp1252."
            )
        for encoding in ("cp1252", "latin-1"):
            try:
                self._decode(encoding)
            except UnicodeDecodeError:
                continue
            self.encoding = encoding
            break
        line = next((line for at, line in enumerate(self.lines(), 1) if at == number), "")
        word = next((word for word in line.replace(",", " ").split() if not word.isascii()), line.strip())
        kind = "Windows-1252" if self.encoding == "cp1252" else "Latin-1"
        self.notes.append(
            f"{self.path.name} is not UTF-8 and is read as {kind} (line {number}: '{word[:40]}'); if that is wrong, "
            "name its `encoding=`, such as gbk or cp1251, or save it as UTF-8."
        )

    def _first_bad_line(self) -> tuple[int, int, int]:
        """Return the first line that is not UTF-8, the number of bad bytes, and of valid characters beyond ASCII."""
        first, bad, good = 0, 0, 0
        with self._binary() as file:
            for number, line in enumerate(iter(lambda: file.readline(_CHUNK), b""), 1):
                if line.isascii():
                    continue
                text = line.decode("utf-8", "surrogateescape")
                damaged = sum("\udc80" <= character <= "\udcff" for character in text)
                bad += damaged
                good += sum(character > "\x7f" for character in text) - damaged
                first = first or (number if damaged else 0)
        return first, bad, good

    def _binary(self) -> BinaryIO:
        with self.path.open("rb") as file:
            packed = file.read(2) == GZIP
        return cast("BinaryIO", gzip.open(self.path)) if packed else self.path.open("rb")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except UnicodeError:
            raise InputError(
                f"{self.path} is not text in {self.encoding}; save it as UTF-8, or name its `encoding=`."
            ) from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise InputError(f"{self.path} is packed by gzip and damaged; pack it again.") from None
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror or error}.") from None


def _utf_16_without_mark(start: bytes) -> str | None:
    """Return UTF-16 in the byte order in which every second byte is mostly NUL, and the others are not; else None."""
    sample = start[:4096]
    if len(sample) < 4 or b"\0" not in sample:
        return None
    for encoding, high in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros, others = sample[high::2].count(0), sample[1 - high :: 2].count(0)
        if others == 0 and zeros > len(sample) // 4:
            return encoding
    return None
