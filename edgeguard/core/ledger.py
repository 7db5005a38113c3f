"""What has been done to find out whether a profile is right, and when: four claims, each made by a person or a test."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from edgeguard.core.point import Labels


class Claim(StrEnum):
    """What can be claimed of a profile, in the order of its worth."""

    RECORDED = "recorded"
    """A recording exists and every point decodes from it to the expected value."""
    LINE_FAULTS = "line_faults"
    """No fault of the line makes a false value."""
    FIELD = "field"
    """Values were compared with the display of a real device."""
    WRITES = "writes"
    """Every writable point was written on a real device and seen to take effect."""

    @property
    def labels(self) -> Labels:
        """For people."""
        return _LABELS[self]


_LABELS: Final[Mapping[Claim, Labels]] = {
    Claim.RECORDED: Labels(zh="有录制", en="recorded"),
    Claim.LINE_FAULTS: Labels(zh="线路故障测试", en="line-fault tested"),
    Claim.FIELD: Labels(zh="现场核对", en="field-verified"),
    Claim.WRITES: Labels(zh="写入测试", en="write-tested"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One claim: when it was made good, and what was done. `composed`: a recording made from documents, not in the field."""

    claim: Claim
    on: date
    done: str
    composed: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """The claims that are made; what is not here has not been done."""

    entries: tuple[Entry, ...] = ()

    def entry(self, claim: Claim) -> Entry | None:
        """The entry for a claim, None if it is not made."""
        return next((entry for entry in self.entries if entry.claim is claim), None)
