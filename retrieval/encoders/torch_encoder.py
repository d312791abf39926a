"""The base class of torch encoders, which encode pixels to unit vectors in batches of fixed size."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.precision import torch_dtype
from retrieval.errors import InputError, WeightsError
from retrieval.types import ClassifierHead, Embeddings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import torch

    from retrieval.types import EncoderSpec, Float32, Preprocess, UInt8


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Seed torch's global generator within the block, and restore its state afterwards."""
    import torch

    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)


class TorchEncoder:
    """Encodes images by a torch function.

    The vector of an image does not depend on its position in a batch or on the other images: every forward pass has
    ``spec.batch_size`` images, padded with black ones.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        device: str,
        forward: Callable[[torch.Tensor], torch.Tensor],
        head: ClassifierHead | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Make an encoder and find its dimension by encoding one black image.

        Args:
            spec: the encoder.
            device: torch device.
            forward: maps normalised images (batch, 3, height, width) in the spec's precision to (batch, d).
            head: the classifier layer, or None.
            notes: what the user should know of the weights.

        Raises:
            InputError: the model cannot encode images of size ``spec.preprocess.crop``.
        """
        self._spec, self._device, self._forward, self._head = spec, device, forward, head
        self.notes = tuple(notes)
        self._pixels = _preprocess(spec)
        self._dimension = self._probe()

    @property
    def spec(self) -> EncoderSpec:
        """Spec of the encoder."""
        return self._spec

    @property
    def device(self) -> str:
        """The torch device on which it runs."""
        return self._device

    @property
    def dimension(self) -> int:
        """Number of dimensions d of the vectors."""
        return self._dimension

    @property
    def head(self) -> ClassifierHead | None:
        """The classifier layer in the weights, or None."""
        return self._head

    @property
    def network(self) -> torch.nn.Module | None:
        """The network in evaluation mode, with which training goes on; None if it is no single module."""
        import torch

        return self._forward if isinstance(self._forward, torch.nn.Module) else None

    @property
    def image_tower(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """Function from normalised images (batch, 3, height, width) to vectors (batch, d), not normalised."""
        return self._forward

    def encode_images(self, batch: UInt8) -> Embeddings:
        """Encode preprocessed pixels.

        Args:
            batch: (n, height, width, 3) uint8 from :func:`retrieval.encoders.preprocess.pixels`, for any n.

        Returns:
            Vectors (n, d) of length 1, and their lengths (n,) before normalisation.

        Raises:
            InputError: ``batch`` has another shape or type.
            WeightsError: a vector is zero or not finite.
        """
        return self.normalised(self._encoded(batch, self._forward, self._dimension), "image")

    def _encoded(self, batch: UInt8, forward: Callable[[torch.Tensor], torch.Tensor], dimension: int) -> Float32:
        """Return what a torch function gives for pixels (n, height, width, 3), not normalised (n, ``dimension``)."""
        shape = (*self._pixels.crop, 3)
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != shape:
            raise InputError(
                f"{self._name} takes uint8 pixels of shape (n, {shape[0]}, {shape[1]}, 3), not {batch.shape}."
            )
        size, raw = self._spec.batch_size, np.empty((len(batch), dimension), np.float32)
        for start in range(0, len(batch), size):
            part = batch[start : start + size]
            padded = part
            if len(part) < size:
                padded = np.zeros((size, *shape), np.uint8)
                padded[: len(part)] = part
            raw[start : start + size] = self._run(padded, forward)[: len(part)]
        return raw

    def normalised(self, raw: Float32, kind: str) -> Embeddings:
        """L2-normalise vectors (n, d); ``kind`` (image or text) is for the message.

        Raises:
            WeightsError: a vector is zero or not finite.
        """
        norms = np.sqrt(np.square(raw, dtype=np.float64).sum(axis=1))
        wrong = ~(np.isfinite(norms) & (norms > 0))
        if wrong.any():
            what = "zero" if np.isfinite(norms).all() else "not finite"
            raise WeightsError(
                f"{self._name} gives vectors that are {what} for {wrong.sum()} of {len(raw)} {kind}s: the weights are "
                f"damaged or overflow in {self._spec.precision}; try `precision=fp32` or other weights."
            )
        return Embeddings((raw / norms[:, None]).astype(np.float32), norms.astype(np.float32))

    @property
    def _name(self) -> str:
        return f"{self._spec.family}/{self._spec.model}"

    def _run(self, batch: UInt8, forward: Callable[[torch.Tensor], torch.Tensor]) -> Float32:
        """Run one forward pass; pixels are normalised in float32, then cast to the precision, channels last."""
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(np.require(batch, requirements=["C", "W"])).to(self._device).permute(0, 3, 1, 2)
            scaled = pixels.to(torch.float32).div_(255)
            mean, std = (
                torch.tensor(v, device=self._device).view(3, 1, 1) for v in (self._pixels.mean, self._pixels.std)
            )
            scaled = scaled.sub_(mean).div_(std).to(torch_dtype(self._spec.precision))
            vectors = forward(scaled.contiguous(memory_format=torch.channels_last))
            raw: Float32 = vectors.to(torch.float32).cpu().numpy()
        return raw

    def _probe(self) -> int:
        """Return the dimension of the vectors, found by encoding one black image."""
        try:
            vector = self._run(np.zeros((1, *self._pixels.crop, 3), np.uint8), self._forward)
        except (AssertionError, RuntimeError, ValueError, IndexError) as error:
            height, width = self._pixels.crop
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{self._name} cannot encode images of {height}x{width} in {self._spec.precision} on "
                f"{self._device} ({reason}); leave crop out of `preprocess`, or choose another `precision`."
            ) from None
        if vector.ndim != 2:
            raise InputError(f"{self._name} gives no vector per image (shape {vector.shape}); choose another model.")
        return int(vector.shape[1])


def _preprocess(spec: EncoderSpec) -> Preprocess:
    if spec.preprocess is None:
        raise InputError(f"{spec.family}/{spec.model} is a space without preprocessing: it cannot encode images.")
    return spec.preprocess


@dataclass(frozen=True, slots=True)
class Classifier:
    """The classifier layers of a model by dotted name; their input is the vector of an image."""

    names: tuple[str, ...]

    def unwrapped(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Rename the only linear layer of a sequential head (``fc.1.weight`` after a dropout) to ``fc.weight``."""
        renamed = dict(tensors)
        for name in self.names:
            keys = [key for key in tensors if key.startswith(f"{name}.")]
            layers = {key.removeprefix(f"{name}.").rpartition(".")[0] for key in keys}
            if len(layers) == 1 and (inner := layers.pop()).isdecimal():
                renamed |= {key.replace(f"{name}.{inner}.", f"{name}.", 1): renamed.pop(key) for key in keys}
        return renamed

    def classes_in(self, tensors: Mapping[str, torch.Tensor]) -> int | None:
        """Return the number of classes in a state dict: rows of its first classifier weight; None without one."""
        weight = tensors.get(f"{self.names[0]}.weight") if self.names else None
        return None if weight is None else len(weight)

    def owns(self, key: str) -> bool:
        """Return whether a key of a state dict belongs to a classifier layer."""
        return any(key.startswith(f"{name}.") for name in self.names)

    def cut_off(self, model: torch.nn.Module, *, trained: bool) -> ClassifierHead | None:
        """Replace the classifier layers by identities.

        Returns:
            The classifier as a head, if it is trained and a single linear layer; else None.
        """
        import torch

        layers = [model.get_submodule(name) for name in self.names]
        for name in self.names:
            model.set_submodule(name, torch.nn.Flatten())
        if len(layers) != 1 or not trained:
            return None
        return _linear(layers[0])


def _linear(layer: Any) -> ClassifierHead | None:
    """Return a linear layer or 1x1 convolution as a head; None for other layers."""
    import torch

    if not isinstance(layer, torch.nn.Linear | torch.nn.Conv2d) or (
        isinstance(layer, torch.nn.Conv2d) and layer.kernel_size != (1, 1)
    ):
        return None
    weight = layer.weight.detach().float().flatten(1).numpy()
    bias = layer.bias.detach().float().numpy() if layer.bias is not None else np.zeros(len(weight), np.float32)
    return ClassifierHead(weight.copy(), bias.copy())
