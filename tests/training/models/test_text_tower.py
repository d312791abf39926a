import pytest
import torch

from retrieval.encoders.registry import load
from tests.support.small_towers import tower
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
