import copy

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from retrieval.errors import InputError
from tests.support.small_towers import tower
from training.models.freezing import (
    NamedParameters,
    Rate,
    Unfreeze,
    freeze,
    freeze_parameters,
    parameter_groups,
    torch_groups,
    trained_and_all,
)


def _trained(kind: str, unfreeze: Unfreeze) -> set[str]:
    made = tower(kind)
    freeze(made, unfreeze)
    return {name for name, parameter in made.visual.named_parameters() if parameter.requires_grad}


def test_the_last_blocks_of_a_vision_transformer_are_trained() -> None:
    last = _trained("vit", 1)
    block = {name for name in last if name.startswith("transformer.resblocks.1.")}
    assert len(block) == 12
    assert last - block == {"ln_post.weight", "ln_post.bias", "proj"}
    both = _trained("vit", 2) - last
    assert len(both) == 12
    assert all(name.startswith("transformer.resblocks.0.") for name in both)
    rest = _trained("vit", "all") - _trained("vit", 2)
    assert rest == {"class_embedding", "positional_embedding", "conv1.weight", "ln_pre.weight", "ln_pre.bias"}


def test_the_last_layers_of_a_resnet_are_trained() -> None:
    parts = {name.split(".")[0] for name in _trained("resnet", 2)}
    assert parts == {"layer3", "layer4", "attnpool"}
    assert {name.split(".")[0] for name in _trained("resnet", 4)} == parts | {"layer1", "layer2"}
    assert {name.split(".")[0] for name in _trained("torchvision", 1)} == {"layer4"}


def test_nothing_is_trained_or_all_is() -> None:
    assert _trained("resnet", "none") == set()
    made = tower("resnet")
    freeze(made, "all")
    trained, every = trained_and_all(made.network)
    assert trained == every == sum(parameter.numel() for parameter in made.network.parameters())


def test_more_stages_than_there_are_is_told() -> None:
    with pytest.raises(InputError, match=r"open_clip/small-vit has 2 stages, so the last 3 cannot be trained"):
        freeze(tower("vit"), 3)


def test_unfreeze_is_a_word_or_a_number() -> None:
    adapter = TypeAdapter[Unfreeze](Unfreeze)
    assert [adapter.validate_python(value) for value in ("all", "none", 2)] == ["all", "none", 2]
    for wrong in ("some", 0, -1, 1.5):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_frozen_batch_normalisation_keeps_its_statistics() -> None:
    made = tower("resnet")
    freeze(made, 1)
    made.network.train()
    before = copy.deepcopy(made.network.state_dict())
    for _ in range(2):
        made.features(torch.randn(4, 3, *made.side))
    after = made.network.state_dict()
    moved = {name.split(".")[1] for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {"layer4"}
    made.network.eval()
    assert not made.network.get_submodule("visual.layer4").training
    copied = copy.deepcopy(made.network).train()
    assert not copied.get_submodule("visual.layer3").training
    assert copied.get_submodule("visual.layer4").training


def test_groups_are_the_trained_parameters_of_every_part() -> None:
    made = tower("vit")
    freeze(made, 1)
    model = torch.nn.ModuleDict({"encoder": made.network, "neck": torch.nn.Linear(12, 3)})
    parts = {
        "visual": [f"encoder.visual.{name}" for name, _ in made.visual.named_parameters()],
        "text": ["encoder.text_projection"],
        "neck": ["neck.weight", "neck.bias"],
    }
    rates = {"visual": Rate(1e-4, 0.01), "neck": Rate(1e-3, 0.1, bias_rate=2e-3, bias_decay=0.0)}
    groups = parameter_groups(model, parts, rates)
    assert groups[1:] == [
        NamedParameters("neck", ("neck.weight",), 36, 1e-3, 0.1),
        NamedParameters("neck biases", ("neck.bias",), 3, 2e-3, 0.0),
    ]
    assert (groups[0].rate, groups[0].decay, len(groups[0].names)) == (1e-4, 0.01, 15)
    assert groups[0].numbers == trained_and_all(made.visual)[0]
    taken = torch_groups(model, groups)
    assert [len(group["params"]) for group in taken] == [15, 1, 1]
    assert [group["lr"] for group in torch.optim.AdamW(taken).param_groups] == [1e-4, 1e-3, 2e-3]


def test_a_text_tower_is_frozen_by_the_names_of_its_parameters() -> None:
    made = tower("vit")
    assert made.text is not None
    freeze_parameters(made.text.module, made.text.parameters())
    trained = {name for name, parameter in made.network.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"visual", "logit_scale"}
