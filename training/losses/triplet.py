"""Triplet loss of the hardest positive and the hardest negative of every sample in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def batch_hard_triplet(features: torch.Tensor, target: torch.Tensor, margin: float | None = 0.3) -> torch.Tensor:
    """Triplet loss with the hardest positive and negative of the batch (Hermans et al. 2017, eq. 5).

    Distances are Euclidean, of features that are not normalised. The mean is over all samples with a positive and a
    negative in the batch, whether or not they violate the margin, as in CLIP-ReID.

    Args:
        features: (n, d).
        target: (n,) identities.
        margin: smallest difference of the two distances that costs nothing; None for the soft margin
            ``log(1 + exp(d_positive - d_negative))``.

    Returns:
        The loss; 0 if no sample of the batch has both a positive and a negative.
    """
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import BatchHardMiner
    from pytorch_metric_learning.reducers import MeanReducer

    # The library normalises features and leaves out triplets without a loss unless told otherwise.
    distance = LpDistance(normalize_embeddings=False)
    loss = TripletMarginLoss(margin or 0.0, smooth_loss=margin is None, distance=distance, reducer=MeanReducer())
    mined = BatchHardMiner(distance=distance)(features, target)
    value: torch.Tensor = loss(features, target, mined)
    return value
