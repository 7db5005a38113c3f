"""A disk that fails or hangs on demand under a child of the tests: tests/native/baddisk.c, and what it is told to do."""

import mmap
import struct
import subprocess
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "native" / "baddisk.c"


class Op(IntEnum):
    NONE = 0
    WRITE = 1
    FSYNC = 2
    RENAME = 3
    UNLINK = 4
    OPEN = 5


class Action(IntEnum):
    EIO = 1
    ENOSPC = 2
    KILL = 3
    HALF = 4
    LIE = 5
    EROFS = 6
    HANG = 7


class Plan:
    """What the shim is to do, shared with it by a mapped file."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(struct.pack("5i", 0, 0, 0, 0, 0))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 20)

    def set(self, op: Op, action: Action, first: int = 1, times: int = 1) -> None:
        """From the `first` call of its kind on, so many times; -1: until `clear`."""
        self._map[:20] = struct.pack("5i", op, action, first, times, 0)

    def clear(self) -> None:
        self.set(Op.NONE, Action.EIO, 0, 0)

    @property
    def hits(self) -> int:
        return int(struct.unpack("5i", self._map[:20])[4])


def build(folder: Path) -> Path:
    """The library that a child has to preload."""
    library = folder / "baddisk.so"
    subprocess.run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", str(SOURCE), "-o", str(library), "-ldl"], check=True)
    return library


def preloaded(library: Path, directory: Path, plan: Path) -> dict[str, str]:
    """Environment of a child whose calls on files below the directory are looked at."""
    return {"LD_PRELOAD": str(library), "BADDISK_DIR": str(directory), "BADDISK_PLAN": str(plan)}
