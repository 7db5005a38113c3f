"""A Modbus device by itself, whatever wire it hangs on: its registers now, what writes do, and what it says of itself."""

from collections.abc import Callable
from dataclasses import dataclass

from edgeguard.simulator.registers import Image


@dataclass(frozen=True, slots=True)
class Identity:
    """What the device tells who asks for its identification (functions 43/14 and 17); empty texts are not told."""

    vendor: str = ""
    product: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A device: its unit address, its registers now, and what a write does (raises Refused if it is not wanted).

    `write_bits` takes coils, one 0 or 1 each.
    """

    address: int
    image: Callable[[], Image]
    write: Callable[[int, list[int]], None] | None = None
    write_bits: Callable[[int, list[int]], None] | None = None
    identity: Identity | None = None
