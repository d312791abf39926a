from __future__ import annotations

import subprocess
import sys

from eval.prompts.lint import lint
from eval.prompts.sets import PromptSet, read_prompts
from eval.prompts.tokens import too_long
from tests.support.command_line import ROOT
from tests.support.shared_data import SHARED, needs_shared

LONG = "a photo of " + "very " * 80 + "long cap"


def test_everything_that_somebody_should_look_at() -> None:
    found = lint(
        PromptSet.of(
            "set",
            [
                ("Amanita", ["an Amanita", "an Amanita muscaria", "the Boletus-edulis", "{name} cap", "shared"]),
                (
                    "Amanita muscaria",
                    ["an amanita  MUSCARIA", "Boletus_edulis here", "a [NAME] cap", "shared", "shared"],
                ),
                ("Boletus edulis", [LONG]),
                ("none", []),
            ],
        )
    )
    assert (found.classes, found.rows, found.texts, found.repeated) == (4, 10, 9, 1)
    assert (found.fewest, found.most, found.empty) == (1, 5, ("none",))
    assert found.shared == {"shared": ("Amanita", "Amanita muscaria")}
    assert [(one.label, one.detail) for one in found.placeholders] == [("Amanita", "{"), ("Amanita muscaria", "[NAME]")]
    assert [(one.label, one.text, one.detail) for one in found.other_class] == [
        ("Amanita", "an Amanita muscaria", "Amanita muscaria"),
        ("Amanita muscaria", "Boletus_edulis here", "Boletus edulis"),
    ]
    assert [(one.text, one.detail) for one in found.unclean] == [
        ("an amanita  MUSCARIA", "an amanita MUSCARIA"),
        ("Boletus_edulis here", "Boletus edulis here"),
        (LONG, "a photo of very long cap"),
    ]
    assert [(one.label, one.detail) for one in found.cut] == [("Boletus edulis", "87 tokens")]


def test_the_context_is_counted_to_the_token() -> None:
    fits, cut = " ".join(["cap"] * 75), " ".join(["cap"] * 76)
    assert too_long([fits, cut, "short"]) == {cut: 78}


def test_short_texts_need_no_tokenizer() -> None:
    code = (
        "import sys; from eval.prompts.tokens import too_long; too_long(['x' * 75]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@needs_shared
def test_the_mushroom_prompts() -> None:
    found = lint(read_prompts(SHARED / "mushroom" / "delta_prompts.json"))
    assert (found.rows, found.texts, found.fewest, found.most) == (10_389, 8_647, 40, 98)
    assert (len(found.shared), len(found.unclean)) == (19, 55)
    assert found.placeholders == found.other_class == found.cut == ()
