"""The options of an evaluation, in sections for a table: those of the mode, of its scorers and of the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from eval.registry import SCORERS, load_mode, load_protocol, load_scorer
from eval.runs.class_arms import require_learning
from retrieval.commands.option_table import OptionSection, option_rows, written

if TYPE_CHECKING:
    from eval.seams.classification import ClassMode


def evaluation_sections(
    mode: str | None, protocol: str | None, scorers: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> list[OptionSection]:
    """List the options of an evaluation.

    Args:
        mode: name of a mode; under a protocol its defaults are those that the protocol sets.
        protocol: name of a protocol.
        scorers: scorers of the arms, for a mode whose arms the user names; an empty sequence lists all scorers.
        options: options that the user gave; some decide which scorers a mode uses (``method`` of ``fewshot``).

    Raises:
        UnknownNameError: there is no such mode or protocol.
        InputError: an option that was given cannot be used.
    """
    sections = []
    if mode is not None:
        sections.append(_mode_section(mode, protocol))
        sections += _scorer_sections(mode, scorers, options or {})
    if protocol is not None and (rows := option_rows(load_protocol(protocol).options)):
        sections.append(OptionSection(f"Protocol {protocol}: -o KEY=VALUE", tuple(rows)))
    return sections


def scorer_section(name: str, prefix: str = "") -> OptionSection:
    """List the options of one scorer; ``prefix``, the arm and a dot, is put before their names."""
    return OptionSection(f"Scorer {name}: -o {prefix}KEY=VALUE", tuple(option_rows(load_scorer(name).config_type)))


def _mode_section(mode: str, protocol: str | None) -> OptionSection:
    rows = option_rows(load_mode(mode).config_type)
    if protocol is None:
        return OptionSection(f"Mode {mode}: -o KEY=VALUE", tuple(rows))
    settings = load_protocol(protocol).settings
    rows = [replace(row, default=written(settings[row.name])) if row.name in settings else row for row in rows]
    return OptionSection(f"Mode {mode} under protocol {protocol}: -o KEY=VALUE", tuple(rows))


def _scorer_sections(mode: str, scorers: Sequence[str], options: Mapping[str, Any]) -> list[OptionSection]:
    """Sections of a mode's scorers: those that the mode fixes by its options, else those of the arms."""
    loaded = load_mode(mode)
    if loaded.task != "classification":
        return []
    classifier = cast("ClassMode[Any]", loaded)
    names = classifier.config_type.option_names()
    config = classifier.config_type.read({key: value for key, value in options.items() if key in names}, "options")
    fixed = classifier.arm_scorers(config)
    if classifier.learns:
        require_learning(fixed)
    if len(fixed) == 1:
        return [scorer_section(fixed[0])]
    return [scorer_section(name, f"{name if fixed else 'ARM'}.") for name in fixed or tuple(scorers) or SCORERS]
