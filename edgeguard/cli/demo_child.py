"""The daemon of a demo: `edgeguard run`, told by the kernel to stop when the demo is gone, even if that was killed.

A process of its own with nothing else in it: `python -m edgeguard.cli.demo_child PARENT run --config FILE`.
"""

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that a process gets when its parent ends."""


def follow(parent: int) -> None:
    """SIGTERM for us when the process `parent`, which started us, ends; also if it has ended meanwhile."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


def end_at_once(number: int, frame: object) -> None:
    """Told to stop before the daemon could listen: nothing was begun, so that this is an end in order."""
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_at_once)
    follow(int(sys.argv.pop(1)))
    from edgeguard.cli.main import main

    main()
