"""The source ``pattern``: labels and identities read from file names by a regular expression with named groups.

:mod:`indexers.sources.registry` opens it for ``index``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field

from indexers.sources.base import BaseSource, folder_names, require_folder
from indexers.sources.converters import Converter, Fields, by_folder
from indexers.sources.levels import note_galleries
from indexers.sources.presets import PRESETS, guess_preset, preset_inside
from indexers.sources.split_words import (
    NO_SPLIT,
    SplitWords,
    read_split_option,
    split_like,
    split_name,
    unknown_words,
)
from retrieval.config import Config
from retrieval.errors import InputError, first_names, unknown
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = r"(?P<identity>\d+)_c(?P<camera>\d+)"
NO_MATCH = "names that do not match"
FIELDS = ("identity", "label", "camera", "aspect", "group", "split")


class PatternOptions(Config):
    """Options of the source ``pattern``.

    Without pattern and preset, the preset is guessed from the sub-folders. With both, names are read by the pattern;
    splits, identities and ignored folders are those of the preset. HD (``hd``) is the PolyU Hand Dorsal data set.
    """

    pattern: str | None = Field(
        default=None,
        description="Regular expression with the named groups identity, label, camera, aspect, group or split; other "
        "groups become metadata.",
    )
    preset: str | None = Field(
        default=None, description=f"Known data set whose file names are read: {', '.join(PRESETS)}."
    )
    split: Annotated[Mapping[str, str], BeforeValidator(read_split_option)] = Field(
        default={}, description="Splits that words of the group split, or folders at the top, are."
    )


def read_pattern(text: str, where: str) -> re.Pattern[str]:
    """Compile a regular expression that has a group ``identity`` or ``label``.

    Args:
        text: the regular expression.
        where: the source, for messages.

    Raises:
        InputError: ``text`` is not a regular expression, or has neither group.
    """
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InputError(f"{where}: pattern '{text}' is no regular expression: {error}.") from None
    if not {"identity", "label"} & set(pattern.groupindex):
        raise InputError(
            f"{where}: pattern '{text}' has no group named identity or label; write for example '{EXAMPLE}'."
        )
    return pattern


class PatternSource(BaseSource):
    """All images below a folder; named groups of a regular expression become fields of the sample.

    The pattern is searched for in the file name and, if it does not match there, in the path below the root. Groups
    ``identity``, ``label``, ``camera``, ``aspect``, ``group`` and ``split`` are fields, any other is metadata (text).
    Without a group ``split`` and a preset with lists, the split is what the first folder is named: train, val, test,
    query, gallery, or a name like ``bounding_box_train``. A folder of test beside one of query is the gallery. Names
    that do not match are problems.
    """

    kind: ClassVar[str] = "pattern"
    Options = PatternOptions

    def __init__(self, path: Path, name: str | None, options: PatternOptions) -> None:
        require_folder(path)
        super().__init__(path, path, name)
        preset_name = options.preset if options.pattern or options.preset else guess_preset(path)
        if preset_name is not None and preset_name not in PRESETS:
            raise unknown("preset", preset_name, PRESETS)
        if preset_name is not None and (inside := preset_inside(path, preset_name)) is not None:
            raise InputError(f"{path} is not of preset {preset_name}, but {inside.name} inside it is; index {inside}.")
        if options.pattern is None and preset_name is None:
            raise InputError(f"Say how the names of {path} read, for example `pattern={EXAMPLE}`.")
        self._preset = preset = PRESETS.get(preset_name or "")
        self._ignored = preset.ignored if preset else ()
        self.tables = preset.lists if preset else frozenset()
        self._converter: Converter = (preset.converter if preset else by_folder)(path)
        self._pattern = read_pattern(options.pattern or (preset.pattern if preset else ""), "source 'pattern'")
        self._by_folder = not self._converter.gives_splits and "split" not in self._pattern.groupindex
        self._option = options.split

    def _samples(self) -> Iterator[Sample]:
        """Yield a sample per image whose name matches.

        Raises:
            InputError: there are no images, no name matches, or a word of the group ``split`` means no split.
        """
        words = SplitWords(self._option)
        seen: Counter[str] = Counter()
        if self._by_folder:
            notes = note_galleries(self._folders(), words)
            self.notes += notes if self._preset is None else []
        total = taken = 0
        for uri in self._images_below(""):
            if uri.partition("/")[0] in self._ignored:
                self.tally.leave_out("in unused folders", uri)
                continue
            total += 1
            try:
                fields = self._fields(uri)
            except ValueError as error:
                self.problems.append(SourceProblem(uri, str(error), kind=NO_MATCH))
                continue
            taken += 1
            yield self._sample(uri, fields, words, seen)
        if not taken:
            raise InputError(self._no_samples(total))
        self._check_words(words, seen)
        self._note_lists(taken)
        self.notes += [f"Folder '{name}' is not used." for name in self._ignored if (self.root / name).is_dir()]

    def _folders(self) -> list[str]:
        return [name for name in folder_names(self.root) if name not in self._ignored]

    def _fields(self, uri: str) -> Fields:
        """Return the fields of an image as groups and preset give them.

        Raises:
            ValueError: the name does not match, or the preset's lists lack it.
        """
        match = self._pattern.search(uri.rpartition("/")[2]) or self._pattern.search(uri)
        if match is None:
            raise ValueError("the name does not match the pattern")
        groups: Fields = {name: value or None for name, value in match.groupdict().items()}
        if not groups.get("identity") and not groups.get("label"):
            raise ValueError("the pattern finds neither identity nor label in the name")
        return self._converter.convert(uri, groups)

    def _sample(self, uri: str, fields: Fields, words: SplitWords, seen: Counter[str]) -> Sample:
        """Make a sample; the word of its split is counted in ``seen``."""
        word = (uri.partition("/")[0] if "/" in uri else None) if self._by_folder else fields.get("split")
        if word is not None:
            seen[word] += 1
        if word is not None and not words.knows(word):
            word = None
        return Sample(
            self.name,
            uri,
            label=fields.get("label"),
            identity=fields.get("identity"),
            aspect=fields.get("aspect"),
            camera=fields.get("camera"),
            group=fields.get("group"),
            split=words.split(word),
            meta={name: fields[name] for name in self._pattern.groupindex if name not in FIELDS},
        )

    def _check_words(self, words: SplitWords, seen: Counter[str]) -> None:
        """Check the words of splits; folders that mean none are noted where others do, or where they look like it."""
        strange = {word: n for word, n in seen.items() if not words.knows(word)}
        if strange and len(seen) == 1 and self._by_folder:
            self._refuse_splits_inside(next(iter(strange)))
        if strange and not self._by_folder:
            raise unknown_words(seen, words, "The group split of the pattern", "or rename the group to keep the text")
        words.check(str(self.path), [word for word in seen if words.knows(word)])
        like = {word: split.split for word in strange if (split := split_like(word))}
        if strange and (like or len(strange) < len(seen)):
            shown = first_names([f"'{word}' ({n:,} images)" for word, n in strange.items()])
            word = next(iter(like or strange))
            splits = {words.split(other) for other in seen if words.knows(other)}
            other = "gallery" if "query" in splits and "gallery" not in splits else NO_SPLIT
            option = f"`split={word}={like.get(word, other)}`"
            self.notes.append(f"Folders whose images have no split: {shown}; say what they are, for example {option}.")

    def _refuse_splits_inside(self, top: str) -> None:
        """Raise InputError if the only folder at the top holds folders that are named like splits."""
        inside = [name for name in folder_names(self.root / top) if split_name(name)]
        if len({split_name(name) for name in inside}) > 1:
            raise InputError(
                f"{self.root} holds the folder {top} alone, and the splits ({first_names(inside, 4)}) lie in it; index "
                f"{self.root / top}."
            )

    def _note_lists(self, taken: int) -> None:
        """Note images that the lists of a preset name and the folder does not have."""
        listed = self._converter.listed
        if listed is not None and listed > taken:
            self.notes.append(
                f"{listed - taken:,} of the {listed:,} images that its lists name are not in {self.root}."
            )

    def _no_samples(self, total: int) -> str:
        if not total:
            return f"{self.root} holds no images.{self._lies_there()}"
        first = next(problem for problem in self.problems if problem.kind == NO_MATCH)
        return (
            f"None of the {total} images of {self.root} can be used with the pattern '{self._pattern.pattern}' (of "
            f"{first.where}: {first.reason})."
        )
