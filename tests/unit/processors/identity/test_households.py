from itertools import count

import pytest

from processors.identity.households import BEGINNING_MS, Membership, Stay, household_at, move, settle

PROVISIONAL = Membership("own", "default", BEGINNING_MS, None, is_provisional=True)


def fresh():
    return (f"h{number}" for number in count())


def test_a_registered_household_counts_before_a_provisional_one():
    assert household_at([PROVISIONAL, Membership("real", "a", 50)], 10).household == "real"


def test_the_end_is_exclusive_and_of_equally_near_ones_the_earlier_counts():
    first, second = Membership("h1", "a", 0, 10), Membership("h2", "a", 19)
    assert household_at([first, second], 9).household == "h1"
    assert household_at([first, second], 14).household == "h1"
    assert household_at([second, first], 15).household == "h2"


def test_nobody_without_memberships():
    assert household_at([], 1) is None


def test_an_unknown_person_gets_one_household_for_ever():
    settled = settle([Stay("p", 5), Stay("p", 1)], {}, fresh(), "default")
    assert [one.household for one in settled.memberships] == ["h0", "h0"]
    assert [(owner, one.valid_from) for owner, one in settled.new] == [("p", BEGINNING_MS)]


def test_a_newborn_joins_the_mother_wherever_it_stands_in_the_record():
    known = {"mother": [Membership("home", "north", BEGINNING_MS)]}
    settled = settle([Stay("child", 7, joins=1), Stay("mother", 7)], known, fresh(), "default")
    assert [one.household for one in settled.memberships] == ["home", "home"]
    assert settled.new == [("child", Membership("home", "north", 7))]


def test_a_newborn_known_already_joins_once_and_a_placed_child_stays():
    mother = [Membership("home", "north", BEGINNING_MS)]
    stays = [Stay("mother", 7), Stay("child", 7, joins=0)]
    moved = settle(stays, {"mother": mother, "child": [PROVISIONAL]}, fresh(), "default")
    assert moved.memberships[1].household == "home"
    again = settle(stays, {"mother": mother, "child": [PROVISIONAL, moved.new[0][1]]}, fresh(), "default")
    assert again.new == []
    placed = {"mother": mother, "child": [Membership("foster", "south", 0)]}
    assert settle(stays, placed, fresh(), "default").memberships[1].household == "foster"


def test_chains_are_followed_and_circles_join_nobody():
    chain = settle([Stay("a", 1, joins=1), Stay("b", 1, joins=2), Stay("c", 1)], {}, fresh(), "x")
    assert len({one.household for one in chain.memberships}) == 1
    circle = settle([Stay("a", 1, joins=1), Stay("b", 1, joins=0)], {}, fresh(), "x")
    assert all(circle.memberships)


def test_joining_outside_the_list_is_a_programming_error():
    with pytest.raises(IndexError):
        settle([Stay("a", 1, joins=4)], {}, fresh(), "x")


def test_moving():
    first = move([PROVISIONAL], "h1", "a", 9)
    assert first.opened == Membership("h1", "a", BEGINNING_MS)
    assert first.closed == ()
    present = [PROVISIONAL, first.opened]
    assert move(present, "h1", "a", 10).opened is None
    second = move(present, "h2", "a", 11)
    assert (second.opened, second.closed) == (Membership("h2", "a", 11), (first.opened,))
