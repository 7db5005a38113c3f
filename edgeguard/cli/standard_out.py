"""Standard output as commands find it: a terminal of another alphabet, a full disk behind `>`. Imports nothing heavy."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def standard_out() -> Iterator[None]:
    """A character that cannot be shown, a name of a file that is no text, is spelled out and ends no command; what the disk behind
    `>` has no room for is told in a sentence, with exit 1.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except OSError as error:
        if error.filename is not None or _takes_more():  # an error of standard output names no file
            raise
        sys.stderr.write(f"edgeguard: standard output could not be written: {error.strerror}\n")
        # What is still to be written would be tried again at the very end, and told as a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _takes_more() -> bool:
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return False
    return True
