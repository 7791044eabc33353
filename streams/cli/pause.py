"""`headwater pause` and `headwater resume`: hold a feed, a rule or a recipient; nothing is dropped."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from processors.pauses import Pause, PauseKind
from streams import topics
from streams.cli.printing import harmless, out, table
from streams.composition import Platform, wall_ms
from streams.errors import WrongUse
from streams.instants import rfc3339
from streams.kafka.log import committed_positions
from streams.kafka.tail import ends_of, first_at
from streams.pauses import publish, standing
from streams.settings import load

FeedOption = Annotated[str | None, typer.Option("--feed", help="A feed, `landlord.rent-accounts`.")]
RuleOption = Annotated[str | None, typer.Option("--rule", help="A rule's name.")]
RecipientOption = Annotated[str | None, typer.Option("--recipient", help="A team, as teams.yaml names it.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why, for whoever looks next; nothing about a person.", show_default=False)
]
ListOption = Annotated[bool, typer.Option("--list", help="Show what is held.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def pause(  # noqa: PLR0913, PLR0917  # one parameter per option
    feed: FeedOption = None,
    rule: RuleOption = None,
    recipient: RecipientOption = None,
    reason: ReasonOption = "",
    list_: ListOption = False,
    as_json: AsJson = False,
) -> None:
    """Holds a feed, the offers of a rule, or those a team would lead, until `headwater resume`; drops nothing.

    Example: headwater pause --feed landlord.rent-accounts --reason "wrong export, the landlord was asked"

    Example: headwater pause --list
    """
    platform = Platform(load())
    if list_:
        _show(_rows(platform, standing(platform.bootstrap, platform.codec).values()), as_json)
        return
    _order(platform, _target(platform, feed, rule, recipient), True, reason, as_json)


def resume(
    feed: FeedOption = None,
    rule: RuleOption = None,
    recipient: RecipientOption = None,
    reason: ReasonOption = "",
    as_json: AsJson = False,
) -> None:
    """Lets go on what was held, by an officer or by the surge brake; what waited comes first.

    Example: headwater resume --feed landlord.rent-accounts
    """
    platform = Platform(load())
    _order(platform, _target(platform, feed, rule, recipient), False, reason, as_json)


def _target(platform: Platform, feed: str | None, rule: str | None, recipient: str | None) -> tuple[PauseKind, str]:
    """What the user means.

    Raises:
        WrongUse: not exactly one thing is named, or it is not known; names what is.
    """
    given = {PauseKind.FEED: feed, PauseKind.RULE: rule, PauseKind.RECIPIENT: recipient}
    named = [(kind, name) for kind, name in given.items() if name is not None]
    if len(named) != 1:
        raise WrongUse(
            "name one thing", "give --feed, --rule or --recipient; `headwater pause --list` shows what is held"
        )
    ((kind, name),) = named
    known = known_names(platform, kind)
    if name not in known:
        raise WrongUse(f"there is no {kind} `{name}`", f"name one of: {', '.join(known)}")
    return kind, name


def known_names(platform: Platform, kind: PauseKind) -> list[str]:
    """Everything of a kind that can be held."""
    if kind is PauseKind.FEED:
        return sorted(platform.deployment.contracts)
    return sorted(platform.rules.plans if kind is PauseKind.RULE else platform.deployment.teams)


def _order(platform: Platform, target: tuple[PauseKind, str], is_paused: bool, reason: str, as_json: bool) -> None:
    """Gives the order, unless it stands already, and says what follows from it."""
    topics.ensure(platform.bootstrap, topics.core(platform.settings), platform.settings)
    last = standing(platform.bootstrap, platform.codec).get(target)
    is_news = (last is not None and last.is_paused) != is_paused
    order = Pause(*target, is_paused, reason, _account(), wall_ms())
    if is_news:
        publish(platform.bootstrap, platform.codec, order, platform.settings.core_partitions)
    now = order if is_news or last is None else last
    row = _row(platform, now, is_paused)
    if as_json:
        typer.echo(json.dumps({**row, "is_news": is_news}, ensure_ascii=False))
    else:
        typer.echo("\n".join(_told(row, is_news)))


def _account() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _rows(platform: Platform, orders: Iterable[Pause]) -> list[dict[str, Any]]:
    return [_row(platform, each, True) for each in sorted(orders, key=lambda each: each.target) if each.is_paused]


def _row(platform: Platform, order: Pause, is_paused: bool) -> dict[str, Any]:
    row = {
        "kind": order.kind.value,
        "name": order.name,
        "is_paused": is_paused,
        "since": rfc3339(order.at) if is_paused else None,
        "by": order.by,
        "reason": order.reason,
    }
    contract = platform.deployment.contracts.get(order.name)
    if order.kind is not PauseKind.FEED or contract is None:
        return row
    return {**row, **_waiting(platform, contract.topic)}


def _waiting(platform: Platform, topic: str) -> dict[str, Any]:
    """How many records of a topic intake has not taken, and until when the oldest is kept."""
    positions = committed_positions(platform.bootstrap, "headwater-intake", [topic])
    ends = ends_of(platform.bootstrap, positions)
    unread = {source: start for source, start in positions.items() if start < ends[source]}
    oldest = first_at(platform.bootstrap, unread)
    kept = int(next(one for one in platform.topics if one.name == topic).config["retention.ms"])
    return {
        "topic": topic,
        "waiting": sum(ends[source] - start for source, start in unread.items()),
        "resume_before": rfc3339(oldest + kept) if oldest is not None else None,
        "kept_days": kept // topics.DAY_MS,
    }


_HELD = {
    PauseKind.FEED: "its records stay on {topic} and are read when it goes on",
    PauseKind.RULE: "its situations wait when they are ripe; offers that are open stay",
    PauseKind.RECIPIENT: "situations it would lead wait when they are ripe; offers that are open stay",
}
_GOES_ON = {
    PauseKind.FEED: "what waits on {topic} is read first; the surge brake stays off for the feed until midnight UTC",
    PauseKind.RULE: "what waited becomes offers in the order in which it was due",
    PauseKind.RECIPIENT: "what waited becomes offers in the order in which it was due",
}


def _told(row: Mapping[str, Any], is_news: bool) -> list[str]:
    name, kind = row["name"], PauseKind(row["kind"])
    if not row["is_paused"]:
        goes_on = f"{name} goes on: {_GOES_ON[kind].format(**row)}"
        return [goes_on if is_news else f"{name} is not held"]
    since = "" if is_news else f" since {row['since']}"
    lines = [f"{name} is held{since}: {_HELD[kind].format(**row)}"]
    if kind is PauseKind.FEED and row["resume_before"] is None:
        lines.append(
            f"  nothing waits yet; what comes now is kept for {row['kept_days']} days, resume it within that time"
        )
    elif kind is PauseKind.FEED:
        lines.append(
            f"  about {row['waiting']:,} wait; resume it before {row['resume_before']}, the oldest is deleted then"
        )
    return [*lines, f"  headwater resume --{kind} {name}"]


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    headings = ["kind", "name", "since", "by", "waiting", "resume before", "reason"]
    if not rows:
        typer.echo("nothing is held")
        return
    out().print(table(headings, [[_cell(row.get(heading.replace(" ", "_"))) for heading in headings] for row in rows]))


def _cell(value: object) -> object:
    return "-" if value is None else harmless(value) if isinstance(value, str) else value
