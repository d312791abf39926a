"""The source ``pattern``: labels and identities read from file names by a regular expression with named groups.

:mod:`indexers.sources.registry` opens it for ``index``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from indexers.sources.base import BaseSource, require_folder
from indexers.sources.presets import PRESETS, Fields, by_folder, guess_preset
from retrieval.config import Config
from retrieval.errors import InputError, unknown
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = r"(?P<identity>\d+)_c(?P<camera>\d+)"
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
        default=None, description="Known data set whose file names are read: market1501, msmt17 or hd."
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
    Without a preset and a group ``split``, the split is the name of the first folder: train, val, test, query, gallery,
    or Market-1501's ``bounding_box_train`` and ``bounding_box_test``; a preset has its own rule
    (:mod:`indexers.sources.presets`). Names that do not match are problems.
    """

    kind: ClassVar[str] = "pattern"
    Options = PatternOptions

    def __init__(self, path: Path, name: str | None, options: PatternOptions) -> None:
        require_folder(path)
        super().__init__(path, path, name)
        preset_name = options.preset if options.pattern or options.preset else guess_preset(path)
        if preset_name is not None and preset_name not in PRESETS:
            raise unknown("preset", preset_name, PRESETS)
        if options.pattern is None and preset_name is None:
            raise InputError(f"Say how the names of {path} read, for example `pattern={EXAMPLE}`.")
        preset = PRESETS.get(preset_name or "")
        self._ignored = preset.ignored if preset else ()
        self._convert = (preset.converter if preset else by_folder)(path)
        self._pattern = read_pattern(options.pattern or (preset.pattern if preset else ""), "source 'pattern'")

    def _samples(self) -> Iterator[Sample]:
        """Yield a sample per image whose name matches.

        Raises:
            InputError: there are no images, or no name matches.
        """
        total = 0
        unusable: list[SourceProblem] = []
        for uri in self._images_below(""):
            if uri.partition("/")[0] in self._ignored:
                self.tally.leave_out("in unused folders", uri)
                continue
            total += 1
            try:
                sample = self._sample(uri)
            except ValueError as error:
                unusable.append(SourceProblem(uri, str(error), kind="names that do not match"))
                self.problems.append(unusable[-1])
                continue
            yield sample
        if not total:
            raise InputError(f"{self.root} holds no images.{self._lies_there()}")
        if len(unusable) == total:
            first = unusable[0]
            raise InputError(
                f"None of the {total} images of {self.root} can be used with the pattern '{self._pattern.pattern}' (of "
                f"{first.where}: {first.reason})."
            )
        self.notes += [f"Folder '{name}' is not used." for name in self._ignored if (self.root / name).is_dir()]

    def _sample(self, uri: str) -> Sample:
        match = self._pattern.search(uri.rpartition("/")[2]) or self._pattern.search(uri)
        if match is None:
            raise ValueError("the name does not match the pattern")
        groups: Fields = {name: value or None for name, value in match.groupdict().items()}
        if not groups.get("identity") and not groups.get("label"):
            raise ValueError("the pattern finds neither identity nor label in the name")
        fields = self._convert(uri, groups)
        meta = {name: fields[name] for name in self._pattern.groupindex if name not in FIELDS}
        return Sample(
            self.name,
            uri,
            label=fields.get("label"),
            identity=fields.get("identity"),
            aspect=fields.get("aspect"),
            camera=fields.get("camera"),
            group=fields.get("group"),
            split=fields.get("split"),
            meta=meta,
        )
