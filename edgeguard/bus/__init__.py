"""One wire and its owner: turn-taking, time-outs, reconnection, counters. A bus knows framings, never what their bytes mean."""

from edgeguard.bus.exchange import Bus, ExchangeFailed, LineCost, Priority, Request
from edgeguard.bus.opening import open_bus
from edgeguard.bus.response import ResponseTimes
from edgeguard.bus.stats import BusStats, LinkState
from edgeguard.bus.tap import Listener, Passing, WireEvent
from edgeguard.bus.wire_bus import WireBus

__all__ = [
    "Bus",
    "BusStats",
    "ExchangeFailed",
    "LineCost",
    "LinkState",
    "Listener",
    "Passing",
    "Priority",
    "Request",
    "ResponseTimes",
    "WireBus",
    "WireEvent",
    "open_bus",
]
