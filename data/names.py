"""Invents names of fungi and of persons from meaningless syllables."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_GENUS = (
    ("Bra", "Cru", "Dov", "Fen", "Gal", "Hesp", "Kol", "Lum", "Mor", "Nev", "Orv", "Pel", "Quor", "Sev", "Tav", "Vel"),
    ("and", "av", "eld", "im", "ov", "orn", "uld", "yth"),
    ("ella", "ina", "opsis", "omphis", "ora", "usta", "yce", "aria"),
)
_EPITHET = (
    ("bar", "cel", "dor", "fal", "gim", "hal", "jov", "kes", "lav", "mir", "nol", "ped", "quil", "ros", "tam", "zel"),
    ("and", "av", "eb", "im", "ol", "un", "ov", "iv", "arg", "est"),
    ("ensis", "ana", "ii", "ica", "oides", "ata", "issa", "ora"),
)
_PERSON = (
    ("Ad", "Bel", "Cor", "Dan", "El", "Far", "Gor", "Hul", "Iv", "Jor", "Kal", "Lor", "Mar", "Nad", "Ol", "Pir"),
    ("a", "e", "i", "o", "u", "ia", "eo", "ua"),
    ("bran", "dal", "fin", "gur", "kas", "lin", "mund", "nor", "pel", "ris", "sel", "tok", "van", "wen", "yor", "zim"),
    ("", "a", "en", "il", "os", "ur", "eth", "im"),
)


def genus(index: int, seed: int) -> str:
    """Name a genus; different indices, of which there are 1,024, have different names."""
    return _spell(_GENUS, index, seed)


def epithet(index: int, seed: int) -> str:
    """Name a species within a genus; different indices, of which there are 1,280, have different names."""
    return _spell(_EPITHET, index, seed)


def person_name(index: int, seed: int) -> str:
    """Name a person; names repeat after 16,384 indices."""
    return _spell(_PERSON, index % int(np.prod([len(choices) for choices in _PERSON])), seed)


def _spell(syllables: tuple[tuple[str, ...], ...], index: int, seed: int) -> str:
    shape = tuple(len(choices) for choices in syllables)
    number = _order(int(np.prod(shape)), seed)[index]
    places = np.unravel_index(number, shape)
    return "".join(choices[int(place)] for choices, place in zip(syllables, places, strict=True))


@lru_cache(maxsize=8)
def _order(names: int, seed: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng([seed, 3]).permutation(names).tolist())
