"""`headwater person merge` and `person split`: two keys that are one person, and one key that is two."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from processors.timeline import LiveEvent
from streams import topics
from streams.cli.person import IdOption, JsonOption, PersonOption, acting, find_person, given_id
from streams.cli.printing import err, out, table
from streams.composition import Platform
from streams.errors import UserError, WrongUse
from streams.instants import rfc3339
from streams.register import PersonFacts, Register, no_such_person, open_register
from streams.settings import load
from streams.transfers import Transferring, timeline_of

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; noted in the identity register.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.0, help="Wait so many seconds until events follow.")]


def merge_command(  # noqa: PLR0913, PLR0917 - one parameter per option
    into: Annotated[str, typer.Option("--into", metavar="KEY", help="The pseudonym that goes on.")],
    reason: ReasonOption,
    identifier: IdOption = None,
    person: PersonOption = None,
    timeout_s: TimeoutOption = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Makes one person of two keys: ids, events, matches and offers go to the second, and so does a no.

    May be said again: what is done stays done.

    Example: headwater person merge --person 0f3a5c2e9b7d41688d2c4f6a1b3e5d79 --into 5d79... --reason "one passport"
    """
    _require(reason)
    platform, target = _platform(), into.strip().lower()
    with open_register(platform.settings, platform.deployment.default_area) as register:
        key = _merging(register, identifier, person, target)
        transferring = Transferring(platform, key, target)
        err().print(f"{key} goes to {target}; should this be cut short, say it again with --person {key}")
        register.merge(key, target, acting(), reason)
        is_no = transferring.order_all(_known(register, target))
    _say(f"merged: {key} is now {target}", target, transferring, is_no, timeout_s, as_json)


def split_command(  # noqa: PLR0913, PLR0917 - one parameter per option
    person: Annotated[str, typer.Option("--person", metavar="KEY", help="The person's pseudonym.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; noted in the identity register.")] = "",
    taken: Annotated[
        list[str] | None,
        typer.Option("--take", metavar="SCHEME:VALUE", help="An id that goes; `-` reads them, a line each."),
    ] = None,
    event: Annotated[list[str] | None, typer.Option("--event", help="An event that goes; may be repeated.")] = None,
    into: Annotated[
        str | None, typer.Option("--into", metavar="KEY", help="One split from this person before; only events go.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only show the events that could go.")] = False,
    timeout_s: TimeoutOption = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Makes two persons of one: the ids and events named go to a new one; a no holds for both.

    Example: headwater person split --person 0f3a5c2e9b7d41688d2c4f6a1b3e5d79 --list

    Example: headwater person split --person 0f3a... --take - --event 91c1... --reason "two brothers" < ids
    """
    platform = _platform()
    with open_register(platform.settings, platform.deployment.default_area) as register:
        whole = find_person(register, None, person)
        with err().status("looking for events"):
            standing = timeline_of(platform, whole.person).standing
        if list_:
            _show(standing, as_json)
            return
        _require(reason)
        events = tuple(_chosen(standing, event or []))
        if into is None:
            ids = [given_id(text) for text in _lines(taken or [])]
            part = register.split(whole.person, ids, acting(), reason)
        elif taken:
            raise WrongUse("ids go to a new person only", "leave out --take, or --into")
        else:
            part = into.strip().lower()
            register.send_more(whole.person, part, acting(), reason)
        err().print(f"{whole.person}: events go to {part}; should this be cut short, say --into {part}")
        transferring = Transferring(platform, whole.person, part)
        is_no = transferring.order(_known(register, part), events)
    _say(f"split: {part}", part, transferring if events else None, is_no, timeout_s, as_json)


def _require(reason: str) -> None:
    if not reason.strip():
        raise WrongUse("people are merged and split for a reason", 'add --reason "how it was found out"')


def _platform() -> Platform:
    """The platform, with its topics: perhaps no stage ever ran on it."""
    platform = Platform(load())
    topics.ensure(platform.bootstrap, topics.core(platform.settings), platform.settings)
    return platform


def _merging(register: Register, identifier: str | None, person: str | None, into: str) -> str:
    """The key that is to be merged; one that was merged into the same before may be named again."""
    known = register.describe(person.strip().lower()) if person and identifier is None else None
    if known is not None and known.merged_into == into:
        return known.person
    return find_person(register, identifier, person).person


def _known(register: Register, key: str) -> PersonFacts:
    facts = register.describe(key)
    if facts is None:
        raise no_such_person()
    return facts


def _chosen(standing: Sequence[LiveEvent], wanted: Sequence[str]) -> Iterator[str]:
    """First ids of the facts meant.

    Raises:
        UserError: one of them does not stand for this person.
    """
    roots = {name: live.root for live in standing for name in (live.root, live.line.id)}
    for name in wanted:
        if name not in roots:
            raise UserError(f"this person has no event {name}", "see `headwater person split --person KEY --list`")
        yield roots[name]


def _lines(given: Sequence[str]) -> Iterator[str]:
    for text in given:
        yield from (line for line in map(str.strip, sys.stdin) if line) if text == "-" else [text]


def _say(  # noqa: PLR0913, PLR0917 - all that happened
    what: str, living: str, transferring: Transferring | None, is_no: bool, timeout_s: float, as_json: bool
) -> None:
    with err().status("waiting for correlate"):
        went = 0 if transferring is None else transferring.follow(timeout_s)
    if as_json:
        typer.echo(json.dumps({"person": living, "events": went, "opt_out": is_no}))
        return
    typer.echo(what)
    if went is None:
        typer.echo("events: correlate has not come to it yet; they follow when it does")
    else:
        typer.echo(f"events: {went} told anew; matches and offers follow" if went else "events: none")
    if is_no:
        typer.echo("opt-out: holds for this key, too")


def _show(standing: Sequence[LiveEvent], as_json: bool) -> None:
    rows = [(live.root, live.line.type, rfc3339(live.line.occurred_at), live.line.feed) for live in standing]
    if as_json:
        names = ("event", "type", "occurred_at", "feed")
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    elif rows:
        out().print(table(("event", "type", "occurred", "feed"), rows))
    else:
        typer.echo("no events stand for this person")
