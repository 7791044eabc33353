"""What every identity register does, on SQLite and on PostgreSQL."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event, func, make_url, select, update

from processors.identity.identifiers import POPULATION
from streams.errors import Unreachable, UserError, WrongUse
from streams.register import PersonRequest, open_register, remembered
from streams.register.tables import (
    VERSION_TABLE,
    access_log,
    alias,
    doubtful_link,
    membership,
    metadata,
    person,
)
from streams.settings import Settings

NOW = 1_700_000_000_000


def ask(*ids, at=NOW, joins=None):
    return PersonRequest(tuple(("nin", one) for one in ids), at, joins)


def home(number, *people, area="north", street="Elm Street 1"):
    members = [
        {"person": f"P-{one}", "name": f"Zebedee {one}", "born": "1980-02-03", "ids": [["nin", f"9-{one}"]]}
        for one in people
    ]
    return {
        "household": f"H-{number}",
        "area": area,
        "address": {"street": street},
        "language": "nl",
        "members": members,
    }


def twice(register, *people):
    """What is made the first time is remembered the second."""
    made = register.resolve(people)
    assert register.resolve(people) == made
    return made


class RegisterSuite:
    """Inherited by one class per database, which gives the fixture `address`."""

    @pytest.fixture
    def settings(self, address, tmp_path):
        return Settings(data=tmp_path / "data", register_db=address)

    @pytest.fixture
    def register(self, settings):
        with open_register(settings, now=lambda: NOW) as register:
            yield register

    @pytest.fixture
    def rows(self, settings, register):
        url = make_url(settings.register_db or f"sqlite:///{settings.data / 'register.db'}")
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(url)
        yield lambda query: self._rows(engine, query)
        engine.dispose()

    @staticmethod
    def _rows(engine, query):
        with engine.connect() as connection:
            return connection.execute(query).all()

    def test_a_person_is_found_again_however_the_id_is_written(self, register):
        first, second = register.resolve([ask("12.34-5"), ask("12345 ")])
        assert first == second
        assert len(first.person) == 32
        assert first.area == "default"
        assert register.resolve([ask("12345", at=0)]) == [first]

    def test_people_of_a_chunk_stay_apart(self, register):
        resolved = register.resolve([ask(str(number)) for number in range(300)])
        assert len({one.person for one in resolved}) == len({one.household for one in resolved}) == 300

    def test_a_person_stays_the_same_over_a_restart(self, register, settings):
        before = register.resolve([ask("1")])
        with open_register(settings) as again:
            assert again.resolve([ask("1")]) == before

    def test_an_unknown_id_beside_a_known_one_becomes_an_alias(self, register, rows):
        (known,) = register.resolve([ask("1")])
        assert register.resolve([ask("2", "1")]) == [known]
        assert register.resolve([ask("2")]) == [known]
        assert rows(select(doubtful_link)) == []

    def test_ids_of_two_persons_are_never_merged_but_recorded(self, register, rows):
        first, second = register.resolve([ask("1"), ask("2")])
        for _ in range(2):
            assert register.resolve([ask("1", "2")]) == [first]
        assert register.resolve([ask("2")]) == [second]
        (doubt,) = rows(select(doubtful_link))
        assert (doubt.kept, doubt.other, doubt.scheme) == (first.person, second.person, "nin")

    def test_merged_keys_are_one_person_from_then_on(self, register, rows):
        gone, living = register.resolve([ask("1"), ask("2")])
        for _ in range(2):
            register.merge(gone.person, living.person, "clerk", "same passport")
        assert register.resolve([ask("1"), ask("2"), ask("1", "2")]) == [living] * 3
        assert register.describe(gone.person).merged_into == living.person
        logged = rows(select(access_log.c.what, access_log.c.person, access_log.c.by, access_log.c.purpose))
        assert sorted(logged) == sorted(("merge", one.person, "clerk", "same passport") for one in (gone, living))
        assert rows(select(doubtful_link)) == []

    def test_who_was_merged_twice_over_is_found_at_once(self, register):
        one, two, three = register.resolve([ask("1"), ask("2"), ask("3")])
        register.merge(one.person, two.person, "clerk", "same")
        register.merge(two.person, three.person, "clerk", "same")
        assert register.resolve([ask("1"), ask("2")]) == [three, three]
        assert register.describe(one.person).merged_into == three.person

    def test_whoever_goes_on_gets_what_they_lack_and_keeps_what_they_have(self, register):
        register.load_population([home(1, 1), home(2, 2, area="south")])
        unknown, north, south = register.resolve([ask("1"), ask("9-1"), ask("9-2")])
        register.merge(north.person, unknown.person, "clerk", "same")
        (found,) = register.resolve([ask("1")])
        assert (found.person, found.household) == (unknown.person, north.household)
        assert register.reveal(unknown.person, "clerk", "letter").name == "Zebedee 1"
        register.merge(south.person, unknown.person, "clerk", "same")
        assert register.resolve([ask("9-2")]) == [found]
        identity = register.reveal(unknown.person, "clerk", "letter")
        assert identity.name == "Zebedee 1"
        assert [value for scheme, value in identity.ids if scheme == "nin"] == ["1", "91", "92"]

    def test_safety_flags_of_both_hold(self, register, settings):
        gone, living = register.resolve([ask("1"), ask("2")])
        with register._database.writing() as connection:
            for one, flags in ((gone, "dog,violence"), (living, "secret-address,dog")):
                connection.execute(update(person).where(person.c.key == one.person).values(safety_flags=flags))
        register.merge(gone.person, living.person, "clerk", "same")
        assert register.describe(living.person).safety_flags == ("dog", "secret-address", "violence")

    def test_what_was_split_off_has_its_ids_and_a_household_of_its_own(self, register):
        register.load_population([home(1, 1)])
        (whole,) = register.resolve([ask("9-1", "1")])
        key = register.split(whole.person, [("nin", "1")], "clerk", "two people")
        part, rest = register.resolve([ask("1"), ask("9-1")])
        assert (part.person, part.area, rest) == (key, whole.area, whole)
        assert part.household != whole.household

    def test_no_id_goes_with_somebody_whose_it_is_not(self, register):
        one, other = register.resolve([ask("1"), ask("2")])
        for ids in ([("nin", "2")], [("nin", "1"), ("nin", "2")], [("nin", "77")], []):
            with pytest.raises(UserError, match=r"not this person's|no id was named"):
                register.split(one.person, ids, "clerk", "two people")
        assert register.resolve([ask("1"), ask("2")]) == [one, other]

    def test_a_split_is_undone_towards_the_new_key(self, register):
        """Events that went to it cannot come back."""
        (whole,) = register.resolve([ask("1", "2", "3")])
        key = register.split(whole.person, [("nin", "2")], "clerk", "two people")
        again = register.split(key, [("nin", "2")], "clerk", "three")
        for part in (key, again):
            with pytest.raises(UserError, match="no event goes back"):
                register.merge(part, whole.person, "clerk", "one after all")
        with pytest.raises(UserError, match="no event goes back"):
            register.merge(again, key, "clerk", "one after all")
        register.merge(key, again, "clerk", "one after all")
        register.merge(whole.person, again, "clerk", "one after all")
        assert {one.person for one in register.resolve([ask("1"), ask("2"), ask("3")])} == {again}

    def test_of_two_merges_that_cross_one_is_refused(self, settings, register):
        """Whoever comes second finds that one of the keys is nobody's."""
        for number in range(10):
            one, two = register.resolve([ask(f"x{number}"), ask(f"y{number}")])
            start = Barrier(2)

            def merge(key, into, start=start):
                with open_register(settings, now=lambda: NOW) as own:
                    start.wait()
                    try:
                        own.merge(key, into, "clerk", "same")
                    except UserError:
                        return 1
                    return 0

            with ThreadPoolExecutor(2) as pool:
                keys = (one.person, two.person)
                assert sum(pool.map(merge, keys, keys[::-1])) == 1
            merged = [register.describe(key).merged_into for key in keys]
            assert merged.count(None) == 1, merged

    def test_warnings_hold_for_both_after_a_split(self, register):
        (whole,) = register.resolve([ask("1", "2")])
        with register._database.writing() as connection:
            connection.execute(update(person).where(person.c.key == whole.person).values(safety_flags="violence"))
        part = register.split(whole.person, [("nin", "2")], "clerk", "two people")
        assert register.describe(part).safety_flags == ("violence",)

    def test_neither_unknown_nor_merged_keys_are_merged_or_split(self, register):
        one, two, three = register.resolve([ask("1"), ask("2"), ask("3")])
        register.merge(one.person, two.person, "clerk", "same")
        for key, into, words in (
            (one.person, three.person, "is now"),
            (three.person, one.person, "is now"),
            (three.person, "nobody", "nobody"),
            (three.person, three.person, "themselves"),
        ):
            with pytest.raises(UserError, match=words):
                register.merge(key, into, "clerk", "same")
        with pytest.raises(UserError, match="is now"):
            register.split(one.person, [("nin", "1")], "clerk", "two")
        with pytest.raises(WrongUse, match="named"):
            register.merge(two.person, three.person, "clerk", " ")

    def test_a_newborn_joins_its_mother(self, register):
        register.load_population([home(1, 1)])
        child, mother = register.resolve([ask("77", joins=1), ask("9-1")])
        assert child.household == mother.household
        assert child.area == "north"
        assert register.resolve([ask("77")]) == [child]

    def test_two_workers_make_one_person(self, settings, register):
        start = Barrier(2)

        def work(number):
            with open_register(settings) as own:
                found = []
                for chunk in range(15):
                    start.wait()
                    ids = [f"c{chunk}n{one}" for one in range(40)]
                    order = ids if number else ids[::-1]
                    resolved = own.resolve([ask(one, f"x{one}") for one in order])
                    found.append(dict(zip(order, resolved, strict=True)))
                return found

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(work, range(2))
        assert first == second

    def test_workers_that_race_leave_nobody_behind(self, settings, register, rows):
        self.test_two_workers_make_one_person(settings, register)
        persons, aliases = rows(select(person.c.key)), rows(select(alias.c.person).distinct())
        assert sorted(persons) == sorted(aliases)
        assert len(persons) == 600

    def test_registers_that_open_a_new_database_at_once(self, settings):
        def work(_):
            with open_register(settings) as own:
                return own.resolve([ask("1")])

        with ThreadPoolExecutor(4) as pool:
            assert len({one[0] for one in pool.map(work, range(4))}) == 1

    def test_loading_twice_changes_nothing(self, register, rows):
        lines = [home(1, 1, 2), home(2, 3)]
        first = register.load_population(lines)
        assert (first.households_new, first.persons_new, first.faulty) == (2, 3, 0)
        before = {table: sorted(map(repr, rows(select(table)))) for table in metadata.sorted_tables}
        second = register.load_population(lines)
        assert (second.households_new, second.households_changed, second.households_unchanged) == (0, 0, 2)
        assert {table: sorted(map(repr, rows(select(table)))) for table in metadata.sorted_tables} == before

    def test_faulty_lines_are_named_and_the_rest_is_loaded(self, register):
        report = register.load_population([home(1, 1), None, "{", {"household": "H-9"}, home(1, 4), home(2, 2)])
        assert [fault.line for fault in report.faults] == [3, 4, 5]
        assert (report.lines, report.faulty, report.households_new) == (5, 3, 2)

    def test_somebody_known_by_events_gets_the_household_of_the_population(self, register):
        (before,) = register.resolve([ask("9-1")])
        register.load_population([home(1, 1, 2)])
        after, other = register.resolve([ask("9-1"), ask("9-2", at=-1)])
        assert after.person == before.person
        assert after.household == other.household != before.household
        assert after.area == "north"

    def test_the_household_is_the_one_at_the_time(self, settings, register):
        register.load_population([home(1, 1, 2), home(2, 3)])
        with open_register(settings, now=lambda: NOW + 1000) as later:
            report = later.load_population([home(1, 1), home(2, 3, 2)])
        assert report.households_changed == 2
        ids = ("9-1", "9-3")
        old, new = (one.household for one in register.resolve([ask(one) for one in ids]))
        times = (0, NOW + 999, NOW + 1000, NOW + 9999)
        found = register.resolve([ask("9-2", at=at) for at in times])
        assert [one.household for one in found] == [old, old, new, new]

    def test_two_persons_of_the_file_sharing_an_id_stay_two(self, register, rows):
        one, two = home(1, 1), home(2, 2)
        two["members"][0]["ids"] = [["nin", "9-1"]]
        for lines in ([one, two], [one], [two]):
            report = register.load_population(lines)
        assert report.persons_new == 0
        assert len(register.look_up([(POPULATION, "P-1"), (POPULATION, "P-2")])) == 2
        assert len(set(register.look_up([(POPULATION, "P-1"), (POPULATION, "P-2")]).values())) == 2
        assert len(rows(select(doubtful_link))) == 1

    def test_an_identity_is_shown_only_after_it_was_logged(self, register, rows):
        register.load_population([home(1, 1)])
        key = register.look_up([("nin", "91")])[("nin", "91")]
        identity = register.reveal(key, "case worker 7", "returned letter")
        assert (identity.name, identity.born, identity.language) == ("Zebedee 1", "1980-02-03", "nl")
        assert identity.address == {"street": "Elm Street 1"}
        assert identity.ids == (("nin", "91"), (POPULATION, "P-1"))
        assert "Zebedee" not in repr(identity)
        (entry,) = rows(select(access_log))
        assert (entry.by, entry.purpose, entry.person, entry.at) == (
            "case worker 7",
            "returned letter",
            key,
            NOW,
        )

    def test_a_read_of_nobody_is_logged_too_and_one_without_purpose_is_refused(self, register, rows):
        with pytest.raises(UserError):
            register.reveal("0" * 32, "me", "curious")
        assert rows(select(func.count()).select_from(access_log)) == [(1,)]
        with pytest.raises(WrongUse):
            register.reveal("0" * 32, "me", " ")

    def test_a_new_address_replaces_the_old_one(self, settings, register):
        register.load_population([home(1, 1)])
        with open_register(settings, now=lambda: NOW + 5) as later:
            later.load_population([home(1, 1, street="Oak Street 2")])
            key = later.look_up([("nin", "91")])[("nin", "91")]
            assert later.reveal(key, "me", "test").address == {"street": "Oak Street 2"}

    def test_facts_hold_no_identity(self, register):
        register.load_population([home(1, 1)])
        key = register.look_up([("nin", "91")])[("nin", "91")]
        facts = register.describe(key)
        assert facts.schemes == ("nin", POPULATION)
        assert not any(word in repr(facts) for word in ("Zebedee", "Elm", "P-1"))
        assert register.describe("0" * 32) is None

    def test_looking_up_makes_nobody(self, register, rows):
        assert register.look_up([("nin", "5"), ("nin", " ")]) == {}
        assert rows(select(person)) == []

    def test_a_request_without_a_usable_id_is_a_programming_error(self, register, rows):
        with pytest.raises(ValueError, match="no usable id"):
            register.resolve([ask("1"), ask(" - ")])
        assert rows(select(person)) == []

    def test_merges_are_followed(self, register, rows):
        old, new = register.resolve([ask("1"), ask("2")])
        with register._database.writing() as connection:
            connection.execute(person.update().where(person.c.key == old.person).values(merged_into=new.person))
        assert register.resolve([ask("1")]) == [new]

    def test_nothing_identifying_is_stored_in_the_clear(self, register, rows):
        register.load_population([home(1, 1)])
        register.resolve([ask("4455667788")])
        stored = b"".join(
            value if isinstance(value, bytes) else str(value).encode()
            for table in metadata.sorted_tables
            for row in rows(select(table))
            for value in row
        )
        assert not [word for word in (b"Zebedee", b"Elm", b"P-1", b"H-1", b"4455667788") if word in stored]

    def test_another_key_is_refused(self, settings, register, tmp_path):
        other = tmp_path / "other.key"
        other.write_bytes(base64.b64encode(b"x" * 32))
        with pytest.raises(WrongUse, match="made with another key") as refused:
            open_register(settings.model_copy(update={"register_key_file": other}))
        assert "restore" in refused.value.remedy

    def test_a_lost_key_is_not_replaced(self, settings, register):
        (settings.data / "register.key").unlink()
        with pytest.raises(WrongUse, match="is missing"):
            open_register(settings)
        assert not (settings.data / "register.key").exists()

    def test_a_damaged_key_is_refused(self, settings, register):
        (settings.data / "register.key").write_bytes(b"c2hvcnQ=")
        with pytest.raises(WrongUse, match="32 bytes"):
            open_register(settings)

    def test_the_key_is_readable_for_its_owner_only(self, settings, register):
        assert stat.S_IMODE((settings.data / "register.key").stat().st_mode) == 0o600

    def test_entries_cannot_be_swapped(self, register):
        register.load_population([home(1, 1), home(2, 2)])
        one, two = register.look_up([("nin", "91"), ("nin", "92")]).values()
        with register._database.writing() as connection:
            sealed = connection.scalar(select(person.c.sealed).where(person.c.key == one))
            connection.execute(person.update().where(person.c.key == two).values(sealed=sealed))
        with pytest.raises(WrongUse, match="cannot be decrypted"):
            register.reveal(two, "me", "test")

    def test_the_migrations_make_the_tables(self, register):
        with register._database.reading() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            assert compare_metadata(context, metadata) == []

    def test_what_others_change_counts_at_once(self, settings, register):
        before, stays = twice(register, ask("9-1"), ask("5"))
        with open_register(settings, now=lambda: NOW) as other:
            other.load_population([home(1, 1)])
        moved, same = register.resolve([ask("9-1"), ask("5")])
        assert moved.household != before.household
        assert (moved.person, moved.area, same) == (before.person, "north", stays)

    def test_what_it_changes_itself_counts_at_once(self, register):
        (before,) = twice(register, ask("9-1"))
        register.load_population([home(1, 1)])
        (after,) = register.resolve([ask("9-1")])
        assert after.household != before.household

    @pytest.mark.parametrize("is_own", [True, False])
    def test_merges_and_erasure_count_at_once(self, settings, register, is_own):
        first, second, third = twice(register, ask("1"), ask("2"), ask("3"))
        with open_register(settings) as other, (register if is_own else other)._database.writing() as connection:
            connection.execute(person.update().where(person.c.key == first.person).values(merged_into=second.person))
            for table in (membership, alias):
                connection.execute(table.delete().where(table.c.person == third.person))
            connection.execute(person.delete().where(person.c.key == third.person))
        found = register.resolve([ask("1"), ask("2"), ask("3")])
        assert found[:2] == [second, second]
        assert found[2].person != third.person

    @pytest.mark.parametrize("is_own", [True, False])
    def test_somebody_who_joins_a_household_is_found_there(self, settings, register, is_own):
        register.load_population([home(1, 1)])
        (alone,) = twice(register, ask("77"))
        with open_register(settings) as other:
            joined, mother = (register if is_own else other).resolve([ask("77", joins=1), ask("9-1")])
        assert joined.household == mother.household != alone.household
        assert register.resolve([ask("77"), ask("9-1")]) == [joined, mother]

    def test_a_write_that_failed_leaves_no_trace(self, register):
        (before,) = twice(register, ask("1"))
        with pytest.raises(ZeroDivisionError), register._database.writing() as connection:
            connection.execute(membership.update().values(valid_until=NOW))
            raise ZeroDivisionError
        assert register.resolve([ask("1")]) == [before]

    def test_many_more_than_are_remembered(self, register, monkeypatch):
        monkeypatch.setattr(remembered, "MOST", 3)
        requests = [ask(str(number), f"x{number}") for number in range(20)]
        first = register.resolve(requests)
        assert [register.resolve(requests[n:])[0] for n in range(20)] == first
        assert register.resolve(requests[::-1]) == first[::-1]

    def test_closing_twice(self, register):
        register.close()
        register.close()


class TestSqlite(RegisterSuite):
    @pytest.fixture
    def address(self):
        return None

    def test_the_file_holds_no_name_and_no_id(self, settings, register):
        register.load_population([home(number, number) for number in range(50)])
        register.resolve([ask("4455667788")])
        files = [path for path in settings.data.iterdir() if path.name.startswith("register.db")]
        raw = b"".join(path.read_bytes() for path in files)
        assert len(raw) > 20_000
        # Nothing shorter than six bytes: so few stand in encrypted ones by chance.
        assert not [word for word in (b"Zebedee", b"Elm Street", b"4455667788") if word in raw]

    def test_the_file_is_readable_for_its_owner_only(self, settings, register):
        register.resolve([ask("1")])
        modes = {stat.S_IMODE(path.stat().st_mode) for path in settings.data.iterdir()}
        assert modes == {0o600}

    def test_a_database_that_cannot_be_opened(self, tmp_path):
        with pytest.raises(Unreachable, match="nowhere") as refused:
            open_register(Settings(data=tmp_path, register_db=f"sqlite:///{tmp_path}/nowhere/register.db"))
        assert refused.value.exit_code == 3

    def test_a_read_only_database(self, settings, register):
        address = f"sqlite:///file:{settings.data}/register.db?mode=ro&uri=true"
        with (
            pytest.raises(Unreachable),
            open_register(settings.model_copy(update={"register_db": address})) as own,
        ):
            own.resolve([ask("1")])

    def test_a_wrong_address_is_not_repeated(self, tmp_path):
        for address in ("mysql://u:geheim@h/d", "geheim"):
            with pytest.raises(WrongUse) as refused:
                open_register(Settings(data=tmp_path, register_db=address))
            assert "geheim" not in str(refused.value)

    def test_known_persons_are_not_asked_for_again(self, register):
        asked = []
        engine = register._database._engine
        event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: asked.append(statement))
        people = [ask("1"), ask("2")]
        before = register.resolve(people)
        register.resolve([*people, ask("3", joins=0)])  # own writes take from memory only what they concern
        asked.clear()
        assert register.resolve([*people, ask("2"), ask("4", at=0)])[:2] == before
        assert [statement.count("?") for statement in asked if statement.startswith("SELECT")] == [1]


class TestPostgresql(RegisterSuite):
    @pytest.fixture
    def address(self, postgres_database):
        return postgres_database

    def test_the_password_is_not_shown(self, tmp_path):
        address = "postgresql://somebody:geheim@127.0.0.1:1/nowhere"
        with pytest.raises(Unreachable) as refused:
            open_register(Settings(data=tmp_path, register_db=address))
        assert "127.0.0.1:1" in refused.value.problem
        assert "geheim" not in str(refused.value)
