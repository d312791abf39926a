"""The options of an evaluation, in sections: those of the mode, of its scorers, of the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval.registry import SCORERS, load_mode, load_protocol, load_scorer
from retrieval.commands.option_table import OptionSection, option_rows, written


def evaluation_sections(
    mode: str | None, protocol: str | None, scorers: Sequence[str] = (), given: Mapping[str, Any] | None = None
) -> list[OptionSection]:
    """Sections for an evaluation.

    Args:
        mode: name of a mode; its defaults are those under the protocol.
        protocol: name of a protocol.
        scorers: scorers of the arms, for a mode whose arms the user names; none lists all scorers.
        given: options that were given, of which some decide what the scorers are (``method`` of ``fewshot``).

    Raises:
        UnknownNameError: there is no such mode or protocol.
        InputError: an option that was given cannot be used.
    """
    sections = []
    if mode is not None:
        sections.append(_mode_section(mode, protocol))
        sections += _scorer_sections(mode, scorers, given or {})
    if protocol is not None and (rows := option_rows(load_protocol(protocol).options)):
        sections.append(OptionSection(f"Protocol {protocol}: -o KEY=VALUE", tuple(rows)))
    return sections


def scorer_section(name: str, prefix: str = "") -> OptionSection:
    """The options of one scorer; ``prefix`` is how its arm is named before them."""
    return OptionSection(f"Scorer {name}: -o {prefix}KEY=VALUE", tuple(option_rows(load_scorer(name).config_type)))


def _mode_section(mode: str, protocol: str | None) -> OptionSection:
    rows = option_rows(load_mode(mode).config_type)
    if protocol is None:
        return OptionSection(f"Mode {mode}: -o KEY=VALUE", tuple(rows))
    settings = load_protocol(protocol).settings
    under = (replace(row, default=written(settings[row.name])) if row.name in settings else row for row in rows)
    return OptionSection(f"Mode {mode} under protocol {protocol}: -o KEY=VALUE", tuple(under))


def _scorer_sections(mode: str, scorers: Sequence[str], given: Mapping[str, Any]) -> list[OptionSection]:
    loaded = load_mode(mode)
    arm_scorers = getattr(loaded, "arm_scorers", None)
    if arm_scorers is None:
        return []
    names = loaded.config_type.option_names()
    config = loaded.config_type.read({key: value for key, value in given.items() if key in names}, "options")
    fixed = arm_scorers(config)
    if len(fixed) == 1:
        return [scorer_section(fixed[0])]
    return [scorer_section(name, f"{name if fixed else 'ARM'}.") for name in fixed or tuple(scorers) or SCORERS]
