"""`python -m tests.verifier --kafka HOST:PORT --case-db URL`: proves the platform's promises, or says what is broken.

Ends with 0 when every check holds, 1 when one does not, 2 when something cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from confluent_kafka import KafkaException
from sqlalchemy.exc import SQLAlchemyError

from tests.verifier.place import DEMO, open_place
from tests.verifier.report import Report
from tests.verifier.verify import verify


def main() -> int:
    """Reads the arguments, verifies, prints."""
    asked = _arguments()
    try:
        report = verify(open_place(asked.deployment), asked.kafka, asked.case_db, asked.may_wait)
    except (KafkaException, SQLAlchemyError, RuntimeError) as error:
        sys.stderr.write(f"cannot be read: {type(error).__name__}; correct --kafka or --case-db\n")
        return 2
    if asked.json:
        print(json.dumps({"holds": report.holds, **asdict(report)}))
    else:
        show(report, is_by_partition=asked.partitions)
    return 0 if report.holds else 1


def show(report: Report, is_by_partition: bool = False) -> None:
    """Prints the checks as a table, then what is broken."""
    if is_by_partition:
        for row in report.partitions:
            print("  ".join(f"{name} {value}" for name, value in row.items()))
    for check in report.checks:
        verdict = "holds" if not check.faults else f"BROKEN: {len(check.faults)}"
        print(f"{check.name:<75} {check.counted:>9,}  {verdict}")
    for line in report.faults():
        print(line)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.verifier", description=__doc__)
    parser.add_argument("--kafka", required=True, help="bootstrap servers")
    parser.add_argument("--case-db", required=True, help="SQLAlchemy URL of the case database")
    parser.add_argument("--deployment", type=Path, default=DEMO, help="deployment folder; default: the demo town")
    parser.add_argument("--may-wait", action="store_true", help="the stages were stopped in the middle")
    parser.add_argument("--partitions", action="store_true", help="print the accounting of every partition")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
