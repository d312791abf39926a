from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders.open_clip_encoder import quiet_open_clip
from retrieval.encoders.openai_clip import archive_model
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError
from tests.support import tiny_open_clip as tiny

if TYPE_CHECKING:
    from pathlib import Path

QUICK = f"{tiny.NAME}-quickgelu"
SCALARS = {"input_resolution": 32, "context_length": 16, "vocab_size": 49408}


@pytest.fixture(scope="module", autouse=True)
def registered(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A small model with either activation."""
    folder = tmp_path_factory.mktemp("configs")
    tiny.register(folder)
    tiny.register(folder, QUICK, {**tiny.CONFIG, "quick_gelu": True})


def archive(path: Path, name: str = QUICK) -> Path:
    """Trace a model and save it as OpenAI does."""
    model = quiet_open_clip().create_model(name, load_weights=False)
    model.load_state_dict(tiny.state_dict())
    model.register_buffer("input_resolution", torch.tensor(SCALARS["input_resolution"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer
        traced = torch.jit.trace_module(model.eval(), {"encode_image": torch.zeros(1, 3, 32, 32)}, check_trace=False)  # type: ignore[no-untyped-call]
    torch.jit.save(traced, path)
    return path


def opened(name: str, **more: Any) -> Any:
    return load(resolve(EncoderRequest(name, precision="fp32", device="cpu", **more)), "cpu")


def vectors(encoder: Any) -> Any:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    return encoder.encode_images(images).vectors


def test_an_archive_says_its_model_by_its_shapes_and_its_activation_by_its_code(tmp_path: Path) -> None:
    encoder = opened(str(archive(tmp_path / "clip.pt")))
    assert encoder.spec.model == QUICK
    assert encoder.notes[0] == (
        f"open_clip/{QUICK}: the activation is QuickGELU, because clip.pt is an archive of OpenAI's CLIP."
    )
    other = opened(f"open_clip/{archive(tmp_path / 'other.pt', tiny.NAME)}")
    assert other.spec.model == tiny.NAME
    assert not np.allclose(vectors(encoder), vectors(other), atol=1e-4)


def test_archives_of_the_published_models_are_told_apart(tmp_path: Path) -> None:
    open_clip = quiet_open_clip()
    names = ("RN50", "RN101", "RN50x4", "ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-L-14-336")
    configs = {name: open_clip.get_model_config(name) for name in names}
    for name in ("RN50", "ViT-B-16", "ViT-L-14-336"):
        with torch.device("meta"):
            shapes = open_clip.CLIP(**{key: configs[name][key] for key in ("embed_dim", "vision_cfg", "text_cfg")})
        visual = {key: value for key, value in shapes.state_dict().items() if key.startswith("visual.")}
        state = {key: torch.zeros(()).expand(value.shape) for key, value in visual.items()}
        torch.save(state, tmp_path / f"{name}.pt")
        assert archive_model(tmp_path / f"{name}.pt", configs) == name
    with pytest.raises(InputError, match="holds none of OpenAI's CLIP models"):
        archive_model(tmp_path / "RN50.pt", {"ViT-B-32": configs["ViT-B-32"]})


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_state_dict_of_an_archive_is_known_by_its_scalars(suffix: str, tmp_path: Path) -> None:
    state = tiny.state_dict() | {key: torch.tensor(value) for key, value in SCALARS.items()}
    path = tmp_path / f"finetuned.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save({"state_dict": state}, path)
    encoder = opened(f"open_clip/{tiny.NAME}", weights=str(path))
    assert encoder.spec.model == QUICK
    assert f"because finetuned.{suffix} holds context_length, as OpenAI's archives do" in encoder.notes[0]


def test_where_nothing_says_which_activation_it_is_said_what_was_taken(tmp_path: Path) -> None:
    save_file(tiny.state_dict(), tmp_path / "own.safetensors")
    plain = opened(f"open_clip/{tiny.NAME}", weights=str(tmp_path / "own.safetensors"))
    assert "the activation is GELU, and nothing in the weights says otherwise" in plain.notes[0]
    assert f"need QuickGELU: `encoder=open_clip/{QUICK}`" in plain.notes[0]
    named = opened(f"open_clip/{QUICK}", weights=str(tmp_path / "own.safetensors"))
    assert "QuickGELU, because its name says so" in named.notes[0]
    assert opened(f"open_clip/{tiny.NAME}", random_init=1).notes == ()
