"""Identifiers of people: one spelling per id, its check digits, its hash.

An id is written in many ways (`85.07.30-033 28`, `85073003328`); only one spelling may be hashed,
else the same person is two. Does not know which ids an agency sends (contracts do) and never puts
an id into a fault.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

LONGEST: Final = 128
LONGEST_SCHEME: Final = 64
POPULATION: Final = "population"
"""Reserved scheme: a person's id in the population file, compared letter by letter."""

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_SEPARATORS = " .-\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85" + _DASHES


@dataclass(frozen=True, slots=True)
class Scheme:
    """How ids of one register are written.

    Attributes:
        separators: characters without meaning, removed wherever they stand.
        is_exact: compared letter by letter; only white space around it goes.
        is_valid: the check digits of a normalised id; None where there are none.
    """

    separators: str = _SEPARATORS
    is_exact: bool = False
    is_valid: Callable[[str], bool] | None = None


def _is_belgian_national_number(text: str) -> bool:
    """97 minus the rest of the first nine digits modulo 97; born since 2000: with a 2 in front.

    Source: Royal Decree of 3 April 1984 on the identification number of the National Register, art. 4.
    """
    if len(text) != 11 or not _is_digits(text):
        return False
    number, check = text[:9], int(text[9:])
    return check in (97 - int(number) % 97, 97 - int("2" + number) % 97)


def _is_dutch_citizen_number(text: str) -> bool:
    """The eleven test: weights 9..2 and -1, the sum divisible by 11.

    Source: Besluit burgerservicenummer, art. 2 (nine digits, eleven test).
    """
    if len(text) != 9 or not _is_digits(text):
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(w * int(c) for w, c in zip(weights, text, strict=True)) % 11 == 0 and text != "000000000"


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType(
    {
        POPULATION: Scheme(is_exact=True),
        "be-nrn": Scheme(is_valid=_is_belgian_national_number),
        "nl-bsn": Scheme(is_valid=_is_dutch_citizen_number),
        "cz-rc": Scheme(separators=_SEPARATORS + "/"),
    }
)
"""Schemes with rules of their own; every other name follows `Scheme()`."""

_DEFAULT = Scheme()


class _Rules(NamedTuple):
    """How ids of one scheme are compared: the scheme's name, its rules, and what is removed from an id."""

    name: str
    scheme: Scheme
    removed: dict[int, int | None]


@lru_cache(maxsize=256)
def _rules(scheme: str) -> _Rules:
    name = scheme.strip().lower()
    rules = SCHEMES.get(name, _DEFAULT)
    return _Rules(name, rules, str.maketrans("", "", rules.separators))


def normalise_scheme(scheme: str) -> str:
    """Scheme names are compared without case.

    >>> normalise_scheme(" BE-NRN ")
    'be-nrn'
    """
    return _rules(scheme).name


def normalise(scheme: str, value: str) -> str:
    """The one spelling of an id: no separators, upper case, compatible characters made one.

    >>> normalise("be-nrn", "85.07.30-033 28")
    '85073003328'
    >>> normalise("passport", " ab 12-x ")
    'AB12X'
    """
    return _normalise(_rules(scheme), value)


def spelling(scheme: str, value: str) -> tuple[str, str]:
    """A scheme and an id of it, both normalised.

    >>> spelling("BE-NRN", "85.07.30-033 28")
    ('be-nrn', '85073003328')
    """
    rules = _rules(scheme)
    return rules.name, _normalise(rules, value)


def _normalise(rules: _Rules, value: str) -> str:
    if rules.scheme.is_exact:
        return value.strip()
    if value.isascii():
        # Translating costs ten times as much, and most ids hold nothing that is removed.
        return (value if value.isalnum() else value.translate(rules.removed)).upper()
    return _normalise_foreign(value, rules.removed)


def _normalise_foreign(value: str, removed: dict[int, int | None]) -> str:
    """Beyond ASCII, upper case can make new compatible characters: until nothing changes any more."""
    while True:
        folded = unicodedata.normalize("NFKC", value).upper().translate(removed)
        text = "".join(folded.split())
        if text == value:
            return text
        value = text


def fault_of(scheme: str, value: str) -> str | None:
    """What is wrong with an id, without naming it; None when it can be used.

    >>> fault_of("be-nrn", "85.07.30-033 28") is None
    True
    >>> fault_of("be-nrn", "85.07.30-033 29")
    'not a valid be-nrn: its check digits are wrong'
    """
    rules = _rules(scheme)
    name, text = rules.name, _normalise(rules, value)
    if not name or ":" in name:
        return "the scheme of an id is empty or holds a colon"
    if not text:
        return f"an id of scheme {name} is empty"
    if len(text) > LONGEST or len(name) > LONGEST_SCHEME:
        return f"an id is longer than {LONGEST} characters, or its scheme than {LONGEST_SCHEME}"
    if not text.isprintable():
        return f"an id of scheme {name} holds control characters"
    is_valid = rules.scheme.is_valid
    if is_valid is not None and not is_valid(text):
        return f"not a valid {name}: its check digits are wrong"
    return None


def fault_of_all(ids: Iterable[tuple[str, str]]) -> str | None:
    """Why none of a person's ids, (scheme, value), can be used: what is wrong with the first; None when one can.

    >>> fault_of_all([("be-nrn", "85.07.30-033 29"), ("passport", "ab 12-x")]) is None
    True
    >>> fault_of_all([])
    'no id'
    """
    first: str | None = None
    for scheme, value in ids:
        fault = fault_of(scheme, value)
        if fault is None:
            return None
        first = first or fault
    return first or "no id"


def alias_hash(secret: bytes, scheme: str, value: str) -> bytes:
    """HMAC-SHA-256 of a normalised id, 32 bytes; covers the scheme, so that it identifies alone.

    >>> alias_hash(b"k", "be-nrn", "85.07.30-033 28") == alias_hash(b"k", "BE-NRN", "85073003328")
    True
    """
    return normalised_hash(secret, *spelling(scheme, value))


def normalised_hash(secret: bytes, scheme: str, text: str) -> bytes:
    """`alias_hash` of what is normalised already."""
    return hash_by(secret)(scheme, text)


def hash_by(secret: bytes) -> Callable[[str, str], bytes]:
    """`normalised_hash` with its key made ready, for many ids."""
    ready = hmac.new(secret, digestmod="sha256")

    def hashed(scheme: str, text: str) -> bytes:
        one = ready.copy()
        one.update(f"{scheme}\x1f{text}".encode("utf-8", "surrogatepass"))
        return one.digest()

    return hashed
