from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from processors.identity.links import link


def fresh():
    return (f"new{number}" for number in count())


def test_unknown_ids_of_one_record_are_one_new_person():
    links = link([[b"a", b"b"], [b"b"]], {}, fresh())
    assert links.persons == ["new0", "new0"]
    assert links.new_aliases == {b"a": "new0", b"b": "new0"}


def test_the_first_id_wins_and_the_other_is_a_doubt():
    links = link([[b"a", b"b", b"c"]], {b"b": "p2", b"a": "p1"}, fresh())
    assert links.persons == ["p1"]
    assert links.new_aliases == {b"c": "p1"}
    assert [(one.alias, one.kept, one.other) for one in links.doubts] == [(b"b", "p1", "p2")]


def test_persons_of_a_population_file_are_not_found_by_an_id_of_another():
    links = link([[b"P1", b"x"], [b"P2", b"x"]], {}, fresh(), anchored=set())
    assert links.persons == ["new0", "new1"]
    assert [one.other for one in links.doubts] == ["new0"]


def test_a_person_known_by_events_is_found_by_the_population_file():
    links = link([[b"P1", b"x"]], {b"x": "p"}, fresh(), anchored=set())
    assert links.persons == ["p"]
    assert links.new_aliases == {b"P1": "p"}


@given(st.lists(st.lists(st.binary(min_size=1, max_size=1), min_size=1, max_size=3), max_size=20))
def test_known_ids_never_change_their_person(requests):
    requests = [list(dict.fromkeys(one)) for one in requests]
    first = link(requests, {}, fresh())
    again = link(requests, first.new_aliases, iter(()))
    assert again.persons == [first.new_aliases[one[0]] for one in requests]
    assert not again.new_aliases
