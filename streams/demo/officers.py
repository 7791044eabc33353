"""What officers do by command, shown on a town whose history has been played.

A feed is held and goes on, two keys become one person, and a wrong file is taken back.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import orjson

from processors.offers.model import OfferState
from sinks.case_db import CaseOffer
from streams.agencies.batches import batch_id, content_of
from streams.composition import Platform, case_store
from streams.demo.play import Demo
from streams.errors import UserError
from streams.register import PersonFacts, open_register
from streams.stages.supervisor import Supervisor
from streams.transfers import timeline_of
from streams.verification.accounting import Accounting

FEED = "landlord.rent-accounts"
SCHEME = "tenant-number"
OLD, NEW = "T-MOVED-FROM", "T-MOVED-TO"
OLD_DAYS, NEW_DAYS = 20, 5
"""How long ago their arrears were: not too late for the rule, and long enough for its hold to be over."""
PATIENCE_S = 60.0

_T = TypeVar("_T")


class Officers:
    """A story in commands, each run as a user would run it.

    Args:
        demo: whose history has been played.
        platform: it runs on.
        supervisor: of its stages, which are kept running.
        tell: told every line there is to read.
    """

    def __init__(self, demo: Demo, platform: Platform, supervisor: Supervisor, tell: Callable[[str], None]) -> None:
        self._demo = demo
        self._platform = platform
        self._supervisor = supervisor
        self._tell = tell
        self._environment = {**os.environ, **demo.environment(platform)}

    def work(self, now: int) -> Accounting:
        """Plays the story, after which no offer of it is open; returns the accounting of everything.

        Args:
            now: time of the platform, ms.

        Raises:
            UserError: a command failed, or what should have followed did not.
        """
        old, new = self._file("first", OLD, now, OLD_DAYS), self._file("second", NEW, now, NEW_DAYS)
        self._tell("A tenant moved and has two numbers at the landlord, who reports rent arrears under the first.")
        self._headwater("publish", FEED, old)
        self._tell("Are these figures right? The feed is held while the landlord is asked; what it sends waits.")
        self._headwater("pause", "--feed", FEED, "--reason", "odd figures")
        self._headwater("publish", FEED, new, "--no-wait")
        self._headwater("pause", "--list")
        self._tell("They seem to be.")
        self._headwater("resume", "--feed", FEED)
        gone, living = self._known(OLD), self._known(NEW)
        self._tell("What is known of either key calls for no offer. But the two are one person.")
        merge = ("--person", gone.person, "--into", living.person, "--reason", "one tenant, two numbers")
        self._headwater("person", "merge", *merge)
        offer = self._await(lambda: self._offer(living, OfferState.OPEN), "an offer for what was told under two keys")
        self._tell(f"So their household gets one: {offer.situations[0].explanation}")
        self._tell("They were wrong after all: the landlord takes the second file back, and the offer goes with it.")
        self._headwater("annul", "--batch", batch_id(content_of([new])), "--yes")
        self._await(lambda: self._offer(living, OfferState.WITHDRAWN), "the offer withdrawn")
        return self._await(self._settled, "an accounting that adds up")

    def _file(self, name: str, tenant: str, now: int, days_ago: int) -> Path:
        """A record as the landlord words it, in a file of its own."""
        day = f"{datetime.fromtimestamp(now / 1000, UTC) - timedelta(days=days_ago):%d/%m/%Y}"
        record = {
            "messageRef": f"RM-{tenant}",
            "code": "N",
            "earlierRef": None,
            "account": {"number": "A-MOVED", "dwelling": "Kaai 12"},
            "tenants": [{"tenantNumber": tenant, "nationalNumber": None, "isMain": True}],
            "situation": "ARREARS",
            "balanceCents": 123_450,
            "monthsOverdue": 2,
            "statementDate": day,
            "bookedOn": day,
        }
        path = self._demo.settings.data / "officers" / f"{name}-file.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(orjson.dumps(record) + b"\n")
        return Path(os.path.relpath(path))

    def _headwater(self, *words: object) -> None:
        """Runs a command and shows what it says.

        Raises:
            UserError: it ended with another code than 0.
        """
        line = shlex.join(["headwater", *map(str, words)])
        self._tell(f"  $ {line}")
        with subprocess.Popen(
            [sys.executable, "-m", "streams.cli", *map(str, words)],
            env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            out, err = self._heard(process)
        for said in out.splitlines():
            self._tell(f"    {said}")
        if process.returncode:
            raise UserError(f"`{line}` ended with {process.returncode}: {err.strip()}", "mend what it says")

    def _heard(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        while True:
            try:
                return process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                self._supervisor.watch()

    def _known(self, tenant: str) -> PersonFacts:
        """A tenant, as soon as their arrears are told of them."""
        who = self._await(lambda: self._looked_up(tenant), "somebody with the landlord's number")
        self._await(lambda: timeline_of(self._platform, who.person).standing, "the arrears that were published")
        return who

    def _looked_up(self, tenant: str) -> PersonFacts | None:
        one = (SCHEME, tenant)
        with open_register(self._demo.settings, self._platform.deployment.default_area) as register:
            key = register.look_up([one]).get(one)
            return None if key is None else register.describe(key)

    def _offer(self, who: PersonFacts, state: OfferState) -> CaseOffer | None:
        """The offer of their household, if it is in that state."""
        with case_store(self._demo.settings) as store:
            of_them = (offer for offer in store.offers() if offer.household == who.household)
            return next((offer for offer in of_them if offer.state is state), None)

    def _settled(self) -> Accounting | None:
        with case_store(self._demo.settings) as store:
            accounting = self._demo.account(self._platform, store)
        return accounting if accounting.holds and accounting.pending == 0 else None

    def _await(self, found: Callable[[], _T | None], what: str) -> _T:
        """Waits for something to be there; returns it.

        Raises:
            UserError: it did not come.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not (it := found()):
            if time.monotonic() > deadline:
                logs = self._demo.settings.data / "logs"
                raise UserError(
                    f"this did not come within {PATIENCE_S:.0f} s: {what}", f"see the stages' logs in {logs}"
                )
            self._supervisor.watch()
            time.sleep(0.1)
        return it
