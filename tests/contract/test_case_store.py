"""One behaviour for every case store: memory, SQLite, PostgreSQL."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError

from processors.offers.actions import ActionKind, OutcomeCode
from processors.offers.model import (
    OfferState,
    Reason,
    Urgency,
    offer_id,
)
from sinks.case_db import (
    ActResult,
    Applied,
    CaseSchemaMismatch,
    CaseStore,
    CaseStoreUnavailable,
    Counts,
    Scope,
    Wish,
    connect,
    upgrade,
)
from sinks.case_db.tables import Base
from sinks.case_db.values import as_offer, as_suppressed
from sinks.memory import MemoryCaseStore
from tests.contract.acting import ActingBehaviour
from tests.contract.records import offer, situation, suppressed

Store = CaseStore | MemoryCaseStore


class CaseStoreBehaviour(ActingBehaviour):
    """Inherited by every store; `store` and `frail` come from the subclass."""

    @pytest.fixture
    def frail(self) -> Store:
        """A store that fails half-way at a situation of match `poison`."""
        raise NotImplementedError

    def test_what_is_written_is_read(self, store: Store) -> None:
        records = [offer("h1", 1, "m", "n"), suppressed("x")]
        assert store.apply(records) == Applied(2, 0)
        assert list(store.offers()) == [as_offer(records[0])]
        assert list(store.suppressed()) == [as_suppressed(records[1])]
        assert store.counts() == Counts({OfferState.OPEN: 1}, {Reason.COOL_DOWN: 1})

    def test_redelivery_changes_nothing(self, store: Store) -> None:
        records = [offer("h1", 1), offer("h1", 2, "m", "n"), suppressed("x")]
        assert store.apply(records) == Applied(3, 0)
        before = list(store.offers()), list(store.suppressed())
        assert store.apply(records) == Applied(0, 3)
        assert (list(store.offers()), list(store.suppressed())) == before

    def test_the_last_of_a_chunk_stands(self, store: Store) -> None:
        closed = offer("h1", 3, "n", state=OfferState.LAPSED)
        assert store.apply([offer("h1", 1, "m"), offer("h1", 2, "m", "n"), closed]) == Applied(3, 0)
        assert list(store.offers()) == [as_offer(closed)]

    def test_an_older_version_never_wins(self, store: Store) -> None:
        newer = offer("h1", 2, "m", "n")
        store.apply([newer, suppressed("x", 7, Reason.CONTACT_CAP)])
        assert store.apply([offer("h1", 1, "m"), suppressed("x", 6), offer("h2")]) == Applied(1, 2)
        assert next(each for each in store.offers() if each.household == "h1") == as_offer(newer)
        assert store.counts().suppressed == {Reason.CONTACT_CAP: 1}

    def test_situations_that_left_are_gone(self, store: Store) -> None:
        store.apply([offer("h1", 1, "m", "n")])
        gone = offer("h1", 2, state=OfferState.WITHDRAWN, reason=Reason.RETRACTED, situations=())
        store.apply([gone])
        assert list(store.offers()) == [as_offer(gone)]

    def test_failure_in_the_middle_leaves_nothing(self, frail: Store) -> None:
        frail.apply([offer("h1")])
        with pytest.raises((CaseStoreUnavailable, DBAPIError)):
            frail.apply([offer("h2"), suppressed("x"), offer("h1", 2), offer("h3", 1, "poison")])
        assert [each.version for each in frail.offers()] == [1]
        assert not list(frail.suppressed())
        assert frail.apply([offer("h2")]) == Applied(1, 0)

    def test_empty_chunk(self, store: Store) -> None:
        assert store.apply([]) == Applied(0, 0)
        assert store.counts() == Counts({}, {})

    def test_close_twice(self, store: Store) -> None:
        store.close()
        store.close()

    def test_ten_thousand_records(self, store: Store) -> None:
        records = [offer(f"h{number}") for number in range(9_000)]
        assert store.apply([*records, *(suppressed(f"x{number}") for number in range(1_000))]) == Applied(10_000, 0)
        assert [each.offer for each in store.offers()] == sorted(each.offer for each in records)
        assert len(list(store.suppressed())) == 1_000

    def test_appliers_at_once(self, store: Store) -> None:
        """Several deliver the same and overlapping chunks, in different orders; the newest stands."""
        chunks = [
            [offer(f"h{number}", version, *(f"m{number}-{each}" for each in range(version))) for number in numbers]
            for version in (1, 2, 3, 4)
            for numbers in (range(40), range(39, -1, -1))
        ]
        with ThreadPoolExecutor(8) as threads:
            applied = list(threads.map(store.apply, [*chunks, *reversed(chunks)]))
        assert {each.version for each in store.offers()} == {4}
        assert {len(each.situations) for each in store.offers()} == {4}
        assert all(each.written + each.older == 40 for each in applied)

    def test_list_is_most_urgent_first_and_narrowed(self, store: Store) -> None:
        store.apply(
            [
                offer("low", urgency=Urgency.LOW, respond_by=1),
                offer("late", urgency=Urgency.HIGH, respond_by=9, area="a2"),
                offer("soon", urgency=Urgency.HIGH, respond_by=8, lead="other"),
                offer("gone", state=OfferState.LAPSED),
            ]
        )
        assert households(store.list_offers()) == ["soon", "late", "gone", "low"]
        assert households(store.list_offers(OfferState.OPEN)) == ["soon", "late", "low"]
        assert households(store.list_offers(OfferState.OPEN, "a1")) == ["soon", "low"]
        assert households(store.list_offers(lead="other")) == ["soon"]
        assert households(store.list_offers(limit=2)) == ["soon", "late"]


def households(offers: list) -> list[str]:
    return [each.household for each in offers]


class TestMemory(CaseStoreBehaviour):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryCaseStore()

    @pytest.fixture
    def frail(self) -> Store:
        return MemoryCaseStore(fails_at={"poison"})


class DatabaseBehaviour(CaseStoreBehaviour):
    """What only a database can do; `url` and `trap` come from the subclass."""

    trap: tuple[str, ...]

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        engine = connect(url)
        upgrade(engine)
        store = CaseStore(engine)
        yield store
        store.close()

    @pytest.fixture
    def frail(self, store: Store, url: str) -> Store:
        with connect(url).begin() as connection:
            for statement in self.trap:
                connection.exec_driver_sql(statement)
        return store

    def test_a_null_character_does_not_stop_delivery(self, store: Store) -> None:
        odd = dataclasses.replace(situation("m"), explanation="a\x00b")
        assert store.apply([offer("h1", 1, situations=(odd,))]) == Applied(1, 0)
        assert [each.explanation for each in next(store.offers()).situations] == ["a\ufffdb"]

    def test_unmigrated_is_refused(self, url: str) -> None:
        connect(url).connect().close()
        with pytest.raises(CaseSchemaMismatch, match=r"no tables yet|does not exist yet"):
            CaseStore(connect(url)).counts()

    def test_newer_is_refused(self, store: Store, url: str) -> None:
        with connect(url).begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for use in (lambda: CaseStore(connect(url)).apply([offer("h1")]), lambda: upgrade(connect(url))):
            with pytest.raises(CaseSchemaMismatch, match="newer version"):
                use()

    def test_models_are_what_migrations_make(self, store: Store, url: str) -> None:
        with connect(url).connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []

    def test_upgrade_twice_and_at_once(self, url: str) -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: upgrade(connect(url)), range(4)))
        assert CaseStore(connect(url)).counts() == Counts({}, {})


class TestSqlite(DatabaseBehaviour):
    trap = (
        "CREATE TRIGGER trap BEFORE INSERT ON offer_situations WHEN NEW.match_id = 'poison' "
        "BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
    )

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/below/cases.db"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        (tmp_path / "below").mkdir()

    def test_locked_by_somebody_else(self, store: Store, url: str, tmp_path: Path) -> None:
        impatient = connect(url)
        with impatient.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=50")
        holder = sqlite3.connect(tmp_path / "below/cases.db")
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(CaseStoreUnavailable, match="is locked"):
            CaseStore(impatient).apply([offer("h1")])
        holder.close()

    def test_out_of_space(self, store: Store, url: str) -> None:
        full = connect(url)
        with full.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")
        with pytest.raises(CaseStoreUnavailable, match="out of space"):
            CaseStore(full).apply([offer(f"h{number}") for number in range(5_000)])
        assert CaseStore(connect(url)).counts() == Counts({}, {})

    def test_read_only(self, store: Store, url: str) -> None:
        closed = connect(url)
        with closed.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
        with pytest.raises(CaseStoreUnavailable, match="cannot be written to"):
            CaseStore(closed).apply([offer("h1")])

    def test_damaged(self, tmp_path: Path) -> None:
        (tmp_path / "x.db").write_bytes(os.urandom(8192))
        with pytest.raises(CaseStoreUnavailable, match="is damaged"):
            CaseStore(connect(f"sqlite:///{tmp_path}/x.db")).counts()

    def test_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(CaseStoreUnavailable, match="cannot be made"):
            upgrade(connect(f"sqlite:///{tmp_path}/file/cases.db"))

    def test_missing_file_is_not_created_by_reading(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(CaseSchemaMismatch, match="does not exist"):
            CaseStore(connect(url)).counts()
        assert not (tmp_path / "below/cases.db").exists()


class TestPostgres(DatabaseBehaviour):
    trap = (
        "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'poisoned'; END $$",
        "CREATE TRIGGER trap BEFORE INSERT ON offer_situations FOR EACH ROW "
        "WHEN (NEW.match_id = 'poison') EXECUTE FUNCTION trap()",
    )

    @pytest.fixture
    def url(self, postgres_database: str) -> str:
        return postgres_database

    def test_read_only(self, store: Store, url: str) -> None:
        with pytest.raises(CaseStoreUnavailable, match="cannot be written to"):
            CaseStore(connect(f"{url}?options=-cdefault_transaction_read_only%3Don")).apply([offer("h1")])

    def test_what_deliver_writes_meanwhile_does_not_tear_what_a_worker_acts_on(self, store: Store, url: str) -> None:
        """Between the offer and its situations deliver would withdraw it: it has to wait."""
        anna = store.enrol("team", "Anna")
        store.apply([offer("h1", 2, "m", state=OfferState.CONTACTED, contact=anna.id)])
        gone = offer("h1", 3, state=OfferState.WITHDRAWN, reason=Reason.RETRACTED, situations=(), contact=anna.id)
        engine, deliver = connect(url), CaseStore(connect(url))
        withdrawal = threading.Thread(target=deliver.apply, args=[[gone]])

        def withdraw(*executed: object) -> None:
            if "FROM offers" in str(executed[2]) and withdrawal.ident is None:
                withdrawal.start()
                withdrawal.join(1)

        event.listen(engine, "after_cursor_execute", withdraw)
        acting = CaseStore(engine)
        last_word = Wish(offer_id("h1", 1), 2, ActionKind.CLOSED, OutcomeCode.NEVER_AGAIN, 600)
        assert acting.act(Scope("team", ("a1",)), anna, last_word).result is ActResult.ACCEPTED
        withdrawal.join(30)
        assert [item.action.persons for item in store.outbox(10)] == [("p1", "p2")]
        acting.close()
        deliver.close()

    def test_connection_lost_then_back(self, store: Store, url: str) -> None:
        store.apply([offer("h1")])
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        with connect(url).begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        assert store.apply([offer("h1", 2)]) == Applied(1, 0)

    def test_refused_login(self, url: str) -> None:
        stranger = make_url(url).set(username="nobody", password="secret").render_as_string(hide_password=False)
        with pytest.raises(CaseStoreUnavailable, match="refuses the login") as raised:
            CaseStore(connect(stranger)).counts()
        assert "secret" not in str(raised.value)


@pytest.mark.parametrize("do", [lambda store: store.apply([offer("h1")]), lambda store: store.counts()])
def test_unreachable_names_the_address_and_never_the_password(do: Callable[[CaseStore], object]) -> None:
    with pytest.raises(CaseStoreUnavailable) as raised:
        do(CaseStore(connect("postgresql://me:secret@127.0.0.1:1/cases")))
    assert "postgresql://me@127.0.0.1:1/cases" in raised.value.problem
    assert "secret" not in str(raised.value) + raised.value.remedy


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://u:secret@h/d"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(CaseStoreUnavailable, match="HEADWATER_CASE_DB") as raised:
        connect(url)
    assert "secret" not in str(raised.value)
