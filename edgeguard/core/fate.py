"""What became of a write, and of several that were asked for together: words that say exactly what is known, no more."""

from collections.abc import Collection
from enum import StrEnum


class Fate(StrEnum):
    """The end of a write; the value is the word for people, records and programs."""

    DONE = "done"
    """The device shows what was written."""
    REFUSED = "refused"
    """By a rule of ours, before anything was sent, or by the device in its answer: nothing has changed."""
    NOT_SENT = "not-sent"
    """Nothing went on the wire: no connection, or an earlier one of several went wrong."""
    LOST = "lost"
    """It was sent, no answer came that settles it, and the device does not show the value: it may or may not have acted."""
    UNVERIFIED = "unverified"
    """The device confirmed it and shows something else, or could not be asked."""
    HALF_DONE = "half-done"
    """Of several: some were carried out, of the others that is not so or not known."""

    @property
    def acted(self) -> bool:
        """Whether the device may have changed something."""
        return self not in (Fate.REFUSED, Fate.NOT_SENT)


def together(fates: Collection[Fate]) -> Fate:
    """What became of several writes as one. ValueError of none."""
    kinds = set(fates)
    if not kinds:
        raise ValueError("no write has no fate")
    if len(kinds) == 1:
        return next(iter(kinds))
    if not any(fate.acted for fate in kinds):
        return Fate.REFUSED
    if Fate.DONE in kinds:
        return Fate.HALF_DONE
    if not all(fate.acted for fate in kinds):
        return Fate.HALF_DONE if Fate.UNVERIFIED in kinds else Fate.LOST
    return Fate.LOST
