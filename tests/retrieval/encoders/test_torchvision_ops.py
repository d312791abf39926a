from __future__ import annotations

import subprocess
import sys

import pytest

CHECK = """
from retrieval.encoders.torchvision_ops import repair_torchvision, _compiled_half_loads
first = repair_torchvision()
assert repair_torchvision() is first
assert (first is None) == _compiled_half_loads()
import torchvision, timm, open_clip
from torchvision.transforms import Resize
assert torchvision.models.resnet18 and Resize
"""


@pytest.mark.slow
def test_torchvision_timm_and_open_clip_import_after_the_repair() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", CHECK], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


LIGHT = "import sys, retrieval.encoders.registry; assert not {'torch', 'timm', 'open_clip'} & set(sys.modules)"


def test_the_registry_imports_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)
