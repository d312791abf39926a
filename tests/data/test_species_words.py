"""What is said of species and photographs."""

from __future__ import annotations

from data.species import ATTRIBUTES, shot_and_camera, world
from data.species_words import caption, prompt_sets


def test_captions_say_what_is_so() -> None:
    for species in world(0, 40):
        for image in range(4):
            said = caption(species, image, image)
            shot, _ = shot_and_camera(species, image, image)
            assert f"{species['pattern']} {species['cap_colour']} {species['cap_shape']} cap" in said
            places = [
                place
                for place in ATTRIBUTES["habitat"]
                if said.endswith((f" {place}", f" {place} in {shot.light_name}"))
            ]
            assert places in ([], [shot.habitat])
            assert ("no ring" in said) <= (species["ring"] == "absent")
            for name in ("gills", "stem"):
                wrong = set(ATTRIBUTES[name]) - {species[name]}
                suffix = " stem" if name == "stem" else ""
                assert not any(f"{value}{suffix}" in said for value in wrong)


def test_captions_are_functions_of_their_numbers_and_vary() -> None:
    species = world(0, 4)[2]
    said = [caption(species, specimen, 0) for specimen in range(40)]
    assert said == [caption(species, specimen, 0) for specimen in range(40)]
    assert len(set(said)) > 30
    assert 5 < sum(species.name in text for text in said) < 30


def test_sets_have_prompts_of_every_species_and_clean_ones_have_no_name() -> None:
    species = world(0, 60)
    sets = prompt_sets(species)
    assert list(sets) == ["plain", "attr", "attr_clean", "enriched", "delta"]
    for name, prompts in sets.items():
        assert list(prompts) == [one.name for one in species]
        assert all(len(set(texts)) == len(texts) > 0 for texts in prompts.values())
        if name in ("plain", "attr", "enriched"):
            assert all(one.name in text for one in species for text in prompts[one.name])
    words = {word for one in species for word in one.name.split()}
    assert not any(words & set(text.split()) for texts in sets["attr_clean"].values() for text in texts)
    others = {text for name in sets if name != "delta" for texts in sets[name].values() for text in texts}
    assert not others & {text for texts in sets["delta"].values() for text in texts}


def test_clean_attribute_prompts_tell_all_species_apart() -> None:
    prompts = prompt_sets(world(0, 60))["attr_clean"]
    assert len({tuple(texts) for texts in prompts.values()}) == 60
