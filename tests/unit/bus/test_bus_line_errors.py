"""Counters of a serial port's driver, from a driver that is none."""

import errno
import os
import struct

import pytest

from edgeguard.bus.line_errors import LineErrors, line_errors


def test_the_counters_of_a_driver() -> None:
    asked: list[tuple[int, int, int]] = []

    def ioctl(descriptor: int, request: int, data: bytes) -> bytes:
        asked.append((descriptor, request, len(data)))
        return struct.pack("20i", 1, 2, 3, 4, 5000, 6000, 7, 8, 9, 10, 11, *[0] * 9)

    assert line_errors(5, ioctl) == LineErrors(frame=7, parity=9, overrun=8 + 11, breaks=10)
    assert asked == [(5, 0x545D, 80)]


@pytest.mark.parametrize("number", [errno.ENOTTY, errno.EINVAL, errno.EIO])
def test_a_driver_without_counters(number: int) -> None:
    def ioctl(descriptor: int, request: int, data: bytes) -> bytes:
        raise OSError(number, "no")

    assert line_errors(5, ioctl) is None


def test_a_pseudo_terminal_has_none_and_a_closed_port_neither() -> None:
    far, near = os.openpty()
    assert line_errors(near) is None
    os.close(far)
    os.close(near)
    assert line_errors(-1) is None
