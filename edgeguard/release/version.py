"""Versions of this product, and which of two is the older."""

import re
from dataclasses import dataclass
from typing import Final, Self

_FORM: Final = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})(?:(a|b|rc)([0-9]{1,6}))?", re.ASCII)
_FINAL: Final = "zz"
"""Sorts behind a, b and rc: a version comes after its candidates."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """`1.2.3`, or `1.2.3rc1` before it; ordered as they follow each other."""

    numbers: tuple[int, int, int]
    stage: str = _FINAL
    candidate: int = 0

    @classmethod
    def of(cls, text: str) -> Self:
        """ValueError for anything else."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is no version of the form 1.2.3 or 1.2.3rc1")
        major, minor, patch, stage, candidate = match.groups()
        return cls((int(major), int(minor), int(patch)), stage or _FINAL, int(candidate or 0))

    def __str__(self) -> str:
        stage = "" if self.stage == _FINAL else f"{self.stage}{self.candidate}"
        return ".".join(map(str, self.numbers)) + stage
