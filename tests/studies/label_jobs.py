"""What the jobs ``classifier`` and ``finetune`` gain on the frozen world of species, through the command line.

    python -m tests.studies.label_jobs classifier FOLDER
    python -m tests.studies.label_jobs finetune FOLDER

FOLDER is new or that of an earlier call; it keeps the world, the store, the runs and the results. Settings were chosen
on the split val; the split test is answered once by each. On two idle cores a study takes some minutes.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from tests.support.command_line import cli_json, run_cli

CLASSIFIER = ("--config", "resnet18-scratch", "model.name=timm/resnet10t", "loop.epochs=40", "loop.amp=off")
FINETUNE = {
    "recipe": (),
    "plain": ("loss.gamma=0", "loss.weights=none", "augmentation.crop=pad", "augmentation.scale=[0.35,1.0]",
              "loop.epochs=12", "loop.evaluate_every=0", "loop.patience=0"),
}  # fmt: skip
"""Settings of ``finetune``: the recipe that ships, and plain cross-entropy for twelve epochs on shifted images."""

RATE = ("loop.learning_rate=2e-4", "loop.amp=off")


class Study:
    """A folder with the world, its store, runs and results."""

    def __init__(self, folder: Path) -> None:
        """Draw the world and index it, unless the folder has them."""
        self._folder, self._store = folder, folder / "store"
        self._prompts = folder / "species" / "prompts_attr_clean.json"
        if not self._store.exists():
            run_cli("sample", "species", "--out", folder / "species")
            run_cli("index", folder / "species" / "manifest.csv", "--store", self._store)
        (folder / "results").mkdir(exist_ok=True)
        self._parent = cli_json("info", "--store", self._store)["spaces"][0]["name"]
        self._answer("zeroshot", "zeroshot", "--space", self._parent)

    def classifier(self) -> None:
        """A small ResNet from random weights, as a second arm beside the texts; the result has both arms alone, too."""
        self._train("classifier", "classifier", *CLASSIFIER)
        space = self._refresh("classifier")
        arms = ("--arm", f"text={self._parent}:prompts", f"cnn={space}:classifier", "--calibrate")
        self._answer("fusion", "fusion", *arms)

    def finetune(self) -> None:
        """The image tower, as trained and in the mean with the weights before that val chooses."""
        runs = self._folder / "runs"
        for name, setting in FINETUNE.items():
            options = (f"texts.prompts={self._prompts}", *RATE, *setting)
            mean = f"{name}-wise-ft"
            self._train(name, "finetune", *options, "wise_ft.alpha=off")
            if not (runs / mean).exists():  # the training is the same, so that the run begins where it ended
                shutil.copytree(runs / name, runs / mean, ignore=shutil.ignore_patterns("encoder", "banks"))
                path = runs / mean / "recipe.json"
                recipe = json.loads(path.read_text(encoding="utf-8"))
                path.write_text(json.dumps({**recipe, "wise_ft": {"alpha": "val"}}), encoding="utf-8")
            self._train(mean, "finetune", *options, "wise_ft.alpha=val")
            for run in (name, mean):
                self._answer(run, "zeroshot", "--space", self._refresh(run))

    def _train(self, name: str, job: str, *options: str) -> None:
        place = ("--store", self._store, "--space", self._parent, "--out", self._folder / "runs" / name)
        run_cli("train", job, *place, "--device", "cpu", "--quiet", *options)
        print(name, json.loads((self._folder / "runs" / name / "training.json").read_text())["metrics"], flush=True)

    def _refresh(self, name: str) -> str:
        run = self._folder / "runs" / name
        space: str = cli_json("refresh", "--checkpoint", run, "--store", self._store, "--no-compare")["space"]
        return space

    def _answer(self, name: str, mode: str, *options: str) -> None:
        """Evaluate on test, and print the metrics and the paired difference from zero-shot."""
        results = self._folder / "results"
        out = ("--prompts", self._prompts, "--out", results / f"{name}.json")
        result = cli_json("eval", "--mode", mode, "--store", self._store, *out, *options)
        print(name, {key: result["metrics"][key] for key in ("top_1", "macro_f1", "nll")}, flush=True)
        print(json.dumps({key: result.get(key) for key in ("chosen", "arms")}), flush=True)
        if name != "zeroshot":
            pair = (results / "zeroshot.json", results / f"{name}.json")
            print(json.dumps(cli_json("compare", *pair, "--store", self._store), indent=1), flush=True)


if __name__ == "__main__":
    {"classifier": Study.classifier, "finetune": Study.finetune}[sys.argv[1]](Study(Path(sys.argv[2])))
