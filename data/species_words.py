"""Writes captions of photographs and prompt sets of species.

A prompt set maps each species to its prompts. ``attr_clean`` leaves out the name, since an invented name carries no
information about a species that no encoder was trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data.species import shot_and_camera
from data.species_scene import LIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from data.species_world import Species

PromptSet = dict[str, list[str]]

_CAPTION = 13  # a separate stream of random numbers
_GROWTH = {
    "solitary": "growing alone",
    "clustered": "growing in a dense cluster",
    "scattered": "growing scattered",
}
_PLACE = {
    "leaf litter": "on leaf litter",
    "grass": "in grass",
    "moss": "on moss",
    "wood": "on wood",
    "sand": "on sand",
}
_OPENINGS = ("a photo of", "a close-up photo of", "a field photo of", "a macro photograph of", "")
_PLAIN = (
    "a close-up photo of {} mushroom",
    "a scientific field photo of {}",
    "a macro photograph of {} fungus",
    "a natural habitat photo of {} mushroom",
)


def caption(species: Species, specimen: int, image: int, seed: int = 0) -> str:
    """Describe a photograph: always the cap, other details at random, and the name in two of five captions."""
    shot, _ = shot_and_camera(species, specimen, image, seed)
    rng = np.random.default_rng([seed, _CAPTION, species.index, specimen, image])
    details = [text for text in _details(species) if rng.random() < 0.65]
    rng.shuffle(details)
    subject = f"{species.name}, a mushroom" if rng.random() < 0.4 else "a mushroom"
    words = [str(rng.choice(_OPENINGS)), subject, "with", _joined([_cap(species), *details])]
    if rng.random() < 0.6:
        words.append(_GROWTH[species["growth"]])
    if rng.random() < 0.7:
        words.append(_PLACE[shot.habitat])
    if rng.random() < 0.3:
        words.append(f"in {shot.light_name}")
    return " ".join(word for word in words if word)


def prompt_sets(species: Iterable[Species]) -> dict[str, PromptSet]:
    """Write five prompt sets: plain, attr, attr_clean, enriched and delta."""
    writers: dict[str, Callable[[Species], list[str]]] = {
        "plain": lambda one: [template.format(one.name) for template in _PLAIN],
        "attr": _with_attributes,
        "attr_clean": _without_name,
        "enriched": _in_lights,
        "delta": _delta,
    }
    everyone = list(species)
    return {name: {one.name: write(one) for one in everyone} for name, write in writers.items()}


def _cap(species: Species) -> str:
    return f"{_article(species['pattern'])} {_bare_cap(species)}"


def _bare_cap(species: Species) -> str:
    return f"{species['pattern']} {species['cap_colour']} {species['cap_shape']} cap"


def _details(species: Species) -> list[str]:
    ring = "a ring" if species["ring"] == "present" else "no ring"
    return [f"{_article(species['stem'])} {species['stem']} stem", ring, species["gills"]]


def _with_attributes(species: Species) -> list[str]:
    stem, ring, gills = _details(species)
    return [
        f"a close-up photo of {species.name} mushroom, {_bare_cap(species)}",
        f"a close-up photo of {species.name} mushroom, {species['cap_colour']}, {species['pattern']}",
        f"a scientific field photo of {species.name}, {stem}, {ring}, {gills}",
        f"a macro photograph of {species.name} fungus with {_cap(species)} and {gills}",
        f"a natural habitat photo of {species.name} mushroom {_where(species)}",
        f"a photo of {species.name}, a mushroom with {_joined([_cap(species), stem, ring, gills])} {_where(species)}",
    ]


def _without_name(species: Species) -> list[str]:
    stem, ring, gills = _details(species)
    return [
        f"a photo of a mushroom with {_joined([_cap(species), stem, ring, gills])} {_where(species)}",
        f"a close-up photo of a mushroom with {_joined([_cap(species), gills, stem])} {_GROWTH[species['growth']]}",
        f"a field photo of a mushroom with {_joined([_cap(species), stem, ring])} {_PLACE[species['habitat']]}",
        f"a mushroom with {_joined([_cap(species), ring, gills])} {_where(species)}",
    ]


def _in_lights(species: Species) -> list[str]:
    return [
        template.format(species.name) + f", in {light}"
        for light in reversed(LIGHTS)
        for template in ("a close-up photo of {} mushroom", "a natural habitat photo of {} fungus")
    ]


def _delta(species: Species) -> list[str]:
    """Prompts of one attribute, with and without the name; none is in another prompt set."""
    name, colour, pattern, shape = species.name, species["cap_colour"], species["pattern"], species["cap_shape"]
    stem, ring, gills = _details(species)
    return [
        f"{name} mushroom with {colour} coloration",
        f"mushroom displaying {colour} tones",
        f"{colour}-colored {name} fungus",
        f"photograph of {colour} {name}",
        f"{name} showing {pattern} surface",
        f"mushroom with {pattern} cap texture",
        f"{name} with {shape} cap",
        f"mushroom displaying {shape} cap",
        f"{colour} {name} mushroom with {shape} cap",
        *(f"{name} mushroom with {detail}" for detail in (stem, ring, gills)),
        *(f"mushroom showing {detail}" for detail in (stem, ring, gills)),
        f"{name} {_GROWTH[species['growth']]}",
        f"{name} {_PLACE[species['habitat']]}",
        f"mushroom {_where(species)}",
    ]


def _where(species: Species) -> str:
    return f"{_GROWTH[species['growth']]} {_PLACE[species['habitat']]}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
