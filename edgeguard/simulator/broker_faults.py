"""What the broker does wrong on purpose, as one frozen script that a test swaps while the broker runs."""

from collections.abc import Callable
from dataclasses import dataclass

from edgeguard.simulator.broker_packet import Publish

PubackReason = Callable[[Publish], int]
"""The reason code for a message: 0 accepts it, 0x80 and above refuse it (and it is not delivered)."""


def accept_all(_: Publish) -> int:
    """Refuses nothing."""
    return 0


@dataclass(frozen=True, slots=True)
class Faults:
    """Every field's default is good behaviour; faults of connections hold for those made after the script was set.

    Counts are of QoS 1 messages per connection; times in seconds.
    """

    refuse_connect: int = 0
    """CONNACK reason code for everybody (in the code space of the client's version)."""
    only_311: bool = False
    """Answer MQTT 5 with `unsupported protocol version` as a 3.1.1 broker does (0x01 in a 3.1.1 CONNACK)."""
    version_refusal: int | None = None
    """With `only_311`: this MQTT 5 code in a proper CONNACK (0x84) instead."""
    close_v5: bool = False
    """Close without a word when a client speaks MQTT 5."""
    silent_connect: bool = False
    """Take the CONNECT and never answer it."""
    garbage_connack: bytes = b""
    """Sent in the CONNACK's place."""
    refuse_subscribe: int = 0
    """SUBACK reason code for every filter (0x80 in a 3.1.1 one)."""
    receive_maximum: int | None = None
    maximum_packet_size: int | None = None
    puback: PubackReason = accept_all
    never_ack: bool = False
    ack_delay_s: float = 0.0
    reorder_acks: int = 0
    """Hold back this many acknowledgements and send them last first (after a moment without new ones, the rest)."""
    lose_ack_every: int = 0
    """Deliver every n-th message, but forget to acknowledge it."""
    drop_every: int = 0
    """Reset the connection at every n-th message, after delivering and before acknowledging it."""
    disconnect_every: int = 0
    """Say DISCONNECT at every n-th message, before delivering it."""
    disconnect_reason: int = 0x8B
    half_open: bool = False
    """Read nothing but pings, and answer those only."""
    garbage_every: int = 0
    """Send bytes that are not MQTT in the place of every n-th message's answer, and of all after it: it takes nothing more."""
    garbage: bytes = b"\xff\xff\xff\xff\xff\x00garbage"
