"""Nothing of Pillow, its log or its libraries reaches the terminal while files are decoded."""

from __future__ import annotations

import io
import logging
import warnings

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import InputError
from retrieval.images import upright
from retrieval.pillow_messages import decoding, messages


@pytest.fixture
def damaged() -> bytes:
    """A TIFF of which libtiff prints an error."""
    data = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(data, "TIFF", compression="tiff_lzw")
    return data.getvalue()[:60] + b"\xff\xfe\xfd" * 30 + data.getvalue()[150:]


def test_libtiff_prints_nothing_and_its_error_is_a_reason(damaged: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with decoding(), pytest.raises(InputError, match=r"damaged TIFF data \("):
        upright(damaged)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_all_is_as_before_afterwards(recwarn: pytest.WarningsRecorder) -> None:
    log = logging.getLogger("PIL")
    before = (log.propagate, list(log.handlers), warnings.showwarning, Image.MAX_IMAGE_PIXELS)
    with decoding(1000), pytest.raises(ZeroDivisionError):
        raise ZeroDivisionError
    assert (log.propagate, list(log.handlers), warnings.showwarning, Image.MAX_IMAGE_PIXELS) == before


def test_only_what_is_said_of_a_file_is_kept() -> None:
    with decoding(), pytest.warns(UserWarning, match="of no file"):
        warnings.warn("of no file", UserWarning, stacklevel=1)
    with decoding():
        messages.current = []
        logging.getLogger("PIL.TiffImagePlugin").warning("more samples than %s", 4)
        logging.getLogger("PIL").debug("nothing")
        assert messages.current == ["more samples than 4"]
        messages.current = None


def test_reasons_of_damaged_files_are_the_same_every_time() -> None:
    data = io.BytesIO()
    Image.new("RGB", (9, 9)).save(data, "PNG")
    broken = data.getvalue()[:12] + b"XXXX" + data.getvalue()[16:]
    for _ in range(2):
        with pytest.raises(InputError, match=r"^damaged PNG data$|^damaged PNG data \([^<]*\)$"):
            upright(broken)
