"""An adapter through the command line: trained from a store, its space made by a product, and what that answers."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from retrieval.store.open import open_store
from tests.support.adapted_stores import adapted_store
from tests.support.command_line import call_cli, call_json

if TYPE_CHECKING:
    from pathlib import Path

HALF = ("-o", "alphas=0.5")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Species in a store, their prompts embedded, and an adapter refreshed; the images are gone afterwards."""
    folder = tmp_path_factory.mktemp("adapter")
    call_cli("sample", "species", "--out", folder / "species", "--species", "6", "--n", "6", "--size", "64",
             "--workers", "1")  # fmt: skip
    store = folder / "s"
    call_cli("index", folder / "species" / "manifest.csv", "--store", store, "--views", "base,preproj")
    evaluate(folder, "--prompts", folder / "species" / "prompts_plain.json")
    call_cli("train", "adapter", "--store", store, "--out", folder / "run", "--quiet")
    shutil.copy(next((folder / "species" / "images").glob("*/*.jpg")), folder / "one.jpg")
    shutil.rmtree(folder / "species" / "images")
    return folder


def evaluate(world: Path, *more: str | Path, mode: str = "zeroshot") -> Any:
    return call_json("eval", "--mode", mode, "--store", world / "s", *more)


def spaces(world: Path) -> dict[str, str]:
    """Names of the parent and of the adapter."""
    names = [space["name"] for space in call_json("info", "--store", world / "s")["spaces"]]
    return {"adapter" if "-rla@" in name else "prolip" if "-prolip@" in name else "parent": name for name in names}


def _banks(world: Path) -> int:
    return int(call_json("info", "--store", world / "s")["counts"]["banks"])


def test_texts_of_the_parent_are_scored_in_the_new_space_and_nothing_is_embedded(world: Path) -> None:
    names = spaces(world)
    assert names["adapter"].startswith("open-clip-vitrine-tiny-rla@")
    prompts, before = world / "species" / "prompts_plain.json", _banks(world)
    ways = (
        ("--space", names["adapter"], "--prompts", prompts),
        ("--space", names["adapter"], "-o", "bank=prompts_plain"),
    )
    results = [evaluate(world, *words)["metrics"]["top_1"]["value"] for words in ways]
    assert results[0] == results[1]
    arm = f"{names['adapter']}:prompts:prompts_plain"
    fused = evaluate(world, "--arm", f"new={arm}", f"old={names['parent']}:prototype", *HALF, mode="fusion")
    assert fused["metrics"]["top_1"]["value"] > 0
    assert _banks(world) == before


def test_texts_and_images_are_searched_through_the_parent(world: Path) -> None:
    space = spaces(world)["adapter"]
    for query in (("--text", "a mushroom with a red cap"), (world / "one.jpg",)):
        assert call_json("search", *query, "--space", space, "--store", world / "s", "-k", "3")["hits"]


def test_a_head_is_a_bank_of_the_parent_and_of_no_other_space(world: Path) -> None:
    names = spaces(world)
    train = ("train", "adapter", "method=gda", "gda.a=0.1", "--quiet", "--space", names["parent"])
    call_cli(*train, "--store", world / "s", "--out", world / "gda")
    words = ("--mode", "fusion", "--store", world / "s", *HALF, "--arm", f"head={names['parent']}:classifier:gda")
    assert call_json("eval", *words, f"text={names['parent']}:prompts")["metrics"]["top_1"]["value"] > 0
    wrong = f"head={names['adapter']}:classifier:gda"
    failed = call_cli("eval", *words[:-1], wrong, f"text={names['parent']}:prompts", check=None)
    assert failed.returncode != 0
    assert "Bank 'gda' belongs to space" in failed.stderr


def test_prolip_maps_the_stored_vectors_before_the_projection(world: Path) -> None:
    words = ("--config", "prolip", "--space", spaces(world)["parent"], "--out", world / "prolip", "--quiet")
    call_cli("train", "adapter", *words, "--store", world / "s")
    name = spaces(world)["prolip"]
    with open_store(world / "s").snapshot() as snapshot:
        space = snapshot.space(name)
        assert (space.matrix, space.views) == (None, ("base",))
        near = snapshot.vectors(space).data @ snapshot.vectors(snapshot.space(spaces(world)["parent"])).data.T
        assert near.max(axis=1).min() > 0.98
    assert call_json("search", world / "one.jpg", "--space", name, "--store", world / "s", "-k", "3")["hits"]
    assert evaluate(world, "--space", name, "-o", "bank=prompts_plain")["metrics"]["top_1"]["value"] > 0


def test_prolip_of_a_space_without_the_view_says_how_to_get_it(tmp_path: Path) -> None:
    """Images of an encoder can be indexed again; an adapter maps vectors and has no projection."""
    stored = adapted_store(tmp_path / "s")
    words = ("train", "adapter", "method=prolip", "--store", tmp_path / "s", "--out", tmp_path / "run", "--space")
    for space, way in (
        (stored.parent, "index the same images again with the views base,preproj."),
        (stored.adapted, "name a space of an encoder with a projection, indexed with the views base,preproj."),
    ):
        failed = call_cli(*words, space.name, check=1)
        assert failed.stderr.splitlines()[-1] == f"Error: Space {space.name} has no view 'preproj'; {way}"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("bank=prompts_plan",), "bank of texts in the space 'prompts_plan'"),
        (("method=lora",), "method"),
        (("method=gda", "gda.a=0.1,1", "data.val_split=null"), "gda.a"),
        (("classes=prototypes", "method=clap"), "clap starts from texts"),
    ],
)
def test_wrong_recipes_are_one_sentence(words: tuple[str, ...], says: str, world: Path) -> None:
    where = ("--store", world / "s", "--space", spaces(world)["parent"], "--out", world / "wrong")
    failed = call_cli("train", "adapter", *words, *where, "--quiet", check=None)
    assert failed.returncode in (1, 2)
    assert says in failed.stderr
    assert "Traceback" not in failed.stderr
