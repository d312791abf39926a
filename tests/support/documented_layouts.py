"""Files in the places that the documentation names, drawn small: a function for each page, on the sample world."""

from __future__ import annotations

import csv
import json
import re
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.command_line import ROOT, SMALL_ENCODER, call_cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


SMALL_SAMPLES = {
    "species": ("--species", "15", "--n", "8", "--size", "64", "--workers", "1"),
    "hands": ("--n", "8", "--images", "2", "--size", "64", "--workers", "1"),
    "drains": ("--n", "24", "--size", "64", "--workers", "1"),
}
"""Few and small images of each part of the sample world."""


def draw_world(folder: Path) -> None:
    """Draw the sample world that the layouts copy from: ``species``, ``hands`` and ``drains``."""
    for what, words in SMALL_SAMPLES.items():
        call_cli("sample", what, *words, "--out", folder / what)


def readme(folder: Path, world: Path) -> None:
    """11k Hands, mushrooms in the folders of a classifier, and files of prompts and names."""
    shutil.copytree(world / "hands", folder / "11k-hands")
    shutil.copytree(world / "hands", folder / "hands")
    _species_folders(folder / "mushrooms", world)
    shutil.copy(world / "species" / "prompts_attr_clean.json", folder / "prompts.json")


def species(folder: Path, world: Path) -> None:
    """Leaves without splits and numbers of their shape, mushrooms with prompts."""
    shutil.copytree(world / "species", folder / "leaves")
    with (world / "species" / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    _table(folder / "leaves" / "manifest.csv", [{name: row[name] for name in ("filepath", "label")} for row in rows])
    rng = np.random.default_rng(0)
    labels = sorted({row["label"] for row in rows})
    centres = rng.standard_normal((len(labels), 6))
    names = [f"{part}{number}" for part in ("margin", "shape", "texture") for number in (1, 2)]
    numbers = [centres[labels.index(row["label"])] + rng.standard_normal(6) for row in rows]
    features = [
        {"id": row["filepath"], **dict(zip(names, numbers[at].round(4).tolist(), strict=True))}
        for at, row in enumerate(rows)
    ]
    _table(folder / "leaves" / "features192.csv", features)
    shutil.copy(world / "species" / "prompts_delta.json", folder / "delta_prompts.json")
    shutil.copy(world / "species" / "labels.tsv", folder / "labels.tsv")
    call_cli("index", world / "species" / "manifest.csv", "--store", folder / "mushrooms")


def hands(folder: Path, world: Path) -> None:
    """11k Hands, a photograph, and vectors of a model that others trained."""
    shutil.copytree(world / "hands", folder / "hands")
    shutil.copy(next((world / "hands" / "Hands").iterdir()), folder / "photo.jpg")
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for side, n in (("query", 10), ("gallery", 20)):
        identity = np.arange(n) % 5
        arrays[side] = (rng.standard_normal((n, 8)) + identity[:, None]).astype(np.float32)
        arrays[f"{side}_identity"], arrays[f"{side}_camera"] = identity.astype(np.str_), np.full(n, side)
    np.savez(folder / "features.npz", **arrays)


def protocols(folder: Path, world: Path) -> None:
    """A store of 11k Hands."""
    call_cli("index", world / "hands", "--store", folder / "hands.vitrine")


def folders(folder: Path, world: Path) -> None:
    """A folder for every arrangement of labels and splits."""
    images = _images(world)
    classes = ("oak", "elm")
    layouts = {
        "brain-tumour": [(f"{split}/{name}") for split in ("Training", "Testing") for name in ("glioma", "none")],
        "flowers": classes,
        "sites": [f"{site}/{name}" for site in ("north", "south") for name in classes],
        "leaves": [f"{name}/{split}" for name in classes for split in ("train", "test")],
        "birds": ["finch/green", "finch/gold", "tit/blue"],
        "people": [f"{name}/{camera}" for name in ("0001", "0002") for camera in ("c1", "c2")],
        "photos": ["monday", "tuesday"],
        "scenes": [f"{split}/{name}" for split in ("seg_train", "seg_test", "seg_pred") for name in classes],
        "set/train": classes,
        "imagenet": [f"{split}/{name}" for split in ("train", "val") for name in classes],
    }
    for place, leaves in layouts.items():
        for leaf in leaves:
            _fill(folder / place / leaf, images, 4)
    _listed(folder / "list.csv", images, {"label": classes, "split": ("1", "0")})
    _store_of(folder / "imagenet", folder)
    _shards(folder, images)
    _turtles(folder / "turtles", world)
    _coco(folder / "coco", "annotations/instances_train2017.json", "train2017", images)
    _coco(folder / "inat", "train_mini.json", "train_mini", images)
    _exports(folder, images)


def tables(folder: Path, world: Path) -> None:
    """Tables of images as spreadsheets and annotation tools write them."""
    images = _images(world)
    _listed(folder / "list.csv", images, {"species": ("oak", "elm")}, path="image")
    times = ("05/06/2024 10:00", "07/06/2024 11:00")
    _listed(folder / "sightings.csv", images, {"label": ("Bär", "Wolf"), "captured_at": times}, encoding="cp1252")
    (folder / "images").mkdir()
    for at, path in enumerate(images[:8]):
        shutil.copy(path, folder / "images" / f"{at:012d}.jpg")
    _table(
        folder / "annotations.csv",
        [{"filepath": str(at), "label": ("oak", "elm")[at % 2]} for at in range(8)],
    )
    _fill(folder / "trees" / "oak", images, 2)
    _store_of(folder / "trees", folder)


def encoders(folder: Path, world: Path) -> None:
    """Photographs in folders of labels."""
    for name in ("finch", "tit"):
        _fill(folder / "photos" / name, _images(world), 2)


def forget(folder: Path, world: Path) -> None:
    """11k Hands in the store that commands take, and a bank of prototypes."""
    shutil.copytree(world / "hands", folder / "hands")
    call_cli("index", folder / "hands", "--store", folder / "store")
    centres = np.random.default_rng(0).standard_normal((2, 160)).astype(np.float32)
    np.savez(folder / "prototypes.npz", centres=centres, who=np.array(["left", "right"]))
    words = ("--as", "bank", "--vectors", "centres", "--classes", "who")
    call_cli("import-vectors", folder / "prototypes.npz", *words, "--store", folder / "store")


def ann(folder: Path, world: Path) -> None:
    """A store of enough vectors, under the names of 11k Hands."""
    rng = np.random.default_rng(0)
    identity = np.arange(12_000) % 2000
    arrays: dict[str, Any] = {
        "vectors": (rng.standard_normal((2000, 8))[identity] + rng.standard_normal((12_000, 8))).astype(np.float32),
        "identity": identity.astype(np.str_),
        "filepath": np.array([f"Hands/Hand_{at:07d}.jpg" for at in range(12_000)]),
    }
    np.savez(folder / "hands.npz", **arrays)
    call_cli("import-vectors", folder / "hands.npz", "--vectors", "vectors", "--store", folder / "hands.vitrine")


def export(folder: Path, world: Path) -> None:
    """Stores of hands and of species, which were evaluated, and another of the same space."""
    call_cli("index", world / "hands", "--store", folder / "hands")
    call_cli("eval", "--mode", "reid", "--protocol", "clipfh-11k", "--store", folder / "hands")
    for store in ("species", "other"):
        call_cli("index", world / "species" / "manifest.csv", "--store", folder / store)
    prompts = world / "species" / "prompts_attr_clean.json"
    call_cli("eval", "--mode", "zeroshot", "--prompts", prompts, "--store", folder / "species")


def wildlife(folder: Path, world: Path) -> None:
    """Hands in the place of turtles, in the table of wildlife-datasets, and a new photograph."""
    _turtles(folder / "turtles", world)
    shutil.copy(folder / "turtles" / "images" / "t000.jpg", folder / "new.jpg")


def training(folder: Path, world: Path) -> None:
    """Species with splits under the name of birds, and evaluations to follow a training."""
    shutil.copytree(world / "species", folder / "birds")
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    (study,) = re.findall(r"```yaml\n(- \{mode.*?)```", page, re.DOTALL)
    (folder / "study.yaml").write_text(study, encoding="utf-8")


def nothing(folder: Path, world: Path) -> None:
    """An empty folder: the commands of the page draw what they need."""


LAYOUTS: dict[str, Callable[[Path, Path], None]] = {
    "README.md": readme,
    "species.md": species,
    "hands.md": hands,
    "protocols.md": protocols,
    "folders.md": folders,
    "encoders.md": encoders,
    "tables.md": tables,
    "forget.md": forget,
    "ann.md": ann,
    "export.md": export,
    "wildlife.md": wildlife,
    "training.md": training,
    "inspection.md": nothing,
    "pictures.md": nothing,
    "sample.md": nothing,
    "options.md": nothing,
}


def _images(world: Path) -> list[Path]:
    return sorted((world / "species" / "images").rglob("*.jpg"))


def _fill(folder: Path, images: list[Path], n: int) -> None:
    """Copy the next images into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(n):
        shutil.copy(images[0], folder / f"DSC{at}.jpg")
        images.append(images.pop(0))


def _turtles(folder: Path, world: Path) -> None:
    """Hands under the names of wildlife-datasets."""
    (folder / "images").mkdir(parents=True)
    with (world / "hands" / "HandInfo.csv").open(encoding="utf-8") as file:
        hands = list(csv.DictReader(file))
    rows = []
    for at, hand in enumerate(hands):
        path = f"images/t{at:03d}.jpg"
        shutil.copy(world / "hands" / "Hands" / hand["imageName"], folder / path)
        side = "left" if "left" in hand["aspectOfHand"] else "right"
        date = f"2024-05-{at % 28 + 1:02d}"
        rows.append({"identity": hand["id"], "path": path, "date": date, "orientation": side, "bbox": "[4, 4, 52, 56]"})
    _table(folder / "metadata.csv", rows)


def _shards(folder: Path, images: Sequence[Path]) -> None:
    """Tar files as webdataset names them, and Parquet files with images as Hugging Face's datasets have them."""
    (folder / "imagenet-wds").mkdir()
    for shard in range(13):
        with tarfile.open(folder / "imagenet-wds" / f"imagenet-train-{shard:06d}.tar", "w") as tar:
            tar.add(images[shard], f"{shard:05d}.jpg")
            (folder / "number.cls").write_text(str(shard % 2), encoding="utf-8")
            tar.add(folder / "number.cls", f"{shard:05d}.cls")
    (folder / "food101" / "data").mkdir(parents=True)
    cells = [{"bytes": path.read_bytes(), "path": path.name} for path in images[:6]]
    table = pa.table({"image": cells, "label": ["soup", "cake"] * 3})
    pq.write_table(table, folder / "food101" / "data" / "train-00000-of-00001.parquet")


def _coco(folder: Path, annotations: str, place: str, images: Sequence[Path]) -> None:
    """Annotations of COCO, a box in each image."""
    (folder / place).mkdir(parents=True)
    listed = [{"id": at, "file_name": f"{place}/{at}.jpg", "width": 64, "height": 64} for at in range(6)]
    boxes = [{"id": at, "image_id": at, "category_id": at % 2, "bbox": [4, 4, 40, 50]} for at in range(6)]
    for at in range(6):
        shutil.copy(images[at], folder / place / f"{at}.jpg")
    categories = [{"id": number, "name": name} for number, name in enumerate(("cat", "dog"))]
    (folder / annotations).parent.mkdir(exist_ok=True)
    text = json.dumps({"images": listed, "annotations": boxes, "categories": categories})
    (folder / annotations).write_text(text, encoding="utf-8")


def _exports(folder: Path, images: Sequence[Path]) -> None:
    """A download of GBIF and tables of iNaturalist, with their photos."""
    tables = {
        "0012345-240506114902167/multimedia.txt": (
            "gbifID type format identifier license creator",
            *(
                f"{at} StillImage image/jpeg https://inat.org/photos/{at}/original.jpg CC0 Ann"
                for at in range(100, 106)
            ),
        ),
        "0012345-240506114902167/occurrence.txt": (
            "gbifID basisOfRecord eventDate genus species",
            *(f"{at} HUMAN_OBSERVATION 2020-05-0{at - 99} Noctua Noctua_{at % 2}" for at in range(100, 106)),
        ),
        "inat-tables/photos.csv": (
            "photo_uuid photo_id observation_uuid observer_id extension license",
            *(f"u-{at} {at} o-{at} 5 jpg CC0" for at in range(100, 106)),
        ),
        "inat-tables/observations.csv": (
            "observation_uuid observer_id latitude taxon_id quality_grade observed_on",
            *(f"o-{at} 5 48.5 {at % 2} research 2020-05-0{at - 99}" for at in range(100, 106)),
        ),
        "inat-tables/taxa.csv": (
            "taxon_id ancestry rank_level rank name active",
            *(f"{at} 1 10 species Parus_{at} t" for at in range(2)),
        ),
    }
    for name, lines in tables.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{line}\n".replace(" ", "\t") for line in lines), encoding="utf-8")
    for place in ("0012345-240506114902167", "inat-photos"):
        (folder / place).mkdir(exist_ok=True)
        for at in range(100, 106):
            shutil.copy(images[at - 100], folder / place / f"{at}.jpg")


def _species_folders(folder: Path, world: Path) -> None:
    with (world / "species" / "manifest.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = folder / row["split"] / row["label"]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(world / "species" / row["filepath"], place)


def _listed(
    table: Path,
    images: Sequence[Path],
    columns: dict[str, Sequence[str]],
    path: str = "filepath",
    encoding: str = "utf-8",
) -> None:
    folder = table.parent / table.stem
    _fill(folder, list(images), 8)
    rows = [
        {path: f"{table.stem}/{image.name}", **{name: values[at % len(values)] for name, values in columns.items()}}
        for at, image in enumerate(sorted(folder.iterdir()))
    ]
    _table(table, rows, encoding)


def _table(path: Path, rows: Iterable[dict[str, Any]], encoding: str = "utf-8") -> None:
    rows = list(rows)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _store_of(images: Path, folder: Path) -> None:
    """Make the store that commands without ``--store`` and ``--encoder`` mean."""
    call_cli("index", images, "--store", folder / "store", *SMALL_ENCODER)
    assert json.loads(call_cli("info", "--store", folder / "store", "--json").stdout)["spaces"]
