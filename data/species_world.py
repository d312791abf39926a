"""Invents the species of a world: attributes, names, twins, and which are held out of training."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from data.names import epithet, genus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ATTRIBUTES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cap_shape": ("convex", "conical", "flat", "funnel-shaped", "knobbed", "globular"),
        "cap_colour": ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "grey"),
        "pattern": ("smooth", "spotted", "scaly", "striped", "zoned"),
        "stem": ("slender", "stout", "bulbous", "tapering"),
        "ring": ("absent", "present"),
        "gills": ("white gills", "dark gills", "yellow pores"),
        "growth": ("solitary", "clustered", "scattered"),
        "habitat": ("leaf litter", "grass", "moss", "wood", "sand"),
    }
)
"""Every attribute with the values it can take."""

MAX_SPECIES = 400
_SPECIES_PER_GENUS = 4
_HELD_OUT_PAIRS = 5  # one pair of so many
_ATTEMPTS = 1000


@dataclass(frozen=True)
class Species:
    """One species; equal attributes look equal, apart from what varies between specimens and photographs.

    Attributes:
        index: position in its world, from 0.
        name: genus and epithet, both invented and independent of the looks.
        attributes: a value of ``ATTRIBUTES`` for each attribute.
        twin: index of the species that differs in one attribute only.
        differs_in: that attribute.
        held_out: whether no encoder may be trained on it.
    """

    index: int
    name: str
    attributes: Mapping[str, str] = field(hash=False)
    twin: int
    differs_in: str
    held_out: bool

    def __getitem__(self, attribute: str) -> str:
        return self.attributes[attribute]


def world(seed: int = 0, species: int = 60) -> list[Species]:
    """Invent species in pairs of twins; one pair in five is held out.

    A species does not depend on how many follow. Species that are not twins differ in two attributes or more.

    Args:
        seed: of everything random, 0 or more.
        species: how many, 2 to 400; an odd number leaves the last one without its twin.

    Raises:
        ValueError: too few or too many species, or a negative seed.
    """
    if not 2 <= species <= MAX_SPECIES or seed < 0:
        raise ValueError(f"A world has 2 to {MAX_SPECIES} species and a seed of 0 or more.")
    return list(_world(seed, species))


@lru_cache(maxsize=4)
def _world(seed: int, species: int) -> tuple[Species, ...]:
    invented: list[Species] = []
    for pair in range((species + 1) // 2):
        differs_in = tuple(ATTRIBUTES)[pair % len(ATTRIBUTES)]
        for place, attributes in enumerate(_twins(pair, differs_in, seed, invented)):
            index = 2 * pair + place
            invented.append(
                Species(
                    index=index,
                    name=f"{genus(index // _SPECIES_PER_GENUS, seed)} {epithet(index, seed)}",
                    attributes=MappingProxyType(attributes),
                    twin=2 * pair + 1 - place,
                    differs_in=differs_in,
                    held_out=pair % _HELD_OUT_PAIRS == _HELD_OUT_PAIRS // 2,
                )
            )
    return tuple(invented[:species])


def _twins(pair: int, differs_in: str, seed: int, before: Sequence[Species]) -> tuple[dict[str, str], dict[str, str]]:
    """Draw two sets of attributes that differ in one, and in two or more from all sets of ``before``."""
    for attempt in range(_ATTEMPTS):
        rng = np.random.default_rng([seed, 1, pair, attempt])
        first = {name: _deal(name, pair, seed) for name in ATTRIBUTES}
        if attempt:
            first |= {name: str(rng.choice(ATTRIBUTES[name])) for name in ("cap_colour", "pattern", "cap_shape")}
        other = [value for value in ATTRIBUTES[differs_in] if value != first[differs_in]]
        second = first | {differs_in: str(rng.choice(other))}
        if all(_differences(twin, species.attributes) >= 2 for twin in (first, second) for species in before):
            return first, second
    raise ValueError(f"No attributes are left for pair {pair}.")  # pragma: no cover - far beyond MAX_SPECIES


def _deal(name: str, pair: int, seed: int) -> str:
    """Deal values from shuffled decks, so that all are about equally frequent."""
    values = ATTRIBUTES[name]
    deck, place = divmod(pair, len(values))
    order = np.random.default_rng([seed, 2, tuple(ATTRIBUTES).index(name), deck]).permutation(len(values))
    return values[int(order[place])]


def _differences(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    return sum(one[name] != other[name] for name in ATTRIBUTES)
