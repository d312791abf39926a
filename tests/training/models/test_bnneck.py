import pytest
import torch

from training.models.bnneck import make_bnneck


def test_features_are_normalised_over_the_batch_and_classified_without_bias() -> None:
    neck = make_bnneck(3, 2, torch.Generator().manual_seed(0)).train()
    features = torch.randn(8, 3, generator=torch.Generator().manual_seed(1)) * 4 + 2
    normalised, logits = neck(features)
    expected = (features - features.mean(0)) / (features.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(normalised, expected)
    torch.testing.assert_close(logits, expected @ neck.get_parameter("classifier.weight").T)
    trained = {name for name, parameter in neck.named_parameters() if parameter.requires_grad}
    assert trained == {"norm.weight", "classifier.weight"}


def test_the_classifier_starts_small_and_the_same_for_a_seed() -> None:
    first, second = (make_bnneck(64, 50, torch.Generator().manual_seed(3)) for _ in range(2))
    weight = first.get_parameter("classifier.weight")
    assert torch.equal(weight, second.get_parameter("classifier.weight"))
    assert float(weight.detach().std()) == pytest.approx(0.001, rel=0.1)


def test_in_evaluation_running_statistics_are_taken() -> None:
    neck = make_bnneck(3, 2, torch.Generator().manual_seed(0)).eval()
    features = torch.ones(1, 3)
    torch.testing.assert_close(neck(features).features, features, atol=1e-4, rtol=0)
