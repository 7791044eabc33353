"""The life of the embedded broker: start, stop, status.

Everything it keeps is in one folder, `<data>/kafka`: `data/` (the log), `logs/`, its configuration
and `broker.json` (process id, ports, cluster id). Starts and stops of one folder exclude each other.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from streams.broker import configuration, ports, process, readiness
from streams.broker.archives import ensure_archives
from streams.errors import Unreachable, UserError, WrongUse
from streams.settings import Settings

START_LIMIT_S = 90.0
STOP_PATIENCE_S = 20.0
LEAST_FREE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Broker:
    """A running embedded broker: its address (`host:port`), process id and folder."""

    bootstrap: str
    pid: int
    folder: Path


@dataclass(frozen=True)
class Status:
    """What is known of the embedded broker; `size_bytes` is the disk its folder occupies."""

    running: bool
    bootstrap: str | None
    pid: int | None
    folder: Path
    size_bytes: int


@dataclass(frozen=True)
class _State:
    """`broker.json`; 0 and the empty string stand for: not chosen yet."""

    pid: int = 0
    port: int = 0
    controller_port: int = 0
    cluster_id: str = ""


def start_broker(settings: Settings) -> Broker:
    """Starts the embedded broker, or returns the one that runs already on the settings' data folder.

    Raises:
        WrongUse: `HEADWATER_BROKER_PORT` is taken.
        Unreachable: the data or cache folder is unusable, or the first start has no network.
        UserError: another broker uses the folder, or Kafka ended while starting (with its last log lines).
    """
    folder = _folder(settings)
    _check_disk(folder)
    with _exclusive(folder):
        state = _read(folder)
        if _is_running(state, folder):
            return _broker(state, folder)
        _check_unused(folder)
        jars = ensure_archives(settings.cache)
        state = _configure(state, folder, settings.broker_port)
        _format(jars, folder, state.cluster_id)
        return _launch(jars, state, folder)


def stop_broker(settings: Settings) -> bool:
    """Stops the embedded broker, by force when it does not end within `STOP_PATIENCE_S` seconds.

    Returns:
        False when none was running.
    """
    folder = _folder(settings)
    if not folder.is_dir():
        return False
    with _exclusive(folder):
        state = _read(folder)
        if not _is_running(state, folder):
            return False
        process.terminate(state.pid, _mark(folder), STOP_PATIENCE_S)
        _write(replace(state, pid=0), folder)
        return True


def status(settings: Settings) -> Status:
    """Looks at the embedded broker without touching it."""
    folder = _folder(settings)
    state = _read(folder)
    if _is_running(state, folder):
        broker = _broker(state, folder)
        return Status(True, broker.bootstrap, broker.pid, folder, _size(folder))
    return Status(False, None, None, folder, _size(folder))


def bootstrap(settings: Settings) -> str:
    """The address of the Kafka to use: the settings' cluster, else the running embedded broker.

    Raises:
        Unreachable: no cluster is named and the embedded broker does not run.
    """
    if settings.kafka:
        return settings.kafka
    found = status(settings)
    if found.bootstrap is None:
        raise Unreachable(
            f"no embedded broker runs on {found.folder} and HEADWATER_KAFKA names no cluster",
            "start one with `headwater broker start`",
        )
    return found.bootstrap


def _configure(state: _State, folder: Path, wanted_port: int | None) -> _State:
    port = _choose_port(state, wanted_port)
    controller_port = state.controller_port
    if controller_port in (0, port) or not ports.is_free(controller_port):
        controller_port = ports.find_free(but=port)
    cluster_id = state.cluster_id or _new_cluster_id(uuid.uuid4())
    state = _State(0, port, controller_port, cluster_id)
    (folder / "logs").mkdir(exist_ok=True)
    (folder / "server.properties").write_text(configuration.server_properties(folder, port, controller_port))
    (folder / "log4j2.properties").write_text(configuration.logging_properties(folder))
    _write(state, folder)
    return state


def _new_cluster_id(chosen: uuid.UUID) -> str:
    """A cluster id as Kafka writes it; never begins with a hyphen, which Kafka's tool takes for an option."""
    return base64.urlsafe_b64encode(chosen.bytes).rstrip(b"=").decode().replace("-", "A")


def _choose_port(state: _State, wanted: int | None) -> int:
    if wanted is not None:
        if not ports.is_free(wanted):
            raise WrongUse(
                f"port {wanted} on {ports.HOST} is taken by another program",
                "end that program, choose another HEADWATER_BROKER_PORT or unset it",
            )
        return wanted
    return state.port if state.port and ports.is_free(state.port) else ports.find_free()


def _format(jars: Path, folder: Path, cluster_id: str) -> None:
    if (folder / "data" / "meta.properties").exists():
        return
    shutil.rmtree(folder / "data", ignore_errors=True)
    command = configuration.format_command(jars, folder, cluster_id)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        shutil.rmtree(folder / "data", ignore_errors=True)
        raise UserError(
            f"Kafka's storage in {folder / 'data'} could not be prepared: {_last(done.stderr + done.stdout)}",
            "check that the folder's disk is writable and has space, then start again",
        )


def _launch(jars: Path, state: _State, folder: Path) -> Broker:
    child = process.spawn(configuration.server_command(jars, folder), folder / "logs" / "console.log", folder)
    state = replace(state, pid=child.pid)
    _write(state, folder)
    broker = _broker(state, folder)
    try:
        _await_ready(child, broker)
    except BaseException:
        process.terminate(child.pid, _mark(folder), 2)
        raise
    return broker


def _await_ready(child: subprocess.Popen[bytes], broker: Broker) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise _crashed(f"ended with code {child.returncode} while starting", broker.folder)
        if readiness.answers(broker.bootstrap, 0.5) and readiness.coordinates_transactions(broker.bootstrap, 2):
            return
    raise _crashed(f"did not answer at {broker.bootstrap} within {START_LIMIT_S:g} s", broker.folder)


def _crashed(what: str, folder: Path) -> UserError:
    logs = folder / "logs"
    said = "".join(p.read_text(errors="replace") for p in (logs / "console.log", logs / "server.log") if p.is_file())
    remedy = f"read {logs / 'server.log'}, then start again"
    if "No space left" in said:
        remedy = f"free space on the disk of {folder}, then start again"
    elif "Address already in use" in said:
        remedy = "another program took the port meanwhile: start again"
    return UserError(f"the embedded broker {what}; its last lines:\n{_last(said)}", remedy)


def _last(text: str, lines: int = 12) -> str:
    faults = [line for line in text.splitlines() if " ERROR " in line or " FATAL " in line]
    return "\n".join((faults or text.splitlines())[-lines:])


def _folder(settings: Settings) -> Path:
    return settings.data.resolve() / "kafka"


def _mark(folder: Path) -> str:
    return f"kafka.Kafka {folder / 'server.properties'}"


def _broker(state: _State, folder: Path) -> Broker:
    return Broker(f"{ports.HOST}:{state.port}", state.pid, folder)


def _is_running(state: _State, folder: Path) -> bool:
    return state.pid > 0 and process.is_running(state.pid, _mark(folder))


def _read(folder: Path) -> _State:
    try:
        return _State(**json.loads((folder / "broker.json").read_text()))
    except (OSError, ValueError, TypeError):
        return _State(cluster_id=_formatted_cluster(folder))


def _formatted_cluster(folder: Path) -> str:
    """The cluster id of data that outlived its state file; empty when there is none."""
    with suppress(OSError):
        for line in (folder / "data" / "meta.properties").read_text().splitlines():
            if line.startswith("cluster.id="):
                return line.removeprefix("cluster.id=")
    return ""


def _write(state: _State, folder: Path) -> None:
    fresh = folder / "broker.json.new"
    fresh.write_text(json.dumps(asdict(state)))
    fresh.replace(folder / "broker.json")


def _check_disk(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(folder, os.W_OK)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error)) from error
    if not is_writable:
        raise _unusable(folder, "it is not writable")
    if free < LEAST_FREE_BYTES:
        raise _unusable(folder, f"its disk is full ({free // 2**20} MB free, {LEAST_FREE_BYTES // 2**20} needed)")


def _check_unused(folder: Path) -> None:
    """Looks at the lock that Kafka holds while it runs; Kafka itself asks for it only after touching its metadata."""
    with suppress(FileNotFoundError), (folder / "data" / ".lock").open("r+") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"another broker uses {folder / 'data'}",
                "stop that one, or name another folder in HEADWATER_DATA",
            ) from None


def _unusable(folder: Path, why: str) -> Unreachable:
    return Unreachable(
        f"the broker's folder {folder} cannot be used: {why}",
        "make it writable, free space or name another folder in HEADWATER_DATA",
    )


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    with (folder / "broker.busy").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # Kafka removes segments while they are counted
            size += path.stat().st_blocks * 512
    return size
