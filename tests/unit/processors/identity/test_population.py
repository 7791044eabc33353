from processors.identity.population import HouseholdLine, household_line


def test_every_fault_of_a_line_is_collected_without_its_content():
    faults = household_line(
        {
            "area": 7,
            "address": "Secret Street",
            "members": [
                {
                    "person": "P1",
                    "name": "Secret",
                    "born": "31/12/1980",
                    "ids": [["nin", "1"], ["be-nrn", "12345"]],
                },
                {"person": "P1", "name": "", "ids": "x"},
                4,
            ],
        }
    )
    assert isinstance(faults, tuple)
    assert len(faults) == 9
    assert not any(word in " ".join(faults) for word in ("Secret", "31/12", "12345", "P1"))


def test_twins_with_one_id_are_refused():
    members = [{"person": f"P{n}", "name": "N", "ids": [["nin", "1"]]} for n in range(2)]
    assert household_line({"household": "H", "area": "a", "members": members}) == (
        "members[0] and members[1] carry the same id",
    )


def test_what_is_no_object_is_named():
    assert household_line("x") == ("not JSON",)
    assert household_line([1]) == ("not a JSON object",)


def test_a_right_line_is_normalised_and_its_repr_shows_nobody():
    member = {"person": "P1", "name": "Ada", "ids": [["NIN", "1-2"], ["nin", "12"]]}
    line = household_line({"household": "H", "area": "a", "language": "nl", "members": [member]})
    assert isinstance(line, HouseholdLine)
    assert line.members[0].ids == (("population", "P1"), ("nin", "12"))
    assert line.members[0].details["language"] == "nl"
    assert "Ada" not in repr(line) + repr(line.members)
