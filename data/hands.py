"""Hands of people who do not exist, drawn by our own code in the layout of 11k Hands (Afifi 2019).

Who a hand belongs to shows in finger lengths, palm shape, skin tone, creases and veins; how it was taken (pose, size,
light, ground, sleeve, camera) varies from sitting to sitting and says nothing of the identity.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from data.drawing import jpeg
from data.folder import share_out, stands, whole, write_table
from data.hands_people import ATTRIBUTES, Person, person
from data.hands_photo import ASPECTS, caption, render, sitting_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ASPECTS", "ATTRIBUTES", "Arguments", "Person", "caption", "draw_hands", "person", "plan", "render"]

HEADER = "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities"
FIRST_TRAIN_ID = 1
FIRST_TEST_ID = 1101
"""Above the last training id of every aspect (1051) in the protocols on 11k Hands."""

MOST_TRAIN_IDS = 1037
"""The lowest of the last training ids of the four aspects."""

_VAL_EVERY = 6  # of the people to train with, one in so many is for validation


@dataclass(frozen=True)
class Arguments:
    """What a folder is drawn from; equal arguments give equal bytes.

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


class Picture(NamedTuple):
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
        """Photographs of one sitting."""
        return f"{self.identity} {self.aspect} {self.sitting:03d}"


def plan(arguments: Arguments) -> list[Picture]:
    """List the photographs of a folder, in the order of its table.

    A person is for training, validation or testing with all images, and stays so however many people are asked for.
    """
    names = [_name(index, arguments.train_share) for index in range(arguments.identities)]
    shots = [(sitting, image) for sitting in range(arguments.images_per_aspect) for image in range(arguments.burst)]
    pictures: list[Picture] = []
    for index, (identity, split) in enumerate(names):
        for aspect in ASPECTS:
            for sitting, image in shots:
                path = f"Hands/Hand_{len(pictures) + 1:07d}.jpg"
                pictures.append(Picture(index, identity, split, aspect, sitting, image, path))
    return pictures


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
        out: a folder that does not exist, is empty, or was drawn with the same arguments (then it stays as it is).
            It receives ``Hands/Hand_0000001.jpg`` ... and ``HandInfo.csv``; ``sittings.csv``, a manifest with bursts
            as ``group``; ``captions.csv``; and ``people.csv``, the attributes of each identity.
        identities: number of people, at least 2.
        images_per_aspect: sittings of each of the four aspects of a person, at least 1.
        seed: of everything random, 0 or more.
        size: height and width in pixels, at least 32.
        burst: photographs of each sitting, at least 1.
        train_share: share of people with ids below the training cut-offs of 11k Hands.
        workers: processes; None for one per core.

    Returns:
        ``out``.

    Raises:
        ValueError: a number is out of range.
        FileExistsError: ``out`` holds something else.
    """
    arguments = Arguments(identities, images_per_aspect, seed, size, burst, train_share)
    mark = {"sample": "hands", **asdict(arguments)}
    if stands(out, mark):
        return out
    pictures = plan(arguments)
    with whole(out, mark) as folder:
        (folder / "Hands").mkdir()
        each = len(pictures) // identities
        jobs = [(folder, arguments, pictures[at : at + each]) for at in range(0, len(pictures), each)]
        share_out(_draw, jobs, len(pictures), workers)
        _write_tables(folder, arguments, pictures)
    return out


def _name(index: int, train_share: float) -> tuple[str, str]:
    """Identity and split of a person: those to train with are spread evenly among the others."""
    before, trained = _trained(index, train_share), _trained(index + 1, train_share)
    if trained == before:
        return f"{FIRST_TEST_ID + index - before:07d}", "test"
    return f"{FIRST_TRAIN_ID + before:07d}", "val" if before % _VAL_EVERY == _VAL_EVERY - 1 else "train"


def _trained(people: int, train_share: float) -> int:
    """How many of the first people are to train with: the share, rounded up."""
    return math.ceil(round(people * train_share, 9))


def _draw(job: tuple[Path, Arguments, Sequence[Picture]]) -> None:
    folder, arguments, pictures = job
    for picture in pictures:
        which = (person(picture.person, arguments.seed), picture.aspect, picture.sitting, picture.image)
        quality = sitting_of(*which, size=arguments.size).camera.quality
        (folder / picture.path).write_bytes(jpeg(render(*which, size=arguments.size), quality))


def _write_tables(folder: Path, arguments: Arguments, pictures: Sequence[Picture]) -> None:
    people = [person(index, arguments.seed) for index in range(arguments.identities)]
    table = io.StringIO()
    rows = csv.writer(table, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    for picture in pictures:
        whose = people[picture.person]
        polish = int(whose["polish"] != "no")
        image = picture.path.removeprefix("Hands/")
        rows.writerow([picture.identity, whose.age, whose.gender, whose["skin"], 0, polish, picture.aspect, image, 0])
    (folder / "HandInfo.csv").write_text(f"{HEADER}\r\n{table.getvalue()}", encoding="utf-8", newline="")
    write_table(
        folder / "sittings.csv",
        ("filepath", "identity", "aspect", "group", "split"),
        ((each.path, each.identity, each.aspect, each.group, each.split) for each in pictures),
    )
    write_table(
        folder / "captions.csv",
        ("filepath", "caption", "split"),
        (
            (each.path, caption(people[each.person], each.aspect, each.sitting, each.image), each.split)
            for each in pictures
        ),
    )
    named = {each.person: (each.identity, each.split) for each in pictures}
    write_table(
        folder / "people.csv",
        ("identity", "split", *ATTRIBUTES),
        ((*named[one.index], *(one[name] for name in ATTRIBUTES)) for one in people),
    )
