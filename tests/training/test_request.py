from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from retrieval.errors import InputError, MissingFileError, UnknownNameError
from tests.support.tiny_job import ENTRY
from training.jobs.adapter_recipe import Method
from training.registry import JOBS, ONE_PROCESS
from training.request import TrainRequest, train


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JOBS, "tiny", ENTRY)


def test_an_option_that_does_not_exist_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no option 'overides'.*Did you mean 'overrides'"):
        TrainRequest.read({"job": "clip", "recipe": "x.yaml", "out": tmp_path, "overides": ()}, "train")


def test_the_job_and_the_recipe_are_looked_up(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="No training job 'clipp'"):
        train(TrainRequest(job="clipp", recipe={}, out=tmp_path))
    with pytest.raises(InputError, match="recipe"):
        train(TrainRequest(job="clip", recipe={"loop": {"epoch": 3}}, out=tmp_path))


def test_a_recipe_of_another_job_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recipe is a recipe of the job tiny, not of clip; train tiny"):
        train(TrainRequest(job="clip", recipe={"dropout": 0.1}, out=tmp_path))


@pytest.mark.parametrize("job", sorted(ONE_PROCESS))
def test_a_job_of_one_process_is_refused_before_it_begins(
    job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=f"The job {job} trains in one process only; run the command without torchrun"):
        train(TrainRequest(job=job, store=str(tmp_path / "store"), out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("job", "recipe"), [*(("adapter", {"method": method}) for method in get_args(Method)), ("reid", {})]
)
def test_oversample_is_refused_by_a_job_whose_epochs_repeat_nothing(
    job: str, recipe: dict[str, Any], tmp_path: Path
) -> None:
    recipe = {**recipe, "data": {"oversample": {"rare": 50}}}
    with pytest.raises(InputError, match=f"The job {job} repeats no samples; leave out `data.oversample`"):
        train(TrainRequest(job=job, recipe=recipe, store=str(tmp_path / "store"), out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("job", ["classifier", "coop", "finetune"])
def test_oversample_is_taken_by_jobs_of_epochs_with_repeats(job: str, tmp_path: Path) -> None:
    recipe = {"data": {"oversample": {"rare": 50}}}
    with pytest.raises(MissingFileError, match="no store here"):  # beyond what is checked before it is opened
        train(TrainRequest(job=job, recipe=recipe, store=str(tmp_path / "store"), out=tmp_path / "run"))


def test_a_job_on_a_store_needs_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The job tiny trains on samples of a store; name a `store`"):
        train(TrainRequest(job="tiny", recipe={}, out=tmp_path))
