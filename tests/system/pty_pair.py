"""Two pseudo-terminals joined like a null-modem cable: what is written to one port is read from the other, at once."""

import os
import select
import threading
import tty
from types import TracebackType


class PtyPair:
    """`with PtyPair() as (one, other):` gives the paths of two ports that are each other's far end."""

    def __init__(self) -> None:
        self._pairs = [os.openpty(), os.openpty()]
        self._wake = os.pipe()
        for _, slave in self._pairs:
            tty.setraw(slave)
        self._pump = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> tuple[str, str]:
        self._pump.start()
        (_, one), (_, other) = self._pairs
        return os.ttyname(one), os.ttyname(other)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.write(self._wake[1], b"x")
        self._pump.join()
        for fd in (*self._wake, *(fd for pair in self._pairs for fd in pair)):
            os.close(fd)

    def _run(self) -> None:
        (one, _), (other, _) = self._pairs
        far = {one: other, other: one}
        while True:
            ready, _, _ = select.select([one, other, self._wake[0]], [], [])
            if self._wake[0] in ready:
                return
            for fd in ready:
                os.write(far[fd], os.read(fd, 4096))
