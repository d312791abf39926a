"""The texts of the classes of the job ``finetune``: of a template, a prompt set or a stored bank."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.prompts.check import coverage, match_names, readable_name
from eval.prompts.sets import PromptSet, edges, read_prompts
from retrieval.errors import InputError, MissingFileError, first_names, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from retrieval.types import Bank, Float32, Int64
    from training.jobs.finetune_recipe import ClassTexts


class TextEdges(NamedTuple):
    """Unique texts, and which classes they belong to.

    Attributes:
        prompts: texts by class.
        texts: m unique texts.
        mean: (C, m) float32; row c has 1 / number of texts of class c at its texts.
        pairs: (e,) rows of texts, and (e,) names of the classes that they belong to.
    """

    prompts: PromptSet
    texts: tuple[str, ...]
    mean: Float32
    pairs: tuple[Int64, NDArray[np.str_]]


def class_texts(config: ClassTexts, classes: Sequence[str], banks: Sequence[Bank]) -> TextEdges:
    """Return the texts of classes.

    Args:
        config: where they come from.
        classes: names of the C classes.
        banks: banks of the space.

    Raises:
        UnknownNameError: the space has no such bank.
        MissingFileError: there is no such file.
        InputError: a class has no text.
    """
    prompts = _prompts(config, classes, banks)
    prompts = prompts.renamed(match_names(prompts.classes, classes))
    without = coverage(prompts, classes).without_prompt
    if without:
        raise InputError(
            f"Prompt set '{prompts.name}' has no text for {len(without)} of {len(classes)} classes "
            f"({first_names(without, 4)}); add them, or leave the set out and use `texts.template`."
        )
    prompts = PromptSet(prompts.name, {name: prompts.prompts[name] for name in classes})
    texts, pairs, row = prompts.unique_texts, edges(prompts), {name: at for at, name in enumerate(classes)}
    mean = np.zeros((len(classes), len(texts)), np.float32)
    mean[[row[label] for label in pairs.label], pairs.vector] = 1
    named = (pairs.vector, np.array(pairs.label, np.str_))
    return TextEdges(prompts, texts, mean / mean.sum(axis=1, keepdims=True), named)


def _prompts(config: ClassTexts, classes: Sequence[str], banks: Sequence[Bank]) -> PromptSet:
    if config.prompts is not None:
        if not config.prompts.is_file():
            raise MissingFileError(f"texts.prompts={config.prompts}: no such file; check the path.")
        return read_prompts(config.prompts)
    if config.bank is None:
        template = config.template.replace("{name}", "{}")
        return PromptSet.of("template", ((name, [template.replace("{}", readable_name(name))]) for name in classes))
    written = [bank for bank in banks if bank.kind == "prompts" and bank.texts is not None]
    bank = next((bank for bank in written if bank.name == config.bank), None)
    if bank is None:
        raise unknown("bank of prompts", config.bank, {bank.name for bank in written})
    texts = bank.texts or ()
    named = zip(bank.edge_vector.tolist(), bank.edge_class.tolist(), strict=True)
    return PromptSet.of(bank.name, ((label, [texts[at]]) for at, label in named))
