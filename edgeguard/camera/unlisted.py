"""The word that the list of evidence cannot be written: nothing is removed then, and a disk that is full stays so."""

from collections.abc import Callable
from typing import Final

from edgeguard.control.camera_views import TroubleView
from edgeguard.core.blindness import Blindness

_LOOKS: Final = 3
"""Minutes in a row without a list: one process that takes over from another waits for seconds."""


class Unlisted:
    """`free` gives the bytes that are left on the disk."""

    def __init__(self, free: Callable[[], int]) -> None:
        self._free = free
        self._since_ms: list[int] = []
        self.trouble: tuple[TroubleView, ...] = ()

    def look(self, why: str, boot_ms: int) -> None:
        """Once a minute: `why` the list could not be written, empty where it could."""
        if not why:
            self._since_ms, self.trouble = [], ()
            return
        self._since_ms = [*self._since_ms, boot_ms][:_LOOKS]
        if len(self._since_ms) == _LOOKS:
            try:
                detail = f"{why}; {self._free() >> 20} MiB left on the disk"
            except OSError:
                detail = why
            self.trouble = (TroubleView(Blindness.UNLISTED.value, self._since_ms[0], detail),)
