"""The real clock: wall time with the kernel's own word on whether it is synchronised, and boot time.

Source of the flag: adjtimex(2), STA_UNSYNC; read-only (modes = 0), so no privilege is needed.
"""

import contextlib
import ctypes
import os
import time
import uuid
from pathlib import Path

from edgeguard.core.clock import Stamp
from edgeguard.core.ids import BootId

_STA_UNSYNC = 0x0040
_KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SYNC_LOOK_NS = 1_000_000_000
_SET_NS = 20_000_000
"""By so much the wall clock must have moved against the boot clock to have been set: the kernel steers both together."""
_MS_NS = 1_000_000


class _Timex(ctypes.Structure):
    """The leading fields of `struct timex`; the rest is room that the kernel fills."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_says_synced() -> bool:
    """Whether the kernel holds the wall clock to be synchronised; False where it cannot be asked."""
    timex = _Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.byref(timex)) < 0:
        return False
    return not timex.status & _STA_UNSYNC


def read_boot_id(runtime_directory: Path | None = None) -> BootId:
    """The kernel's boot id; where /proc hides it (ProcSubset=pid) one kept in a directory that a boot empties.

    With neither, or where nothing can be kept, an id of this process: two runs are then told apart though the machine did
    not restart.
    """
    try:
        return BootId(_KERNEL_BOOT_ID.read_text(encoding="ascii").strip())
    except OSError:
        pass
    if runtime_directory is None:
        return BootId(str(uuid.uuid4()))
    kept = runtime_directory / "boot-id"
    try:
        return BootId(str(uuid.UUID(kept.read_text(encoding="ascii").strip())))
    except (OSError, ValueError):
        fresh = str(uuid.uuid4())
        partial = kept.with_suffix(".new")
        with contextlib.suppress(OSError):
            partial.write_text(fresh, encoding="ascii")
            partial.replace(kept)
        return BootId(fresh)


class SystemClock:
    """`core.clock.Clock` on the machine's clocks; the synchronised flag is looked up once a second at most.

    Between two settings of the wall clock the difference of both times is the same in every stamp, to the ms: two clocks that are
    read one after the other differ by a rounding, and by more on a busy machine. So what has passed between two stamps is the
    same by either, and a recording, which bears wall times, says what was said when it was made.
    """

    def __init__(self, boot: BootId | None = None) -> None:
        runtime = os.environ.get("RUNTIME_DIRECTORY")
        self.boot = boot or read_boot_id(Path(runtime.split(":")[0]) if runtime else None)
        self._synced = kernel_says_synced()
        self._looked_ns = time.monotonic_ns()
        self._ahead_ns = _read()[1]

    def now(self) -> Stamp:
        """The present moment."""
        monotonic_ns = time.monotonic_ns()
        if monotonic_ns - self._looked_ns > _SYNC_LOOK_NS:
            self._looked_ns = monotonic_ns
            self._synced = kernel_says_synced()
        boot_ns, ahead_ns = _read()
        if abs(ahead_ns - self._ahead_ns) > _SET_NS:
            # set, or this process had to wait between the two readings: then another pair says so
            boot_ns, self._ahead_ns = min((_read() for _ in range(3)), key=lambda pair: abs(pair[1] - self._ahead_ns))
        boot_ms = boot_ns // _MS_NS
        return Stamp(wall_ms=boot_ms + self._ahead_ns // _MS_NS, boot_ms=boot_ms, boot=self.boot, synced=self._synced)


def _read() -> tuple[int, int]:
    """Time since boot, and how far the wall clock is ahead of it."""
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot_ns, time.time_ns() - boot_ns
