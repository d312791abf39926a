import pytest
import torch

from retrieval.errors import InputError
from tests.support.small_towers import tower
from training.models.prompt_learner import PERSON, PromptLearner
from training.models.text_tower import TextTower


def _text(kind: str = "vit") -> TextTower:
    text = tower(kind).text
    assert text is not None
    return text


def _learner(text: TextTower, identities: int = 3, count: int = 4) -> PromptLearner:
    return PromptLearner(text, identities, count, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", ["vit", "resnet", "custom"])
def test_words_take_the_place_of_the_template(kind: str) -> None:
    text = _text(kind)
    learner = _learner(text)
    tokens = text.tokenise(["A photo of a hand hand hand hand person."])
    hand = text.embed(text.tokenise(["hand"]))[0, 1]
    with torch.no_grad():
        learner.words[1] = hand
        learner.words[2] = text.embed(text.tokenise(["left right left right"]))[0, 1:5]
        features = learner.features(torch.tensor([1, 2, 1]), PERSON)
        expected = text.encode(tokens)
        second = text.encode(text.tokenise(["A photo of a left right left right person."]))
    torch.testing.assert_close(features[:1], expected)
    torch.testing.assert_close(features[1:2], second)
    assert torch.equal(features[0], features[2])


def test_every_identity_may_have_its_own_template() -> None:
    text = _text()
    learner = _learner(text, count=2)
    templates = ["A photo of {}'s dorsal right hand.", "X hand image.", "A photo of a X X X X hand."]
    with torch.no_grad():
        learner.words[:] = text.embed(text.tokenise(["hand"]))[0, 1]
        together = learner.features(torch.arange(3), templates)
        written = ["A photo of hand hand's dorsal right hand.", "hand hand hand image.", "A photo of a hand hand hand."]
        torch.testing.assert_close(together, text.encode(text.tokenise(written)))


def test_words_start_from_a_narrow_normal_distribution_and_get_the_gradients() -> None:
    text = _text()
    learner = _learner(text, 200, 4)
    assert learner.words.shape == (200, 4, 16)
    assert float(learner.words.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert torch.equal(learner.words, _learner(text, 200, 4).words)
    learner.features(torch.tensor([5, 7])).sum().backward()  # type: ignore[no-untyped-call]
    assert learner.words.grad is not None
    touched = learner.words.grad.flatten(1).abs().sum(1).nonzero()[:, 0]
    assert touched.tolist() == [5, 7]


@pytest.mark.parametrize(
    ("template", "count", "message"),
    [
        ("A photo of a person.", 4, "has 0 places for the learned words"),
        ("A {} of a X X hand.", 4, "has 2 places for the learned words"),
        (PERSON, 13, "with 13 learned words does not fit into the 20 tokens"),
        ("X " * 3 + "hand " * 14, 6, "with 6 learned words does not fit"),
        (PERSON, 40, "with 40 learned words does not fit"),
    ],
)
def test_templates_that_cannot_be_used_are_told(template: str, count: int, message: str) -> None:
    learner = _learner(_text(), count=count)
    with pytest.raises(InputError, match=message):
        learner.features(torch.tensor([0]), template)
