"""Fails when a setting has no meaning, or when the page is not what the settings say."""

from pathlib import Path

from streams.cli.settings import entries, page
from streams.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_every_setting_says_what_it_means():
    assert {one.name for one in entries()} == set(Settings.model_fields)
    assert [one.variable for one in entries() if not one.meaning.endswith(".")] == []


def test_the_page_is_fresh():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `headwater settings --markdown > docs/settings.md`"


def test_no_default_depends_on_this_machine():
    assert str(Path.home()) not in page()
