"""Relations of samples: the masks say what a slow reading of the columns says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.ranking.problem import ReidConfig
from eval.ranking.relations import settle
from eval.seams.mode import Arrays, RelatedArrays
from eval.verification.scoring import VerificationConfig

IDENTITY = ["a", "a", "b", None, "b", "07", "junk", "far"]
CAMERA = ["1", "1", "2", "1", None, "2", "1", "2"]
GROUP = ["g", "g", None, "h", "h", None, None, "h"]
SIDE = ["l", "r", "l", "l", "l", None, "l", "r"]


def arrays() -> Arrays:
    columns = {"identity": IDENTITY, "camera": CAMERA, "group": GROUP, "side": SIDE}
    rows = np.arange(len(IDENTITY))
    return Arrays(
        np.array([f"s{row}" for row in rows]),
        {"base": np.eye(len(rows), dtype=np.float32)},
        {name: np.array(values, dtype=np.object_) for name, values in columns.items()},
        {"": ({"query": rows[:5], "gallery": rows[5:]},)},
    )


def related(**options: Any) -> RelatedArrays:
    return settle(arrays(), ReidConfig.read(options, "test"))[0]


@pytest.mark.parametrize("camera", [True, False])
@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize("columns", ["identity", "identity,side"])
def test_the_masks_are_those_of_a_slow_reading(camera: bool, group: bool, columns: str) -> None:  # noqa: FBT001
    found = related(
        camera_rule="auto" if camera else "none",
        group_rule="exclude" if group else "none",
        identity_columns=columns,
        junk_identities="junk",
        distractor_identities="far",
    ).relations
    rows = np.arange(len(IDENTITY))
    named = [None if one in {"junk", "far"} else one for one in IDENTITY]
    for q in rows:
        for g in rows:
            same = named[q] is not None and named[q] == named[g]
            if columns != "identity":
                same = same and SIDE[q] is not None and SIDE[q] == SIDE[g]
            one_camera = camera and CAMERA[q] is not None and CAMERA[q] == CAMERA[g] and same
            one_group = group and GROUP[q] is not None and GROUP[q] == GROUP[g]
            assert found.positive(rows[q : q + 1], rows[g : g + 1]).item() == same
            assert found.junk(rows[q : q + 1], rows[g : g + 1]).item() == (q == g or one_camera or one_group)
    assert found.ignored.tolist() == [one == "junk" for one in IDENTITY]
    assert found.names == ("07", "a", "b")


def test_re_identification_and_verification_read_identity_columns_alike() -> None:
    options = {"identity_columns": "identity,side", "junk_identities": "junk", "camera_rule": "none"}
    reid, _ = settle(arrays(), ReidConfig.read(options, "test"))
    verification, _ = settle(arrays(), VerificationConfig.read(options, "test"))
    for name in ("identity", "unit", "ignored"):
        np.testing.assert_array_equal(getattr(reid.relations, name), getattr(verification.relations, name))
    assert reid.relations.texts == verification.relations.texts
    assert reid.relations.identity[5] == -1, "an identity whose other column is unknown is unknown"


def test_the_camera_rule_is_settled_and_what_it_cannot_judge_is_said() -> None:
    found, config = settle(arrays(), ReidConfig())
    assert config.camera_rule == "auto"
    assert "1 of 8 samples have no camera" in found.relations.warnings[0]
    assert related(camera_rule="none").relations.camera is None
