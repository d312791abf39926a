"""What an ONNX graph takes and gives: the layout, size and type of its input, and the output that holds the vectors."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from retrieval.errors import InputError, MissingDependencyError, WeightsError, first_names, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Layout = Literal["NCHW", "NHWC"]

TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
"""Types of pixels that graphs take, as numpy names them."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The input and the output of an ONNX graph that encodes images.

    Attributes:
        input: name of the input.
        layout: order of its axes.
        size: (height, width) of the images, or None if the graph leaves one of them open.
        dtype: float32, float16 or uint8.
        batch: number of images in every run, or None if any number may be given.
        output: name of the output that holds the vectors.
        vague: whether the shape of the input does not say which axis holds the colours.
    """

    input: str
    layout: Layout
    size: tuple[int, int] | None
    dtype: str
    batch: int | None
    output: str
    vague: bool


def onnxruntime() -> Any:
    """Import onnxruntime.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import onnxruntime as package
    except ImportError:
        raise MissingDependencyError(
            "ONNX files need another package: pip install onnxruntime (or, with Vitrine: pip install 'vitrine[onnx]')."
        ) from None
    package.set_default_logger_severity(3)  # errors; its warnings are about the exporter's graph
    return package


def open_session(path: Path, device: str = "cpu", *, optimised: bool = True) -> Any:
    """Open an ONNX file in onnxruntime.

    Args:
        path: the file.
        device: torch device; ``cuda`` is used where onnxruntime is built for it.
        optimised: whether the graph is optimised, which takes time and only runs need.

    Raises:
        MissingDependencyError: onnxruntime is not installed.
        WeightsError: the file cannot be opened.
    """
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # batches are encoded beside one another, each on a core of its own
    options.inter_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    providers = ["CUDAExecutionProvider"] * (device.startswith("cuda") and has_cuda()) + ["CPUExecutionProvider"]
    try:
        return runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # noqa: BLE001  # onnxruntime's classes derive from Exception alone
        raise WeightsError(f"{path} is no ONNX model that can be opened ({reason(error)}); export it again.") from None


def has_cuda() -> bool:
    """Return whether onnxruntime is built for CUDA."""
    return "CUDAExecutionProvider" in onnxruntime().get_available_providers()


def reason(error: BaseException) -> str:
    """Return the first line of an error of onnxruntime without its codes."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line.rpartition(" : ")[2].rstrip(". ")[:200]


def read_graph(session: Any, path: Path, output: str = "") -> Graph:
    """Read what a graph takes and gives.

    Args:
        session: from :func:`open_session`.
        path: the file, for messages.
        output: name of the output that holds the vectors; empty for the only one that may.

    Raises:
        InputError: the graph does not take images alone, or several outputs may hold the vectors.
        UnknownNameError: it has no output of that name.
    """
    source = _image_input(session.get_inputs(), path)
    shape = source.shape
    channels_last = shape[1] != 3 and shape[3] == 3
    size = shape[1:3] if channels_last else shape[2:4]
    return Graph(
        input=source.name,
        layout="NHWC" if channels_last else "NCHW",
        size=(size[0], size[1]) if all(isinstance(side, int) and side > 0 for side in size) else None,
        dtype=TYPES[source.type],
        batch=shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None,
        output=_vector_output(session.get_outputs(), path, output),
        vague=3 not in (shape[1], shape[3]),
    )


def _image_input(inputs: Sequence[Any], path: Path) -> Any:
    """Return the only input, after checking that it holds images in colour."""
    if len(inputs) != 1:
        names = first_names([node.name for node in inputs], 5)
        raise InputError(f"{path} has {len(inputs)} inputs ({names}); export its image tower alone, with one input.")
    node = inputs[0]
    colours = [node.shape[axis] for axis in (1, 3) if len(node.shape) == 4]
    if not any(side == 3 or not isinstance(side, int) for side in colours):
        raise InputError(
            f"{path} takes '{node.name}' of shape {_shape(node)}, not images (batch, 3, height, width) or "
            "(batch, height, width, 3); name another model."
        )
    if node.type not in TYPES:
        raise InputError(f"{path} takes '{node.name}' as {node.type}, not as float or uint8 pixels; export it so.")
    return node


def _vector_output(outputs: Sequence[Any], path: Path, output: str) -> str:
    """Return the name of the output that holds a vector for each image."""
    names = [node.name for node in outputs]
    if output:
        if output not in names:
            raise unknown(f"output of {path.name}", output, names)
        return output
    fitting: list[str] = [node.name for node in outputs if _is_vector(node.shape)]
    fitting = fitting or [node.name for node in outputs if not node.shape]  # of unknown shape
    if len(fitting) == 1:
        return fitting[0]
    listed = first_names([f"'{node.name}' {_shape(node)}" for node in outputs], 6)
    if not fitting:
        raise InputError(
            f"{path} gives {listed}, and none is a vector for each image (batch, d); export it with pooled features."
        )
    raise InputError(f"{path} gives {listed}; say which output holds the vectors: `encoder=onnx/{path}#{fitting[0]}`.")


def _is_vector(shape: Sequence[Any]) -> bool:
    """Return whether a shape is (batch, d), or that with axes of length 1 behind it."""
    return len(shape) >= 2 and all(side == 1 for side in shape[2:])


def _shape(node: Any) -> str:
    return f"({', '.join(str(side) for side in node.shape)})"


def external_files(path: Path) -> list[Path]:
    """Return the files beside an ONNX file in which it keeps tensors, by name.

    A file counts if the graph contains its name, as the location of external data does.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(b"location") < 0:
                return []
            beside = (other for other in sorted(path.parent.iterdir()) if other != path and other.is_file())
            return [other for other in beside if len(other.name) > 3 and content.find(other.name.encode()) >= 0]
