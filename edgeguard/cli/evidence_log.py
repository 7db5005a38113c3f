"""What the audit log tells of evidence, and of which times it has nothing to tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from edgeguard.camera.custody import Link
from edgeguard.core.clock import iso_utc
from edgeguard.core.errors import NothingThere
from edgeguard.core.limits import AUDIT_MAX_ROWS
from edgeguard.store import AuditRow, read_audit


@dataclass(frozen=True, slots=True)
class EvidenceLog:
    """By `camera.id`: what was told of a piece when it was kept, and the line of the list of its folder. Spans (UTC, ISO 8601) of
    which there are no rows: from before the first one, and between a copy and its restore."""

    rows: Mapping[str, Mapping[str, Any]]
    links: Mapping[str, Link]
    silences: Sequence[tuple[str, str]]

    def is_silent(self, at_ms: int) -> bool:
        """Whether what was kept then may well have no row."""
        return any(start <= iso_utc(at_ms) < end for start, end in self.silences)


def read_log(directory: Path) -> EvidenceLog:
    """As it is now."""
    rows: dict[str, Mapping[str, Any]] = {}
    links: dict[str, Link] = {}
    silences: list[tuple[str, str]] = []
    last = ""
    for row in _rows(directory):
        body = orjson.loads(row.body)
        if not isinstance(body, dict):
            continue
        at, target, evidence = str(body.get("at")), str(body.get("target")), body.get("evidence")
        if not last or body.get("name") == "restore":
            # The lists of folders may now be older than what this log tells of them, or have been on a disk that is no more.
            silences.append((last, at))
            links = {}
        last = at
        if body.get("command") == "evidence" and isinstance(evidence, dict):
            rows[target] = evidence
            if (link := _link(evidence)) is not None:
                links[target] = link
    return EvidenceLog(rows, links, silences)


def _rows(directory: Path) -> Sequence[AuditRow]:
    """None where nothing has been told yet; or the database is lost, and nothing that is kept is in it."""
    try:
        return read_audit(directory, AUDIT_MAX_ROWS)
    except NothingThere:
        return ()


def _link(evidence: Mapping[str, Any]) -> Link | None:
    """The line that an event names; None where it names none."""
    told = evidence.get("custody")
    try:
        return Link(str(told["log"]), int(told["n"]), str(told["sha256"])) if isinstance(told, dict) else None
    except (KeyError, TypeError, ValueError):
        return None
