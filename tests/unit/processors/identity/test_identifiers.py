import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.identity.identifiers import POPULATION, SCHEMES, alias_hash, fault_of, fault_of_all, normalise

SEPARATORS = [" ", ".", "-", "–", "\u00a0", "\t"]


@given(st.text(max_size=30), st.sampled_from(["nin", "be-nrn", POPULATION]))
def test_normalising_twice_changes_nothing(value, scheme):
    once = normalise(scheme, value)
    assert normalise(scheme, once) == once


@given(st.text("abcXYZ0123456789", min_size=1, max_size=12), st.data())
def test_separators_and_case_do_not_matter(value, data):
    written = "".join(c + data.draw(st.sampled_from(["", *SEPARATORS])) for c in value)
    assert alias_hash(b"k", "nin", written.lower()) == alias_hash(b"k", "NIN", value)


def test_fullwidth_digits_are_digits():
    assert normalise("nin", "１２３") == "123"


def test_ids_of_the_population_file_are_exact():
    assert alias_hash(b"k", POPULATION, "1-23") != alias_hash(b"k", POPULATION, "12-3")


def test_a_hash_depends_on_scheme_value_and_secret():
    hashes = {alias_hash(k, s, v) for k in (b"k", b"l") for s in ("a", "ab") for v in ("b1", "1")}
    assert len(hashes) == 8


def test_a_hash_is_the_hmac_of_scheme_and_normalised_value():
    assert alias_hash(b"k", " NIN ", "ab 1") == hmac.digest(b"k", b"nin\x1fAB1", "sha256")


@pytest.mark.parametrize("scheme", SCHEMES.values())
def test_nothing_is_removed_that_ids_are_made_of(scheme):
    assert not [one for one in scheme.separators if one.isalnum()]


def test_one_good_id_is_enough():
    bad, good = ("be-nrn", "85.07.30-033 29"), ("nin", "1")
    assert fault_of_all([bad, good]) is None
    assert fault_of_all([bad, ("nin", "-")]) == fault_of(*bad)
    assert fault_of_all([]) == "no id"


@pytest.mark.parametrize(
    ("scheme", "value", "is_fine"),
    [
        ("be-nrn", "85.07.30-033 28", True),
        ("be-nrn", "17 07 30 033 84", True),  # born 2017: 97 - 2170730033 % 97
        ("be-nrn", "85.07.30-033 29", False),
        ("nl-bsn", "1112.22.333", True),
        ("nl-bsn", "111222334", False),
        ("nl-bsn", "000000000", False),
        ("nin", "-- .", False),
        ("nin", "1" * 129, False),
        ("nin", "1\x002", False),
        ("", "1", False),
        ("a:b", "1", False),
        ("s" * 65, "1", False),
    ],
)
def test_faults_are_found_and_never_show_the_id(scheme, value, is_fine):
    fault = fault_of(scheme, value)
    assert (fault is None) == is_fine
    assert fault is None or value not in fault or len(value) < 4
