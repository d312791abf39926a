"""Damage bytes as discs, transfers, editors and attackers do; the same random numbers give the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"-0", b"0x7fffffff", b"9" * 5000, b"null", b"true", b'"', b"''", b'"' * 7, b"\r",
    b"\r\n", b"\n\n\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[31m", b"\x1b]0;x\x07", "\u202egpj.x".encode(),
    "\u200b".encode(), b"=cmd|' /C calc'!A0", b"@SUM(1)", b"-1+1", b"[red]", b"[/]", b"{", b"}" * 50, b"[" * 3000,
    b'{"a":' * 2000, b"\\ud800", b"../../../../etc/passwd", b"/dev/zero", b"%s%n", b"\t", b",,,,,", b": ", b"&a [*a]",
    b"!!python/object/apply:os.system ['true']", b"<script>alert(1)</script>", b"1970-13-45", b"-", b"_", b"*" * 300,
)  # fmt: skip
"""What people and attackers write into text files."""

EXTREMES = tuple(
    number.to_bytes(size, order, signed=False)
    for size in (2, 4, 8)
    for number in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
    for order in ("little", "big")
)
"""Integers at the ends of their ranges: lengths, offsets and dimensions in binary headers."""


def mutate(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Damage a file in one to three ways.

    Args:
        data: the file.
        others: files of the same kind, parts of which may be put into it.
        random: source of all choices.
    """
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(MUTATIONS)(data, random.choice(others), random)
    return data


def _at(data: bytes, random: Random) -> int:
    """Choose a position; every second one lies in the first 512 bytes, where headers are."""
    end = len(data) if random.random() < 0.5 else min(len(data), 512)
    return random.randrange(end + 1)


def _flip(data: bytes, _: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _number in range(random.choice((1, 1, 4, 16, 64)) if data else 0):
        changed[min(_at(data, random), len(data) - 1)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _truncate(data: bytes, _: bytes, random: Random) -> bytes:
    return data[: _at(data, random)]


def _behead(data: bytes, _: bytes, random: Random) -> bytes:
    return data[_at(data, random) :]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: _at(data, random)] + other[_at(other, random) :]


def _insert_part(data: bytes, other: bytes, random: Random) -> bytes:
    at, start = _at(data, random), _at(other, random)
    return data[:at] + other[start : start + random.randrange(1, 400)] + data[at:]


def _swap_header(data: bytes, other: bytes, random: Random) -> bytes:
    n = random.choice((4, 8, 16, 64, 256))
    return other[:n] + data[n:]


def _repeat_part(data: bytes, _: bytes, random: Random) -> bytes:
    at = _at(data, random)
    part = data[at : at + random.randrange(1, 200)]
    return data[:at] + part * random.choice((2, 2, 20)) + data[at:]


def _drop_part(data: bytes, _: bytes, random: Random) -> bytes:
    at = _at(data, random)
    return data[:at] + data[at + random.randrange(1, 200) :]


def _fill_part(data: bytes, _: bytes, random: Random) -> bytes:
    at, n = _at(data, random), random.randrange(1, 300)
    return data[:at] + random.choice((b"\0", b"\xff", b" ")) * n + data[at + n :]


def _extreme_number(data: bytes, _: bytes, random: Random) -> bytes:
    at, number = _at(data, random), random.choice(EXTREMES)
    return data[:at] + number + data[at + len(number) :]


def _insert_token(data: bytes, _: bytes, random: Random) -> bytes:
    at = _at(data, random)
    return data[:at] + random.choice(TOKENS) + data[at:]


def _replace_word(data: bytes, _: bytes, random: Random) -> bytes:
    """Put a token in the place of a word: what stands between two delimiters of text."""
    at = _at(data, random)
    end = at
    while end < len(data) and data[end] not in b" ,:\t\r\n\"'[]{}" and end - at < 60:
        end += 1
    return data[:at] + random.choice(TOKENS) + data[end:]


def _line(data: bytes, _: bytes, random: Random) -> bytes:
    """Drop a line, write it twice, or move it to the end."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    way = random.randrange(3)
    return b"\n".join(
        [*lines[:at], *lines[at + 1 :]] if way == 0
        else [*lines[:at], lines[at], *lines[at:]] if way == 1
        else [*lines[:at], *lines[at + 1 :], lines[at]]
    )  # fmt: skip


def _append(data: bytes, other: bytes, random: Random) -> bytes:
    return data + random.choice((random.randbytes(50), other, b"\0" * 4096))


MUTATIONS: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (
    _flip, _flip, _truncate, _behead, _splice, _insert_part, _swap_header, _repeat_part, _drop_part, _fill_part,
    _extreme_number, _insert_token, _replace_word, _line, _append,
)  # fmt: skip
