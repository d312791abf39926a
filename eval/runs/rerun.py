"""From a result file back to the evaluation that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from eval.protocols.split_sets import join_splits
from eval.registry import load_mode, load_protocol
from eval.runs.prepare_classification import is_class_mode
from eval.runs.request import Asked
from eval.seams.classification import ClassConfig, ClassMode
from retrieval.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eval.results.schema import EvalResult
    from retrieval.types import SplitSet
    from retrieval.types.store import EmbeddingStore

CUSTOM = "custom, from "
SAME_VALUE = 1e-6
"""How far a metric may be from the one in its result file: the same vectors on other hardware round differently."""

SAMPLING = frozenset({"val_from", "train_limit", "val_n", "test_n", "draws", "bank", "labels_from", "combine"})
"""Options that are settled already in the stored split set, the universe and the arms of a result."""


def asked_again(store: EmbeddingStore, result: EvalResult, name: str) -> Asked:
    """What to ask for to make a result again, on its own draws.

    Args:
        store: where it was made.
        result: the result.
        name: what to call it in messages.

    Raises:
        InputError: its config cannot be used.
        UnknownNameError: the store has no such space.
    """
    require_spaces(store, result, name)
    words = {key: result.config.get(key) for key in ("aspect", "where")}
    for key, value in words.items():
        if not isinstance(value, str | None):
            raise InputError(f"Result {name} has {key}={value!r} in its config, which is no text; evaluate again.")
    if is_class_mode(load_mode(result.mode)):
        return _classes_again(store, result, name, words)
    rule = load_protocol(result.protocol.removeprefix(CUSTOM))
    fields = load_mode(result.mode).config_type.option_names() | rule.options.option_names()
    return Asked(
        result.mode,
        space=result.provenance.space_fingerprint,
        protocol=rule.name,
        aspect=words["aspect"],
        split_set=stored_draws(store, result) if rule.name == "fixed" else None,
        where=words["where"],
        seed=result.provenance.seed,
        options={key: value for key, value in result.config.items() if key in fields},
    )


def _classes_again(store: EmbeddingStore, result: EvalResult, name: str, words: dict[str, Any]) -> Asked:
    mode = load_mode(result.mode)
    splits = stored_draws(store, result)
    universe = result.label_universe
    if splits is None or universe.names is None:
        raise InputError(
            f"The store does not have split set {result.provenance.split_set} of result {name} any more; evaluate "
            "again."
        )
    kind = mode.config_type
    assert issubclass(kind, ClassConfig)  # noqa: S101 - a mode of classification
    options = {key: value for key, value in result.config.items() if key in kind.option_names() - SAMPLING}
    scorers, arms = result.config.get("scorer_options", {}), result.config.get("arms", [])
    told = isinstance(scorers, dict) and all(isinstance(own, dict) for own in scorers.values())
    if not told or not isinstance(arms, list) or not all(isinstance(arm, str) for arm in arms):
        raise InputError(f"Result {name} does not say its arms; evaluate again.")
    for arm, own in scorers.items():
        options |= {f"{str(arm).replace('-', '_')}.{key}": value for key, value in own.items()}
    plain = kind.read({key: value for key, value in options.items() if "." not in key}, name)
    named = not cast("ClassMode[ClassConfig]", mode).arm_scorers(plain)
    banks = next((arm.split(":", 2)[2] for arm in arms if arm.count(":") == 2), None)
    if banks and not named:
        options["bank"] = banks
    return Asked(
        result.mode,
        space=None if named else result.provenance.space_fingerprint,
        aspect=None,
        split_set=splits,
        where=words["where"],
        seed=result.provenance.seed,
        options=options,
        arms=tuple(arms) if named else (),
        universe=(universe.names, universe.origin or "all"),
    )


def require_spaces(store: EmbeddingStore, result: EvalResult, name: str) -> None:
    """Check that the store has the spaces of a result.

    Raises:
        UnknownNameError: it has not.
    """
    wanted = result.provenance.space_fingerprint.split(" + ")
    with store.snapshot() as snapshot:
        if not set(wanted) <= {space.fingerprint for space in snapshot.spaces}:
            raise UnknownNameError(
                f"Result {name} is of space {result.provenance.space}, which is not in this store; give the store it "
                "was made from with --store."
            )


def stored_draws(store: EmbeddingStore, result: EvalResult) -> SplitSet | None:
    """The split sets of all parts together, found by hash; None where the store does not have them."""
    parts = [part.split_sha256 for part in (result.parts or {}).values()]
    names = {sha: name for name, sha in store.split_sets().items()}
    wanted = [names.get(sha or "") for sha in parts or [result.provenance.split_sha256]]
    found = [store.read_splits(name) for name in wanted if name is not None]
    return join_splits(found) if found and len(found) == len(wanted) else None


def require_values(result: EvalResult, now: Mapping[str, float], name: str) -> None:
    """Check that metrics that were made again are those of a result.

    Raises:
        InputError: one differs, or is not there any more.
    """
    for metric, before in result.metrics.items():
        if metric not in now:
            raise InputError(f"Result {name} has a metric '{metric}' that its config does not ask for.")
        if abs(now[metric] - before.value) > SAME_VALUE:
            raise InputError(
                f"Result {name} says {metric} {before.value:.6f}, and the store now gives {now[metric]:.6f}: it has "
                "changed since; evaluate again."
            )
