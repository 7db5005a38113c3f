"""Envelopes: spliced bytes are the JSON they should be, within every bound, and numbers never jump inside a message."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeguard.core.clock import Stamp, iso_utc
from edgeguard.core.ids import BootId, Epoch, GatewayId
from edgeguard.core.item import OutboxRow, Stream
from edgeguard.uplink.envelope import Cut, Envelope, Message, Oversize, Spoilt, cut

EPOCH = Epoch("0123456789abcdef")
STAMPS = st.builds(Stamp, st.integers(0, 4_000_000_000_000), st.integers(0, 10**12), st.just(BootId("b")), st.booleans())
BODIES = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers() | st.text(max_size=40), max_size=4).map(
    lambda body: json.dumps(body).encode()
)


def envelope() -> Envelope:
    return Envelope(GatewayId("b07"), EPOCH, Stream.EVENTS)


def row(seq: int, body: bytes = b'{"a":1}', at: Stamp | None = None) -> OutboxRow:
    return OutboxRow(Stream.EVENTS, seq, at or Stamp(1_790_000_000_123, 5, BootId("b"), True), body)


@given(BODIES, STAMPS)
def test_an_item_is_its_body_with_the_time_in_front(body: bytes, at: Stamp) -> None:
    spliced = envelope().item(row(1, body, at))
    expected = {"at": iso_utc(at.wall_ms)} | ({} if at.synced else {"clock": "unsynced", "boot_ms": at.boot_ms}) | json.loads(body)
    assert json.loads(spliced) == expected
    assert next(iter(json.loads(spliced))) == "at"


def test_a_message_reads_as_the_interface_says() -> None:
    (message,) = cut(envelope(), [row(812), row(813)], Cut(65536, 65536, 100))
    assert isinstance(message, Message)
    assert json.loads(message.payload) == {
        "v": 1,
        "gateway": "b07",
        "epoch": EPOCH,
        "stream": "events",
        "seq": 812,
        "items": [{"at": "2026-09-21T14:13:20.123Z", "a": 1}] * 2,
    }


@given(
    st.sets(st.integers(1, 10**15), max_size=60),
    st.lists(st.integers(0, 300), min_size=60, max_size=60),
    st.integers(200, 2000),
    st.integers(1, 2000),
    st.integers(1, 20),
    st.sets(st.integers(0, 60), max_size=3),
)
def test_every_row_leaves_once_in_order_within_all_bounds(
    seqs: set[int], sizes: list[int], most: int, good: int, items: int, spoilt: set[int]
) -> None:
    rows = [row(seq, b'{"n":"%s"}' % (b"x" * size)) for seq, size in zip(sorted(seqs), sizes, strict=False)]
    rows = [replace(entry, sound=place not in spoilt) for place, entry in enumerate(rows)]
    out = cut(envelope(), rows, Cut(most, good, items))
    carried: list[int] = []
    for part in out:
        if isinstance(part, Oversize):
            assert part.needed_bytes > most
            carried.append(part.seq)
            continue
        if isinstance(part, Spoilt):
            assert part.seq in {entry.seq for entry in rows if not entry.sound}
            carried.append(part.seq)
            continue
        assert len(part.payload) <= most
        assert part.items <= items
        assert part.items == 1 or len(part.payload) <= max(good, 0)
        document = json.loads(part.payload)
        assert document["seq"] == part.first_seq
        assert len(document["items"]) == part.items
        carried.extend(range(part.first_seq, part.last_seq + 1))
    assert carried == [entry.seq for entry in rows]


@pytest.mark.parametrize("body", [b"{}", b"{ }"])
def test_an_empty_body_gets_no_comma(body: bytes) -> None:
    assert json.loads(envelope().item(row(1, body))) == {"at": "2026-09-21T14:13:20.123Z"}


@pytest.mark.parametrize(
    ("items", "readable"),
    [
        ([b'{"a":1}', b'{"b":"]}"}'], True),
        ([b'{"a":1}', b'{"b":"x}'], False),
        ([b'{"a":1},{"c":2}', b'{"b":1}'], False),
        ([b"\xff"], False),
        ([b"{}],[{}"], False),
    ],
)
def test_what_a_consumer_could_not_read_is_known_before_it_leaves(items: list[bytes], readable: bool) -> None:
    assert envelope().message(7, items).is_readable is readable
