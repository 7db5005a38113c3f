"""What a camera's process is given by the daemon that starts it: all that it needs of a site's configuration.

It comes over a pipe, so that a file that somebody is just editing, or a secret of something else, does not keep a camera blind that
starts anew.
"""

from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from pydantic import TypeAdapter, ValidationError

from edgeguard.core.camera import CameraSpec
from edgeguard.core.errors import Permanent
from edgeguard.core.site import LogSpec


@dataclass(frozen=True, slots=True)
class Handover:
    """The camera, without its alarms, which the daemon raises; how to log; the daemon's socket and the store's folder."""

    camera: CameraSpec
    log: LogSpec
    socket: str
    state: str


_FORM: Final = TypeAdapter(Handover)


def handed(papers: Handover) -> bytes:
    """A line with the number of bytes that follow, and these, JSON."""
    body = _FORM.dump_json(replace(papers, camera=replace(papers.camera, alarms=())))
    return b"%d\n%b" % (len(body), body)


def taken(pipe: BinaryIO) -> Handover:
    """What `handed` has written into the other end; Permanent where it is something else."""
    try:
        return _FORM.validate_json(pipe.read(int(pipe.readline(20))))
    except (ValueError, ValidationError) as error:
        raise Permanent(f"standard input: not what a daemon gives the process of a camera: {error}") from error
