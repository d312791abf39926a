"""Re-identification of real hands before and after image-only training, beside raw pixels: a section of the docs.

    python -m tests.studies.reid_hands tiny [FOLDER]    vitrine-tiny, all of it trained
    python -m tests.studies.reid_hands b3 [FOLDER]      EfficientNet-B3, its last stage; the others are computed once

The train identities of `clipfh-11k` are trained on, 15 % of them held out to stop by; its test identities are unseen.
Every aspect is evaluated by itself. The same FOLDER goes on where it stopped. The shared data is needed; on two idle
cores `tiny` takes some minutes, and `b3` at most an hour.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.raw_pixels import EFFICIENTNET, attach_pixels, cli
from tests.support.shared_data import SHARED

ASPECTS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
ENCODERS: dict[str, tuple[object, ...]] = {
    "tiny": ("open_clip/vitrine-tiny",),
    "b3": (f"timm/efficientnet_b3:{SHARED / EFFICIENTNET}", "--preprocess", "resize=320,crop=300"),
}
RECIPE = (
    "stages=images", "data.protocol=clipfh-11k", "data.aspect=all", "data.val_identities=0.15",
    "augmentation.crop=pad", "augmentation.flip=false",
)  # fmt: skip
RECIPES: dict[str, tuple[str, ...]] = {
    "tiny": RECIPE,
    "b3": (*RECIPE, "image_stage.unfreeze=1", "image_stage.cache_frozen=true"),
}
"""The usual recipe of the job but for these keys; they were fixed before a test identity was evaluated."""


def main() -> None:
    """Index, train, and print the table."""
    which = sys.argv[1] if len(sys.argv) > 1 else ""
    if which not in ENCODERS or not (SHARED / "hands").is_dir():
        sys.exit(__doc__)
    if len(sys.argv) > 2:
        study(which, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            study(which, Path(folder))


def study(which: str, folder: Path) -> None:
    """One encoder, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    hands, store = SHARED / "hands", folder / "store"
    cli("index", hands, "--source", "hands11k", "--encoder", *ENCODERS[which], store=store)
    before, *others = spaces(store)
    if not others:
        paths = sorted(path.relative_to(hands).as_posix() for path in (hands / "Hands").glob("*.jpg"))
        attach_pixels(hands, paths, json.loads(cli("info", "--json", store=store))["sources"][0]["name"], store)
    cli("train", "reid", "--space", before, "--out", folder / "run", *RECIPES[which], store=store)
    before, pixels, after = spaces(store)
    print(f"| aspect | raw pixels | {before} | {after} | difference |")
    print("|---|---:|---:|---:|---|")
    for aspect in ASPECTS:
        for metric, name in (("rank_1", "Rank-1"), ("mean_ap", "mAP")):
            cells = [_value(evaluated(space, aspect, store)["metrics"][metric]) for space in (pixels, before, after)]
            options = ("--protocol", "clipfh-11k", "--aspect", aspect)
            paired = json.loads(cli("compare", "--spaces", before, after, *options, "--json", store=store))
            print(f"| {aspect}, {name} | {' | '.join(cells)} | {_difference(paired, metric)} |", flush=True)


def spaces(store: Path) -> list[str]:
    """Names of the spaces, the oldest first."""
    return [space["name"] for space in json.loads(cli("info", "--json", store=store))["spaces"]]


def evaluated(space: str, aspect: str, store: Path) -> dict[str, Any]:
    """The result of an aspect."""
    words = ("--mode", "reid", "--space", space, "--protocol", "clipfh-11k", "--aspect", aspect, "--json")
    result: dict[str, Any] = json.loads(cli("eval", *words, store=store))
    return result


def _value(entry: dict[str, Any]) -> str:
    return f"{100 * entry['value']:.1f}"


def _difference(paired: dict[str, Any], metric: str) -> str:
    entry = paired["metrics"][metric]
    low, high = entry["ci95"]
    return f"{100 * entry['difference']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


if __name__ == "__main__":
    main()
