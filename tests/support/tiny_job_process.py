"""Adds the job ``tiny`` to the table of jobs of this process, which is one for tests alone."""

from __future__ import annotations

from tests.support.tiny_job import ENTRY
from training.registry import JOBS

JOBS["tiny"] = ENTRY
