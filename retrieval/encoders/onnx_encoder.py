"""Encoders exported to ONNX: ``onnx/FILE``, or ``onnx/FILE#OUTPUT`` for a graph that gives several vectors.

The graph says the size of its images, and not how their pixels are to be prepared: that is read from a file beside it
(``NAME.preprocess.yaml`` with the keys of the option ``preprocess``, or ``preprocessor_config.json`` of transformers,
which may also be above a folder ``onnx``); without one, images are stretched to the size and normalised with the mean
and standard deviation of ImageNet. The encoder's notes say which.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.artefact import Artefact, combined_digest, split_inside
from retrieval.encoders.digests import file_digest
from retrieval.encoders.family import Description
from retrieval.encoders.hf_pixels import FILES as PIXEL_FILES
from retrieval.encoders.hf_pixels import read_pixels
from retrieval.encoders.onnx_graph import Graph, external_files, has_cuda, open_session, read_graph, reason
from retrieval.encoders.precision import batch_size
from retrieval.encoders.preprocess import IMAGENET_MEAN, IMAGENET_STD, OPEN_SIZE, override
from retrieval.encoders.torch_encoder import TorchEncoder
from retrieval.errors import InputError, MissingFileError
from retrieval.types import Preprocess

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from retrieval.types import EncoderSpec

SUFFIX = ".onnx"
ZEROS, ONES = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
SIDECARS = (".preprocess.yaml", ".preprocess.yml", ".preprocess.json")
"""Suffixes, instead of ``.onnx``, of files beside a graph with its preprocessing."""


class OnnxFamily:
    """Family ``onnx``; see :class:`retrieval.encoders.family.Family` for what the methods return and raise."""

    def is_contrastive(self, model: str) -> bool:  # noqa: ARG002 - the interface has it
        """Return False: no model has a text tower."""
        return False

    def claims(self, path: Path) -> bool:
        """Return whether a path is an ONNX file."""
        return path.suffix.lower() == SUFFIX and path.is_file()

    def models(self) -> Sequence[str]:
        """Return no names, because every file is a model of its own."""
        return ()

    def check(self, model: str) -> tuple[str, str | None]:
        """Return the name of the file without its suffix, and the location of the file."""
        path, output = split_inside(model)
        if not path.is_file():
            raise MissingFileError(f"{path}: no such ONNX file; check the path in `encoder=onnx/{model}`.")
        return path.stem, f"file:{path.resolve()}" + (f"#{output}" if output else "")

    def tags(self, model: str) -> Sequence[str]:  # noqa: ARG002 - the interface has it
        """Return no tags, because a file has only one set of weights."""
        return ()

    def find(self, model: str, source: str) -> Artefact:
        """Return the file; its digest covers the tensors that it keeps in files beside it."""
        if not source.startswith("file:"):
            raise InputError(f"onnx/{model} is a file with its weights; leave out {source}.")
        path, output = split_inside(source.removeprefix("file:"))
        digest = file_digest(path)
        external = {other.name: file_digest(other) for other in external_files(path)}
        if output or external:
            digest = combined_digest({"": digest, **external, **({f"#{output}": "output"} if output else {})})
        return Artefact(path, path, digest, inside=output)

    def describe(self, model: str, source: str) -> Description:
        """Read the graph and the file of preprocessing beside it."""
        if not source.startswith("file:"):
            raise InputError(f"onnx/{model} is a file with its weights; leave out `random_init`.")
        path, output = split_inside(source.removeprefix("file:"))
        graph = read_graph(open_session(path, optimised=False), path, output)
        size = None if graph.batch is None else max(graph.batch, batch_size("cpu", contrastive=False))
        return Description("onnx", model, source, _found(path, graph).preprocess, size)

    def build(self, spec: EncoderSpec, device: str, artefact: Artefact | None) -> OnnxEncoder:
        """Open the graph."""
        if artefact is None:
            raise InputError(f"onnx/{spec.model} is a file with its weights; leave out `random_init`.")
        if spec.precision != "fp32":
            raise InputError(
                f"onnx/{spec.model} runs in the precision of its export; leave out `precision={spec.precision}`."
            )
        notes = []
        if device.startswith("cuda") and not has_cuda():
            device = "cpu"
            notes.append("onnxruntime is installed without CUDA, so the encoder runs on the CPU.")
        session = open_session(artefact.weights, device)
        graph = read_graph(session, artefact.weights, artefact.inside)
        if graph.dtype == "uint8" and spec.preprocess and (spec.preprocess.mean, spec.preprocess.std) != (ZEROS, ONES):
            raise InputError(f"{artefact.weights} takes uint8 pixels as they are; leave mean and std as 0 and 1.")
        notes.insert(0, _describe(artefact.weights, graph, spec.preprocess))
        return OnnxEncoder(spec, device, session, graph, notes)


class OnnxEncoder(TorchEncoder):
    """Runs an ONNX graph on batches of the size that it takes."""

    def __init__(self, spec: EncoderSpec, device: str, session: Any, graph: Graph, notes: Sequence[str]) -> None:
        """``session`` is of onnxruntime; ``graph`` says what it takes and gives."""
        self._session, self._graph = session, graph
        super().__init__(spec, device, self._run_graph, None, notes)

    def _run_graph(self, pixels: torch.Tensor) -> torch.Tensor:
        """Run normalised pixels (batch, 3, height, width) through the graph; a fixed batch is filled up with zeros."""
        import torch

        images = pixels.cpu().numpy()
        if self._graph.dtype == "uint8":
            images = np.rint(images * 255)
        if self._graph.layout == "NHWC":
            images = images.transpose(0, 2, 3, 1)
        images = np.ascontiguousarray(images, self._graph.dtype)
        step = self._graph.batch or len(images)
        parts = [self._run_batch(images[start : start + step], step) for start in range(0, len(images), step)]
        return torch.from_numpy(np.concatenate(parts).astype(np.float32))

    def _run_batch(self, images: np.ndarray, size: int) -> np.ndarray:
        count = len(images)
        if count < size:
            images = np.concatenate([images, np.zeros((size - count, *images.shape[1:]), images.dtype)])
        try:
            vectors = self._session.run([self._graph.output], {self._graph.input: images})[0]
        except Exception as error:  # noqa: BLE001  # onnxruntime's classes derive from Exception alone
            raise RuntimeError(reason(error)) from None
        if vectors.ndim > 2 and set(vectors.shape[2:]) == {1}:
            vectors = vectors.reshape(vectors.shape[:2])
        return np.asarray(vectors)[:count]


@dataclass(frozen=True, slots=True)
class _Found:
    """The preprocessing of a graph, and the file beside it that says how; None if it is assumed."""

    preprocess: Preprocess
    sidecar: Path | None


def _found(path: Path, graph: Graph) -> _Found:
    """Return the preprocessing of a graph at the size that it takes.

    Raises:
        InputError: the file beside it disagrees with the graph, or cannot be read.
    """
    height, width = graph.size or OPEN_SIZE
    plain = graph.dtype == "uint8"  # such graphs normalise the pixels themselves
    assumed = Preprocess(
        resize=min(height, width),
        crop=(height, width),
        mean=ZEROS if plain else IMAGENET_MEAN,
        std=ONES if plain else IMAGENET_STD,
        interpolation="bilinear",
        mode="squash",
    )
    sidecar = _sidecar(path)
    if sidecar is None:
        return _Found(assumed, None)
    preprocess = read_pixels(sidecar) if sidecar.name == PIXEL_FILES[0] else override(assumed, [str(sidecar)])
    if graph.size is not None and preprocess.crop != graph.size:
        said, taken = (f"{h}x{w}" for h, w in (preprocess.crop, graph.size))
        raise InputError(f"{sidecar} says crop={said}, and {path.name} takes images of {taken}; correct the file.")
    return _Found(preprocess, sidecar)


def _sidecar(path: Path) -> Path | None:
    """Return the file beside a graph that says how its images are prepared; None without one."""
    folders = [path.parent, *([path.parent.parent] if path.parent.name == "onnx" else [])]
    of_transformers = [folder / PIXEL_FILES[0] for folder in folders]
    return next((file for file in [*map(path.with_suffix, SIDECARS), *of_transformers] if file.is_file()), None)


def _describe(path: Path, graph: Graph, pixels: Preprocess | None) -> str:
    """Return a sentence on what is done to the images and who says so."""
    base = _found(path, graph)
    if pixels is None:
        return ""
    height, width = pixels.crop
    size_from = "as the graph takes them" if graph.size else f"as {_origin(base, pixels, 'crop')} says"
    colours = f"mean {_numbers(pixels.mean)} and std {_numbers(pixels.std)} {_colours_from(base, graph, pixels)}"
    layout = " (axes assumed)" if graph.vague else ""
    batch = "" if graph.batch is None else f", {graph.batch} at a time"
    return (
        f"{path.name}: images of {height}x{width}, {size_from} ({graph.layout}{layout}, {graph.dtype}{batch}), "
        f"resized by mode {pixels.mode}, {pixels.interpolation}; {colours}; the vector is its output '{graph.output}'."
    )


def _origin(base: _Found, pixels: Preprocess, field: str) -> str:
    changed = getattr(base.preprocess, field) != getattr(pixels, field)
    return "`preprocess`" if changed or base.sidecar is None else base.sidecar.name


def _colours_from(base: _Found, graph: Graph, pixels: Preprocess) -> str:
    if (pixels.mean, pixels.std) != (base.preprocess.mean, base.preprocess.std):
        return "from `preprocess`"
    if base.sidecar is not None:
        return f"from {base.sidecar.name}"
    if graph.dtype == "uint8":
        return "(pixels as they are, which is what the graph takes)"
    return "of ImageNet are assumed, because the file does not say them; `preprocess=mean=A/B/C,std=A/B/C` sets others"


def _numbers(values: Sequence[float]) -> str:
    return "/".join(f"{value:g}" for value in values)


FAMILY = OnnxFamily()
