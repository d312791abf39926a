"""For all tests: nothing of the user's is read or written, and nothing goes to a network."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.shared_data import ABSENT, SHARED


def pytest_configure() -> None:
    """Point caches at a temporary folder before anything is imported, also for subprocesses."""
    os.environ["XDG_CACHE_HOME"] = str(Path(tempfile.gettempdir()) / f"vitrine-tests-{os.getuid()}")
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # tests run beside each other; threads of each would only get in the way
    # Processes of tests keep compiled modules, as those of users do, and not each compiles all of ours again.
    sys.dont_write_bytecode = False
    for name in ("VITRINE_STORE", "VITRINE_SPACE", "COLUMNS", "VITRINE_DEBUG", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    # No test asserts on time: a busy machine is no failure.
    settings.register_profile("vitrine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("vitrine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests of real data where there is none."""
    if not SHARED.is_dir():
        for item in items:
            if item.get_closest_marker("shared"):
                item.add_marker(pytest.mark.skip(reason=ABSENT))
