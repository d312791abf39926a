"""Cases over real data, which lie beside the checkout (``../shared/data``) or nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.golden.case import STACKER_TOLERANCE, Case, command, evaluations
from tests.bench.golden.setup import SECOND

if TYPE_CHECKING:
    from pathlib import Path

EXACT = "--precision fp32 --workers 1 --json"

SKETCH_REID = {
    "trapezoid": "-o ap_method=trapezoid -o camera_rule=none",
    "step": "",
    "definitions": "--all-definitions",
    "reciprocal": "-o rerank=k-reciprocal",
    "alpha-qe": "-o rerank=alpha-qe -o n=2",
    "market1501": "--protocol market1501",
    "cuhk03": "--protocol cuhk03 -o draws=3",
    "monte-carlo": "--protocol monte-carlo -o draws=3 -o camera_rule=none",
    "leave-one-out": "--protocol leave-one-out -o slice=camera",
}

SKETCH_VERIFICATION = {"fixed": "", "open-set": "-o unknown=0.3", "all-pairs": "-o pairs=all -o camera_rule=none"}

CAPTIONS = {
    "mean-embedding": "",
    "pools": "-o pool=max,mean-score,softmax -o temperature=0.01,0.05,0.5",
    "text-to-image": "-o text_to_image=true",
}

LEAVES_FEWSHOT = {"holdout": "-o shots=1,2 -o seeds=2 -o method=prototype,knn"}
LEAVES_NET = "--arm cnn=resnet18:prototype hand=features192:prototype --protocol holdout -o draws=2"
LEAVES_FUSION = {
    "alpha": LEAVES_NET,
    "per-class": f"{LEAVES_NET} -o method=per_class",
    "features": f"{LEAVES_NET} -o method=features -o alphas=0,0.5,1",
    "rerank": f"{LEAVES_NET} -o method=rerank",
}

MUSHROOMS = {
    "classifier": "--arm head=efficientnet:classifier mean=efficientnet:prototype",
    "classifier-calibrated": "--arm head=efficientnet:classifier mean=efficientnet:knn --calibrate -o mean.k=1,3",
    "classifier-temperature": "--arm head=efficientnet:classifier mean=efficientnet:linear -o head.class_temperature=2",
}

HANDS_REID = {
    "clipfh-all": "--protocol clipfh-11k --aspect all",
    "monte-carlo": "--protocol monte-carlo -o draws=2",
    "leave-one-out": "--protocol leave-one-out -o bootstrap=100 -o slice=aspect",
}


FILES = {
    "sketch": "vectors/sketch_reid_50x100.npz",
    "captions": "vectors/clip_vitb32_flickr8k_100x5.npz",
    "captions-bank": "vectors/clip_vitb32_flickr8k_100x5.npz",
    "leaves": "species/leaves/manifest.csv",
    "leaves-features": "species/leaves/features192.csv",
    "real-hands": "hands",
    "mushrooms": "weights/efficientnet_b3_mushroom7.safetensors",
}
"""What each store is filled from, in ``../shared/data``."""

FILL = {
    "sketch": "import-vectors PATH --store {stores}/sketch --json",
    "captions": "import-vectors PATH --vectors image --label image_ids --space-name clip "
    "--store {stores}/captions --json",
    "captions-bank": "import-vectors PATH --as bank --vectors text --classes image_ids --class-index text_image_index "
    "--texts captions --bank-name captions --space clip --store {stores}/captions --json",
    "leaves": f"index PATH {SECOND} {EXACT} --store {{stores}}/leaves",
    "leaves-features": "import-vectors PATH --attach manifest:leaves --filepath id --vectors margin*,shape*,texture* "
    "--store {stores}/leaves --json",
    "real-hands": f"index PATH --source hands11k --encoder open_clip/vitrine-tiny {EXACT} --store {{stores}}/hands",
    "mushrooms": f"index {{inputs}}/mushrooms.csv --image-root {{shared}}/species/mushrooms {EXACT} --encoder "
    "timm/efficientnet_b3:PATH --preprocess resize=112,crop=96 --class-names {inputs}/mushroom_outputs.txt "
    "--store {stores}/mushrooms",
}


def setup(shared: Path | None) -> list[Case]:
    """Fill the stores of what is there."""
    return [
        command(f"setup/{name}", text.replace("PATH", f"{{shared}}/{FILES[name]}"))
        for name, text in FILL.items()
        if shared is not None and (shared / FILES[name]).exists()
    ]


def cases(shared: Path | None) -> list[Case]:
    """Evaluations of those stores."""
    if shared is None:
        return []
    drawn = "--space resnet18 --protocol holdout -o draws=2"
    return [
        *evaluations("sketch", "reid", "sketch", SKETCH_REID),
        *evaluations("sketch", "verification", "sketch", SKETCH_VERIFICATION),
        *evaluations("captions", "zeroshot", "captions", CAPTIONS, "-o bank=captions -o choose=none"),
        *evaluations("leaves", "prototype", "leaves", {"holdout": ""}, drawn),
        *evaluations("leaves", "knn", "leaves", {"holdout": "-o k=1,5 -o votes=exp,uniform"}, drawn),
        *evaluations("leaves", "fewshot", "leaves", LEAVES_FEWSHOT, drawn),
        *evaluations("leaves", "fusion", "leaves", LEAVES_FUSION),
        *evaluations("leaves", "fusion", "leaves", {"stacker": f"{LEAVES_NET} -o method=stacker"},
                     tolerance=STACKER_TOLERANCE),
        *evaluations("hands", "reid", "hands", HANDS_REID),
        *evaluations("hands", "verification", "hands", {"clipfh-all": "--protocol clipfh-11k -o draws=2"}),
        *evaluations("mushrooms", "fusion", "mushrooms", MUSHROOMS),
        command("audit/hands", "audit --store {stores}/hands --protocol clipfh-11k --json"),
        command("audit/leaves", "audit --store {stores}/leaves --space resnet18 --json"),
        command("prompts/mushroom-lint", "prompts lint {shared}/mushroom/delta_prompts.json --labels "
                "{shared}/mushroom/labels.tsv --json"),
        command("prompts/mushroom-diff", "prompts diff {shared}/mushroom/class_prompts_attr.json "
                "{shared}/mushroom/class_prompts_enriched.json --json"),
    ]  # fmt: skip
