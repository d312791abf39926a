import pytest

from retrieval.errors import InputError
from tests.support.small_towers import tower
from training.models.stages import stages


@pytest.mark.parametrize(
    ("kind", "count", "first", "last"),
    [
        ("vit", 2, "visual.transformer.resblocks.0.ln_1.weight", {"visual.proj", "visual.ln_post.bias"}),
        ("resnet", 4, "visual.layer1.0.conv1.weight", {"visual.attnpool.c_proj.weight"}),
        ("timm", 5, "blocks.0.0.conv.weight", {"conv_head.weight", "bn2.bias"}),
        ("timm-vit", 6, "blocks.0.norm1.weight", {"norm.weight"}),
        ("torchvision", 4, "layer1.0.conv1.weight", {"layer4.1.bn2.bias"}),
    ],
)
def test_every_parameter_is_in_one_stage(kind: str, count: int, first: str, last: set[str]) -> None:
    made = tower(kind)
    groups = stages(made)
    names = [name for group in groups for name in group]
    assert sorted(names) == sorted(made.prefix + name for name, _ in made.visual.named_parameters())
    assert len(groups) == count + 1
    assert groups[1][0] == first
    assert last <= set(groups[-1])


def test_a_network_without_known_stages_is_told() -> None:
    made = tower("torchvision")
    made.network.set_submodule("layer9", made.network.get_submodule("layer4"))
    del made.network._modules["layer4"]
    with pytest.raises(InputError, match=r"The stages of torchvision/resnet18 are not known.*unfreeze=all"):
        stages(made)
