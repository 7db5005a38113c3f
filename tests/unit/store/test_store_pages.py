"""The bytes in use are never more than what is said without asking SQLite, and are asked for when anything but rows was written."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_kit import item

from edgeguard.core.ids import Epoch
from edgeguard.core.item import STREAMS
from edgeguard.core.limits import ITEM_MAX_BYTES
from edgeguard.core.rule_state import RuleState
from edgeguard.store import retention
from edgeguard.store.damage import open_outbox
from edgeguard.store.ledger import Ledger
from edgeguard.store.retention import Caps
from edgeguard.testing.clock import FakeClock


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = open_outbox(tmp_path, Epoch("00112233445566aa"), 0, lambda loss: pytest.fail(loss.reason))
    yield found
    found.connection.close()
    found.witness.close()


def asked(ledger: Ledger) -> int:
    pragmas: list[str] = []
    ledger.connection.set_trace_callback(lambda sql: pragmas.append(sql) if "PRAGMA" in sql else None)
    bound = ledger.pages.used_bytes_at_most()
    ledger.connection.set_trace_callback(None)
    assert not pragmas, "SQLite was asked although nothing but rows has come"
    return bound


def test_rows_of_any_size_take_no_more_than_is_said(ledger: Ledger) -> None:
    clock, dice = FakeClock(), random.Random(5)
    ledger.append([item(clock, STREAMS[0])])  # a boot is named by its first row
    for size in (0, 900, 1350, 2000, 4040, 4100, 8200, 12300, ITEM_MAX_BYTES - 64, None):
        begun = ledger.used_bytes()
        for _ in range(3):
            sizes = [dice.randrange(ITEM_MAX_BYTES - 64) if size is None else size for _ in range(20)]
            ledger.append([item(clock, dice.choice(STREAMS), n, wide) for n, wide in enumerate(sizes)])
            pages = ledger.connection.execute("PRAGMA page_count").fetchone()[0]
            assert begun <= pages * 4096 <= asked(ledger), f"rows of {size} bytes"


def test_what_else_is_written_is_counted(ledger: Ledger) -> None:
    clock = FakeClock()
    ledger.used_bytes()
    with ledger.transaction():
        ledger.append([item(clock, STREAMS[0], 1)])
        ledger.save_states([RuleState("energy", f"meter-{n}", b"x" * 60_000) for n in range(4)])
    assert ledger.pages.used_bytes_at_most() == ledger.used_bytes() > 240_000
    with ledger.transaction():
        ledger.mark_done(STREAMS[0], 1, 1)
        ledger.remove_through(STREAMS[0], 1)
    assert ledger.pages.used_bytes_at_most() == ledger.used_bytes()


def test_far_from_the_caps_nothing_is_asked_and_near_them_all_is_exact(ledger: Ledger) -> None:
    clock = FakeClock()
    ledger.append([item(clock, STREAMS[0])])
    used = ledger.used_bytes()
    with ledger.transaction():
        ledger.append([item(clock, STREAMS[2], n, 500) for n in range(100)])
    said = asked(ledger)
    assert retention.filled(ledger, Caps(said * 4, 1 << 30, None), 0.5) == said / (said * 4)
    caps = Caps(said * 4 // 3, 1 << 30, None)
    exact = retention.filled(ledger, caps, 0.5)
    assert exact == ledger.used_bytes() / caps.max_bytes < said / caps.max_bytes
    assert ledger.used_bytes() > used
