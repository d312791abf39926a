from __future__ import annotations

from pathlib import Path

import pytest

from data.folder import MARK, atomic_folder, is_drawn, run_jobs, write_table


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    assert not is_drawn(out, {"n": 1})
    with atomic_folder(out, {"n": 1}) as folder:
        (folder / "a.txt").write_text("a")
        assert not out.exists()
    assert sorted(path.name for path in out.iterdir()) == ["a.txt", MARK]
    assert list(out.parent.iterdir()) == [out]
    assert is_drawn(out, {"n": 1})
    with pytest.raises(FileExistsError, match="other arguments"):
        is_drawn(out, {"n": 2})


def test_an_empty_folder_is_taken_and_a_full_one_is_not(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert not is_drawn(out, {})
    with atomic_folder(out, {}) as folder:
        (folder / "a.txt").write_text("a")
    (out / MARK).unlink()
    with pytest.raises(FileExistsError, match="not empty"):
        is_drawn(out, {})


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_folder(tmp_path / "out", {}) as folder:
            (folder / "a.txt").write_text("a")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    assert not list(tmp_path.iterdir())


def _touch(path: Path) -> None:
    path.touch(exist_ok=False)


@pytest.mark.parametrize(("images", "workers"), [(10, 2), (500, 2), (500, 1)])
def test_every_job_is_done_once(tmp_path: Path, images: int, workers: int) -> None:
    jobs = [tmp_path / str(at) for at in range(5)]
    run_jobs(_touch, jobs, images, workers)
    assert sorted(tmp_path.iterdir()) == jobs


def test_a_failing_job_is_not_silent(tmp_path: Path) -> None:
    (tmp_path / "1").touch()
    with pytest.raises(FileExistsError):
        run_jobs(_touch, [tmp_path / "0", tmp_path / "1"], 500, 2)


def test_a_table_quotes_what_must_be(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ("a", "b"), [(1, "x, y"), (2, "z")])
    assert (tmp_path / "t.csv").read_text() == 'a,b\n1,"x, y"\n2,z\n'
