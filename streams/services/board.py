"""Board: the duty teams' web pages, given what the deployment says and the register may tell.

The pages are `sinks.board`; here is where titles, codes, clock, key and the audited read come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from processors.rules.model import in_language
from sinks.board import (
    BoardContext,
    IdentityUnavailable,
    RevealedPerson,
    SignInUnavailable,
    TeamCodes,
    Wording,
    create_app,
)
from sinks.board.context import ServiceWords
from sinks.case_db import CaseStore
from sinks.metrics import Meters
from sinks.metrics.http import instrument
from streams import composition
from streams.access import Kind
from streams.composition import Platform, wall_ms
from streams.ending import Ending
from streams.errors import Unreachable, UserError, WrongUse
from streams.observing.web import observed_service
from streams.register import Identity, open_register
from streams.register.keys import make_secret, read_secret
from streams.services.http import serve
from streams.settings import Settings

KEY_FILE = "board.key"
"""In the data folder, unless the settings name another: without it everybody signs in again."""

T = TypeVar("T")


def run(platform: Platform, ending: Ending) -> None:
    """Serves the board until SIGTERM.

    Raises:
        UserError: the case database cannot be used, or the port is taken.
    """
    settings, meters = platform.settings, Meters("board")
    with observed_service(meters, settings, settings.board_port), composition.case_store(settings) as store:
        serve(create_app(board_context(platform, store, meters)), settings, settings.board_port, ending)


def board_context(platform: Platform, store: CaseStore, meters: Meters) -> BoardContext:
    """What the pages work with, from settings and deployment.

    Raises:
        UserError: settings or deployment are wrong, or the key file cannot be used.
    """
    settings = platform.settings
    codes = composition.access_file(settings)
    return BoardContext(
        store=store,
        sign_in=TeamCodes(
            verify=lambda code: _known(lambda: codes.verify(Kind.TEAM, code)),
            fingerprint=lambda team: _known(lambda: codes.fingerprint(Kind.TEAM, team)),
            enrol=store.enrol,
            teams={team.id: team.areas for team in platform.deployment.teams.values()},
        ),
        wording=wording(platform),
        aggregates=settings.aggregates or settings.data / "aggregates",
        secret=session_key(settings).hex(),
        now=wall_ms if settings.clock == "wall" else store.newest_update,
        wall=wall_ms,
        reveal=lambda person, reader, purpose: reveal(platform, person, reader, purpose),
        least=platform.deployment.disclosure.least,
        instrument=lambda app: instrument(app, meters, "board"),
    )


def session_key(settings: Settings) -> bytes:
    """Signs the session cookies: whoever can read it can be any worker.

    Raises:
        UserError: the file that the settings name is not there, or it cannot be read or made.
    """
    named = settings.board_key_file
    if named is None:
        own = settings.data / KEY_FILE
        return read_secret(own) or make_secret(own)
    key = read_secret(named)
    if key is None:
        raise WrongUse(
            f"the board's key file {named} is not there",
            "make it (`openssl rand -base64 32`), or name another in HEADWATER_BOARD_KEY_FILE",
        )
    return key


def _known(ask: Callable[[], T]) -> T:
    """What the codes say.

    Raises:
        SignInUnavailable: their file cannot be read.
    """
    try:
        return ask()
    except UserError as fault:
        raise SignInUnavailable(fault.problem) from None


def wording(platform: Platform) -> Wording:
    """How the deployment speaks, in its first language."""
    place = platform.deployment
    language = place.languages[0]

    return Wording(
        place=place.name,
        zone=place.zone,
        language=language,
        services={
            key: ServiceWords(
                one.title.get(language, key), one.description.get(language, ""), one.provider, one.lead_time
            )
            for key, one in place.services.items()
        },
        teams={key: one.title.get(language, key) for key, one in place.teams.items()},
        areas={key: one.title.get(language, key) for key, one in place.areas.items()},
        events={key: one.get(language, key) for key, one in place.titles.items()},
        agencies={one.agency: one.agency.replace("-", " ").capitalize() for one in place.contracts.values()},
        rules={rule.name: in_language(rule.title, language) or rule.name for rule in platform.rules.rules},
    )


def reveal(platform: Platform, person: str, reader: str, purpose: str) -> RevealedPerson | None:
    """Who a person is, logged by the register before it says so; None when nobody has that key.

    The register is opened for each read: there are few, and a register that is away must not keep
    the board from showing offers.

    Raises:
        IdentityUnavailable: the register does not answer, or cannot log.
    """
    try:
        with open_register(platform.settings, platform.deployment.default_area) as register:
            if register.describe(person) is None:
                return None
            return _person(register.reveal(person, reader, purpose))
    except Unreachable as fault:
        raise IdentityUnavailable(fault.problem) from None


def _person(identity: Identity) -> RevealedPerson:
    """As much of an identity as it takes to make contact: no number of any register."""
    return RevealedPerson(
        name=identity.name,
        born=identity.born,
        language=identity.language,
        contact={str(kind): str(value) for kind, value in identity.contact.items()},
        address=address_lines(identity.address),
        safety_flags=identity.safety_flags,
    )


def address_lines(address: Mapping[str, object]) -> tuple[str, ...]:
    """An address as it is written on a letter; parts nobody knows of come last.

    >>> address_lines({"street": "Quay", "number": "1", "postcode": "1000", "municipality": "Town"})
    ('Quay 1', '1000 Town')
    """
    pairs = (("street", "number"), ("postcode", "municipality"))
    lines = [" ".join(str(address[part]) for part in pair if address.get(part)) for pair in pairs]
    named = {part for pair in pairs for part in pair}
    lines += [str(value) for part, value in address.items() if part not in named and value]
    return tuple(line for line in lines if line)
