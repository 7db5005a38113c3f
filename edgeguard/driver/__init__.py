"""Devices: a profile and an address on a bus, turned into polls, reads and writes whose results are snapshots.

A driver knows its protocol's requests; the bus knows only bytes. What a line or a device does wrong is a Fault in the
snapshot, never an exception out of `poll`.
"""

from edgeguard.driver.device import Device, DeviceStats, SetsClock, TellsTime, WriteResult, WritesTogether, write_all, write_one
from edgeguard.driver.registry import DRIVERS, DriverFactory, build_device
from edgeguard.driver.shelf import Shelf
from edgeguard.driver.time_broadcast import broadcast_time

__all__ = [
    "DRIVERS",
    "Device",
    "DeviceStats",
    "DriverFactory",
    "SetsClock",
    "Shelf",
    "TellsTime",
    "WriteResult",
    "WritesTogether",
    "broadcast_time",
    "build_device",
    "write_all",
    "write_one",
]
