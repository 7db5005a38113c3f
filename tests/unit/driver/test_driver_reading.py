"""Reading a Modbus device over a bus in memory: rounds, refusals, silence and probes, in virtual time."""

import asyncio
from dataclasses import replace

import pytest
from driver_site import SERIAL, UNIT, Site, number, reasons, row, virtual
from structlog.testing import capture_logs

from edgeguard.bus import LineCost, Priority, Request
from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.errors import ConfigError, Permanent
from edgeguard.core.ids import AlarmName, PointName
from edgeguard.core.limits import FIRST_LOOK_S, REFUSAL_KEPT_S
from edgeguard.core.point import Kind, Labels
from edgeguard.core.profile import AddressRange
from edgeguard.core.quality import Fault, Reason
from edgeguard.core.register import RawType, Table
from edgeguard.driver import build_device
from edgeguard.testing.bus import FakeBus


def test_a_round_reads_every_point_in_few_requests() -> None:
    site = Site(
        [*row(0, 5, 100), number("coil", 3, RawType.BIT, Table.COIL, kind=Kind.BOOLEAN), number("in", 7, table=Table.INPUT)]
    )
    site.unit.set(Table.HOLDING, 0, 10)
    site.unit.set(Table.HOLDING, 5, 15)
    site.unit.set(Table.HOLDING, 100, 110)
    site.unit.set(Table.COIL, 3, 1)
    site.unit.set(Table.INPUT, 7, 77)

    async def story() -> None:
        snapshot = await site.device.poll()
        assert snapshot.outcomes == (10, 15, 110, True, 77)
        assert snapshot.points == site.device.points
        assert snapshot.answered
        assert snapshot.at == site.clock.now()
        assert len(site.bus.sent) == site.device.requests_per_round == 4
        assert (0, 6) in site.reads
        stats = site.device.stats
        assert (stats.polls, stats.failures, dict(stats.faults)) == (1, 0, {})
        assert stats.response_p50_ms == pytest.approx(1.0)

    virtual(site, story)


def test_on_a_network_gaps_are_read_along() -> None:
    site = Site(row(0, 100), cost=LineCost())
    assert site.device.requests_per_round == 1
    assert Site(row(0, 100), cost=LineCost(), max_gap=20).device.requests_per_round == 2
    assert Site(row(0, 100), cost=LineCost(), max_registers=30).device.requests_per_round == 2


def test_a_forbidden_register_is_never_touched() -> None:
    site = Site(row(0, 2, 4), cost=LineCost(), forbidden=(AddressRange(Table.HOLDING, 2, 3),))

    async def story() -> None:
        snapshot = await site.device.poll()
        assert reasons(snapshot) == [0, Reason.REFUSED, 0]
        assert site.reads == [(0, 1), (4, 1)]
        assert list(site.device.refused) == ["r2"]
        assert reasons(await site.device.read([PointName("r2")])) == [Reason.REFUSED]
        assert len(site.reads) == 2

    virtual(site, story)


def test_a_refused_register_is_found_named_and_left_out_from_then_on() -> None:
    site = Site(row(*range(40)), cost=LineCost())
    site.unit.refused.add((Table.HOLDING, 17))

    async def story() -> None:
        with capture_logs() as logs:
            snapshot = await site.device.poll()
            assert [i for i, outcome in enumerate(snapshot.outcomes) if isinstance(outcome, Fault)] == [17]
            assert snapshot.outcomes[17] == Fault(Reason.REFUSED, "exception 2, illegal data address")
            assert len(site.reads) <= 13
            assert dict(site.device.refused) == {PointName("r17"): snapshot.outcomes[17]}
            site.bus.sent.clear()
            again = await site.device.poll()
        assert again.outcomes == snapshot.outcomes
        assert site.reads == [(0, 17), (18, 22)]
        told = [(log["event"], log["points"]) for log in logs]
        assert told == [("device.refuses", {"r17": "refused: exception 2, illegal data address"})]

    virtual(site, story)


def test_a_hole_in_the_map_costs_a_cut_and_no_point() -> None:
    site = Site(row(0, 1, 2, 6, 7, 8, 9), cost=LineCost())
    site.unit.refused.update((Table.HOLDING, address) for address in (3, 4, 5))

    async def story() -> None:
        assert reasons(await site.device.poll()) == [0] * 7
        assert site.device.refused == {}
        for _ in range(3):
            site.bus.sent.clear()
            assert reasons(await site.device.poll()) == [0] * 7
        assert site.reads == [(0, 3), (6, 4)]

    virtual(site, story)


def test_a_device_that_gives_less_at_a_time_is_asked_for_less() -> None:
    site = Site(row(*range(100)), cost=LineCost())
    site.unit.max_count = 30

    async def story() -> None:
        for _ in range(4):
            assert reasons(await site.device.poll()) == [0] * 100
            assert site.device.refused == {}
        site.bus.sent.clear()
        await site.device.poll()
        assert all(count <= 30 for _, count in site.reads)
        assert len(site.reads) <= 6

    virtual(site, story)


def test_refusals_are_forgotten_after_an_hour() -> None:
    site = Site(row(*range(8)), cost=LineCost())
    site.unit.refused.add((Table.HOLDING, 3))

    async def story() -> None:
        await site.device.poll()
        assert len(site.device.refused) == 1
        site.unit.refused.clear()
        await asyncio.sleep(REFUSAL_KEPT_S - 10)
        assert reasons(await site.device.poll())[3] is Reason.REFUSED
        await asyncio.sleep(20)
        assert reasons(await site.device.poll()) == [0] * 8
        assert site.device.refused == {}

    virtual(site, story)


def test_a_device_that_refuses_everything_is_still_known_to_live_and_not_given_up() -> None:
    site = Site(row(0, 1, 50), cost=SERIAL)
    site.unit.refused.update((Table.HOLDING, address) for address in range(60))

    async def story() -> None:
        first = await site.device.poll()
        assert reasons(first) == [Reason.REFUSED] * 3
        assert first.answered
        site.bus.sent.clear()
        assert (await site.device.poll()).answered
        assert site.reads == [(0, 1)]
        site.unit.refused.clear()
        await site.device.poll()
        assert reasons(await site.device.poll()) == [0, 0, 0]

    virtual(site, story)


def test_an_exception_that_is_no_refusal_spoils_its_block_alone() -> None:
    site = Site(row(0, 1, 50, 51))
    site.unit.script.append(4)

    async def story() -> None:
        snapshot = await site.device.poll()
        assert reasons(snapshot) == [Reason.EXCEPTION, Reason.EXCEPTION, 0, 0]
        assert snapshot.answered
        assert reasons(await site.device.poll()) == [0] * 4
        assert dict(site.device.stats.faults) == {Reason.EXCEPTION: 1}

    virtual(site, story)


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (b"\x03\x02\0\1", Reason.SHORT_ANSWER),
        (b"\x03\x08" + bytes(8), Reason.GARBAGE),
        (b"\x04\x04" + bytes(4), Reason.WRONG_FUNCTION),
    ],
)
def test_an_answer_of_the_wrong_shape_is_never_a_value(pdu: bytes, reason: Reason) -> None:
    site = Site(row(0, 1, 50))
    site.unit.script.append(pdu)

    async def story() -> None:
        snapshot = await site.device.poll()
        assert reasons(snapshot) == [reason, reason, 0]

    virtual(site, story)


def test_a_wrong_shape_alone_is_no_sign_of_life() -> None:
    site = Site(row(0, 1))
    site.unit.script.append(b"\x03\x02\0\1")

    async def story() -> None:
        assert not (await site.device.poll()).answered

    virtual(site, story)


def test_a_dead_device_costs_one_time_out_a_round() -> None:
    site = Site(row(0, 100, 200, 300), timeout_ms=700)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        await site.device.poll()
        site.unit.silent = True
        site.bus.sent.clear()
        start_s = loop.time()
        snapshot = await site.device.poll()
        assert loop.time() - start_s == pytest.approx(0.7)
        assert reasons(snapshot) == [Reason.TIMEOUT] * 4
        assert not snapshot.answered
        assert len(site.bus.sent) == 1
        assert (site.device.stats.polls, site.device.stats.failures) == (2, 1)

    virtual(site, story)


def test_a_device_that_dies_in_mid_round_costs_two() -> None:
    site = Site(row(0, 100, 200, 300, 400))
    site.unit.script.extend([b"\x03\x02\0\1", None, None])

    async def story() -> None:
        snapshot = await site.device.poll()
        assert reasons(snapshot) == [1] + [Reason.TIMEOUT] * 4
        assert snapshot.answered
        assert len(site.bus.sent) == 3

    virtual(site, story)


def test_one_lost_frame_costs_its_own_block_only() -> None:
    site = Site(row(0, 100, 200))
    site.unit.script.extend([b"\x03\x02\0\1", None])

    async def story() -> None:
        assert reasons(await site.device.poll()) == [1, Reason.TIMEOUT, 0]

    virtual(site, story)


def test_a_gateway_that_speaks_for_the_device_is_not_the_device() -> None:
    site = Site(row(0, 100))
    site.unit.script.append(11)

    async def story() -> None:
        snapshot = await site.device.poll()
        assert reasons(snapshot) == [Reason.EXCEPTION] * 2
        assert not snapshot.answered
        assert len(site.bus.sent) == 1

    virtual(site, story)


def test_silence_during_the_search_for_a_refused_register_teaches_nothing() -> None:
    site = Site(row(*range(8)), cost=LineCost())
    site.unit.refused.add((Table.HOLDING, 6))
    site.unit.script.extend([2, None, None])

    async def story() -> None:
        await site.device.poll()
        assert site.device.refused == {}
        await site.device.poll()
        assert list(site.device.refused) == ["r6"]

    virtual(site, story)


def test_a_probe_is_one_short_read_with_a_learned_time_out() -> None:
    site = Site(row(0, 1, 100), timeout_ms=3000)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        site.unit.silent = True
        for waited_s in (FIRST_LOOK_S, 3.0):
            start_s = loop.time()
            snapshot = await site.device.probe()
            assert loop.time() - start_s == pytest.approx(waited_s)
            assert reasons(snapshot) == [Reason.TIMEOUT, Reason.NOT_POLLED, Reason.NOT_POLLED]
        assert site.reads == [(0, 1)] * 2
        site.unit.silent, site.unit.response_s = False, 0.06
        assert reasons(await site.device.probe()) == [0, Reason.NOT_POLLED, Reason.NOT_POLLED]
        site.unit.silent = True
        start_s = loop.time()
        assert not (await site.device.probe()).answered
        assert loop.time() - start_s == pytest.approx(0.24)

    virtual(site, story)


def test_without_a_connection_a_round_ends_at_once() -> None:
    site = Site(row(0, 100))

    async def story() -> None:
        site.bus.connect()
        site.bus.disconnect("unplugged")
        snapshot = await site.device.poll()
        assert snapshot.outcomes == (Fault(Reason.NO_CONNECTION, "unplugged"),) * 2
        assert not snapshot.answered

    virtual(site, story)


def test_the_response_time_leaves_the_queue_out() -> None:
    site = Site(row(0))
    site.unit.response_s = 0.02

    async def story() -> None:
        await asyncio.gather(*(site.device.poll() for _ in range(10)))
        stats = site.device.stats
        assert [stats.response_p50_ms, stats.response_p95_ms] == pytest.approx([20.0, 20.0])

    virtual(site, story)


def test_reading_some_points_gives_them_in_order_and_goes_first() -> None:
    site = Site(row(0, 1, 100, 200), timeout_ms=1000)
    site.unit.set(Table.HOLDING, 200, 2)
    site.unit.response_s = 0.1

    async def story() -> None:
        round_ = asyncio.create_task(site.device.poll())
        await asyncio.sleep(0.05)
        snapshot = await site.device.read([PointName("r200"), PointName("r0")])
        assert [point.name for point in snapshot.points] == ["r200", "r0"]
        assert snapshot.outcomes == (2, 0)
        await round_
        with pytest.raises(Permanent, match="device meter-1 has no point nothing"):
            await site.device.read([PointName("nothing")])

    virtual(site, story)


def test_a_person_may_ask_for_a_refused_point_and_its_return_is_noticed() -> None:
    site = Site(row(0, 1, 2), cost=LineCost())
    site.unit.refused.add((Table.HOLDING, 1))

    async def story() -> None:
        await site.device.poll()
        assert reasons(await site.device.read([PointName("r1")])) == [Reason.REFUSED]
        assert list(site.device.refused) == ["r1"]
        site.unit.refused.clear()
        assert reasons(await site.device.read([PointName("r1")])) == [0]
        assert site.device.refused == {}
        site.bus.sent.clear()
        await site.device.poll()
        assert site.reads == [(0, 3)]

    virtual(site, story)


def test_a_probe_goes_last() -> None:
    site = Site(row(0))
    other = Site(row(0))

    async def story() -> None:
        device = build_device(other.device.spec, site.bus, site.clock)
        await device.poll()
        site.unit.response_s = 0.1
        first = asyncio.create_task(site.device.poll())
        await asyncio.sleep(0)
        probe = asyncio.create_task(device.probe())
        await asyncio.sleep(0)
        routine = asyncio.create_task(site.device.poll(Priority.ROUTINE))
        done: list[str] = []
        probe.add_done_callback(lambda _: done.append("probe"))
        routine.add_done_callback(lambda _: done.append("routine"))
        await asyncio.gather(first, probe, routine)
        assert done == ["routine", "probe"]

    virtual(site, story)


def test_a_profile_without_a_driver_or_without_a_readable_point_is_refused() -> None:
    site = Site(row(0))
    with pytest.raises(ConfigError, match="device meter-1: no driver serves profile test"):
        build_device(site.device.spec, site.bus, site.clock, drivers={})
    with pytest.raises(ConfigError, match="no point that may be read"):
        Site(row(0), forbidden=(AddressRange(Table.HOLDING, 0, 9),))


class WatchedBus(FakeBus):
    """Keeps the priority of each request with the address it reads from."""

    def __init__(self) -> None:
        super().__init__(cost=SERIAL)
        self.asked: list[tuple[int, Priority]] = []

    async def exchange(self, request: Request) -> bytes:
        self.asked.append((request.pdu[1] << 8 | request.pdu[2], request.priority))
        return await super().exchange(request)


def test_blocks_that_alarms_watch_are_read_first_and_before_other_devices_routine() -> None:
    """Registers 0, 100, 200 and 300 lie in blocks of their own; an alarm watches 200."""
    site = Site(row(0, 100, 200, 300))
    rule = AlarmRule(
        AlarmName("high"), site.device.name, Condition.HIGH, Severity.MAJOR, Labels("高", "high"), PointName("r200"), 5.0
    )
    bus = WatchedBus()
    bus.unit(UNIT)
    device = build_device(replace(site.device.spec, alarms=(rule,)), bus, site.clock)

    async def story() -> None:
        assert (await device.poll()).answered
        assert bus.asked[0] == (200, Priority.ROUTINE), "a stranger does not go before those that answer"
        bus.asked.clear()
        assert (await device.poll()).answered
        assert bus.asked[0] == (200, Priority.ALARM)
        assert sorted(bus.asked[1:]) == [(address, Priority.ROUTINE) for address in (0, 100, 300)]

    virtual(site, story)
