"""Draws hands of invented persons in the layout of 11k Hands (Afifi 2019).

The identity determines finger lengths, palm shape, skin tone, creases and veins. Pose, size, light, ground, sleeve
and camera vary between sittings and do not depend on the identity.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from data.drawing import jpeg
from data.folder import atomic_folder, is_drawn, run_jobs, write_table
from data.hands_people import ATTRIBUTES, Person, person
from data.hands_photo import ASPECTS, caption, render, sitting_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ASPECTS", "ATTRIBUTES", "HandArguments", "Person", "caption", "draw_hands", "person", "plan", "render"]

HEADER = "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities"
FIRST_TRAIN_ID = 1
FIRST_TEST_ID = 1101
"""Greater than the last training id of every aspect (1051) in the protocols on 11k Hands."""

MOST_TRAIN_IDS = 1037
"""The least of the last training ids of the four aspects."""

_VAL_EVERY = 6  # one in so many of the training persons is for validation


@dataclass(frozen=True)
class HandArguments:
    """Arguments of a folder; equal arguments give equal bytes.

    ``burst`` is the number of nearly equal photographs of each sitting, ``train_share`` the share of people with
    ids below the training cut-offs of 11k Hands.
    """

    identities: int = 40
    images_per_aspect: int = 3
    seed: int = 0
    size: int = 160
    burst: int = 1
    train_share: float = 0.25

    def __post_init__(self) -> None:
        if self.identities < 2 or min(self.images_per_aspect, self.burst) < 1 or self.size < 32:
            raise ValueError("Hands need at least 2 identities, 1 image per aspect and a size of 32 pixels.")
        if self.seed < 0 or not 0 <= self.train_share <= 1:
            raise ValueError("The seed must be 0 or more, and the share of people to train with between 0 and 1.")
        if self.identities * self.train_share > MOST_TRAIN_IDS:
            raise ValueError(f"11k Hands has room for {MOST_TRAIN_IDS:,} identities to train with; ask for fewer.")


class HandPhoto(NamedTuple):
    """One photograph of the plan: ``path`` is relative to the folder, ``split`` that of the person."""

    person: int
    identity: str
    split: str
    aspect: str
    sitting: int
    image: int
    path: str

    @property
    def group(self) -> str:
        """The burst: photographs of one sitting."""
        return f"{self.identity} {self.aspect} {self.sitting:03d}"


def plan(arguments: HandArguments) -> list[HandPhoto]:
    """List the photographs of a folder, in the order of its table.

    All images of a person are in one split, which does not depend on the number of persons.
    """
    names = [_name(index, arguments.train_share) for index in range(arguments.identities)]
    shots = [(sitting, image) for sitting in range(arguments.images_per_aspect) for image in range(arguments.burst)]
    photos: list[HandPhoto] = []
    for index, (identity, split) in enumerate(names):
        for aspect in ASPECTS:
            for sitting, image in shots:
                path = f"Hands/Hand_{len(photos) + 1:07d}.jpg"
                photos.append(HandPhoto(index, identity, split, aspect, sitting, image, path))
    return photos


def draw_hands(
    out: Path,
    identities: int = 40,
    images_per_aspect: int = 3,
    seed: int = 0,
    size: int = 160,
    *,
    burst: int = 1,
    train_share: float = 0.25,
    workers: int | None = 1,
) -> Path:
    """Draw ``identities * 4 * images_per_aspect * burst`` images; the same arguments give the same bytes.

    Args:
        out: a folder that does not exist, is empty, or was drawn with the same arguments (then nothing is done).
            The folder holds ``Hands/Hand_0000001.jpg`` ... and ``HandInfo.csv``; ``sittings.csv``, a manifest with
            bursts as ``group``; ``captions.csv``; and ``people.csv``, the attributes of each identity.
        identities: number of identities, at least 2.
        images_per_aspect: sittings of each of the four aspects of a person, at least 1.
        seed: seed of all random numbers, 0 or more.
        size: height and width in pixels, at least 32.
        burst: photographs of each sitting, at least 1.
        train_share: share of persons with ids below the training cut-offs of 11k Hands.
        workers: number of processes; None is one per core.

    Returns:
        ``out``.

    Raises:
        ValueError: a number is out of range.
        FileExistsError: ``out`` holds something else.
    """
    arguments = HandArguments(identities, images_per_aspect, seed, size, burst, train_share)
    mark = {"sample": "hands", **asdict(arguments)}
    if is_drawn(out, mark):
        return out
    photos = plan(arguments)
    with atomic_folder(out, mark) as folder:
        (folder / "Hands").mkdir()
        count = len(photos) // identities
        jobs = [(folder, arguments, photos[at : at + count]) for at in range(0, len(photos), count)]
        run_jobs(_draw, jobs, len(photos), workers)
        _write_tables(folder, arguments, photos)
    return out


def _name(index: int, train_share: float) -> tuple[str, str]:
    """Identity and split of a person; training persons are spread evenly among the others."""
    before, trained = _trained(index, train_share), _trained(index + 1, train_share)
    if trained == before:
        return f"{FIRST_TEST_ID + index - before:07d}", "test"
    return f"{FIRST_TRAIN_ID + before:07d}", "val" if before % _VAL_EVERY == _VAL_EVERY - 1 else "train"


def _trained(people: int, train_share: float) -> int:
    """Number of training persons among the first ``people``: the share, rounded up."""
    return math.ceil(round(people * train_share, 9))


def _draw(job: tuple[Path, HandArguments, Sequence[HandPhoto]]) -> None:
    folder, arguments, photos = job
    for photo in photos:
        which = (person(photo.person, arguments.seed), photo.aspect, photo.sitting, photo.image)
        quality = sitting_of(*which, size=arguments.size).camera.quality
        (folder / photo.path).write_bytes(jpeg(render(*which, size=arguments.size), quality))


def _write_tables(folder: Path, arguments: HandArguments, photos: Sequence[HandPhoto]) -> None:
    people = [person(index, arguments.seed) for index in range(arguments.identities)]
    table = io.StringIO()
    rows = csv.writer(table, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    for photo in photos:
        whose = people[photo.person]
        polish = int(whose["polish"] != "no")
        image = photo.path.removeprefix("Hands/")
        rows.writerow([photo.identity, whose.age, whose.gender, whose["skin"], 0, polish, photo.aspect, image, 0])
    (folder / "HandInfo.csv").write_text(f"{HEADER}\r\n{table.getvalue()}", encoding="utf-8", newline="")
    write_table(
        folder / "sittings.csv",
        ("filepath", "identity", "aspect", "group", "split"),
        ((photo.path, photo.identity, photo.aspect, photo.group, photo.split) for photo in photos),
    )
    write_table(
        folder / "captions.csv",
        ("filepath", "caption", "split"),
        (
            (photo.path, caption(people[photo.person], photo.aspect, photo.sitting, photo.image), photo.split)
            for photo in photos
        ),
    )
    named = {photo.person: (photo.identity, photo.split) for photo in photos}
    write_table(
        folder / "people.csv",
        ("identity", "split", *ATTRIBUTES),
        ((*named[one.index], *(one[name] for name in ATTRIBUTES)) for one in people),
    )
