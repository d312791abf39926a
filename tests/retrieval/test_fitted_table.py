"""The layouts of a table, from the widest to the narrowest terminal."""

from __future__ import annotations

import pytest

from retrieval.fitted_table import FittedTable, cell_width, wrapped_lines


def lines(table: FittedTable, width: int) -> list[str]:
    return [line for line, _ in table.lines(width)]


def scores() -> FittedTable:
    table = FittedTable("title", "caption")
    table.add_column("part")
    table.add_column("mAP", "metric")
    table.add_column("queries", "number")
    table.add_row("left", "59.4 [58.6, 60.2] ±0.3", "7")
    table.add_row("right", "9.4", "1,234", style="bold")
    return table


def test_a_metric_has_its_interval_on_a_second_line_before_a_row_becomes_a_block() -> None:
    wide = ["title", "part                      mAP  queries", "left   59.4 [58.6, 60.2] ±0.3        7",
            "right                     9.4    1,234", "caption"]  # fmt: skip
    assert lines(scores(), 38) == wide
    folded = ["title", "part            mAP  queries", "left      59.4 ±0.3        7", "       [58.6, 60.2]",
              "right           9.4    1,234", "caption"]  # fmt: skip
    assert lines(scores(), 37) == lines(scores(), 28) == folded
    blocks = ["title", "part left", "  mAP  59.4 [58.6, 60.2] ±0.3", "  queries 7", "part right", "  mAP  9.4",
              "  queries 1,234", "caption"]  # fmt: skip
    assert [line.rstrip() for line in lines(scores(), 27)] == [
        "title", "part left", "  mAP  59.4 ±0.3", "       [58.6, 60.2]", *blocks[3:],
    ]  # fmt: skip
    assert scores().lines(27)[5] == ("part right", "bold")


def test_prose_wraps_and_a_path_moves_below_its_row_and_is_never_broken() -> None:
    table = FittedTable()
    table.add_column("check")
    table.add_column("what", "prose")
    table.add_column("file", "path")
    table.add_row("near", "one two three four five six seven", "a folder/with spaces.jpg")
    assert lines(table, 70)[1] == "near   one two three four five six seven  a folder/with spaces.jpg"
    assert lines(table, 62)[1:] == [
        "near   one two three four five six    a folder/with spaces.jpg", "       seven",
    ]  # fmt: skip
    assert lines(table, 40)[1:] == ["near   one two three four five six seven", "  a folder/with spaces.jpg"]
    assert lines(table, 10)[0] == "check near"
    assert "file  a folder/with spaces.jpg" in lines(table, 10)[-1]


def test_lists_break_between_names_only() -> None:
    table = FittedTable(has_heading=False)
    table.add_column("names", "prose")
    table.add_row(("dorsal left 12", "dorsal right 12", "palmar left 12"))
    assert lines(table, 60) == ["names", "dorsal left 12, dorsal right 12, palmar left 12"]
    assert lines(table, 34) == ["names", "dorsal left 12, dorsal right 12,", "palmar left 12"]


def test_details_stand_below_their_row_with_a_line_for_each_name() -> None:
    table = FittedTable()
    table.add_column("check")
    table.add_row("near")
    table.add_detail("one content, and more words:", ["a.jpg", "a longer/path with spaces.jpg"])
    table.add_row("same")
    details = ["  one content,", "  and more", "  words:", "    a.jpg", "    a longer/path with spaces.jpg"]
    assert lines(table, 15) == ["check", "near", *details, "", "same"]


@pytest.mark.parametrize("width", [5, 9, 20, 80])
def test_no_line_begins_with_a_dot_between_and_no_word_is_broken(width: int) -> None:
    text = "reid · clipfh-11k · space vit@3\nsecond line"
    wrapped = wrapped_lines(text, width)
    assert not any(line.startswith("·") for line in wrapped)
    assert " ".join(wrapped).split() == text.split()
    assert wrapped[-1] != "second line" or width >= 11


def test_parts_of_a_title_are_not_broken_and_those_of_a_text_only_where_they_do_not_fit() -> None:
    parts = ("id a folder/with spaces.jpg", "space x")
    assert lines(FittedTable(parts), 60) == [" · ".join(parts)]
    assert lines(FittedTable(parts), 30) == ["id a folder/with spaces.jpg ·", "space x"]
    assert lines(FittedTable(parts), 9) == ["id a folder/with spaces.jpg ·", "space x"]
    assert lines(FittedTable("one two · three four · five"), 13) == ["one two ·", "three four ·", "five"]
    assert lines(FittedTable("one two · three four · five"), 8) == ["one", "two ·", "three", "four ·", "five"]


def test_wide_characters_take_two_columns() -> None:
    table = FittedTable()
    table.add_column("name")
    table.add_column("n", "number")
    table.add_row("北京", "1")
    table.add_row("ab", "22")
    assert {cell_width(line) for line in lines(table, 20)[1:]} == {8}


def test_a_name_of_several_lines_stays_on_one() -> None:
    table = FittedTable()
    for name, kind in (("name", "text"), ("mode", "text"), ("file", "path")):
        table.add_column(name, kind)  # type: ignore[arg-type]
    table.add_row("", "reid", "a\nb\t.jpg")
    table.add_detail("same:", ["c\nd"])
    for width in (60, 12, 3):
        assert not any("\n" in line or "\t" in line for line in lines(table, width))
    assert lines(table, 12) == ["name  mode", "      reid", "  a\\nb\\t.jpg", "  same:", "    c\\nd"]
    assert lines(table, 3)[:3] == ["name", "  mode reid", "  file  a\\nb\\t.jpg"]


def test_an_empty_table_is_its_title_and_the_names_of_its_columns() -> None:
    table = FittedTable("nothing")
    assert lines(table, 20) == ["nothing"]
    table.add_column("name")
    assert lines(table, 20) == ["nothing", "name"]
