"""Codes by which teams sign in to the board and agencies to the gateway.

A code is 100 random bits, shown once when it is issued; only its SHA-256 is kept. Nobody can guess
100 bits, so the hash needs no salt and no slowness, and a list of hashes opens nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from streams.errors import UserError, WrongUse

_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # 31 characters, none mistaken for another
_GROUPS, _GROUP = 4, 5
_LONGEST_CODE = 100


class Kind(StrEnum):
    """Who a code is for."""

    TEAM = "team"
    AGENCY = "agency"


class AccessFile:
    """The codes in force, one per team and agency; read anew when the file changes.

    Args:
        path: made when the first code is issued, readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int, int], dict[str, dict[str, str]]] | None = None

    def issue(self, kind: Kind, name: str) -> str:
        """Makes a new code for that team or agency; an earlier one stops working.

        Raises:
            UserError: the file cannot be written.
        """
        code = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
        with self._changing() as codes:
            codes.setdefault(kind.value, {})[name] = _hash(code)
        return code

    def revoke(self, kind: Kind, name: str) -> None:
        """Makes the code of that team or agency stop working.

        Raises:
            WrongUse: it has none.
            UserError: the file cannot be written.
        """
        with self._changing() as codes:
            if codes.get(kind, {}).pop(name, None) is None:
                raise WrongUse(f"{kind} `{name}` has no code", "`headwater access list` shows who has one")

    def verify(self, kind: Kind, code: str) -> str | None:
        """Name of the team or agency with that code; None when there is none.

        Raises:
            UserError: the file cannot be read or is damaged.
        """
        if len(code) > _LONGEST_CODE:
            return None
        hashed = _hash(code)
        found = [name for name, known in self._codes().get(kind, {}).items() if secrets.compare_digest(known, hashed)]
        return found[0] if found else None

    def fingerprint(self, kind: Kind, name: str) -> str | None:
        """Changes when that team or agency gets another code; None when it has none. Opens nothing.

        Raises:
            UserError: the file cannot be read or is damaged.
        """
        known = self._codes().get(kind, {}).get(name)
        return None if known is None else hashlib.sha256(f"fingerprint {known}".encode()).hexdigest()[:32]

    def names(self, kind: Kind) -> list[str]:
        """Teams or agencies that have a code.

        Raises:
            UserError: the file cannot be read or is damaged.
        """
        return sorted(self._codes().get(kind, {}))

    def _codes(self) -> dict[str, dict[str, str]]:
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if self._read is None or self._read[0] != seen:
                self._read = seen, _checked(orjson.loads(self._path.read_bytes()))
            return self._read[1]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UserError(
                f"the codes in {self._path} cannot be read ({error.strerror})", "give this account the right to read it"
            ) from None
        except ValueError:
            raise UserError(
                f"the codes in {self._path} are damaged",
                "remove the file, then issue new codes: headwater access issue",
            ) from None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, str]]]:
        """One change at a time; readers see the file as it was or as it is."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                codes = {kind: dict(names) for kind, names in self._codes().items()}
                yield codes
                fresh = self._path.with_name(f"{self._path.name}.new")
                fresh.touch(mode=0o600)
                fresh.write_bytes(orjson.dumps(codes, option=orjson.OPT_INDENT_2))
                fresh.replace(self._path)
        except OSError as error:
            raise UserError(
                f"the codes in {self._path} cannot be written ({error.strerror})",
                "see that the folder exists and may be written to, or set HEADWATER_ACCESS_FILE",
            ) from None


def _checked(found: Any) -> dict[str, dict[str, str]]:  # noqa: ANN401 - whatever the file holds
    is_right = isinstance(found, dict) and all(
        isinstance(names, dict) and all(isinstance(known, str) for known in names.values()) for names in found.values()
    )
    if not is_right:
        raise ValueError("not codes by kind and name")
    codes: dict[str, dict[str, str]] = found
    return codes


def _hash(code: str) -> str:
    """Of a code as people type it: capitals and spaces do not matter.

    >>> _hash("abcde-fghjk") == _hash(" ABCDE-fghjk ")
    True
    """
    return hashlib.sha256(code.strip().lower().encode()).hexdigest()
