"""Write the network of an image encoder as an ONNX graph, from normalised images to vectors that are not normalised.

``images`` (batch, 3, height, width) float32 of any batch -> ``vectors`` (batch, d) float32. A graph of fp16 has weights
of half precision. In one of int8, weights are quantised once and the inputs of products and convolutions in every run.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.adapter_encoder import BASE, AdapterEncoder
from retrieval.encoders.onnx_graph import onnxruntime
from retrieval.encoders.torch_encoder import TorchEncoder
from retrieval.errors import InputError, MissingDependencyError, WeightsError
from retrieval.types import ProjectingEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from retrieval.export.encoder_request import GraphPrecision
    from retrieval.types import Encoder, EncoderSpec, Float32

OPSET = 17
"""Version of the operators: the first with layer norms, which onnxruntime has read since 2022."""

INPUT, OUTPUT = "images", "vectors"

LARGEST = 2**31 - 2**24
"""Bytes of weights; the format of ONNX files (protocol buffers) ends at 2 GiB."""

LEAST_COSINE = 0.9999
"""Cosine that vectors of the graph in fp32 must have to those of torch; usual are 0.999999."""


def require_onnx() -> None:
    """Check that ONNX files can be written and run.

    Raises:
        MissingDependencyError: a package is not installed.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise MissingDependencyError(
            "Writing ONNX files needs other packages: pip install onnx onnxruntime (or, with Vitrine: pip install "
            "'vitrine[export]')."
        ) from None
    onnxruntime()


def image_network(encoder: Encoder, view: str = BASE) -> torch.nn.Module:
    """Return a module from normalised images to vectors, those of an adapter with its matrix.

    Args:
        encoder: the encoder.
        view: the view of the vectors: ``base``, or ``preproj``, those before the projection, which some adapters map.

    Raises:
        InputError: the encoder does not run in torch.
    """
    import torch

    from retrieval.encoders.open_clip_encoder import OpenClipEncoder

    class ImageNetwork(torch.nn.Module):
        """The image tower of an encoder; the weights of its network are those of this module."""

        def __init__(self, encoder: TorchEncoder, tower: Callable[[torch.Tensor], torch.Tensor]) -> None:
            super().__init__()
            self.network, self._tower = encoder.network, tower

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            """Map (batch, 3, height, width) to (batch, d)."""
            vectors: torch.Tensor = self._tower(images)
            return vectors

    class MappedNetwork(torch.nn.Module):
        """A network, L2, and the matrix of an adapter; its last column may be of the inverse lengths, as of a bias."""

        def __init__(self, parent: torch.nn.Module, matrix: Float32, width: int) -> None:
            super().__init__()
            self.parent = parent
            parts = (matrix[:, :width], matrix[:, width:])
            self.matrix, self.bias = (torch.nn.Parameter(torch.tensor(part), requires_grad=False) for part in parts)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            """Map (batch, 3, height, width) to (batch, d)."""
            vectors = self.parent(images)
            inverse = 1 / vectors.square().sum(dim=1, keepdim=True).sqrt()
            mapped: torch.Tensor = vectors * inverse @ self.matrix.T
            return mapped + inverse @ self.bias.T if self.bias.numel() else mapped

    if isinstance(encoder, AdapterEncoder):
        parent, width = encoder.parent, encoder.parent.dimension
        if encoder.view != BASE and isinstance(parent, ProjectingEncoder):
            width = parent.unprojected_dimension
        return MappedNetwork(image_network(parent, encoder.view), encoder.matrix, width).eval()
    if not isinstance(encoder, TorchEncoder) or encoder.network is None:
        raise InputError(
            f"{encoder.spec.family}/{encoder.spec.model} is no network of torch, so it cannot be exported; a file "
            "of ONNX can be used as it is."
        )
    if view == BASE:
        return ImageNetwork(encoder, encoder.image_tower).eval()
    assert isinstance(encoder, OpenClipEncoder)  # noqa: S101 - loading the adapter has looked
    return ImageNetwork(encoder, encoder.unprojected_tower).eval()


def write_graph(encoder: Encoder, precision: GraphPrecision, path: Path, metadata: Mapping[str, str]) -> int:
    """Write the image network of an encoder.

    Args:
        encoder: the encoder in fp32, on the CPU.
        precision: numbers of the graph.
        path: file to write.
        metadata: what the file says of itself.

    Returns:
        Bytes of the network's weights in fp32, without those that images do not need.

    Raises:
        InputError: torch cannot export the network, or it is too large for one file.
        WeightsError: the graph does not give the vectors of torch.
    """
    import onnx

    network = image_network(encoder)
    model = _traced(encoder, network)
    size = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    if size > LARGEST:
        raise _unfit(encoder.spec, "its weights are more than the 2 GiB that an ONNX file holds")
    if precision == "fp32":
        _save(model, path, metadata)
    else:
        if precision == "fp16":
            halve_weights(model.graph)
        _save(model if precision == "fp16" else _quantised(model), path, metadata)
    onnx.checker.check_model(str(path))
    _check(encoder, path, precision)
    return size


def _images(encoder: Encoder, n: int) -> torch.Tensor:
    """Return n images of noise, normalised."""
    import torch

    preprocess = encoder.spec.preprocess
    assert preprocess is not None  # noqa: S101 - the caller has looked
    noise = np.random.default_rng(0).standard_normal((n, 3, *preprocess.crop)).astype(np.float32)
    return torch.from_numpy(noise)


def _traced(encoder: Encoder, network: torch.nn.Module) -> Any:
    import onnx
    import torch

    free = {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}}
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)  # it has no operator in ONNX
    try:
        with TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            path = Path(folder) / "torch.onnx"
            torch.onnx.export(
                network,
                (_images(encoder, 2),),
                path,
                dynamo=False,  # the newer exporter needs another package, and far longer for the same graph
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes=free,
            )
            model = onnx.load(path)
    except (RuntimeError, TypeError, ValueError, AssertionError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise _unfit(encoder.spec, reason) from None
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)
    del model.graph.value_info[:]  # shapes in between, which hinder the quantisation of convolutions
    _undo_sharing(model.graph)
    return model


def _undo_sharing(graph: Any) -> None:
    """Let nodes read weights themselves, where torch found equal ones and made Identity nodes of all but one.

    Convolutions whose weights come from a node cannot be quantised.
    """
    weights = {tensor.name for tensor in graph.initializer}
    shared = {node.output[0]: node.input[0] for node in graph.node
              if node.op_type == "Identity" and node.input[0] in weights}  # fmt: skip
    nodes = [node for node in graph.node if not (node.op_type == "Identity" and node.output[0] in shared)]
    for node in nodes:
        for at, name in enumerate(node.input):
            node.input[at] = shared.get(name, name)
    del graph.node[:]
    graph.node.extend(nodes)


def _unfit(spec: EncoderSpec, reason: str) -> InputError:
    """Return the error of a network that cannot be exported."""
    return InputError(f"{spec.family}/{spec.model} cannot be exported to ONNX ({reason}); choose another space.")


def halve_weights(graph: Any, least_dims: int = 1) -> None:
    """Keep weights in half precision, each behind a cast that onnxruntime computes once, when it opens the file.

    Arithmetic stays in float32. A CPU would compute a graph of half precision throughout in float32, too: onnxruntime
    1.31 casts its weights back, or ends the process that opens it (``tests/bench/bench_half_precision.py``). Weights
    that half precision cannot hold stay as they are.

    Args:
        graph: the graph, which is changed.
        least_dims: fewest dimensions of a weight that is halved.
    """
    import onnx

    casts = []
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) >= least_dims:
            name, values = tensor.name, onnx.numpy_helper.to_array(tensor)
            with np.errstate(over="ignore"):
                halves = values.astype(np.float16)
            if not np.isfinite(halves).all():
                continue  # as it is
            tensor.CopyFrom(onnx.numpy_helper.from_array(halves, f"{name}.fp16"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}.fp16"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    halved = {cast.output[0] for cast in casts}
    listed = [one for one in graph.value_info if one.name not in halved]
    del graph.value_info[:]
    graph.value_info.extend(listed)


def _quantised(model: Any) -> Any:
    """Return a graph whose products and convolutions are of whole numbers.

    Weights are uint8 with a scale for every output: products of uint8 and int8 overflow on processors without VNNI.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    marked = {"onnx.quant.pre_process": "onnxruntime.quant"}  # torch has folded constants; it would warn otherwise
    onnx.helper.set_model_props(model, marked)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        try:
            quantize_dynamic(
                model,
                path,
                op_types_to_quantize=["MatMul", "Gemm", "Conv"],
                weight_type=QuantType.QUInt8,
                per_channel=True,
            )
        except (ValueError, RuntimeError, KeyError, AttributeError, NotImplementedError) as error:
            raise InputError(
                f"onnxruntime cannot quantise this network ({error}); export it in fp16 or fp32."
            ) from None
        return onnx.load(path)


def _save(model: Any, path: Path, metadata: Mapping[str, str]) -> None:
    import onnx

    onnx.helper.set_model_props(model, dict(metadata))
    path.write_bytes(model.SerializeToString())


def _check(encoder: Encoder, path: Path, precision: GraphPrecision) -> None:
    """Compare the vectors of three images, another number than the graph was made with, with those of the encoder.

    Raises:
        WeightsError: they differ in fp32, or are not finite.
    """
    preprocess = encoder.spec.preprocess
    assert preprocess is not None  # noqa: S101 - the caller has looked
    batch = np.random.default_rng(0).integers(0, 256, (3, *preprocess.crop, 3), np.uint8)
    images = (batch / 255 - preprocess.mean) / preprocess.std
    session = onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = {INPUT: np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)}
    vectors = np.asarray(session.run([OUTPUT], given)[0], np.float64)
    name = f"{encoder.spec.family}/{encoder.spec.model}"
    if not np.isfinite(vectors).all():
        raise WeightsError(f"{name} gives vectors that are not finite in {precision}; export it in fp32.")
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), np.finfo(np.float64).tiny)
    cosines = (vectors * encoder.encode_images(batch).vectors).sum(axis=1) / lengths
    if precision == "fp32" and cosines.min() < LEAST_COSINE:
        raise WeightsError(
            f"The exported graph of {name} does not give the vectors of torch (cosine {cosines.min():.4f}), so it was "
            "not written."
        )
