"""Writes small ONNX files, field by field as onnx.proto numbers them, so that no test needs the package ``onnx``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7, "float16": 10}
"""``TensorProto.DataType``."""

COLOURS = np.random.default_rng(3).normal(size=(3, 5)).astype(np.float32)
"""Maps the mean colour of an image to a vector of five numbers; the weights of :func:`colour_encoder`."""


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def message(*fields: tuple[int, Any]) -> bytes:
    """Encode (number, value) pairs: ints as varints; texts, bytes and messages with their length."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(_varint(number << 3) + _varint(value))
        else:
            content = value.encode() if isinstance(value, str) else value
            parts.append(_varint(number << 3 | 2) + _varint(len(content)) + content)
    return b"".join(parts)


def _shaped(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    sides = [(1, message((1, side) if isinstance(side, int) else (2, side))) for side in shape]
    return message((1, name), (2, message((1, message((1, TYPES[dtype]), (2, message(*sides)))))))


@dataclass
class Model:
    """A graph; ``nodes`` are (operator, inputs, outputs, integer attributes)."""

    inputs: Mapping[str, tuple[str, Sequence[int | str]]]
    outputs: Mapping[str, tuple[str, Sequence[int | str]]]
    nodes: Sequence[tuple[str, Sequence[str], Sequence[str], Mapping[str, Any]]]
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)
    external: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: Path) -> Path:
        tensors, raw = [], b""
        for name, value in self.tensors.items():
            head = [*[(1, side) for side in value.shape], (2, TYPES[value.dtype.name]), (8, name)]
            content = np.ascontiguousarray(value).tobytes()
            if self.external:
                places = {"location": self.external, "offset": str(len(raw)), "length": str(len(content))}
                head += [(13, message((1, key), (2, text))) for key, text in places.items()] + [(14, 1)]
                raw += content
            else:
                head.append((9, content))
            tensors.append(message(*head))
        if self.external:
            path.with_name(self.external).write_bytes(raw)
        graph = message(
            *[(1, _node(*node)) for node in self.nodes],
            (2, "main_graph"),
            *[(5, tensor) for tensor in tensors],
            *[(11, _shaped(name, *value)) for name, value in self.inputs.items()],
            *[(12, _shaped(name, *value)) for name, value in self.outputs.items()],
        )
        said = [(14, message((1, key), (2, text))) for key, text in self.metadata.items()]
        path.write_bytes(message((1, 8), (2, "test"), (7, graph), (8, message((1, ""), (2, 13))), *said))
        return path


def _node(operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, Any]) -> bytes:
    made = []
    for name, value in attributes.items():
        values = [(8, number) for number in value] if isinstance(value, list) else [(3, value)]
        made.append((5, message((1, name), *values, (20, 7 if isinstance(value, list) else 2))))
    return message(*[(1, name) for name in inputs], *[(2, name) for name in outputs], (4, operator), *made)


def colour_encoder(
    path: Path, shape: Sequence[int | str] = ("batch", 3, 8, 4), dtype: str = "float32", external: str = ""
) -> Path:
    """Save a graph whose vector is the mean colour of the image times :data:`COLOURS`.

    The outputs of colour (``colours``, four axes) and of the vector (``vector``) are of any batch.
    """
    nodes: list[Any] = []
    last = "images"
    if dtype != "float32":
        nodes.append(("Cast", [last], ["floats"], {"to": 1}))
        last = "floats"
    if shape[1] != 3 and shape[3] == 3:
        nodes.append(("Transpose", [last], ["turned"], {"perm": [0, 3, 1, 2]}))
        last = "turned"
    nodes += [
        ("GlobalAveragePool", [last], ["colours"], {}),
        ("Flatten", ["colours"], ["flat"], {"axis": 1}),
        ("MatMul", ["flat", "weights"], ["vector"], {}),
    ]
    return Model(
        inputs={"images": (dtype, shape)},
        outputs={"vector": ("float32", (shape[0], 5))},
        nodes=nodes,
        tensors={"weights": COLOURS},
        external=external,
    ).save(path)
