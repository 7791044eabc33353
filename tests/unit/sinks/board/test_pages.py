"""The board's pages over HTTP, on a store in memory: what each says, and to whom."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from processors.offers.actions import OutcomeCode
from processors.offers.model import OfferState, Reason, Urgency
from sinks.board import BoardContext, IdentityUnavailable, RevealedPerson, TeamCodes, create_app
from sinks.board.live import MOST_EACH
from sinks.board.reveals import MOST_AT_ONCE
from sinks.board.sessions import LONGEST_MS
from sinks.board.words import OUTCOMES, REASONS
from sinks.case_db import CaseStoreUnavailable
from sinks.case_db.values import CaseOffer, Scope
from sinks.memory import MemoryCaseStore
from streams.access import AccessFile, Kind
from tests.browser.duty_town import (
    CODE,
    CODES,
    NOW,
    OTHER_TEAM,
    TEAM,
    WORDING,
    Register,
    Viewers,
    answer,
    context,
    ms,
    offer,
    served,
    sign_in_of,
    situation,
    wait_for,
    withdrawn,
)

OTHER_CODE = next(code for code, team in CODES.items() if team == OTHER_TEAM)
PERSON = RevealedPerson("Name Known", "1980-02-03", "nl", {"phone": "02 555"}, ("Street 1", "1000 Town"), ())


class AwayStore(MemoryCaseStore):
    """A store whose database can go away."""

    is_away = False
    is_broken = False

    def digest(self, scope: Scope) -> str:
        if self.is_broken:
            raise RuntimeError("secret cause")
        if self.is_away:
            raise CaseStoreUnavailable("gone", "bring it back")
        return super().digest(scope)

    def scoped_offer(self, scope: Scope, offer_id: str) -> CaseOffer | None:
        if self.is_broken:
            raise RuntimeError("secret cause")
        return super().scoped_offer(scope, offer_id)

    def counts(self):
        if self.is_away:
            raise CaseStoreUnavailable("gone", "bring it back")
        return super().counts()


class Browser:
    """Somebody at the board, without JavaScript: follows links, sends forms with what is hidden in them."""

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=address, follow_redirects=True)
        self.page = ""

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._seen(self.http.get(path, headers=headers))

    def send(self, path: str, **fields: str) -> httpx.Response:
        return self._seen(self.http.post(path, data={**hidden(self.page), **fields}))

    def sign_in(self, name: str = "Anna", code: str = CODE, back: str = "/") -> httpx.Response:
        self.get("/sign-in")
        return self.send("/sign-in", name=name, code=code, back=back)

    def _seen(self, response: httpx.Response) -> httpx.Response:
        self.page = response.text
        return response


def text(page: str) -> str:
    """What a page says in its main part, without markup."""
    main = page.partition("<main")[2].partition("</main>")[0] or page
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def hidden(page: str) -> dict[str, str]:
    """What the forms of a page hold without showing it."""
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


def payload(browser: Browser) -> dict[str, object]:
    """What the session holds: anybody can read the cookie, nobody can write it."""
    return json.loads(base64.b64decode(browser.http.cookies["headwater_board"].partition(".")[0]))


def by_file(codes: AccessFile, store: MemoryCaseStore) -> TeamCodes:
    """Sign-in by the codes of a file, as the service has it."""
    town = sign_in_of(store)
    return replace(
        town,
        verify=lambda code: codes.verify(Kind.TEAM, code),
        fingerprint=lambda team: codes.fingerprint(Kind.TEAM, team),
    )


def title(page: str) -> str:
    return re.search(r"<title>\s*(.*?)\s*</title>", page, re.DOTALL)[1]


@pytest.fixture
def store() -> MemoryCaseStore:
    return AwayStore()


@pytest.fixture
def register() -> Register:
    return Register({f"p{number}": PERSON for number in range(20)})


@pytest.fixture
def place(store: MemoryCaseStore, register: Register, tmp_path: Path) -> BoardContext:
    return context(store, tmp_path, reveal=register)


@pytest.fixture
def address(place: BoardContext) -> Iterator[str]:
    with served(create_app(place)) as found:
        yield found


@pytest.fixture
def anna(address: str) -> Browser:
    browser = Browser(address)
    browser.sign_in("Anna")
    return browser


@pytest.fixture
def ben(address: str) -> Browser:
    browser = Browser(address)
    browser.sign_in("Ben")
    return browser


def act(browser: Browser, number: int, what: str, **fields: str) -> str:
    """Reads an offer's page, then sends one of its forms; what the page says then."""
    browser.get(path(number))
    return text(browser.send(f"{path(number)}/{what}", **fields).text)


def is_taken(browser: Browser) -> bool:
    """Whether another stream of news is granted."""
    with browser.http.stream("GET", "/events", timeout=10) as stream:
        return stream.status_code == 200


def path(number: int) -> str:
    return f"/offers/{offer(number).offer}"


class TestSignIn:
    def test_everything_else_asks_for_it(self, address: str):
        for wanted in ("/", "/ended", path(1)):
            response = Browser(address).get(wanted)
            assert response.url.path == "/sign-in"
            assert "signed out" not in response.text
        assert Browser(address).get("/events").status_code == 401

    def test_back_to_where_they_were_going(self, address: str, store: MemoryCaseStore):
        store.apply([offer(1)])
        browser = Browser(address)
        browser.get(f"{path(1)}?x=1")
        response = browser.send("/sign-in", name="Anna", code=CODE)
        assert (response.url.path, response.url.query) == (path(1), b"x=1")

    @pytest.mark.parametrize(
        "back",
        ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/sign-out", "/a\r\nb"],
    )
    def test_never_to_anywhere_else(self, address: str, back: str):
        response = Browser(address).sign_in(back=back)
        assert response.url.path == "/"
        assert str(response.url).startswith(address)

    @pytest.mark.parametrize(
        ("name", "code", "says"),
        [
            ("", CODE, "Enter your name"),
            ("Anna", "", "Enter the code of your team"),
            ("Anna", "wrong", "No team has this code"),
            ("Anna", "x" * 5000, "No team has this code"),
            ("x" * 61, CODE, "Your name must be 60 characters or fewer"),
            ("Anna\x07", CODE, "Your name must not contain invisible characters"),
            ("An\u202ena", CODE, "Your name must not contain invisible characters"),
            ("\x00", CODE, "Your name must not contain invisible characters"),
            ("12", CODE, "one of them a letter"),
            ("Anna\ufe0f", CODE, "Your name must not contain invisible characters"),
            ("Anna, other-team", CODE, "only letters, numbers, spaces"),
            ("Anna (board)", CODE, "only letters, numbers, spaces"),
            ("Anna\uff0c lead", CODE, "only letters, numbers, spaces"),
            ("\u0410nna", CODE, "written in one script"),
        ],
    )
    def test_what_is_missing_is_said(self, address: str, name: str, code: str, says: str):
        browser = Browser(address)
        response = browser.sign_in(name, code)
        assert response.status_code == 422
        assert says in text(response.text)
        assert title(response.text).startswith("Error: ")
        assert code not in response.text or not code
        assert browser.get("/").url.path == "/sign-in"

    def test_a_name_is_text_whatever_is_in_it(self, address: str):
        browser = Browser(address)
        page = browser.sign_in("<script>alert('x')</script> Ó").text
        assert "<script>alert" not in page.lower()
        assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; ó" in page.lower()
        assert "O&#39;Neil" in browser.sign_in("O'Neil").text

    @pytest.mark.parametrize("typed", ["anna de smet", " ANNA  DE SMET", "\uff21nna De Smet", "Anna De\u00a0Smet"])
    def test_a_name_is_one_worker_however_it_is_typed(self, address: str, store: MemoryCaseStore, typed: str):
        store.apply([offer(1)])
        first, again = Browser(address), Browser(address)
        first.sign_in("Anna De Smet")
        act(first, 1, "take")
        answer(store)
        again.sign_in(typed)
        assert "Show who this is" in text(again.get(path(1)).text)

    def test_eight_hours_are_the_end(self, address: str, place: BoardContext, anna: Browser):
        place.wall.at += LONGEST_MS - 1
        assert anna.get("/").url.path == "/"
        place.wall.at += 1
        response = anna.get("/?show=open")
        assert response.url.path == "/sign-in"
        assert "You were signed out after 8 hours. Nothing was lost" in text(response.text)
        assert anna.send("/sign-in", name="Anna", code=CODE).url == f"{address}/?show=open"

    def test_a_form_that_comes_too_late_keeps_its_choice(
        self, place: BoardContext, store: MemoryCaseStore, anna: Browser
    ):
        store.apply([offer(1)])
        act(anna, 1, "take")
        answer(store)
        anna.get(path(1))
        place.wall.at += LONGEST_MS
        assert anna.send(f"{path(1)}/outcome", outcome="declined").url.path == "/sign-in"
        page = anna.send("/sign-in", name="Anna", code=CODE)
        assert page.url.path == path(1)
        assert re.findall(r'value="([a-z-]+)" checked', page.text) == ["declined"]
        assert not store.outbox(9)
        assert not re.findall("checked", anna.get(path(1)).text)

    def test_a_part_of_a_page_leads_there_too(self, place: BoardContext, anna: Browser):
        place.wall.at += LONGEST_MS
        response = anna.get("/?show=mine&seen=x", **{"HX-Request": "true"})
        assert response.status_code == 401
        assert response.headers["HX-Redirect"] == "/sign-in?back=%2F%3Fshow%3Dmine&why=expired"

    def test_signing_out(self, anna: Browser):
        anna.get("/")
        assert "You are signed out" in text(anna.send("/sign-out").text)
        assert anna.get("/").url.path == "/sign-in"

    def test_a_team_whose_code_is_revoked_is_out(self, store: MemoryCaseStore, tmp_path: Path):
        codes = AccessFile(tmp_path / "access.json")
        code = codes.issue(Kind.TEAM, TEAM)
        with served(create_app(context(store, tmp_path, sign_in=by_file(codes, store)))) as address:
            browser = Browser(address)
            assert browser.sign_in(code=code).url.path == "/"
            codes.revoke(Kind.TEAM, TEAM)
            assert browser.get("/").url.path == "/sign-in"

    def test_so_is_whoever_came_in_by_a_code_that_was_replaced(self, store: MemoryCaseStore, tmp_path: Path):
        codes = AccessFile(tmp_path / "access.json")
        code = codes.issue(Kind.TEAM, TEAM)
        with served(create_app(context(store, tmp_path, sign_in=by_file(codes, store)))) as address:
            old, fresh = Browser(address), Browser(address)
            old.sign_in(code=code)
            codes.issue(Kind.TEAM, OTHER_TEAM)
            assert old.get("/").url.path == "/"
            code = codes.issue(Kind.TEAM, TEAM)
            assert old.get("/").url.path == "/sign-in"
            assert old.get("/events").status_code == 401
            assert fresh.sign_in(code=code).url.path == "/"

    def test_a_code_that_is_replaced_during_the_sign_in_opens_nothing(self, store: MemoryCaseStore):
        sign_in = sign_in_of(store)
        known = [{CODE: TEAM}, {}]
        assert replace(sign_in, verify=lambda code: known.pop(0).get(code)).sign_in(CODE, "Anna") is None

    def test_nothing_of_an_earlier_session_stays(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        anna.get(path(1))
        before = anna.page
        anna.http.post(f"{path(1)}/take", data=hidden(before), follow_redirects=False)  # what became of it is unread
        anna.sign_in("Ben")
        assert payload(anna).keys() == {"user", "token"}
        assert hidden(anna.page)["token"] != hidden(before)["token"]

    def test_a_cookie_of_somebodys_own_making_opens_nothing(self, address: str, anna: Browser):
        cookie = anna.http.cookies["headwater_board"]
        forged = Browser(address)
        forged.http.cookies["headwater_board"] = ("A" if cookie[9] != "A" else "B").join((cookie[:9], cookie[10:]))
        assert forged.get("/").url.path == "/sign-in"

    def test_the_code_is_not_in_the_cookie(self, anna: Browser):
        payload = base64.b64decode(anna.http.cookies["headwater_board"].partition(".")[0])
        assert CODE.encode() not in payload


class TestForms:
    @pytest.mark.parametrize("what", ["take", "contacted", "outcome", "who"])
    @pytest.mark.parametrize("token", [None, "", "forged"])
    def test_a_forged_form_does_nothing(
        self, store: MemoryCaseStore, register: Register, anna: Browser, what: str, token: str | None
    ):
        store.apply([offer(1)])
        anna.get(path(1))
        data = {"version": "1", "outcome": "declined"} | ({} if token is None else {"token": token})
        response = anna.http.post(f"{path(1)}/{what}", data=data)
        assert response.status_code == 403
        assert "This form could not be accepted" in text(response.text)
        assert not store.outbox(9)
        assert not register.log

    def test_nor_one_with_somebody_elses_token(self, store: MemoryCaseStore, anna: Browser, ben: Browser):
        store.apply([offer(1)])
        ben.get(path(1))
        anna.page = ben.page
        assert anna.send(f"{path(1)}/take").status_code == 403

    def test_sign_in_and_out_are_guarded_too(self, address: str, anna: Browser):
        assert httpx.post(f"{address}/sign-in", data={"name": "A", "code": CODE}).status_code == 403
        assert anna.http.post("/sign-out", data={}).status_code == 403
        assert anna.get("/").url.path == "/"

    @pytest.mark.parametrize("headers", [{}, {"Content-Length": ""}])
    def test_far_too_much_is_refused(self, anna: Browser, headers: dict[str, str], capfd: pytest.CaptureFixture[str]):
        def chunks() -> Iterator[bytes]:
            for _ in range(100):
                yield b"a" * 10_000

        content = chunks() if headers else b"a" * 1_000_000
        response = anna.http.post(
            "/sign-in", content=content, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert response.status_code == 413
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("version", ["", "x", "-1", "1.5", "9" * 400, "²"])
    def test_a_version_that_is_none_is_stale(self, store: MemoryCaseStore, anna: Browser, version: str):
        store.apply([offer(1)])
        assert "The offer changed while you read it" in act(anna, 1, "take", version=version)
        assert not store.outbox(9)

    def test_files_are_not_taken(self, anna: Browser):
        assert anna.http.post("/sign-in", files={"name": b"x"}).status_code == 400


class TestHeaders:
    @pytest.mark.parametrize("wanted", ["/aggregates/", "/ended/", "/static", "/sign-in/"])
    def test_no_answer_leads_to_a_host_the_request_names(self, address: str, wanted: str):
        response = httpx.get(f"{address}{wanted}", headers={"Host": "evil.example"})
        assert "evil.example" not in str(response.headers) + response.text
        assert response.status_code == 404

    @pytest.mark.parametrize("wanted", ["/sign-in", "/", "/nothing", "/aggregates", "/livez"])
    def test_every_answer_is_guarded(self, anna: Browser, wanted: str):
        headers = anna.get(wanted).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"

    def test_static_files_may_be_kept(self, anna: Browser):
        for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', anna.get("/").text):
            response = anna.get(asset)
            assert response.status_code == 200
            assert "immutable" in response.headers["cache-control"]

    def test_pages_have_no_inline_script_or_style_and_name_no_other_host(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        for wanted in ("/", path(1), "/ended", "/aggregates", "/sign-in"):
            page = anna.get(wanted).text
            assert not re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", page), wanted
            assert not re.findall(r'(?:href|src|action)="(?!/|#)', page), wanted

    def test_the_cookie_is_kept_from_scripts_and_strangers(self, address: str):
        cookie = httpx.get(f"{address}/sign-in").headers["set-cookie"]
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "secure" not in cookie

    def test_by_tls_it_is_secure(self, place: BoardContext):
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(create_app(place))
            async with httpx.AsyncClient(transport=transport, base_url="https://board.example") as client:
                return await client.get("/sign-in")

        response = asyncio.run(ask())
        assert response.headers["set-cookie"].endswith("; secure")
        assert "strict-transport-security" in response.headers


class TestList:
    def test_most_urgent_first_in_words(self, store: MemoryCaseStore, anna: Browser):
        store.apply(
            [
                offer(1, urgency=Urgency.LOW),
                offer(2, respond_by=ms("2025-12-09 16:30")),
                offer(3, urgency=Urgency.HIGH, respond_by=ms("2025-12-08 00:00")),
            ]
        )
        page = text(anna.get("/").text)
        wanted = ["3 offers: 3 open, 0 yours, 1 overdue", "High urgency", "2 days overdue", "Normal urgency"]
        wanted += ["today by 16:30", "Low urgency", "by the end of tomorrow"]
        found = [page.index(each) for each in wanted]
        assert found == sorted(found)

    def test_filters(self, store: MemoryCaseStore, anna: Browser, ben: Browser):
        store.apply([offer(1), offer(2), offer(3)])
        act(anna, 1, "take")
        answer(store)
        act(ben, 2, "take")

        def shown(show: str) -> set[str]:
            return set(re.findall(r"Household <span[^>]*>(\w+)", anna.get(f"/?show={show}").text))

        assert shown("all") == shown("nonsense") == {"00000001", "00000002", "00000003"}
        assert shown("mine") == {"00000001"}
        assert shown("open") == {"00000003"}
        assert "Taken by Anna" in text(anna.get("/").text)
        assert "Taking this offer: Ben" in text(anna.get("/").text)

    def test_another_team_and_another_area_are_not_there(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1, lead=OTHER_TEAM), offer(2, area="highfield"), offer(3)])
        assert re.findall(r"/offers/(\w+)\"", anna.get("/").text) == [offer(3).offer]
        for number in (1, 2):
            assert anna.get(path(number)).status_code == 404
            assert anna.send(f"{path(number)}/take").status_code in {403, 404}
        assert not store.outbox(9)

    def test_ended_ones(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1), offer(2, state=OfferState.LAPSED, at=NOW), offer(3, state=OfferState.OPEN)])
        store.apply([withdrawn(store, offer(3).offer)])
        page = anna.get("/ended")
        assert set(re.findall(r"Household <span[^>]*>(\w+)", page.text)) == {"00000002", "00000003"}
        assert "Withdrawn" in text(page.text)
        assert "Lapsed" in text(page.text)

    @pytest.mark.parametrize(
        ("asked", "got"), [("1", 1), ("3", 3), ("99", 3), ("0", 1), ("-1", 1), ("x", 1), ("9" * 99, 3)]
    )
    def test_pages(self, store: MemoryCaseStore, anna: Browser, asked: str, got: int):
        store.apply([offer(number) for number in range(1, 122)])
        page = anna.get(f"/?page={asked}").text
        assert f"Page {got} of 3" in text(page)
        assert len(re.findall('class="board-offer ', page)) == (21 if got == 3 else 50)

    def test_news_for_htmx_only_when_there_is_some(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        (again,) = re.findall(r'hx-get="([^"]+)"', anna.get("/").text)
        again = again.replace("&amp;", "&")
        assert anna.get(again, **{"HX-Request": "true"}).status_code == 204
        store.apply([offer(2)])
        part = anna.get(again, **{"HX-Request": "true"})
        assert "The list has changed. 2 offers: 2 open, 0 yours, 0 overdue." in part.text
        assert "<html" not in part.text

    def test_an_hour_later_the_words_are_news_but_the_list_is_not(
        self, store: MemoryCaseStore, place: BoardContext, anna: Browser
    ):
        store.apply([offer(1, respond_by=ms("2025-12-09 11:30"))])
        (again,) = re.findall(r'hx-get="([^"]+)"', anna.get("/").text)
        place.now.at += 2 * 3_600_000
        part = anna.get(again.replace("&amp;", "&"), **{"HX-Request": "true"})
        assert "overdue since 11:30 today" in part.text
        assert "The list has changed" not in part.text


class TestOffer:
    def test_the_whole_why(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1, situations=(situation(1, 0), situation(1, 1)))])
        page = text(anna.get(path(1)).text)
        for said in (
            "Nobody has taken this offer yet.",
            "End of Wednesday 10 December 2025 (by the end of tomorrow)",
            "Facts as of 6 December 2025 at 14:40 (3 days ago)",
            "This person lost a job on 2025-11-01",
            "eviction-risk-after-job-loss , version 2",
            "Job lost Employment service 1 Nov 2025 3 Nov 2025, 09:12",
            "Rent arrears twice within half a year",
            "Help to keep your home Housing prevention (5 working days)",
            "Opened on 8 December 2025 at 10:00.",
        ):
            assert said in page or said.replace(" ,", ",") in page, said

    def test_the_way_of_an_offer(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        assert "Taking this offer …" in act(anna, 1, "take")
        answer(store)
        assert "You are the contact of this household." in text(anna.get(path(1)).text)
        assert "Recording the contact …" in act(anna, 1, "contacted")
        answer(store)
        page = anna.get(path(1)).text
        assert "You have contacted this household." in text(page)
        assert "I have contacted them" not in page
        assert "Recording the outcome …" in act(anna, 1, "outcome", outcome="help-started")
        (record,) = answer(store)
        assert record.outcome is OutcomeCode.HELP_STARTED
        page = text(anna.get(path(1)).text)
        assert "This offer is closed: help has started." in page
        assert "Record outcome" not in page

    def test_when_plan_was_quick_it_is_said_at_once(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        anna.get(path(1))
        token = re.search(r'name="token" value="([^"]+)"', anna.page)[1]
        anna.http.post(f"{path(1)}/take", data={"token": token, "version": "1"}, follow_redirects=False)
        answer(store)
        page = text(anna.get(path(1)).text)
        assert "Recorded You are the contact of this household." in page
        assert "Recorded You" not in text(anna.get(path(1)).text)

    def test_a_double_click_is_one(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        anna.get(path(1))
        first = anna.page
        anna.send(f"{path(1)}/take")
        anna.page = first
        assert "Taking this offer …" in text(anna.send(f"{path(1)}/take").text)
        assert len(store.outbox(9)) == 1
        answer(store)
        anna.page = first
        assert "You are the contact of this household." in text(anna.send(f"{path(1)}/take").text)
        assert not store.outbox(9)

    @pytest.mark.parametrize("is_answered", [False, True])
    def test_somebody_was_faster(self, store: MemoryCaseStore, anna: Browser, ben: Browser, is_answered: bool):
        store.apply([offer(1)])
        ben.get(path(1))
        act(anna, 1, "take")
        if is_answered:
            answer(store)
        page = text(ben.send(f"{path(1)}/take").text)
        assert "Anna was faster: Anna is now the contact of this household." in page
        assert len(store.outbox(9)) == (0 if is_answered else 1)
        answer(store)
        assert "Talk to Anna before you do anything" in text(ben.get(path(1)).text)

    def test_taking_over(self, store: MemoryCaseStore, anna: Browser, ben: Browser):
        store.apply([offer(1)])
        act(anna, 1, "take")
        answer(store)
        act(ben, 1, "take")
        answer(store)
        assert "You are the contact of this household." in text(ben.get(path(1)).text)
        assert "Ben is the contact of this household." in text(anna.get(path(1)).text)

    def test_it_changed_while_it_was_read(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        anna.get(path(1))
        store.apply([offer(1, version=2, situations=(situation(1, 0), situation(1, 1)))])
        page = text(anna.send(f"{path(1)}/take").text)
        assert "The offer changed while you read it. Nothing was recorded" in page
        assert not store.outbox(9)

    @pytest.mark.parametrize("reason", [Reason.RETRACTED, Reason.OPTED_OUT, Reason.ALREADY_HELPED])
    def test_an_outcome_for_a_withdrawn_offer(self, store: MemoryCaseStore, anna: Browser, reason: Reason):
        store.apply([offer(1)])
        act(anna, 1, "take")
        answer(store)
        anna.get(path(1))
        store.apply([withdrawn(store, offer(1).offer, reason)])
        page = text(anna.send(f"{path(1)}/outcome", outcome="declined").text)
        assert "That was not possible any more, and nothing was recorded." in page
        assert REASONS[reason] in page
        assert "Do not contact the household" in page
        assert not store.outbox(9)

    @pytest.mark.parametrize("chosen", [None, "", "nonsense"])
    def test_an_outcome_without_a_choice(self, store: MemoryCaseStore, anna: Browser, chosen: str | None):
        store.apply([offer(1)])
        act(anna, 1, "take")
        answer(store)
        anna.get(path(1))
        response = anna.send(f"{path(1)}/outcome", **({} if chosen is None else {"outcome": chosen}))
        assert response.status_code == 422
        assert '<a href="#outcome">Select how it ended</a>' in " ".join(response.text.split())
        assert 'id="outcome"' in response.text
        assert title(response.text).startswith("Error: ")
        assert not store.outbox(9)

    def test_every_outcome_can_be_chosen(self, store: MemoryCaseStore, anna: Browser):
        assert set(OUTCOMES) == set(OutcomeCode)
        for number, code in enumerate(OutcomeCode, start=1):
            store.apply([offer(number)])
            act(anna, number, "take")
            answer(store)
            act(anna, number, "outcome", outcome=code.value)
            (record,) = answer(store)
            assert record.outcome is code
            assert OUTCOMES[code].told in text(anna.get(path(number)).text)

    def test_never_again_says_what_it_does(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        act(anna, 1, "take")
        answer(store)
        assert "Nobody will contact these people again" in text(anna.get(path(1)).text)

    def test_part_of_it_for_htmx_keeps_the_choice(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        act(anna, 1, "take")
        answer(store)
        (again,) = re.findall(r'hx-get="([^"]+)"', anna.get(path(1)).text)
        assert anna.get(again, **{"HX-Request": "true"}).status_code == 204
        store.apply([offer(1, version=3, state=OfferState.TAKEN, contact=store.enrol(TEAM, "Anna").id)])
        part = anna.get(f"{again}&outcome=declined", **{"HX-Request": "true"})
        assert "This offer has changed." in part.text
        assert re.findall(r'value="([a-z-]+)" checked', part.text) == ["declined"]

    def test_words_of_agencies_are_text(self, store: MemoryCaseStore, anna: Browser):
        evil = "<img src=x onerror=alert(1)> & \x00 {{ 7*7 }}" + "lang " * 5000
        store.apply([offer(1, situations=(situation(1, 0, title=evil[:200], explanation=evil),))])
        page = anna.get(path(1)).text
        assert "<img" not in page
        assert "{{ 7*7 }}" in page
        assert anna.get("/").status_code == 200

    def test_words_in_another_language_are_marked(self, store: MemoryCaseStore, tmp_path: Path):
        store.apply([offer(1)])
        with served(create_app(context(store, tmp_path, wording=replace(WORDING, language="nl")))) as address:
            browser = Browser(address)
            assert '" lang="nl">Rent arrears' in browser.sign_in().text
            page = browser.get(path(1)).text
        assert '<h1 class="govuk-heading-l" lang="nl">' in page
        assert '<html lang="en"' in page

    def test_ids_that_are_none(self, anna: Browser):
        odd = ("x" * 5000, "%00", "../../etc/passwd", "'%20or%201=1", "0" * 31 + "%00", "A" * 32, "0" * 32 + "%0A")
        for wanted in odd:
            assert anna.get(f"/offers/{wanted}").status_code == 404

    def test_an_id_that_is_none_does_not_reach_the_database(self, store: AwayStore, anna: Browser):
        store.is_broken = True
        assert anna.get("/offers/%00").status_code == 404
        assert Browser(str(anna.http.base_url)).get("/offers/%00").url.path == "/sign-in"

    def test_a_viewer_sees_and_does_not_act(self, store: MemoryCaseStore, tmp_path: Path, register: Register):
        store.apply([offer(1)])
        sign_in = Viewers(sign_in_of(store))
        with served(create_app(context(store, tmp_path, sign_in=sign_in, reveal=register))) as address:
            viewer = Browser(address)
            viewer.sign_in()
            assert "Take it" not in viewer.get(path(1)).text
            for what in ("take", "contacted", "who"):
                assert viewer.send(f"{path(1)}/{what}").status_code == 403
            viewer.get(path(1))
            assert viewer.send(f"{path(1)}/outcome", outcome="declined").status_code == 403
        assert not store.outbox(9)
        assert not register.log


class TestWho:
    @pytest.fixture
    def taken(self, store: MemoryCaseStore, anna: Browser) -> None:
        store.apply([offer(1, situations=(situation(1, 0), situation(1, 1), situation(2, 0)))])
        act(anna, 1, "take")
        answer(store)

    @pytest.mark.usefixtures("taken")
    def test_the_contact_is_shown_who_it_is_and_each_is_logged(self, register: Register, anna: Browser):
        anna.get(path(1))
        response = anna.send(f"{path(1)}/who")
        assert "Name Known" in text(response.text)
        assert "Street 1, 1000 Town" in text(response.text)
        assert "Name Known" not in title(response.text)
        assert response.headers["cache-control"] == "no-store"
        assert [person for person, _, _ in register.log] == ["p1", "p2"]
        for _, reader, purpose in register.log:
            assert re.fullmatch(f"[0-9a-f]{{32}} on the board: Anna, {TEAM}", reader)
            assert purpose == f"contact about offer {offer(1).offer}"

    @pytest.mark.usefixtures("taken")
    def test_nobody_else_is(self, register: Register, ben: Browser):
        ben.get(path(1))
        assert "Show who this is" not in ben.page
        assert ben.send(f"{path(1)}/who").status_code == 403
        assert not register.log

    def test_nobody_is_before_it_is_taken_and_after_it_is_over(
        self, store: MemoryCaseStore, register: Register, anna: Browser
    ):
        store.apply([offer(1)])
        anna.get(path(1))
        assert anna.send(f"{path(1)}/who").status_code == 403
        act(anna, 1, "take")
        assert anna.send(f"{path(1)}/who").status_code == 403
        answer(store)
        store.apply([withdrawn(store, offer(1).offer)])
        anna.get(path(1))
        assert anna.send(f"{path(1)}/who").status_code == 403
        assert not register.log

    @pytest.mark.usefixtures("taken")
    def test_not_by_a_link(self, register: Register, anna: Browser):
        assert anna.get(f"{path(1)}/who").status_code == 405
        assert not register.log

    @pytest.mark.usefixtures("taken")
    def test_warnings_come_with_it(self, register: Register, anna: Browser):
        register.people["p1"] = replace(PERSON, safety_flags=("unsafe-address",))
        del register.people["p2"]
        anna.get(path(1))
        page = text(anna.send(f"{path(1)}/who").text)
        assert "Before you make contact: unsafe address" in page
        assert "does not know this person any more" in page

    def test_a_register_that_is_away(self, store: MemoryCaseStore, tmp_path: Path):
        def away(person: str, reader: str, purpose: str) -> None:
            raise IdentityUnavailable

        store.apply([offer(1)])
        with served(create_app(context(store, tmp_path, reveal=away))) as address:
            browser = Browser(address)
            browser.sign_in()
            act(browser, 1, "take")
            answer(store)
            browser.get(path(1))
            response = browser.send(f"{path(1)}/who")
        assert response.status_code == 503
        assert "Nothing was shown. The offer is still yours." in text(response.text)

    def test_a_register_that_hangs_keeps_nobody_from_their_offers(self, store: MemoryCaseStore, tmp_path: Path):
        asked, may_answer = [], threading.Event()

        def hangs(person: str, reader: str, purpose: str) -> RevealedPerson:
            asked.append(person)
            may_answer.wait(30)
            return PERSON

        store.apply([offer(1)])
        with served(create_app(context(store, tmp_path, reveal=hangs, reveal_within_s=2.0))) as address:
            browser = Browser(address)
            browser.sign_in()
            act(browser, 1, "take")
            answer(store)
            browser.get(path(1))

            def who(_: int) -> int:
                fields, cookies = hidden(browser.page), dict(browser.http.cookies)
                return httpx.post(f"{address}{path(1)}/who", data=fields, cookies=cookies, timeout=30).status_code

            with ThreadPoolExecutor(45) as many:
                waiting = many.map(who, range(45))
                wait_for(lambda: len(asked) == MOST_AT_ONCE)
                began = time.monotonic()
                assert httpx.get(f"{address}/sign-in", timeout=30).status_code == 200
                assert time.monotonic() - began < 1.5
                assert set(waiting) == {503}
            assert len(asked) == MOST_AT_ONCE
            may_answer.set()
            assert "Name Known" in text(browser.send(f"{path(1)}/who").text)

    def test_nobody_shows_up_in_a_repr(self):
        assert "Known" not in repr(PERSON)


class TestOwnFaults:
    def test_a_fault_of_ours_is_a_guarded_page_without_its_cause(self, store: AwayStore, anna: Browser):
        store.is_broken = True
        response = anna.get("/")
        assert response.status_code == 500
        assert "The fault is ours and was noted." in text(response.text)
        assert "secret cause" not in response.text
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["cache-control"] == "no-store"

    def test_its_message_is_in_no_log(
        self, store: AwayStore, place: BoardContext, anna: Browser, capfd: pytest.CaptureFixture[str], caplog
    ):
        def broken(person: str, reader: str, purpose: str) -> None:
            raise ValueError(f"cannot read contact of {PERSON.name}")

        object.__setattr__(place, "reveal", broken)
        store.apply([offer(1)])
        act(anna, 1, "take")
        answer(store)
        anna.get(path(1))
        assert anna.send(f"{path(1)}/who").status_code == 500
        printed = "".join(capfd.readouterr()) + caplog.text
        assert "ValueError" in printed
        assert "broken" in printed
        assert PERSON.name not in printed


class TestDatabaseAway:
    def test_a_plain_page_and_back(self, store: AwayStore, anna: Browser):
        assert anna.get("/readyz").status_code == 200
        store.is_away = True
        response = anna.get("/")
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert "The board cannot reach its database" in text(response.text)
        assert anna.get("/readyz").status_code == 503
        assert anna.get("/livez").status_code == 200
        store.is_away = False
        assert anna.get("/").status_code == 200

    def test_news_come_when_it_is_back(self, store: AwayStore, anna: Browser):
        store.is_away = True
        with anna.http.stream("GET", "/events?seen=x", timeout=10) as stream:
            store.apply([offer(1)])
            store.is_away = False
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("event")) == "event: changed"


class TestNews:
    def test_told_when_something_changes_and_only_then(self, store: MemoryCaseStore, anna: Browser):
        store.apply([offer(1)])
        seen = re.search(r'sse-connect="([^"]+)"', anna.get("/").text)[1]
        with anna.http.stream("GET", seen, timeout=3.5) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            store.apply([offer(2)])
            assert next(line for line in lines if line.startswith("event")) == "event: changed"
            with pytest.raises(httpx.ReadTimeout):
                next(line for line in lines if line.startswith("event"))

    def test_it_ends_when_the_code_is_replaced(self, store: MemoryCaseStore, tmp_path: Path):
        codes = AccessFile(tmp_path / "access.json")
        code = codes.issue(Kind.TEAM, TEAM)
        with served(create_app(context(store, tmp_path, sign_in=by_file(codes, store)))) as address:
            browser = Browser(address)
            browser.sign_in(code=code)
            with browser.http.stream("GET", "/events", timeout=10) as stream:
                lines = (line for line in stream.iter_lines() if line.startswith("data"))
                next(lines)
                codes.issue(Kind.TEAM, TEAM)
                store.apply([offer(1)])
                assert list(lines) == ["data: signed out"]

    def test_a_worker_has_so_many_streams_and_no_more(self, anna: Browser, ben: Browser):
        with ExitStack() as open_ones:
            for _ in range(MOST_EACH):
                stream = open_ones.enter_context(anna.http.stream("GET", "/events", timeout=10))
                assert stream.status_code == 200
            assert anna.get("/events").status_code == 429
            open_ones.enter_context(ben.http.stream("GET", "/events", timeout=10))
        wait_for(lambda: is_taken(anna))

    def test_the_stream_ends_with_the_session(self, place: BoardContext, anna: Browser):
        place.wall.at += LONGEST_MS - 1500
        with anna.http.stream("GET", "/events", timeout=10) as stream:
            told = [line for line in stream.iter_lines() if line.startswith("data")]
        assert told[-1] == "data: signed out"
