import numpy as np
import pytest

from retrieval.detectors.yolo_outputs import decode, form_of
from retrieval.errors import InputError


@pytest.mark.parametrize(
    ("shape", "classes", "end_to_end", "form"),
    [
        ((1, 84, 8400), 80, False, "anchors"),
        ((1, 8, 8400), None, False, "anchors"),
        ((1, 6, 8400), 2, False, "anchors"),
        ((1, 25200, 85), 80, False, "objectness"),
        ((1, 25200, 9), None, False, "objectness"),
        ((1, 25200, 6), 1, False, "objectness"),
        ((1, 300, 6), 80, False, "end to end"),
        ((1, 300, 6), 1, False, "end to end"),
        ((1, 300, 6), 2, True, "end to end"),
        ((1, 2000, 6), 4, True, "end to end"),
        ((1, 300, 6), None, False, "end to end"),
    ],
)
def test_forms_are_told_apart(
    shape: tuple[int, ...],
    classes: int | None,
    end_to_end: bool,  # noqa: FBT001 - a parameter of the cases
    form: str,
) -> None:
    assert form_of(shape, classes, end_to_end=end_to_end, where="a.onnx") == form


@pytest.mark.parametrize(("shape", "classes"), [((1, 80, 8400), 80), ((1, 4, 4, 4), None), ((2, 84, 8400), 80)])
def test_other_shapes_are_refused(shape: tuple[int, ...], classes: int | None) -> None:
    with pytest.raises(InputError, match=r"a\.onnx gives"):
        form_of(shape, classes, end_to_end=False, where="a.onnx")


def test_the_three_forms_give_the_same_boxes() -> None:
    rows = np.array([[10, 20, 4, 8, 0.9, 0.2], [30, 40, 10, 10, 0.1, 0.6], [1, 1, 1, 1, 0.1, 0.2]], np.float32)
    with_objectness = np.insert(rows, 4, 0.5, axis=1)
    with_objectness[:, 5:] *= 2
    corners = np.array([[8, 16, 12, 24, 0.9, 0], [25, 35, 35, 45, 0.6, 1], [0.5, 0.5, 1.5, 1.5, 0.2, 1]], np.float32)
    forms = [decode(rows.T, "anchors", 0.5), decode(with_objectness, "objectness", 0.5)]
    for raw in [*forms, decode(corners, "end to end", 0.5)]:
        np.testing.assert_allclose(raw.edges, corners[:2, :4])
        np.testing.assert_allclose(raw.confidence, [0.9, 0.6], rtol=1e-6)
        assert raw.classes.tolist() == [0, 1]
