"""Types of neighbours that prompts name where none is annotated: those that plain prompts predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.classification.candidates import predicted_types
from eval.classification.condition_options import ConditionalConfig
from eval.classification.situations import Situation, situation_texts
from eval.metrics.probabilities import softmax
from eval.prompts.embed import prompt_bank
from eval.runs.arms import arm_of
from eval.runs.reading import space_vectors
from eval.runs.situations import situated_arm, situated_prompts
from eval.scorers.similarity import combine_views
from eval.scorers.situated import PLAIN, SITUATED, SituatedOptions
from eval.seams.scorer import ScorerTask
from retrieval.search.exact import make_index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eval.runs.arms import StoredArm
    from eval.runs.situations import ObjectFacts
    from eval.seams.classification import ClassConfig
    from retrieval.types.store import EmbeddingStore, Snapshot


def predicted_situations(
    store: EmbeddingStore,
    snapshot: Snapshot,
    arms: Sequence[StoredArm],
    classes: Sequence[str],
    facts: ObjectFacts | None,
    config: ClassConfig,
    device: str,
) -> Mapping[str, Sequence[Situation]]:
    """Find the situations of samples by predicted types of their neighbours, where the options ask for these.

    Args:
        store: where banks are.
        snapshot: where vectors are.
        arms: the arms.
        classes: (C,) names of the label universe.
        facts: the objects; None if no arm needs them.
        config: options of the mode.
        device: device of the text tower.

    Returns:
        Situations (n,) by arm, for arms whose texts name neighbours; empty where types are the annotated ones.
    """
    if facts is None or not isinstance(config, ConditionalConfig) or config.types == "annotated":
        return {}
    made: dict[str, Sequence[Situation]] = {}
    by_space: dict[str, Sequence[Situation]] = {}
    for arm in arms:
        if arm.scorer in SITUATED and arm.scorer != PLAIN.name:
            space = arm.space.fingerprint
            if space not in by_space:
                by_space[space] = facts.boxes.situations(
                    _plain_types(store, snapshot, arm, classes, facts, config.views, device)
                )
            made[arm.name] = by_space[space]
    return made


def _plain_types(
    store: EmbeddingStore,
    snapshot: Snapshot,
    arm: StoredArm,
    classes: Sequence[str],
    facts: ObjectFacts,
    views: Sequence[str],
    device: str,
) -> list[str | None]:
    """Return the type of every stored box by plain prompts in the space of an arm; None without a box or a vector."""
    boxes = facts.boxes
    has_box = np.array([box is not None for box in boxes.boxes], np.bool_)
    scored = has_box & (space_vectors(snapshot, arm.space, boxes.pool).rows >= 0)
    pool = boxes.pool.take(scored)
    texts = situation_texts(PLAIN.name, None, classes, facts.classes, [Situation()] * len(pool))
    bank = prompt_bank(store, arm.space, situated_prompts(PLAIN.name, classes, texts), device)
    plain = arm._replace(scorer=PLAIN.name, banks=(bank,))
    read, _ = arm_of(plain, snapshot, pool, classes, views, SituatedOptions())
    queries = combine_views([read.vectors[view] for view in views])
    nothing = np.empty(0, np.int64)
    task = ScorerTask(queries, None, queries[:0], nothing, len(classes), make_index, rows=np.arange(len(pool)))
    plain_arm = situated_arm(read, texts)
    logits = next(iter(PLAIN.logits(plain_arm, task, PLAIN.settings(plain_arm))))
    kinds = sorted({one.object for one in facts.classes.values()})
    of_class = [kinds.index(facts.classes[name].object) if name in facts.classes else -1 for name in classes]
    types = np.full(len(scored), None, np.object_)
    types[scored] = [kinds[code] for code in predicted_types(softmax(logits), np.array(of_class, np.int64)).tolist()]
    return types.tolist()
