"""Recognise the columns of a manifest: which holds the images, and which look as if a field was meant."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from indexers.tables import as_text, list_columns, snake_case
from retrieval.errors import InputError, first_names, suggest
from retrieval.image_listing import is_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from indexers.sources.table_source import RowPaths
    from indexers.tables import InputTable

FIELDS = ("filepath", "label", "identity", "camera", "group", "aspect", "split", "captured_at")
CLASS_FIELDS = ("label", "identity")
"""A table needs a column of at least one of these."""

OFTEN_FILLED = ("label", "identity", "split")
"""Fields of which it is said how many samples lack them, where others have them."""

LIKE_FIELDS: dict[str, tuple[str, ...]] = {
    "label": (
        *("class", "classes", "class_name", "category", "label_name", "label_text", "species", "scientific_name"),
        *("class_id", "category_id", "label_id", "taxon", "breed", "target", "variety", "diagnosis", "dx", "y"),
    ),
    "identity": (
        *("pid", "person", "person_id", "individual", "individual_id", "animal", "animal_id", "name", "subject"),
        *("subject_id", "vehicle_id", "whale_id", "id"),
    ),
    "camera": ("cam", "camid", "cam_id", "cam_num", "camera_id", "cameraid", "camera_name", "camera_trap", "device"),
    "group": (
        *("group_id", "burst", "burst_id", "sequence_id", "seq_id", "track_id", "tracklet", "tracklet_id", "specimen"),
        *("specimen_id", "encounter", "encounter_id", "lesion_id", "patient", "patient_id"),
    ),
}
"""Field -> names of columns (in snake_case) that often hold it."""

_IDS = (
    *("id", "ids", "image_id", "img_id", "imageid", "image", "img", "images", "file", "filename", "file_name"),
    *("file_id", "photo", "photo_id", "picture", "key", "image_name", "name", "isic_id"),
)
"""Names of columns (in snake_case) that may hold the names of images without their suffix."""

_SAMPLE = 100
"""Rows from which the column of images is found."""


def with_found_columns(table: InputTable, renamed: Mapping[str, str | None], paths: RowPaths) -> dict[str, str | None]:
    """Add to the columns that the user named those that a table says itself.

    A column has the name of its field, in any case. The column ``filepath`` may have another name: it is the one whose
    cells are paths of images, or the ids of images that lie below the root.

    Args:
        table: the table.
        renamed: field -> column, as the user says; None is that there is none.
        paths: finds the images.

    Raises:
        InputError: several columns hold paths of images.
    """
    columns = dict(renamed)
    names = {name.casefold().replace(" ", "_"): name for name in reversed(table.columns)}
    for field in FIELDS:
        if field not in columns and field not in table.columns and field in names:
            columns[field] = names[field]
    if _lacks_header(table) and not columns.keys() & set(FIELDS) and _is_path_and_label(table):
        return {**columns, "filepath": "1", "label": "2"}
    taken = {name for name in columns.values() if name}
    if "filepath" not in columns and "filepath" not in table.columns:
        column = _find_images(table, paths, taken)
        if column is not None:
            columns["filepath"] = column
    return columns


def _lacks_header(table: InputTable) -> bool:
    return not getattr(table, "has_header", True)


def _is_path_and_label(table: InputTable) -> bool:
    """Return whether the rows of a table without a header are a path and a label."""
    rows = list(islice(table.rows([]), _SAMPLE))
    return len(table.columns) == 2 and all(is_image(str(a)) and not is_image(str(b)) for _, (a, b) in rows)


def _find_images(table: InputTable, paths: RowPaths, taken: set[str]) -> str | None:
    """Return the column whose cells are paths of images, else the one whose cells are ids of images, or None."""
    cells: dict[str, list[str]] = {name: [] for name in table.columns if name and name not in taken}
    positions = [(at, cells[name]) for at, name in enumerate(table.columns) if name in cells]
    for row in islice(table.rows([]), _SAMPLE):
        for at, texts in positions:
            text = as_text(row.cells[at])
            if text is not None:
                texts.append(text)
    images = [name for name, texts in cells.items() if texts and all(map(is_image, texts))]
    if len(images) > 1:
        images = [name for name in images if _any_here(cells[name], paths)] or images
    if len(images) > 1:
        raise InputError(
            f"{table.path} has several columns of images ({', '.join(images)}); say which one is meant with "
            f"`columns=filepath={images[0]}`."
        )
    if images:
        return images[0]
    ids = [name for name, texts in cells.items() if snake_case(name) in _IDS and _any_here(texts, paths)]
    if len(ids) > 1:
        raise InputError(
            f"{table.path} has several columns of names or numbers of images ({', '.join(ids)}); say which one is "
            f"meant with `columns=filepath={ids[0]}`."
        )
    return ids[0] if ids else None


def _any_here(texts: list[str], paths: RowPaths) -> bool:
    """Return whether one of the first cells names an image below the root."""
    return any(paths.is_near(text) for text in texts[:20])


def check_columns(table: InputTable, positions: Mapping[str, int], *, unlabelled: bool) -> None:
    """Require a column filepath, and a column label or identity unless the user says that there is none.

    Raises:
        InputError: one is missing; the message names columns that may be it.
    """
    needs = (("filepath",),) if unlabelled else (("filepath",), CLASS_FIELDS)
    needed = next((need for need in needs if not positions.keys() & set(need)), None)
    if needed is None:
        return
    columns = [name for name in table.columns if name]
    if _lacks_header(table):
        first = next((row.cells for row in table.rows([])), ())
        shown = ", ".join(f"{at + 1} is '{str(cell)[:40]}'" for at, cell in enumerate(first[:4]))
        raise InputError(
            f"{table.path} has no header line; put one on top, for example filepath,label, or say which column is what "
            f"by its number, such as `columns=filepath=1` and `columns=label=2`: {shown}."
        )
    if needed == ("filepath",):
        _refuse_inner_images(table)
    for name, kind in table.ignored.items():
        if (field := snake_case(name)) in needed:
            none = ", or say with `columns=label=` that there is none" if needed == CLASS_FIELDS else ""
            raise InputError(
                f"{table.path}: column '{name}' holds {kind}, and the {field} of a row is one plain value; write one, "
                f"name another column with `columns={field}=NAME`{none}."
            )
    like = [name for field in needed for name in columns if snake_case(name) in LIKE_FIELDS.get(field, ())]
    hint = f"say which one is meant with `columns={needed[0]}={like[0] if like else 'NAME'}`"
    if needed == CLASS_FIELDS:
        hint += ", or with `columns=label=` that there is none"
    raise InputError(
        f"{table.path} has no column '{' or '.join(needed)}'.{suggest(needed[0], columns)} It has: "
        f"{list_columns(columns)}; {hint}."
    )


def _refuse_inner_images(table: InputTable) -> None:
    """Raise InputError if the table holds the images themselves, as data sets of Hugging Face do."""
    inner = next((name for name, kind in table.ignored.items() if "binary" in kind), None)
    if inner is not None:
        raise InputError(
            f"{table.path} holds the images themselves, in the column '{inner}', and no paths; index it with "
            "`source=parquet`."
        )


def columns_line(table: InputTable, positions: Mapping[str, int], empty: Mapping[str, int]) -> str:
    """Return a sentence that says which column was taken for which field, and what happened to the others.

    Args:
        table: the table.
        positions: field -> position of its column.
        empty: field -> number of samples that lack it, where others have it.
    """
    fields = ", ".join(_field(field, table.columns[at], empty.get(field, 0)) for field, at in positions.items())
    rest = [name for at, name in enumerate(table.columns) if name and at not in positions.values()]
    meta = f"; metadata: {first_names(rest, 6)}" if rest else ""
    unread = "".join(f"; '{name}' holds {kind} and is not read" for name, kind in islice(table.ignored.items(), 3))
    return f"Columns of {table.path.name}: {fields}{meta}{unread}."


def _field(field: str, name: str, empty: int) -> str:
    column = field if field == name else f"{field} = '{name}'"
    return f"{column} (empty in {empty:,})" if empty else column


class SimilarColumns:
    """Finds columns that were not taken, though they look like a field without which a number is doubtful.

    A second column of labels is said unless it names the same classes; cameras where there are identities; groups, if
    several samples share one.

    Args:
        table: the table.
        positions: columns that were taken.
        said: fields that the user gave a column, or said that there is none.
    """

    def __init__(self, table: InputTable, positions: Mapping[str, int], said: Mapping[str, str | None]) -> None:
        self._table = table
        self._positions = positions
        self._columns: list[tuple[str, int]] = []
        needed = ("label", "group", *(("camera",) if "identity" in positions else ()))
        for at, name in enumerate(table.columns):
            field = next((field for field in needed if snake_case(name) in LIKE_FIELDS[field]), None)
            taken = at in positions.values() or field in said or (field != "label" and field in positions)
            if field is not None and not taken and (field != "label" or "label" in positions):
                self._columns.append((field, at))

    def notes(self) -> Iterator[str]:
        """Read the table and yield sentences for the user."""
        for field, at in self._columns:
            name = self._table.columns[at]
            if field == "label" and self._differs(at, self._positions["label"]):
                label = self._table.columns[self._positions["label"]]
                yield (
                    f"Column '{name}' may be the label, too, and names other classes than '{label}', which is taken; "
                    f"if it is meant, set `columns=label={name}`."
                )
            elif field == "camera" or (field == "group" and self._repeats(at)):
                why = {
                    "camera": "so images of one camera count as matches",
                    "group": "so samples of one group may stand in train and test",
                }[field]
                yield f"Column '{name}' looks like the {field}, and is not taken, {why}; set `columns={field}={name}`."

    def _cells(self, *positions: int) -> Iterator[tuple[str | None, ...]]:
        for row in self._table.rows([]):
            yield tuple(as_text(row.cells[at]) for at in positions)

    def _differs(self, one: int, other: int) -> bool:
        pairs = {pair for pair in self._cells(one, other) if None not in pair}
        return len(pairs) > 1 and not len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)

    def _repeats(self, at: int) -> bool:
        values = [value for (value,) in self._cells(at) if value is not None]
        return 1 < len(set(values)) < len(values)
