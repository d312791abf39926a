"""Text towers read texts, or embeddings in their place, up to the end of the longest."""

import pytest
import torch

from retrieval.encoders.registry import load
from tests.support.small_towers import tower
from training.models import text_tower
from training.models.towers import require_text


@pytest.mark.parametrize("kind", ["vit", "custom"])
def test_texts_may_be_given_as_embeddings(kind: str) -> None:
    made = tower(kind)
    text = require_text(made, "coop")
    tokens = text.tokenise(["a hand", "a photo of a mushroom " * 9])
    assert tokens.shape == (2, text.context)
    expected = load(made.spec, "cpu").encode_texts(["a hand"]).vectors  # type: ignore[attr-defined]
    with torch.no_grad():
        plain, embedded = text.encode(tokens), text.encode(tokens, text.embed(tokens))
    assert torch.equal(plain, embedded)
    torch.testing.assert_close(torch.nn.functional.normalize(plain[:1]), torch.from_numpy(expected))
    names = text.parameters()
    assert len(names) == 17
    assert not any(name.startswith(("visual", "logit")) for name in names)
    assert (text.fits("a hand"), text.fits("a hand " * 15)) == (True, False)


@pytest.mark.parametrize("kind", ["vit", "custom"])
def test_what_stands_after_the_longest_text_is_left_out_and_changes_nothing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = require_text(tower(kind), "coop")
    tokens = text.tokenise(["a hand", "a red hand of a person"])
    assert text_tower._read_length(text.module, tokens) == 8 < text.context  # with a start and an end
    generator, results = torch.Generator().manual_seed(0), []
    learned = torch.randn(2, text.context, text.width, generator=generator)
    weights = torch.randn(text.encode(tokens).shape, generator=generator)
    for _ in range(2):
        embedded = learned.clone().requires_grad_()
        features = text.encode(tokens, embedded)
        (features * weights).sum().backward()  # type: ignore[no-untyped-call]
        assert embedded.grad is not None
        results.append((features.detach(), embedded.grad))
        monkeypatch.setattr(text_tower, "_read_length", lambda _, given: given.shape[1])
    for cut, whole in zip(*results, strict=True):
        torch.testing.assert_close(cut, whole, rtol=1e-5, atol=1e-6)
    assert results[1][1][:, :8].abs().amax() > 0.01
    assert not results[1][1][:, 8:].any()
