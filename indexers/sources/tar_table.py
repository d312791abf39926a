"""Rows of tar shards as webdataset has them: members of one key are one row."""

from __future__ import annotations

import json
import posixpath
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, BinaryIO

from indexers.sources.base import is_text, printable
from indexers.sources.shard_files import note_split_folders, shard_word
from indexers.tables import Cell, TableRow, checked_object
from retrieval.containers import SEPARATOR
from retrieval.containers.tar import TarError, TarMember, tar_members
from retrieval.errors import InputError, first_names
from retrieval.image_listing import UNREADABLE, is_hidden, is_image
from retrieval.types import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from indexers.sources.shard_files import ShardFiles

NO_IMAGE_OF_KEY, TWICE, DAMAGED = "keys without an image", "members of one name", "damaged shards"
NO_KEY = "members without a key"

MOST_BYTES = 1 << 20
"""Bytes of a member of text or JSON; a larger one is not read."""

_CHUNK = 1000
"""Rows that are packed together in memory."""

Row = dict[str, Any]


def split_key(name: str) -> tuple[str, str]:
    """Return key and suffix of a member: its path up to the first point of its name, and what follows, lower case."""
    folder, name = posixpath.split(name)
    stem, _, suffix = name.partition(".")
    return posixpath.join(folder, stem), suffix.lower()


class TarTable:
    """The rows of tar shards: an image, its class (``.cls``), text (``.txt``) and fields (``.json``).

    All shards are listed once, when the table is opened; their rows are packed in memory.

    Args:
        path: what the user gave, for messages.
        shards: the shards.
        image: suffix of the members that are the images; None takes the only one.
        classes: names of the classes that ``.cls`` numbers, or nothing.
        words: words that the option ``split`` maps.

    Raises:
        InputError: there is no image, a key has several, or a class has no name.
    """

    typed = False

    def __init__(
        self, path: Path, shards: ShardFiles, image: str | None, classes: Sequence[str], words: Collection[str]
    ) -> None:
        self.path = path
        self.ignored: dict[str, str] = {}
        self.skipped: Counter[str] = Counter()
        self.notes: list[str] = []
        self._image = image.lower().lstrip(".") if image else None
        self._classes = classes
        self._problems: list[SourceProblem] = []
        self._unread: Counter[str] = Counter()  # suffix -> members that are not read
        self._damaged_fields: list[str] = []
        self._packed: list[bytes] = []
        columns: dict[str, None] = {"filepath": None}
        pending: list[Row] = []
        named: dict[str, None] = {}  # shards whose names say the split of a row
        for name, file in shards.paths():
            word = shard_word(name, words)
            for row in self._rows_of(name, file):
                if word is not None and "split" not in row:
                    row["split"] = word
                    named[name] = None
                columns |= dict.fromkeys(row)
                pending.append(row)
            self._pack(pending, least=_CHUNK)
        self._pack(pending, least=1)
        if not self._packed:
            first = next((f" ({problem.where}: {problem.reason})" for problem in self._problems), "")
            raise InputError(f"{path} holds no image in its {len(shards.names):,} shards{first}.")
        self.columns = tuple(name for name in columns if name not in self.ignored)
        self._skipped = self.skipped.copy()
        self._add_notes()
        self.notes += note_split_folders(named, words)

    def location(self, number: int) -> str:
        """Return the address of a row, for messages."""
        return str(self._unpack((number - 1) // _CHUNK)[(number - 1) % _CHUNK]["filepath"])

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield the rows of all shards; append what was damaged to ``problems``."""
        self.skipped = self._skipped.copy()
        problems += self._problems
        number = 0
        for at in range(len(self._packed)):
            for row in self._unpack(at):
                number += 1
                cells: list[Cell] = [row.get(name) for name in self.columns]
                yield TableRow(number, [cell.strip() if isinstance(cell, str) else cell for cell in cells])

    def _pack(self, rows: list[Row], least: int) -> None:
        """Pack the first rows in chunks of one size, as long as at least so many are left."""
        while len(rows) >= least:
            self._packed.append(zlib.compress(json.dumps(rows[:_CHUNK]).encode(), 1))
            del rows[:_CHUNK]

    def _unpack(self, at: int) -> list[Row]:
        rows: list[Row] = json.loads(zlib.decompress(self._packed[at]))
        return rows

    def _rows_of(self, shard: str, path: Path) -> Iterator[Row]:
        """Yield the rows of a shard in the order in which their keys come."""
        keys: dict[str, dict[str, TarMember]] = {}
        try:
            for member in tar_members(path):
                self._add(shard, member, keys)
        except TarError as error:
            where = f"{shard}{SEPARATOR}{error.member}" if error.member else shard
            self._problems.append(SourceProblem(printable(where), str(error), kind=DAMAGED))
            key, _ = split_key(error.member)
            if key in keys and self._image_suffix(shard, key, keys[key]) is None:
                del keys[key]  # its image is cut off, which is told
        except OSError as error:
            self._problems.append(SourceProblem(shard, f"the shard cannot be read ({error.strerror})", kind=UNREADABLE))
            return
        if keys:
            with path.open("rb") as file:
                for key, members in keys.items():
                    yield from self._row(shard, key, members, file)

    def _add(self, shard: str, member: TarMember, keys: dict[str, dict[str, TarMember]]) -> None:
        """Add a member to its key, or count it."""
        where = f"{shard}{SEPARATOR}{printable(member.name)}"
        key, suffix = split_key(member.name)
        if any(map(is_hidden, member.name.split("/"))):
            self.skipped["hidden"] += 1
        elif not member.is_file:
            self._problems.append(SourceProblem(where, "it is a link, not a file", missing=True, kind="special files"))
        elif not is_text(member.name):
            reason = "the name is not valid Unicode; rename it"
            self._problems.append(SourceProblem(where, reason, kind="names not in Unicode"))
        elif not suffix:
            self.skipped[NO_KEY] += 1
        elif suffix in keys.setdefault(key, {}):
            reason = "the shard has two members of this name, of which the first is taken"
            self._problems.append(SourceProblem(where, reason, kind=TWICE))
        else:
            keys[key][suffix] = member

    def _image_suffix(self, shard: str, key: str, members: dict[str, TarMember]) -> str | None:
        """Return the suffix of the image of a key.

        Raises:
            InputError: it has several.
        """
        if self._image is not None:
            return self._image if self._image in members else None
        images = [suffix for suffix in members if is_image(f"x.{suffix}")]
        plain = [suffix for suffix in images if "." not in suffix] or images
        if len(plain) > 1:
            raise InputError(
                f"{shard}{SEPARATOR}{key} has several images ({first_names(plain, 6)}); say which one is meant with "
                f"`image={plain[0]}`."
            )
        return plain[0] if plain else None

    def _row(self, shard: str, key: str, members: dict[str, TarMember], file: BinaryIO) -> Iterator[Row]:
        suffix = self._image_suffix(shard, key, members)
        if suffix is None:
            where = f"{shard}{SEPARATOR}{key}"
            have = f"it has {first_names(members, 4)}"
            self._problems.append(
                SourceProblem(where, f"the key has no image; {have}", missing=True, kind=NO_IMAGE_OF_KEY)
            )
            return
        address = f"{shard}{SEPARATOR}{members[suffix].name}"
        row = self._fields(members.get("json"), file)
        row["filepath"] = address
        for name in ("cls", "txt"):
            if name in members and (text := self._text(members[name], file)) is not None:
                row[name] = self._class_name(address, text) if name == "cls" else text
        self._unread.update(other for other in members if other not in {suffix, "json", "cls", "txt"})
        yield row

    def _class_name(self, address: str, text: str) -> str:
        if not self._classes:
            return text
        if not text.isdecimal() or int(text) >= len(self._classes):
            raise InputError(f"{address} is of class '{text}', and the list of classes has {len(self._classes):,}.")
        return self._classes[int(text)]

    def _text(self, member: TarMember, file: BinaryIO) -> str | None:
        """Return the text of a member without white space around it; None if it is empty or cannot be read."""
        if member.size > MOST_BYTES:
            self._damaged_fields.append(f"{member.name} (larger than {MOST_BYTES:,} bytes)")
            return None
        file.seek(member.offset)
        try:
            return file.read(member.size).decode("utf-8-sig").replace("\0", "").strip() or None
        except UnicodeDecodeError:
            self._damaged_fields.append(f"{member.name} (not UTF-8)")
            return None

    def _fields(self, member: TarMember | None, file: BinaryIO) -> Row:
        """Return the plain values of a member of JSON; lists and objects in it are named in ``ignored``."""
        text = None if member is None else self._text(member, file)
        if text is None or member is None:
            return {}
        try:
            entry = checked_object(text)
        except ValueError as error:
            self._damaged_fields.append(f"{member.name} ({error})")
            return {}
        for name, value in entry.items():
            if isinstance(value, dict | list):
                self.ignored.setdefault(name, "lists" if isinstance(value, list) else "objects")
        names = {"filepath": "original_filepath"}
        return {names.get(name, name): value for name, value in entry.items() if not isinstance(value, dict | list)}

    def _add_notes(self) -> None:
        if self._damaged_fields:
            n = len(self._damaged_fields)
            self.notes.append(
                f"{n:,} member{'s' * (n > 1)} of text or JSON cannot be read, and the image is taken without: "
                f"{first_names(self._damaged_fields, 2)}."
            )
        if self._unread:
            shown = ", ".join(f".{suffix} {n:,}" for suffix, n in self._unread.most_common(8))
            self.notes.append(f"Members that are not read: {shown}.")
