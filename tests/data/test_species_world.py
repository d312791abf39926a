"""Which species there are."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.names import epithet, genus
from data.species_world import ATTRIBUTES, Species, world
from tests.support.shared_data import SHARED, needs_shared


def differences(one: Species, other: Species) -> list[str]:
    return [name for name in ATTRIBUTES if one[name] != other[name]]


@pytest.mark.parametrize("seed", [0, 7])
def test_twins_differ_in_one_attribute_and_all_others_in_more(seed: int) -> None:
    species = world(seed, 120)
    for one, other in combinations(species, 2):
        if one.twin == other.index:
            assert other.twin == one.index
            assert differences(one, other) == [one.differs_in] == [other.differs_in]
        else:
            assert len(differences(one, other)) >= 2
    assert {one.differs_in for one in species} == set(ATTRIBUTES)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.integers(2, 60), st.integers(0, 40))
def test_the_first_species_do_not_depend_on_how_many_follow(seed: int, species: int, more: int) -> None:
    assert world(seed, species) == world(seed, species + more)[:species]


def test_every_value_is_about_as_frequent_as_the_others_and_seeds_differ() -> None:
    species = world(0, 120)
    for name, values in ATTRIBUTES.items():
        counts = Counter(one[name] for one in species)
        assert set(counts) == set(values)
        assert max(counts.values()) <= 1.7 * 120 / len(values)
    assert world(0, 4) != world(1, 4)


def test_a_fifth_is_held_out_in_pairs_and_each_of_its_values_is_seen_in_training() -> None:
    species = world(0, 60)
    held_out = [one for one in species if one.held_out]
    assert len(held_out) == 12
    assert all(species[one.twin].held_out for one in held_out)
    for name in ATTRIBUTES:
        assert {one[name] for one in held_out} <= {one[name] for one in species if not one.held_out}


def test_names_are_of_one_genus_and_never_twice() -> None:
    names = [one.name for one in world(0, 400)]
    assert len(set(names)) == 400
    assert all(len(name.split()) == 2 and name.isascii() and name[0].isupper() for name in names)
    assert len({name.split()[0] for name in names}) == 100
    assert len({genus(index, 1) for index in range(1024)}) == 1024
    assert len({epithet(index, 1) for index in range(1280)}) == 1280


@needs_shared
def test_no_name_is_that_of_a_real_mushroom() -> None:
    with (SHARED / "mushroom" / "labels.tsv").open(encoding="utf-8", newline="") as file:
        real = [row[1].split() for row in csv.reader(file, delimiter="\t")]
    assert not {genus(index, 0) for index in range(1024)} & {name[0] for name in real}
    assert not {epithet(index, 0) for index in range(1280)} & {name[-1] for name in real}


@pytest.mark.parametrize(("seed", "species"), [(0, 1), (0, 401), (-1, 10)])
def test_a_world_out_of_range_is_refused(seed: int, species: int) -> None:
    with pytest.raises(ValueError, match="2 to 400"):
        world(seed, species)
