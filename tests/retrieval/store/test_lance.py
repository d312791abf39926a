"""Errors of Lance are errors of the store in one line, without places in its sources."""

from __future__ import annotations

import pytest

from retrieval.errors import InputError, StoreError
from retrieval.store.lance import lance_errors, said_by_lance

SAID = {
    "LanceError(IO): failed to decode, /root/.cargo/registry/src/a-1/lance-13.0.0/src/dataset.rs:805:32": (
        "LanceError(IO): failed to decode"
    ),
    "Not found: /s/banks.lance/data/1.lance, /home/runner/lance/rust/object_reader.rs:335:56, /rustc/48a/f.rs:1:2": (
        "Not found: /s/banks.lance/data/1.lance"
    ),
    'Schema { message: "strinw", location: Location { file: "/x.rs", line: 5 }, backtrace: MaybeBacktrace }': (
        'Schema { message: "strinw" }'
    ),
    "corrupt file: offset decreases, lance/src/binary.rs:769:20.\nsecond line": "corrupt file: offset decreases",
}


class PanicException(BaseException):
    """What a panic of Rust code is in Python."""


@pytest.mark.parametrize(("text", "said"), SAID.items())
def test_places_in_sources_are_left_out(text: str, said: str) -> None:
    assert said_by_lance(RuntimeError(text)) == said


class RustPanic(Exception):  # noqa: N818 - as pyo3 names it
    """What a panic of asynchronous Rust code is in Python."""


ERRORS = [PanicException("index out of bounds"), RustPanic("unknown"), OSError("gone"), RuntimeError("lance error")]


@pytest.mark.parametrize("error", ERRORS)
def test_errors_and_panics_become_errors_of_the_store(error: BaseException) -> None:
    with pytest.raises(StoreError, match=f"^table: {error}$"), lance_errors(lambda said: StoreError(f"table: {said}")):
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), InputError("ours")])
def test_other_exceptions_pass(error: BaseException) -> None:
    with pytest.raises(type(error)), lance_errors(StoreError):
        raise error
