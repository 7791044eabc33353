"""`headwater person`: what a person can ask for, and what may be shown of one.

A person is named by `--person KEY` or by `--id SCHEME:VALUE`; `--id -` reads the id from standard input,
so that it appears in no list of processes and no shell history. Never prints an id or a name, except for
`show --reveal`, which is logged in the register.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from processors.events import Control, ControlKind
from processors.identity.identifiers import fault_of
from streams.errors import UserError, WrongUse
from streams.register import (
    Identity,
    PersonFacts,
    PersonRequest,
    Register,
    no_such_person,
    open_register,
)
from streams.settings import Settings
from streams.settings import load as load_settings

app = typer.Typer(help="Rights of a person, and what is known about one.", no_args_is_help=True)

IdOption = Annotated[
    str | None,
    typer.Option("--id", metavar="SCHEME:VALUE", help="An id of the person; `-` reads it from standard input."),
]
PersonOption = Annotated[str | None, typer.Option("--person", metavar="KEY", help="The person's pseudonym.")]
UnknownOption = Annotated[
    bool,
    typer.Option(
        "--even-if-unknown",
        help="With --id: register a person nobody has heard of, so that it holds from then on.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("opt-out")
def opt_out(
    identifier: IdOption = None,
    person: PersonOption = None,
    even_if_unknown: UnknownOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stops proactive offers to a person, from now on.

    Example: echo national-number:85073003328 | headwater person opt-out --id -
    """
    _control(ControlKind.OPT_OUT, identifier, person, even_if_unknown, as_json)


@app.command("opt-in")
def opt_in(
    identifier: IdOption = None,
    person: PersonOption = None,
    even_if_unknown: UnknownOption = False,
    as_json: JsonOption = False,
) -> None:
    """Allows proactive offers to a person again.

    Example: headwater person opt-in --person 0f3a5c2e9b7d41688d2c4f6a1b3e5d79
    """
    _control(ControlKind.OPT_IN, identifier, person, even_if_unknown, as_json)


@app.command("show")
def show(
    identifier: IdOption = None,
    person: PersonOption = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the identity too; logged.")] = False,
    purpose: Annotated[str, typer.Option("--purpose", help="Why the identity is needed.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Shows what is known about a person: pseudonyms, unless an identity is asked for with a purpose.

    Example: echo national-number:85073003328 | headwater person show --id - --reveal --purpose "letter came back"
    """
    if reveal and not purpose.strip():
        raise WrongUse("--reveal needs a purpose", 'add --purpose "why you need to know who this is"')
    with open_register(load_settings()) as register:
        facts = find_person(register, identifier, person)
        identity = register.reveal(facts.person, acting(), purpose) if reveal else None
    if as_json:
        who = {"identity": asdict(identity)} if identity else {}
        typer.echo(json.dumps(asdict(facts) | who))
    else:
        typer.echo("\n".join(_facts(facts) + (_identity(identity) if identity else [])))


def _control(
    kind: ControlKind, identifier: str | None, person: str | None, even_if_unknown: bool, as_json: bool
) -> None:
    settings = load_settings()
    with open_register(settings) as register:
        at = time.time_ns() // 1_000_000
        facts = find_person(register, identifier, person, at if even_if_unknown else None)
    control = _publish(settings, control_of(kind, facts, at))
    typer.echo(json.dumps(asdict(control)) if as_json else f"{kind}: person {control.person}, from now on")


def control_of(kind: ControlKind, facts: PersonFacts, at: int) -> Control:
    """A person's word as it is published; `at` (ms) is from when it holds."""
    return Control(kind, facts.person, facts.household, facts.area, at)


def _publish(settings: Settings, control: Control) -> Control:
    """Imported late: showing a person needs no Kafka."""
    from streams.controls import publish_now  # noqa: PLC0415

    return publish_now(settings, control)


def find_person(
    register: Register, identifier: str | None, person: str | None, register_at: int | None = None
) -> PersonFacts:
    """The person named on the command line.

    Args:
        register: where to look.
        identifier: `SCHEME:VALUE`, or `-` for a line of standard input; or None.
        person: the person's key, or None.
        register_at: ms; given, a person with an unknown id is registered.

    Raises:
        WrongUse: not exactly one of the two is given, or the id is malformed.
        UserError: nobody has it, or the key was merged into another.
    """
    if (identifier is None) == (person is None):
        raise WrongUse("name one person", "give either --id SCHEME:VALUE or --person KEY")
    key = person.strip().lower() if person else _looked_up(register, given_id(_said(identifier)), register_at)
    facts = register.describe(key) if key else None
    if facts is None:
        raise no_such_person()
    if facts.merged_into is not None:
        raise UserError(f"this person is now {facts.merged_into}", "use that key")
    return facts


def _said(identifier: str | None) -> str:
    return sys.stdin.readline() if identifier == "-" else identifier or ""


def _looked_up(register: Register, one: tuple[str, str], register_at: int | None) -> str | None:
    if register_at is not None:
        return register.resolve([PersonRequest((one,), register_at)])[0].person
    return register.look_up([one]).get(one)


def given_id(text: str) -> tuple[str, str]:
    """An id as it is written on the command line.

    Raises:
        WrongUse: it is malformed; does not repeat it.
    """
    scheme, colon, value = text.strip().partition(":")
    if not colon:
        raise WrongUse("an id is written SCHEME:VALUE", "for instance national-number:85073003328")
    fault = fault_of(scheme, value)
    if fault is not None:
        raise WrongUse(fault, "check the id, digit by digit")
    return scheme, value


def acting() -> str:
    """Who acts: the user of this machine by number, not by an environment variable that anybody can set."""
    try:
        return f"{pwd.getpwuid(os.getuid()).pw_name}@command-line"
    except KeyError:
        return f"user {os.getuid()}@command-line"


def _facts(facts: PersonFacts) -> list[str]:
    lines = [
        f"person     {facts.person}",
        f"household  {facts.household}",
        f"area       {facts.area}",
        f"ids        {', '.join(facts.schemes) or 'none'} (schemes only)",
        f"safety     {', '.join(facts.safety_flags) or 'no flags'}",
    ]
    for one in facts.memberships:
        kind = "provisional" if one.is_provisional else "registered"
        until = "further notice" if one.valid_until is None else _day(one.valid_until)
        lines.append(f"member of  {one.household} from {_day(one.valid_from)} until {until} ({kind})")
    return lines


def _identity(identity: Identity) -> list[str]:
    return [
        f"name       {identity.name or 'unknown'}",
        f"born       {identity.born or 'unknown'}",
        f"language   {identity.language or 'unknown'}",
        f"contact    {json.dumps(identity.contact, ensure_ascii=False)}",
        f"address    {json.dumps(identity.address, ensure_ascii=False)}",
        f"ids        {', '.join(f'{scheme}:{value}' for scheme, value in identity.ids)}",
    ]


def _day(at: int) -> str:
    day = datetime.fromtimestamp(at / 1000, UTC).date()
    return "the beginning" if day.year == 1 else day.isoformat()
