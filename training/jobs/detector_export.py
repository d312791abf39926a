"""Writes a trained detector: ONNX files of both forms with the metadata of the YOLO families, and a page about it.

``NAME.onnx``             (1, 4 + classes, cells), to be suppressed by the reader
``NAME-end-to-end.onnx``  (1, 300, 6), suppressed in the graph at the recipe's ``overlap``
``README.md``             what it was trained on, for people
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from retrieval.export.encoder_graph import halve_weights
from retrieval.files import write_atomically
from training.jobs.detector_recipe import STRIDES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.jobs.detector_data import DetectorData
    from training.jobs.detector_recipe import DetectorRecipe
    from training.loop import TrainingResult

OPSET = 17
"""Version of the operators; onnxruntime has read it since 2022."""

END_TO_END = "-end-to-end"


def export(folder: Path, best: Path, recipe: DetectorRecipe, data: DetectorData, result: TrainingResult) -> None:
    """Write both ONNX files and the page."""
    from safetensors.torch import load_file

    from training.jobs.detector_forms import AnchorsForm, EndToEndForm
    from training.jobs.detector_network import DetectorNetwork

    network = DetectorNetwork(len(data.classes), recipe.size, recipe.model)
    network.load_state_dict(load_file(best))
    folder.mkdir(exist_ok=True)
    forms = {"": AnchorsForm(network), END_TO_END: EndToEndForm(network, recipe.overlap)}
    for suffix, form in forms.items():
        said = metadata(recipe, data.classes, end_to_end=suffix == END_TO_END)
        graph = onnx_graph(form.eval(), recipe.size, said, half=recipe.weights == "fp16")
        write_atomically(folder / f"{recipe.name}{suffix}.onnx", graph)
    write_atomically(folder / "README.md", _page(recipe, data, result))


def metadata(recipe: DetectorRecipe, classes: Sequence[str], *, end_to_end: bool) -> dict[str, str]:
    """What exports of the YOLO families say of themselves."""
    return {
        "description": f"{recipe.name}, by Vitrine",
        "task": "detect",
        "names": str(dict(enumerate(classes))),
        "imgsz": str([recipe.size, recipe.size]),
        "stride": str(max(STRIDES)),
        "batch": "1",
        "end2end": str(end_to_end),
    }


def onnx_graph(form: Any, size: int, said: dict[str, str], *, half: bool) -> bytes:
    """Export a module that takes one image (1, 3, size, size).

    Args:
        form: the module, in evaluation mode, on the CPU.
        size: side of the image.
        said: metadata.
        half: whether weights are kept in half precision; they are computed with in float32.
    """
    import onnx
    import torch

    buffer, image = io.BytesIO(), torch.zeros(1, 3, size, size)
    # dynamo=False writes to files in memory, too; dynamo=True needs onnxscript, and ten times as long.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        shape = list(form(image).shape)
        torch.onnx.export(
            form,
            (image,),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["output0"],
        )
    model = onnx.load_from_string(buffer.getvalue())
    if half:
        halve_weights(model.graph, least_dims=2)
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("output0", onnx.TensorProto.FLOAT, shape))
    onnx.helper.set_model_props(model, said)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _page(recipe: DetectorRecipe, data: DetectorData, result: TrainingResult) -> str:
    counts = [
        f"| {split} | {len(images):,} | {sum(len(image.objects) for image in images):,} |"
        for split, images in (("train", data.train), ("val, for choosing the weights", data.val))
    ]
    table = "\n".join(counts)
    sources = ", ".join(name for name, folder in recipe.sources.items() if folder is not None)
    minutes = sum(line["seconds"] for line in result.history) / 60
    return f"""# {recipe.name}

A detector of {", ".join(data.classes)} in images of {recipe.size} pixels a side, trained by `vitrine train detector`
with the recipe in the folder above, from scratch, on {sources}.

| split | images | objects |
|---|---:|---:|
{table}

{result.epochs} epochs in {minutes:.0f} minutes. The weights are those of epoch {result.best_epoch}, whose mean average
precision at an overlap of .5 on the held-out images was {result.best_score:.3f}: the best of {len(result.history)}, so
a little flattering.

`{recipe.name}.onnx` answers (1, {4 + len(data.classes)}, cells), as YOLOv8 does, and
`{recipe.name}{END_TO_END}.onnx` (1, 300, 6), suppressed at an overlap of {recipe.overlap:g}.
`vitrine inspect --detector FILE` takes either.
"""
