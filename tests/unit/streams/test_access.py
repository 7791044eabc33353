"""Codes of teams and agencies: shown once, kept as hashes, in force at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.access import AccessFile, Kind
from streams.errors import UserError, WrongUse


@pytest.fixture
def codes(tmp_path: Path) -> AccessFile:
    return AccessFile(tmp_path / "deep" / "access.json")


def test_nobody_has_a_code_before_one_is_issued(codes: AccessFile) -> None:
    assert codes.names(Kind.TEAM) == []
    assert codes.verify(Kind.TEAM, "") is None
    assert codes.verify(Kind.TEAM, "x" * 10_000_000) is None


def test_a_code_opens_for_its_holder_and_kind_only(codes: AccessFile) -> None:
    code = codes.issue(Kind.TEAM, "youth")
    assert codes.verify(Kind.TEAM, f" {code.upper()}\n") == "youth"
    assert codes.verify(Kind.AGENCY, code) is None
    assert codes.verify(Kind.TEAM, code[:-1]) is None
    assert codes.names(Kind.TEAM) == ["youth"]


def test_what_is_kept_opens_nothing_and_is_the_owners(codes: AccessFile, tmp_path: Path) -> None:
    code = codes.issue(Kind.AGENCY, "landlord")
    path = tmp_path / "deep" / "access.json"
    kept = json.loads(path.read_text())
    assert code not in path.read_text()
    assert codes.verify(Kind.AGENCY, kept["agency"]["landlord"]) is None
    assert path.stat().st_mode & 0o077 == 0


def test_a_new_code_ends_the_old_one_also_in_a_process_that_knew_it(codes: AccessFile, tmp_path: Path) -> None:
    server = AccessFile(tmp_path / "deep" / "access.json")
    old = codes.issue(Kind.TEAM, "youth")
    assert server.verify(Kind.TEAM, old) == "youth"
    new = codes.issue(Kind.TEAM, "youth")
    assert (server.verify(Kind.TEAM, old), server.verify(Kind.TEAM, new)) == (None, "youth")
    codes.revoke(Kind.TEAM, "youth")
    assert server.verify(Kind.TEAM, new) is None


def test_a_fingerprint_is_of_the_code_in_force_and_opens_nothing(codes: AccessFile, tmp_path: Path) -> None:
    assert codes.fingerprint(Kind.TEAM, "youth") is None
    codes.issue(Kind.TEAM, "youth")
    first = codes.fingerprint(Kind.TEAM, "youth")
    assert first
    assert first not in (tmp_path / "deep" / "access.json").read_text()
    codes.issue(Kind.TEAM, "other")
    assert codes.fingerprint(Kind.TEAM, "youth") == first
    codes.issue(Kind.TEAM, "youth")
    assert codes.fingerprint(Kind.TEAM, "youth") not in {first, None}
    codes.revoke(Kind.TEAM, "youth")
    assert codes.fingerprint(Kind.TEAM, "youth") is None


def test_revoking_what_is_not_there_says_so(codes: AccessFile) -> None:
    with pytest.raises(WrongUse, match="has no code"):
        codes.revoke(Kind.TEAM, "youth")


def test_many_at_once_lose_nothing(codes: AccessFile, tmp_path: Path) -> None:
    def issue(number: int) -> str:
        return AccessFile(tmp_path / "deep" / "access.json").issue(Kind.TEAM, f"team-{number}")

    with ThreadPoolExecutor(8) as threads:
        issued = list(threads.map(issue, range(40)))
    assert len(set(issued)) == 40
    assert [codes.verify(Kind.TEAM, code) for code in issued] == [f"team-{number}" for number in range(40)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"team": 5}', b'{"team": {"youth": 5}}', b"\xff"])
def test_a_damaged_file_is_named_with_a_remedy(codes: AccessFile, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "access.json").write_bytes(content)
    with pytest.raises(UserError, match=r"access\.json are damaged") as fault:
        codes.verify(Kind.TEAM, "x")
    assert "issue new codes" in fault.value.remedy
