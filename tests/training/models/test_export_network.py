from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, WeightsError
from retrieval.types import TextEncoder
from tests.support.small_towers import tower
from training.export import TrainingRecord, write_encoder
from training.models.export_network import export_network
from training.models.towers import ImageTower, tower_of

RECORD = TrainingRecord("reid", {}, None, "identity", ("a",), 1, {})


def _trained(made: ImageTower) -> ImageTower:
    """Take a step, so that the weights are no longer those of a seed."""
    made.network.train()
    images = torch.randn(4, 3, *made.side, generator=torch.Generator().manual_seed(0))
    made.vectors(made.features(images)).square().sum().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in made.network.parameters():
            if parameter.grad is not None:
                parameter.sub_(1e-3 * parameter.grad / (1e-6 + parameter.grad.norm()))
    made.network.eval()
    return made


def _opened(out: Path) -> Any:
    return load(resolve(EncoderRequest(str(out), precision="fp32", device="cpu")), "cpu")


def _vectors(made: ImageTower, encoder: Any, batch: Any) -> torch.Tensor:
    """The vectors of the module itself, in the batches of the encoder."""
    pixels = encoder.spec.preprocess
    padded = np.zeros((encoder.spec.batch_size, *batch.shape[1:]), np.uint8)
    padded[: len(batch)] = batch
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (pixels.mean, pixels.std))
    scaled = torch.from_numpy(padded).permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(std)
    with torch.inference_mode():
        return made.vectors(made.features(scaled.contiguous(memory_format=torch.channels_last)))[: len(batch)]


@pytest.mark.parametrize("kind", ["vit", "custom", "resnet", "timm", "torchvision"])
@pytest.mark.parametrize("joined", [False, True])
def test_the_written_encoder_gives_the_vectors_of_the_module(tmp_path: Path, kind: str, *, joined: bool) -> None:
    made = _trained(tower(kind))
    if joined and not made.widths.proj:
        with pytest.raises(InputError, match="has no features before and after a projection"):
            export_network(made, family="clipreid")
        return
    exported = export_network(made, family="clipreid" if joined else None)
    write_encoder(tmp_path, RECORD, **exported._asdict())
    encoder = _opened(tmp_path)
    batch = np.random.default_rng(0).integers(0, 256, (3, *made.side, 3), dtype=np.uint8)
    again = tower_of(encoder.spec, "cpu")
    raw = _vectors(again if joined else made, encoder, batch).numpy()
    found = encoder.encode_images(batch)
    assert np.array_equal(found.vectors, encoder.normalised(raw, "image").vectors)
    assert isinstance(encoder, TextEncoder) is (kind in {"vit", "custom", "resnet"} and not joined)
    for name, tensor in again.network.state_dict().items():
        assert torch.equal(tensor, made.network.state_dict()[name]), name
    if joined:
        assert encoder.dimension == made.widths.feat + made.widths.proj
        with torch.no_grad():
            features = made.features(torch.zeros(1, 3, *made.side))
        assert features.proj is not None
        ours = again.features(torch.zeros(1, 3, *made.side))
        torch.testing.assert_close(again.vectors(ours), torch.cat([features.feat, features.proj], 1))


def test_a_written_network_is_trained_again_and_its_texts_are_read(tmp_path: Path) -> None:
    shipped = resolve(EncoderRequest("open_clip/vitrine-tiny", precision="fp32", device="cpu"))
    exported = export_network(tower_of(shipped, "cpu"))
    assert sorted(exported.files) == ["open_clip_config.json", "vocabulary.txt.gz"]
    write_encoder(tmp_path / "first", RECORD, **exported._asdict())
    first = _opened(tmp_path / "first")
    assert np.array_equal(first.encode_texts(["a hand"]).vectors, load(shipped, "cpu").encode_texts(["a hand"]).vectors)  # type: ignore[attr-defined]
    write_encoder(tmp_path / "second", RECORD, **export_network(tower_of(first.spec, "cpu"))._asdict())
    batch = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    assert np.array_equal(_opened(tmp_path / "second").encode_images(batch).vectors, first.encode_images(batch).vectors)


def test_weights_that_fit_in_part_are_refused(tmp_path: Path) -> None:
    made = tower("vit")
    exported = export_network(made, family="clipreid")
    weights = {name: tensor for name, tensor in exported.weights.items() if "resblocks.1" not in name}
    write_encoder(tmp_path, RECORD, **exported._replace(weights=weights)._asdict())
    with pytest.raises(WeightsError, match=r"does not fit clipreid/small-vit: 12 missing"):
        _opened(tmp_path)


def test_images_of_another_size_are_those_of_the_written_encoder(tmp_path: Path) -> None:
    spec = resolve(
        EncoderRequest(
            "open_clip/small-vit", random_init=1, precision="fp32", device="cpu", preprocess=("img_size=64x32",)
        )
    )
    made = tower_of(spec, "cpu")
    assert made.side == (64, 32)
    for family in (None, "clipreid"):
        out = tmp_path / str(family)
        write_encoder(out, RECORD, **export_network(made, family=family)._asdict())
        assert _opened(out).spec.preprocess.crop == (64, 32)
