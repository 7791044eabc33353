"""An explanation in plain sentences, in the language of the words given.

Every text is in a message catalogue (`texts/`); what is chosen here is which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from processors.rules.model import Subject, in_language
from processors.rules.reasons.explanation import (
    Explanation,
    Fact,
    Other,
    Pending,
    Refusal,
    RunReport,
    Status,
    VersionReport,
    Withdrawal,
)
from processors.rules.reasons.wording import Words

MOST_RUNS = 10
"""Runs told one by one; of more, the newest and all that stand."""

_STANDS = (Status.MATCHED, Status.WITH_OFFICER)
_MAY_COME = (Status.OPEN, Status.WAITING, Status.HELD_BACK)


def say(explanation: Explanation, words: Words) -> list[str]:
    """The explanation, a line for each thought, of one or two sentences.

    Args:
        explanation: of a rule and a subject.
        words: of the language.
    """
    title = in_language(dict(explanation.title), words.language) or explanation.rule
    about = "about_person" if explanation.subject is Subject.PERSON else "about_household"
    head = {"title": title, "rule": explanation.rule, "name": explanation.name}
    lines = [words.sentence(about, **head, now=words.day(explanation.now)), _answer(explanation, words)]
    for version in explanation.versions:
        lines += _Teller(words, has_hours=version.has_hours).version(version, explanation)
    return lines


def _answer(explanation: Explanation, words: Words) -> str:
    statuses = {run.status for version in explanation.versions for run in version.runs}
    if not statuses.isdisjoint(_STANDS):
        return words.sentence("answer_yes")
    return words.sentence("answer_no" if statuses.isdisjoint(_MAY_COME) else "answer_not_yet")


class _Teller:
    """Tells about one version of a rule."""

    def __init__(self, words: Words, *, has_hours: bool) -> None:
        self.words, self.has_hours = words, has_hours
        self.say = words.sentence

    def version(self, version: VersionReport, explanation: Explanation) -> Iterator[str]:
        """About a version: whether it applies, its runs, what it left out."""
        yield self._validity(version, explanation.now)
        if not version.runs:
            yield from self._not_begun(version, explanation.seen)
        elif version.is_first_only:
            yield self.say("first_only")
        shown = _shown(version.runs)
        if left_out := len(version.runs) - len(shown):
            yield self.say("left_out", count=left_out)
        for number, run in shown:
            yield from self._run(number, run)
        if version.ignored:
            yield self.say("ignored", events=self._events(version.ignored))
        for late in version.late:
            heard, accepts = self.words.through(late.heard + 1), self.words.duration(version.accepts)
            yield self.say("late", event=self._event(late.event), heard=heard, accepts=accepts)

    def _validity(self, version: VersionReport, now: int) -> str:
        if version.is_valid:
            return self.say("version_valid", version=version.version)
        if version.valid_until is not None and version.valid_until <= now:
            return self.say("version_over", version=version.version, until=self.words.through(version.valid_until))
        return self.say("version_later", version=version.version, since=self.words.day(version.valid_from or 0))

    def _not_begun(self, version: VersionReport, seen: Sequence[tuple[str, int]]) -> Iterator[str]:
        types = self._choice(version.opens_with)
        if version.needs > 1:
            yield self.say("not_begun_count", types=types, needs=version.needs)
        else:
            yield self.say("not_begun", types=types)
        counts = [self.words.say("count", title=self.words.type(name), number=number) for name, number in seen]
        yield self.say("seen", events=self.words.all_of(counts)) if counts else self.say("seen_none")
        yield from self._refusals(version.refusals)

    def _run(self, number: int, run: RunReport) -> Iterator[str]:
        events = [event for step in run.steps for event in step.events]
        if events:
            yield self.say("begins", number=number, event=self._event(events[0]))
        if len(events) > 1:
            yield self.say("found", events=self._events(events))
        yield from self._status(run)
        if run.withdrawal is not None:
            yield from self._withdrawal(run.withdrawal)

    def _status(self, run: RunReport) -> Iterator[str]:
        match run.status:
            case Status.MATCHED | Status.WITH_OFFICER:
                yield from self._standing(run)
            case Status.OPEN | Status.BROKEN | Status.CONTRADICTED:
                yield from self._unfinished(run)
            case Status.WITHDRAWN:
                pass
            case Status.BARRED:
                yield self.say("barred")
            case Status.WAITING | Status.HELD_BACK:
                yield self.say("complete")
                yield from self._waiting(run)
            case _:
                yield self._untold(run)

    def _standing(self, run: RunReport) -> Iterator[str]:
        for absent in run.silences:
            phrase = "silent_all" if absent.is_all else "silent"
            yield self.say(phrase, types=self._types(absent.types, absent.is_all))
        if run.told_at is not None:
            told = self.words.when(run.told_at, has_hours=self.has_hours)
            yield self.say("told", completed=self._completed(run), told=told)
        else:
            yield self.say("stands", completed=self._completed(run))
        if run.fires:
            yield self.say("fires", number=run.fires)
        if run.is_settled:
            yield self.say("settled")
        if run.status is Status.WITH_OFFICER:
            yield self.say("with_officer")

    def _withdrawal(self, withdrawal: Withdrawal) -> Iterator[str]:
        yield self.say("withdrawn", at=self.words.when(withdrawal.at, has_hours=self.has_hours))
        if withdrawal.annulled:
            yield self.say("why_annulled", events=self._events(withdrawal.annulled))
        if withdrawal.corrected:
            yield self.say("why_corrected", events=self._events(withdrawal.corrected))
        if not withdrawal.annulled and not withdrawal.corrected:
            yield self.say("why_later")
        if withdrawal.replaced_by is not None:
            yield self.say("replaced")

    def _waiting(self, run: RunReport) -> Iterator[str]:
        for pending in run.pending:
            yield from self._pending(pending)
        if run.status is Status.HELD_BACK and run.other is not None:
            yield self.say("held_back", opened=self.words.day(run.other.opened_at))
        elif run.status is Status.HELD_BACK:
            yield self.say("held_back_open")

    def _pending(self, pending: Pending) -> Iterator[str]:
        if pending.due is None or pending.end is None:
            yield self.say("waits_for_ever")
            return
        due = self.words.when(pending.due, has_hours=self.has_hours)
        if pending.absence is None:
            if pending.is_clock:
                yield self.say("waits_step", due=due)
        else:
            types, end = self._types(pending.absence.types, pending.absence.is_all), self.words.through(pending.end)
            phrase = "waits_absence_all" if pending.absence.is_all else "waits_absence"
            yield self.say(phrase, types=types, end=end, due=due)
        if not pending.is_clock:
            yield from self._feeds(pending)

    def _feeds(self, pending: Pending) -> Iterator[str]:
        if pending.heard_to is None:
            return
        needed = self.words.through(pending.heard_to + 1)
        for each in pending.feeds:
            if each.heard is None:
                yield self.say("waits_feed_unheard", feed=each.feed, needed=needed)
            else:
                yield self.say("waits_feed", feed=each.feed, heard=self.words.through(each.heard + 1), needed=needed)
        if pending.is_input:
            yield self.say("waits_input", needed=needed)

    def _untold(self, run: RunReport) -> str:
        """Complete, but no match of this version."""
        completed = self._completed(run)
        match run.status:
            case Status.UNKNOWN:
                return self._unknown(run)
            case Status.OTHER_VERSION if run.version is not None:
                return self.say("other_version", completed=completed, version=run.version)
            case Status.OTHER_VERSION:
                return self.say("no_version", completed=completed)
        if run.other is None:
            return self.say("overlapped_settled")
        return self._kept_out(run, run.other, completed)

    def _kept_out(self, run: RunReport, other: Other, completed: str) -> str:
        others = self._moment(other.completed_at, other.ends_day)
        if run.status is Status.OVERLAPPED:
            return self.say("overlapped", opened=self.words.day(other.opened_at), completed=others)
        if run.status is Status.OLD_VERSION:
            return self.say("old_version", version=other.version, other=others)
        if other.until is not None:
            return self.say("not_again", completed=completed, other=others, until=self.words.through(other.until))
        return self.say("only_once", completed=completed, other=others)

    def _unknown(self, run: RunReport) -> str:
        since = self.words.day(run.unknown_since or 0)
        if not run.unknown:
            return self.say("unknown_input", since=since)
        return self.say("unknown", since=since, feeds=self.words.all_of([each.feed for each in run.unknown]))

    def _unfinished(self, run: RunReport) -> Iterator[str]:
        if run.absence is not None:
            yield self._contradicted(run)
            return
        if run.sought is not None:
            yield from self._sought(run)
        yield from self._refusals(run.refusals)
        if run.stopped_by is not None:
            yield self.say("stopped_by", event=self._event(run.stopped_by))
        if run.sought is not None and run.sought.too_late is not None:
            yield self.say("too_late", event=self._event(run.sought.too_late))
        if run.status is Status.OPEN and run.sought is not None and run.sought.is_over:
            yield self.say("earlier_step")
        if run.status is Status.BROKEN:
            yield self.say("ended" if run.stopped_by is None else "ended_stopped")
        for pending in run.pending:
            if not pending.is_clock:
                yield from self._feeds(pending)

    def _contradicted(self, run: RunReport) -> str:
        assert run.absence is not None
        types = self._types(run.absence.types, run.absence.is_all)
        if run.stopped_by is not None:
            phrase = "contradicted_all" if run.absence.is_all else "contradicted"
            return self.say(phrase, types=types, event=self._event(run.stopped_by))
        if run.status is Status.OPEN:
            return self.say("waits_next_event", types=types)
        if run.status is Status.BROKEN:
            return self.say("never_due", types=types)
        return self.say("contradicted_unbound", name=run.absence.name or run.absence.position)

    def _sought(self, run: RunReport) -> Iterator[str]:
        sought = run.sought
        assert sought is not None
        types = self._types(sought.types, sought.is_all)
        is_all = sought.is_all and len(sought.types) > 1
        if not sought.is_over:
            plain, limited = ("seeks_all", "seeks_all_until") if is_all else ("seeks", "seeks_until")
        else:
            plain, limited = ("sought_all", "sought_all_until") if is_all else ("sought", "sought_until")
        if sought.end is None:
            yield self.say(plain, types=types)
        else:
            yield self.say(limited, types=types, end=self.words.through(sought.end))
        if sought.counts_from is not None:
            yield self.say("counts_from", name=sought.counts_from)
        if sought.needed > 1:
            yield self.say("numbers", needed=sought.needed, found=sought.found)
        if sought.is_next:
            yield self.say("very_next")

    def _refusals(self, refusals: Iterable[Refusal]) -> Iterator[str]:
        for each in refusals:
            phrase = "refused_error" if each.error else "refused_missing" if each.missing else "refused"
            yield self.say(phrase, event=self._event(each.event), condition=each.condition)
            if each.reads:
                values = [self._read(read.field, read.value, each.missing) for read in each.reads]
                yield self.say("reads", values=self.words.all_of(values))

    def _read(self, field: str, value: object, missing: Sequence[str]) -> str:
        if value is None or field in missing:
            return self.words.say("value_missing", field=field)
        return self.words.say("value", field=field, value=self.words.value(value))

    def _event(self, event: Fact) -> str:
        day = self.words.when(event.occurred_at, has_hours=self.has_hours)
        return self.words.say("event", title=self.words.type(event.type), day=day)

    def _events(self, events: Iterable[Fact]) -> str:
        return self.words.all_of([self._event(event) for event in events])

    def _choice(self, types: Sequence[str]) -> str:
        return self._types(types, is_all=False)

    def _types(self, types: Sequence[str], is_all: bool) -> str:
        titles = [self.words.type(name) for name in types]
        return self.words.all_of(titles) if is_all else self.words.any_of(titles)

    def _completed(self, run: RunReport) -> str:
        return self._moment(run.completed_at or 0, run.ends_day)

    def _moment(self, ms: int, ends_day: bool) -> str:
        return self.words.through(ms) if ends_day else self.words.when(ms, has_hours=self.has_hours)


def _shown(runs: Sequence[RunReport]) -> list[tuple[int, RunReport]]:
    """The runs that are told, with their numbers."""
    numbered = list(enumerate(runs, start=1))
    return [(n, run) for n, run in numbered if run.status in _STANDS or n > len(runs) - MOST_RUNS]
