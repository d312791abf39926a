"""A store on object storage is read like one on disk; writing there is refused with the reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.command_line import SMALL_ENCODER, run_cli
from tests.support.images import write_images
from tests.support.sample_stores import store_with, unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_read_search_and_refuse_to_write(tmp_path: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"n{at}" for at in range(6)]
    store_with(tmp_path / "s", names, unit(6), identity=["a", "a", "b", "b", "c", "c"], split="test")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="lab")
    for path in (tmp_path / "s").rglob("*"):
        if path.is_file():
            client.upload_file(str(path), "lab", f"s/{path.relative_to(tmp_path / 's').as_posix()}")
    env = {**KEYS, "AWS_ENDPOINT": endpoint, "AWS_ALLOW_HTTP": "true"}
    there = "s3://lab/s"
    info = json.loads(run_cli("info", "--store", there, "--json", env=env).stdout)
    assert (info["counts"]["samples"], info["bytes"]) == (6, None)
    near = json.loads(run_cli("search", "--id", "n0", "--store", there, "--json", env=env).stdout)
    here = json.loads(run_cli("search", "--id", "n0", "--store", tmp_path / "s", "--json").stdout)
    assert near["hits"] == here["hits"]
    assert run_cli("verify", "--store", there, env=env).returncode == 0
    write_images(tmp_path / "images", 2)
    done = run_cli("index", tmp_path / "images", "--store", there, *SMALL_ENCODER, env=env, check=1)
    assert "writing to object storage is refused. One table is committed there safely" in done.stderr
    done = run_cli("info", "--store", "s3://lab/nothing", env=env, check=1)
    assert "not a Vitrine store" in done.stderr
