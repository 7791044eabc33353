"""The board as a process: real deployment, codes and register; how it starts, ends and refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from streams.access import AccessFile, Kind
from streams.broker.ports import find_free
from streams.composition import DEMO, case_store
from streams.register import open_register
from streams.settings import Settings
from tests.browser.duty_town import answer, offer, situation, wait_for

RUN = """
from streams.composition import Platform
from streams.ending import Ending
from streams.services.board import run
from streams.settings import load
ending = Ending("board")
ending.listen()
run(Platform(load()), ending)
"""
LINE = {
    "household": "h1",
    "area": "millbrook",
    "address": {"street": "Invented Street", "number": "1", "postcode": "1000", "municipality": "Town"},
    "language": "nl",
    "members": [{"person": "1", "name": "Invented Name", "born": "1980-02-03", "ids": [["nrn", "85073003328"]]}],
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", board_port=find_free(), deployment=DEMO, _env_file=None)  # type: ignore[call-arg]


@contextmanager
def running(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """The board in a process of its own, from the environment."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    own |= {"HEADWATER_DATA": str(settings.data), "HEADWATER_BOARD_PORT": str(settings.board_port)}
    own |= {"HEADWATER_PROXIES": settings.proxies}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def is_ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{settings.board_port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def sign_in(client: httpx.Client, code: str) -> httpx.Response:
    token = re.search(r'name="token" value="([^"]+)"', client.get("/sign-in").text)[1]
    return client.post("/sign-in", data={"token": token, "name": "Anna", "code": code, "back": "/"})


def test_the_way_with_real_codes_and_a_real_register(settings: Settings):
    code = AccessFile(settings.data / "access.json").issue(Kind.TEAM, "housing-prevention")
    with open_register(settings, "riverbend") as register:
        assert register.load_population([LINE]).persons_new == 1
        (person,) = register.look_up([("nrn", "85073003328")]).values()
    with case_store(settings) as store, running(settings):
        wait_for(lambda: is_ready(settings), 120)
        own = replace(situation(1), person=person)
        store.apply([offer(1, situations=(own,))])
        where = f"/offers/{offer(1).offer}"
        with httpx.Client(base_url=f"http://127.0.0.1:{settings.board_port}", follow_redirects=True) as client:
            assert "Offers of Housing prevention" in sign_in(client, code.upper()).text
            for what in ("take", "who"):
                token = re.search(r'name="token" value="([^"]+)"', client.get(where).text)[1]
                page = client.post(f"{where}/{what}", data={"token": token, "version": "1"})
                answer(store)
            assert "Invented Name" in page.text
            assert "Invented Street 1, 1000 Town" in page.text
            assert "85073003328" not in page.text
            assert "server" not in page.headers
            assert client.get("/metrics").status_code == 404
            AccessFile(settings.data / "access.json").issue(Kind.TEAM, "youth-team")
            assert client.get("/").url.path == "/"
            AccessFile(settings.data / "access.json").revoke(Kind.TEAM, "housing-prevention")
            assert client.get("/").url.path == "/sign-in"
    with create_engine(f"sqlite:///{settings.data / 'register.db'}").connect() as connection:
        rows = connection.execute(text("select person, by, purpose from access_log where what = 'reveal'")).all()
    ((seen, by, purpose),) = rows
    assert seen == person
    assert re.fullmatch("[0-9a-f]{32} on the board: Anna, housing-prevention", by)
    assert purpose == f"contact about offer {offer(1).offer}"


def test_it_ends_when_asked_to_while_browsers_listen(settings: Settings):
    code = AccessFile(settings.data / "access.json").issue(Kind.TEAM, "housing-prevention")
    with running(settings) as process:
        wait_for(lambda: is_ready(settings), 120)
        with httpx.Client(base_url=f"http://127.0.0.1:{settings.board_port}", follow_redirects=True) as client:
            sign_in(client, code)
            with client.stream("GET", "/events?seen=x") as stream:
                next(stream.iter_lines())
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0
    assert process.stdout is not None
    assert process.stdout.read() == ""


@pytest.mark.parametrize(("proxies", "is_believed"), [("127.0.0.1", True), ("10.9.8.7", False), ("*", True)])
def test_only_a_named_proxy_is_believed_that_it_speaks_tls(settings: Settings, proxies: str, is_believed: bool):
    with running(settings.model_copy(update={"proxies": proxies})):
        wait_for(lambda: is_ready(settings), 120)
        asked = httpx.get(f"http://127.0.0.1:{settings.board_port}/sign-in", headers={"X-Forwarded-Proto": "https"})
    assert ("strict-transport-security" in asked.headers) is is_believed


def test_the_key_of_the_cookies_outlives_a_restart_and_is_its_owners(settings: Settings):
    code = AccessFile(settings.data / "access.json").issue(Kind.TEAM, "housing-prevention")
    with httpx.Client(base_url=f"http://127.0.0.1:{settings.board_port}", follow_redirects=True) as client:
        for is_first in (True, False):
            with running(settings):
                wait_for(lambda: is_ready(settings), 120)
                assert (sign_in(client, code) if is_first else client.get("/")).url.path == "/"
    assert (settings.data / "board.key").stat().st_mode & 0o077 == 0


def test_a_port_that_is_taken_is_said(settings: Settings):
    with running(settings):
        wait_for(lambda: is_ready(settings), 120)
        with running(settings) as second:
            assert second.wait(60) == 1
            assert second.stdout is not None
            assert f"port {settings.board_port} of 127.0.0.1 cannot be used" in second.stdout.read()


def test_damaged_codes_are_a_page_and_mend(settings: Settings):
    access = settings.data / "access.json"
    AccessFile(access).issue(Kind.TEAM, "housing-prevention")
    with running(settings):
        wait_for(lambda: is_ready(settings), 120)
        with httpx.Client(base_url=f"http://127.0.0.1:{settings.board_port}", follow_redirects=True) as client:
            access.write_text("{no json")
            response = sign_in(client, "x")
            assert response.status_code == 503
            assert "Nobody can sign in just now" in response.text
            access.unlink()
            code = AccessFile(access).issue(Kind.TEAM, "housing-prevention")
            assert sign_in(client, code).url.path == "/"
