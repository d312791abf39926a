"""Builds the real ViT-B/16 and RN50 of CLIP with random weights, and takes one step of batch 2 with each.

    python -m tests.studies.real_towers            all cases, each in a process of its own; a minute on two idle cores

For every case: the names of the parameters are those of CLIP, the table of groups lists exactly what is trained, and
exactly that changes in one step. Printed are the groups, the seconds of the step and the largest memory of the process.
Exit status 1: a check failed.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from retrieval.encoders.registry import resolve
from retrieval.encoders.request import EncoderRequest
from training.models.bnneck import make_bnneck
from training.models.freezing import Rate, freeze, freeze_parameters, parameter_groups, torch_groups, trained_and_all
from training.models.prompt_learner import PromptLearner
from training.models.towers import require_text, tower_of

if TYPE_CHECKING:
    from training.models.freezing import Unfreeze
    from training.models.towers import ImageTower

CASES: tuple[tuple[str, Unfreeze], ...] = (
    ("ViT-B-16-quickgelu", "all"),
    ("ViT-B-16-quickgelu", 2),
    ("RN50-quickgelu", "all"),
    ("RN50-quickgelu", 2),
    ("RN50-quickgelu", 4),
)
"""Models, and what is trained of them, as the recipes of the report have it."""

NAMES = {
    "ViT": r"visual\.(class_embedding|positional_embedding|proj|conv1\.weight|ln_(pre|post)\.(weight|bias)|"
    r"transformer\.resblocks\.\d+\.(ln_[12]|attn\.out_proj|mlp\.c_(fc|proj))\.(weight|bias)|"
    r"transformer\.resblocks\.\d+\.attn\.in_proj_(weight|bias))",
    "RN": r"visual\.((conv|bn)[123]\.(weight|bias)|layer[1-4]\.\d+\.((conv|bn)[123]|downsample\.[01])\.(weight|bias)|"
    r"attnpool\.(positional_embedding|[qkvc]_proj\.(weight|bias)))",
}
NUMBERS = {"ViT": (86_192_640, 768, 768, 512), "RN": (38_316_896, 1024, 2048, 1024)}
"""Numbers of the image tower, and the dimensions of its three features (Radford et al. 2021, appendix F)."""

RATES = {"visual": Rate(1e-5, 5e-4), "text": Rate(5e-6, 5e-4), "words": Rate(1e-4, 5e-4), "heads": Rate(1e-4, 5e-4)}
IDENTITIES, WORDS = 5, 12


def case(name: str, unfreeze: Unfreeze) -> dict[str, Any]:
    """Build, freeze, take a step; return what was seen."""
    start = time.perf_counter()
    tower = tower_of(resolve(EncoderRequest(f"open_clip/{name}", random_init=0, device="cpu")), "cpu")
    built = time.perf_counter() - start
    kind = name[:2] if name.startswith("RN") else name[:3]
    wrong = [name for name, _ in tower.visual.named_parameters() if not re.fullmatch(NAMES[kind], f"visual.{name}")]
    seen = (sum(parameter.numel() for parameter in tower.visual.parameters()), *tower.widths)
    with torch.no_grad():  # random weights of open_clip have gains of 0 there, so that nothing below gets a gradient
        for part, parameter in tower.visual.named_parameters():
            if part.endswith("bn3.weight"):
                parameter.fill_(1)
    freeze(tower, unfreeze)
    model, groups, step_seconds, changed = _step(tower)
    listed = {name for group in groups for name in group.names}
    trained, every = trained_and_all(model)
    return {
        "case": f"{name}, unfreeze={unfreeze}",
        "faults": [
            *(f"parameter {name} is none of CLIP" for name in wrong),
            *([] if seen == NUMBERS[kind] else [f"numbers and dimensions {seen} instead of {NUMBERS[kind]}"]),
            *(f"{name} changed and is not listed" for name in sorted(changed - listed)),
            *(f"{name} is listed and did not change" for name in sorted(listed - changed)),
        ],
        "groups": [(group.part, len(group.names), group.numbers, group.rate, group.decay) for group in groups],
        "trained": trained,
        "all": every,
        "build_seconds": round(built, 1),
        "step_seconds": round(step_seconds, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def _step(tower: ImageTower) -> tuple[torch.nn.Module, list[Any], float, set[str]]:
    """One AdamW step of batch 2 on ID losses and on similarities to the texts of the identities."""
    generator = torch.Generator().manual_seed(0)
    text = require_text(tower, "reid")
    words = PromptLearner(text, IDENTITIES, WORDS, generator)
    necks = torch.nn.ModuleList(make_bnneck(width, IDENTITIES, generator) for width in tower.widths[1:])
    model = torch.nn.ModuleDict({"network": tower.network, "necks": necks})
    model.register_parameter("words", words.words)
    names = [f"network.{name}" for name in text.parameters() if not name.startswith("token_embedding")]
    freeze_parameters(tower.network, ["token_embedding.weight", "logit_scale"])
    parts = {
        "visual": [f"network.visual.{name}" for name, _ in tower.visual.named_parameters()],
        "text": names,
        "words": ["words"],
        "heads": [name for name, _ in model.named_parameters() if name.startswith("necks.")],
    }
    groups = parameter_groups(model, parts, RATES)
    optimiser = torch.optim.AdamW(torch_groups(model, groups))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    images, target = torch.randn(2, 3, *tower.side, generator=generator), torch.tensor([1, 3])
    model.train()
    start = time.perf_counter()
    features = tower.features(images)
    assert features.previous is not None
    assert features.proj is not None
    texts = words.features(torch.arange(IDENTITIES))
    losses = [torch.nn.functional.cross_entropy(features.proj @ texts.T, target), features.previous.square().mean()]
    for neck, feature in zip(necks, (features.feat, features.proj), strict=True):
        losses.append(torch.nn.functional.cross_entropy(neck(feature).logits, target))
    torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    seconds = time.perf_counter() - start
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    return model, groups, seconds, changed


def main() -> int:
    """Run every case in a process of its own, so that its memory is its own."""
    if len(sys.argv) > 1:
        name, unfreeze = sys.argv[1:]
        print(json.dumps(case(name, "all" if unfreeze == "all" else int(unfreeze))))
        return 0
    failed = False
    for name, what in CASES:
        command = [sys.executable, "-m", "tests.studies.real_towers", name, str(what)]
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True)
        seen = json.loads(done.stdout.splitlines()[-1])
        print(f"{seen['case']}: {seen['trained']:,} of {seen['all']:,} numbers are trained")
        print(f"    built in {seen['build_seconds']} s, a step in {seen['step_seconds']} s, {seen['peak_gib']} GiB")
        for part, parameters, numbers, rate, decay in seen["groups"]:
            print(f"    {part:8} {parameters:4} parameters {numbers:12,} numbers  rate {rate:g}  decay {decay:g}")
        for fault in seen["faults"]:
            print(f"    WRONG: {fault}")
        failed |= bool(seen["faults"])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
