"""Who is on the samples of a verification."""

from __future__ import annotations

import numpy as np

from eval.seams.mode import Arrays
from tests.support.ranking_problems import arrays, golden, verify


def test_hands_of_one_person_may_be_two_identities_and_some_identities_count_for_nothing() -> None:
    problem = golden()
    whole = arrays(problem)
    sides = np.array(["left", "right"] * 120, dtype=np.object_)
    both = Arrays(whole.ids, whole.vectors, {**whole.columns, "aspect": sides}, whole.parts)
    apart = verify(both, identity_columns="identity,aspect", camera_rule="none", bootstrap=0)
    renamed = [f"{name} {side}" for name, side in zip(problem.identity, sides, strict=True)]
    assert apart.metrics == verify(arrays(problem._replace(identity=renamed)), camera_rule="none", bootstrap=0).metrics
    names = np.array(problem.identity)
    left_out = verify(whole, junk_identities=["3"], distractor_identities=["04"], camera_rule="none", bootstrap=0)
    queries, gallery = names[:40][~np.isin(names[:40], ["3", "4"])], names[40:][names[40:] != "3"]
    genuine = (queries[:, None] == gallery[None]).sum()
    assert (left_out.n["query"], left_out.n["gallery"]) == (len(queries), len(gallery))
    assert (left_out.n["genuine"], left_out.n["impostor"]) == (genuine, queries.size * gallery.size - genuine)
