"""Words for splits: what folders and tables call train, val, test, query and gallery, and the option ``split``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from retrieval.errors import InputError, UnknownOptionError, first_names, suggest

SPLITS = ("train", "val", "test", "query", "gallery")
"""Names under which splits are stored."""

NO_SPLIT = "none"
"""Value of the option ``split`` for a word whose samples have no split."""

WHOLE = "*"
"""Key of the option ``split`` that stands for all samples of a source that gives no split itself."""

_SPELLINGS = {
    "train": ("train", "training", "trn", "trainset", "trainingset"),
    "val": ("val", "valid", "validation", "validate", "valset", "validationset", "dev", "devel", "development"),
    "test": ("test", "testing", "tst", "testset", "testingset", "holdout", "heldout"),
    "query": ("query", "queries", "probe", "probes"),
    "gallery": ("gallery", "galleries"),
}
_WORDS = {spelling: split for split, spellings in _SPELLINGS.items() for spelling in spellings}

_FILLER_PARTS = """
bounding box boxes crop crops cropped data dataset datasets folder folders image images img imgs list mask masked part
photo photos picture pictures sample samples set sets split subset v
"""
_FILLERS = frozenset(_FILLER_PARTS.split())
"""Parts of a name that do not change what split it means: ``image_train``, ``Train Set``, ``train2017``."""

_FLAG_COLUMN = re.compile(r"(?:is|in)(train|val|test)")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "t", "y"}), frozenset({"0", "false", "no", "f", "n"})


def name_parts(name: str) -> list[str]:
    """Divide a name into lower-case words and numbers: ``TrainSet_2017`` is train, set, 2017."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W\d_]+|\d+", spaced.casefold())


def split_name(text: str) -> str | None:
    """Return the stored name of a split (``Validation``, ``val2017`` -> ``val``), or None if ``text`` names none."""
    return _WORDS.get("".join(part for part in name_parts(text) if not part.isdigit() and part not in _FILLERS))


def flagged_split(column: str) -> str | None:
    """Return the split that a column of flags is of (``is_train``, ``is_training_image`` -> train); None for others."""
    match = _FLAG_COLUMN.match("".join(name_parts(column)))
    return match[1] if match else None


def is_flag(text: str) -> bool:
    """Return whether a text says yes or no: 1, 0, true, false, ..."""
    return text.casefold() in _TRUE | _FALSE


class SplitLike(NamedTuple):
    """A name with a split's word in it: the split, and the other parts of the name without fillers and numbers."""

    split: str
    rest: tuple[str, ...]


def split_like(text: str) -> SplitLike | None:
    """Find the only word of a split in a name: ``seg_train`` is train beside ``seg``; None without, or with several.

    Train and val together (``trainval``) are train.
    """
    if (split := split_name(text)) is not None:
        return SplitLike(split, ())
    parts = [part for part in name_parts(text) if not part.isdigit() and part not in _FILLERS]
    splits = [_WORDS[part] for part in parts if part in _WORDS] + ["train"] * parts.count("trainval")
    if len(splits) != 1 and sorted(splits) != ["train", "val"]:
        return None
    return SplitLike("train" if "train" in splits else splits[0], tuple(part for part in parts if not _is_split(part)))


def _is_split(part: str) -> bool:
    return part in _WORDS or part == "trainval"


def read_split_option(value: object) -> object:
    """Convert the option ``split`` to a mapping of words to splits; :data:`WHOLE` is the word of a whole source.

    Args:
        value: a mapping; or a text or a list of texts ``WORD=SPLIT`` (``Training=train``) or ``SPLIT``.

    Raises:
        ValueError: a value is not the name of a split, or a word is given twice.
    """
    if isinstance(value, Mapping):
        pairs = [(str(word), "" if split is None else str(split)) for word, split in value.items()]
    else:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple):
            return value
        pairs = [_pair(str(text)) for text in texts]
    words: dict[str, str] = {}
    for word, name in ((word.strip(), name.strip().lower() or NO_SPLIT) for word, name in pairs):
        if name not in (*SPLITS, NO_SPLIT):
            raise ValueError(
                f"'{name}' is no split; write WORD=SPLIT, where SPLIT is {', '.join(SPLITS)} or {NO_SPLIT}"
            )
        if words.setdefault(word, name) != name:
            raise ValueError(f"'{word}' is given as {words[word]} and as {name}; keep one of them")
    return words


def _pair(text: str) -> tuple[str, str]:
    """Divide ``WORD=SPLIT`` at its last ``=``; a text without one is the split of the whole source."""
    word, equals, name = text.rpartition("=")
    return (word, name) if equals else (WHOLE, text)


class SplitWords:
    """What the words of one source mean, by the option ``split`` and else by themselves.

    Args:
        option: word -> split, as :func:`read_split_option` makes it.
        column: name of the table's column of splits; ``is_train`` and its like hold 1 and 0.
    """

    def __init__(self, option: Mapping[str, str], column: str = "") -> None:
        self.whole = option.get(WHOLE)
        self._option = {word: name for word, name in option.items() if word != WHOLE}
        self._folded = {word.casefold(): name for word, name in self._option.items()}
        self._flag = flagged_split(column)
        self._used: set[str] = set()

    @property
    def mapped(self) -> frozenset[str]:
        """The words that the option maps."""
        return frozenset(self._option)

    def knows(self, word: str) -> bool:
        """Return whether a word means a split, or that there is none."""
        return self._lookup(word) is not None

    def split(self, word: str | None) -> str | None:
        """Return the split that a word means; without a word, that of the whole source.

        Raises:
            KeyError: the word means no split.
        """
        if word is None:
            return None if self.whole in (None, NO_SPLIT) else self.whole
        name = self._lookup(word)
        if name is None:
            raise KeyError(word)
        return None if name == NO_SPLIT else name

    def _lookup(self, word: str) -> str | None:
        text = word.strip()
        name = self._option.get(text) or self._folded.get(text.casefold())
        if name is not None:
            self._used.add(text.casefold())
            return name
        if self._flag is not None and is_flag(text):
            return self._flag if text.casefold() in _TRUE else "test" if self._flag != "test" else "train"
        return split_name(text)

    def add(self, words: Mapping[str, str]) -> None:
        """Add meanings of words where the option gives none."""
        for word, name in words.items():
            self._option.setdefault(word, name)
            self._folded.setdefault(word.casefold(), name)
            self._used.add(word.casefold())

    def check(self, source: str, words: Iterable[str]) -> None:
        """Check that the source has every word that the option maps, and no splits beside one for the whole source.

        Args:
            source: folder or column that has the words, for the message.
            words: words of splits that the source has.

        Raises:
            InputError: it is not so; most likely a word is mistyped.
        """
        listed = sorted(set(words))
        if self.whole is not None and listed:
            raise InputError(
                f"{source} has splits ({first_names(listed, 6)}), so `split={self.whole}` cannot be that of all; map "
                f"its words, for example `split={listed[0]}={self.whole}`."
            )
        for word in self._option:
            if word.casefold() not in self._used:
                have = f" It has: {first_names(listed, 12)}." if listed else " It has no splits."
                raise UnknownOptionError(f"`split={word}=...`: {source} has no '{word}'.{suggest(word, listed)}{have}")


def query_beside_test(names: Iterable[str], words: SplitWords) -> dict[str, str]:
    """Map names that mean test to gallery where one means query and none gallery, as re-ID data sets have them."""
    splits = {name: words.split(name) for name in names if words.knows(name)}
    if "query" not in splits.values() or "gallery" in splits.values():
        return {}
    return {name: "gallery" for name, split in splits.items() if split == "test"}


def unknown_words(counts: Counter[str], words: SplitWords, what: str, otherwise: str) -> InputError:
    """Make the error for words that mean no split, with their counts and the option for each.

    Args:
        counts: every word and the number of its samples.
        words: what words mean.
        what: the folder or column that has the words.
        otherwise: another way out.
    """
    strange = [(word, n) for word, n in counts.most_common() if not words.knows(word)]
    shown = ", ".join(f"'{word}' ({n:,})" for word, n in strange[:12]) + (", ..." if len(strange) > 12 else "")
    flags = all(is_flag(word) for word, _ in strange)
    options = " ".join(f"`split={word}={_guess(word, flags=flags)}`" for word, _ in strange[:4])
    return InputError(
        f"{what} has words that are no splits ({', '.join(SPLITS)}): {shown}. Say what they mean, for example "
        f"{options} ({NO_SPLIT}: no split); {otherwise}."
    )


def _guess(word: str, *, flags: bool) -> str:
    """Return a split for an example: the one in the word, or what 1 and 0 mean where there is nothing else."""
    if flags:
        return "train" if word.casefold() in _TRUE else "test"
    like = split_like(word)
    return like.split if like else NO_SPLIT
