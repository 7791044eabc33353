"""Small towns with their ground truth, and the `headwater` command on them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import infra
from processors.offers.model import OfferRecord, OfferState
from processors.rules import library
from streams import topics
from streams.composition import Platform
from streams.demo.play import Demo, Played
from streams.kafka.log import read_topic
from streams.settings import Settings
from streams.simulation.town import Town, build
from tests.truth.town import expect

HEADWATER = Path(sys.executable).with_name("headwater")
DEPLOYMENT = Path(infra.__file__).parent / "demo"
RULES = Path(library.__path__[0])
UNSET = ("KAFKA", "CASE_DB", "REGISTER_DB", "REGISTER_KEY_FILE", "DEPLOYMENT", "BROKER_PORT", "CLOCK", "WORKER", "DATA")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


def make_town(folder: Path, persons: int = 600, seed: int = 7) -> Path:
    """A year of a town and what must come of it."""
    build(Town(persons, 12, seed), folder)
    (folder / "expected.json").write_text(json.dumps(expect(folder)), encoding="utf-8")
    return folder


def clean(data: Path, **settings: object) -> dict[str, str]:
    """This process's environment without its Headwater settings, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    cache = {name: value for name, value in os.environ.items() if name == "HEADWATER_CACHE"}
    return {**kept, **cache, "HEADWATER_DATA": str(data), **{f"HEADWATER_{n}": str(v) for n, v in settings.items()}}


def headwater(data: Path, *arguments: object, limit_s: float = 240, **settings: object) -> Ended:
    """Runs the real command to its end."""
    done = subprocess.run(
        [HEADWATER, *map(str, arguments)],
        env=clean(data, **settings), capture_output=True, text=True, check=False, timeout=limit_s, cwd=data.parent,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def copy_deployment(target: Path, rules: bool = True) -> Path:
    """The demo town's deployment folder with rules of its own, to be changed."""
    shutil.copytree(DEPLOYMENT, target)
    if rules:
        shutil.copytree(RULES, target / "rules", ignore=shutil.ignore_patterns("__pycache__"))
        replace_in(target / "deployment.yaml", "rules: shipped", "rules: rules")
    return target


def replace_in(path: Path, old: str, new: str) -> None:
    """Changes a file; the text must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} does not say {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def check_right(played: Played) -> None:
    """The accounting adds up and the offers are the expected ones; says what is not."""
    broken = [
        f"{e.left} {e.left_count} is not {e.right_count} {e.right}" for e in played.accounting.equations if not e.holds
    ]
    assert broken == []
    assert played.accounting.pending == 0
    truth = played.comparison
    assert truth is not None
    assert truth.missing == []
    assert truth.extra == []
    assert truth.suppressed_missing == []
    assert truth.suppressed_extra == []
    assert truth.expected > 30
    assert played.is_right


def check_offers_once(platform: Platform) -> None:
    """`offers.v1` has each version of each offer once, in order, at read_committed."""
    versions: dict[str, list[int]] = {}
    for message in read_topic(platform.bootstrap, topics.OFFERS):
        record = platform.codec.decode(message.value())
        if isinstance(record, OfferRecord) and record.state is not OfferState.SUPPRESSED:
            versions.setdefault(record.offer, []).append(record.version)
    assert len(versions) > 30
    assert {offer: found for offer, found in versions.items() if found != list(range(1, len(found) + 1))} == {}


def new_demo(data: Path, history: Path, **more: Any) -> Demo:
    """A demo on an embedded broker of its own; `more` as for `Settings`, and `advance`."""
    advance = more.pop("advance", lambda _stage, _done, _total: None)
    fixed = {"kafka": None, "broker_port": None, "deployment": None, "case_db": None, "register_db": None, **more}
    return Demo(Settings(data=data, **fixed), history, lambda _said: None, advance)
