"""Select one network of a training checkpoint, remove prefixes of its keys, and set heads aside.

Training code saves more than an encoder: a student and a teacher, a query and a momentum encoder, averaged copies of
the weights, heads of the training loss. ``weights=FILE#teacher.backbone`` chooses; without it the network is taken
behind whose prefix most keys of the encoder are, unless several have equally many.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from retrieval.errors import WeightsError, first_names

if TYPE_CHECKING:
    import torch

    from retrieval.encoders.weights import Weights

WRAPPERS = frozenset(("module", "model", "net", "network", "encoder", "backbone", "clip", "clip_model", "base_model"))
"""Attributes by which modules usually hold a network; they become prefixes of its keys (``module.model.``)."""

_NOT_NETWORK = re.compile(r"(criterion|loss\w*|ema\w*|\w+_ema|metrics?|acc|accuracy|(train|val|valid|test)_\w+)(\.|$)")
"""Beginnings of keys of a training module that do not belong to its network: losses, metrics, averaged copies."""

HEADS = re.compile(
    r"(\w*_)?(heads?|head_?\d+|fc\d*|classifiers?|cls|logits|proj|projection|projector|predictor|prototypes?|bottleneck|"
    r"bnneck|bn_neck|arcface|arc|margin|metric_fc|embedding_head|last_layer|queue|queue_ptr|center|centers)(_\w+)?(\.|$)"
)
"""First parts of keys that heads of training losses and their state usually have."""

ALIKE = 0.9
"""Share of the keys of the network that another one must have to be named beside it."""


def select_network(
    weights: Weights, expected: Mapping[str, Any], tensors: Mapping[str, torch.Tensor] | None = None
) -> dict[str, torch.Tensor]:
    """Select the tensors of an encoder, and remove prefixes of their keys.

    ``_orig_mod.`` (of ``torch.compile``) is removed wherever it is in a key. Of the other prefixes (``net.``,
    ``module.model.``, ``resnet.``, or none) the one is removed behind which most of the ``expected`` keys are. Keys
    without that prefix belong to other components of the training module and are dropped, as are losses, metrics and
    averaged copies. Other networks that fit are named in ``weights.notes``.

    Args:
        weights: contents of the file.
        expected: state dict of the encoder; only its keys are used.
        tensors: the tensors of the file where keys were renamed.

    Raises:
        WeightsError: several networks fit equally well; the message names them.
    """
    plain = without_compiled(weights.tensors if tensors is None else tensors)
    counts = prefix_counts(plain, expected)
    best = _best(counts)
    if len(best) > 1:
        raise WeightsError(
            f"{weights.path} holds {len(best)} networks that fit; choose one: "
            f"{' or '.join(f'`weights={weights.path}#{weights.spelling(prefix)}`' for prefix in best)}."
        )
    prefix = best[0]
    _name_others(weights, counts, prefix, expected)
    inside = {key.removeprefix(prefix): value for key, value in plain.items() if key.startswith(prefix)}
    return {key: value for key, value in inside.items() if key in expected or not _NOT_NETWORK.match(key)}


def without_compiled(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return tensors without the part ``_orig_mod`` of their keys."""
    return {".".join(part for part in key.split(".") if part != "_orig_mod"): value for key, value in tensors.items()}


def prefix_counts(keys: Iterable[str], expected: Mapping[str, Any]) -> Counter[str]:
    """Count the ``expected`` keys behind every prefix, such as ``a.b.``; the prefix may be empty."""
    counts: Counter[str] = Counter()
    for key in keys:
        parts = key.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in expected:
                counts["".join(f"{part}." for part in parts[:cut])] += 1  # "a.b." for the first two parts
    return counts


def _best(counts: Counter[str]) -> list[str]:
    """Return the prefix behind which most keys are, or several that are equally good.

    If several have equally many, the shortest of those made of :data:`WRAPPERS` (or empty) is the best; if there is
    none of these, those that are not of losses, metrics or averaged copies.
    """
    most = max(counts.values(), default=0)
    best = sorted(prefix for prefix, count in counts.items() if count == most)
    wrappers = [prefix for prefix in best if WRAPPERS.issuperset(prefix.split(".")[:-1])]
    if wrappers:
        return [min(wrappers, key=lambda prefix: (len(prefix), prefix))]
    return [prefix for prefix in best if not _NOT_NETWORK.match(prefix)] or best[:1] or [""]


def _name_others(weights: Weights, counts: Counter[str], taken: str, expected: Mapping[str, Any]) -> None:
    """Add a note that names other networks in the file that have as many keys, such as averaged copies."""
    enough = ALIKE * counts[taken]
    names = [weights.spelling(prefix) for prefix, count in counts.items() if count >= enough and prefix != taken]
    beside = prefix_counts(without_compiled(weights.beside), expected)
    names += [prefix.removesuffix(".") for prefix, count in beside.items() if count >= enough]
    if names and counts[taken]:
        spoken = weights.spelling(taken) or "the weights without a prefix"
        choices = " or ".join(f"`weights={weights.path}#{name}`" for name in sorted(names)[:3])
        weights.notes.append(f"{weights.path.name}: {spoken} was taken; the file also holds {choices}.")


def note_positions(before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor], weights: Weights) -> None:
    """Add a note on positions (tokens, d) that were interpolated, because images have another size than in training."""
    for key, value in after.items():
        if key.endswith(("pos_embed", "positional_embedding")) and key in before and value.ndim > 1:
            tokens, now = before[key].shape[-2], value.shape[-2]
            if tokens != now:
                weights.notes.append(
                    f"{weights.path.name}: the positions of {tokens} tokens are interpolated to {now}, because images "
                    "have another size than those of the training."
                )


def set_heads_aside(
    tensors: Mapping[str, torch.Tensor], expected: Mapping[str, Any], weights: Weights
) -> dict[str, torch.Tensor]:
    """Drop tensors of heads that an encoder does not have, and name them in ``weights.notes``."""
    heads = sorted({key for key in tensors if key not in expected and HEADS.match(key)})
    if heads:
        names = first_names(sorted({key.split(".")[0] for key in heads}), 4)
        weights.notes.append(f"{weights.path.name}: {names} belongs to the training, not to the encoder; set aside.")
    return {key: value for key, value in tensors.items() if key not in set(heads)}
