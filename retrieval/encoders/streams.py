"""Threads that encode batches beside one another, each on cores of its own.

A forward pass over all cores makes every core wait for the slowest a few hundred times, and spin meanwhile. That is
quick while nothing else runs; but beside threads that decode images, or another job, one pass takes several times as
long. Passes of one core each wait for nothing, and their sum is as quick as one over all cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

MOST_STREAMS = 8
"""Batches that are encoded at once: each holds the activations of a forward pass in memory."""


@contextmanager
def encoding_threads(device: str) -> Iterator[tuple[ThreadPoolExecutor, int]]:
    """Start threads to encode batches: one per core on a CPU, and one on another device.

    Args:
        device: torch device of the encoder.

    Yields:
        The threads, and their number.
    """
    import torch

    cores = torch.get_num_threads()  # as many as torch would use for one pass
    if device != "cpu" or cores == 1:
        with ThreadPoolExecutor(1, "encode") as pool:
            yield pool, 1
        return
    streams = min(cores, MOST_STREAMS)
    try:
        with ThreadPoolExecutor(streams, "encode", torch.set_num_threads, (cores // streams,)) as pool:
            yield pool, streams
    finally:
        torch.set_num_threads(cores)  # the number in a thread is also that of threads which begin later
