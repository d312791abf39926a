from indexers.sources.layout_notes import LayoutNotes
from retrieval.types import Box

ABOVE, BELOW, BESIDE = Box(0.4, 0.1, 0.2, 0.2), Box(0.4, 0.7, 0.2, 0.2), Box(0.8, 0.7, 0.1, 0.2)


def test_heights_and_relations_of_types() -> None:
    layout = LayoutNotes()
    layout.add([("slope", ABOVE), ("toe", BELOW), ("toe", BESIDE)])
    layout.add([])
    layout.add([("toe", BELOW)])
    heights, relations = layout.notes()
    assert heights.startswith("2.00 objects in an image that has any; mean height")
    assert heights.endswith("slope 0.20, toe 0.80.")
    assert relations == "How they lie to each other: slope above (100 %) toe (2 pairs)."


def test_one_type_has_no_relations_and_no_objects_no_notes() -> None:
    layout = LayoutNotes()
    assert layout.notes() == []
    layout.add([("toe", BELOW), ("toe", BESIDE)])
    assert len(layout.notes()) == 1


def test_of_many_types_nothing_is_said() -> None:
    layout = LayoutNotes()
    layout.add([(str(at), BELOW) for at in range(13)])
    assert layout.notes() == []
