"""What a device teaches: said in a form that survives a restart, taken up again, and written as lines of a profile."""

import tomllib

from driver_site import Site, reasons, row, virtual

from edgeguard.bus import LineCost
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.profile import AddressRange, ModbusLimits
from edgeguard.core.register import Table
from edgeguard.driver.learned import Hole, LearnedLimits, Learner, profile_lines


def learned_of(site: Site) -> LearnedLimits:
    assert isinstance(site.device, Learner)
    return site.device.learned


def test_a_device_that_gives_less_at_a_time_teaches_its_largest_read() -> None:
    site = Site(row(*range(40)))
    site.unit.max_count = 10

    async def story() -> None:
        assert all(outcome == 0 for outcome in (await site.device.poll()).outcomes)
        learned = learned_of(site)
        assert (learned.largest, learned.too_large) == (10, 20)
        assert learned.holes == ()
        (_, line) = profile_lines(learned, ModbusLimits())[-2:]
        assert line == "max_registers = 10"

    virtual(site, story)


def test_too_many_at_once_is_no_hole_where_points_lie_apart() -> None:
    site = Site(row(*range(0, 60, 4)))
    site.unit.max_count = 20

    async def story() -> None:
        for _ in range(3):
            assert all(outcome == 0 for outcome in (await site.device.poll()).outcomes)
        learned = learned_of(site)
        assert learned.holes == ()
        assert learned.largest <= 20 < learned.too_large
        assert profile_lines(learned, ModbusLimits())[-1] == f"max_registers = {learned.largest}"
        asked = len(site.reads)
        await site.device.poll()
        assert all(count <= 20 for _, count in site.reads[asked:])

    virtual(site, story)


def test_a_hole_is_known_by_its_addresses() -> None:
    site = Site(row(0, 1, 2, 6, 7, 8, 9), cost=LineCost())
    site.unit.refused.update((Table.HOLDING, address) for address in (3, 4, 5))

    async def story() -> None:
        await site.device.poll()
        learned = learned_of(site)
        assert (learned.cuts, learned.holes, learned.too_large) == (((Table.HOLDING, 6),), (Hole(Table.HOLDING, 3, 5),), 0)
        written = tomllib.loads("\n".join(profile_lines(learned, ModbusLimits())))
        assert written == {"forbidden": [{"table": "holding", "first": 3, "last": 5}]}

    virtual(site, story)


def test_what_was_learned_is_not_learned_a_second_time() -> None:
    site = Site(row(0, 1, 2, 3))
    site.unit.refused.add((Table.HOLDING, 2))

    async def story() -> None:
        await site.device.poll()
        learned = learned_of(site)
        assert learned.refused == {PointName("r2"): "exception 2, illegal data address"}

        again = site.another(DeviceName("meter-2"), 5)
        site.bus.unit(5).refused.add((Table.HOLDING, 2))
        assert isinstance(again, Learner)
        again.recall(learned)
        before = len(site.reads)
        snapshot = await again.poll()
        assert [str(reason) for reason in reasons(snapshot)] == ["0", "0", "refused", "0"]
        assert site.reads[before:] == [(0, 2), (3, 1)]
        assert again.learned.refused == learned.refused

    virtual(site, story)


def test_what_was_recalled_wrongly_is_forgotten_when_it_is_served_and_in_its_time() -> None:
    site = Site(row(0, 1))
    assert isinstance(site.device, Learner)
    site.device.recall(LearnedLimits(refused={PointName("r0"): "exception 2", PointName("gone"): "exception 2"}))

    async def story() -> None:
        assert list(site.device.refused) == ["r0"]
        await site.device.read([PointName("r0")])
        assert reasons(await site.device.poll()) == [0, 0]

    virtual(site, story)


def test_the_turnaround_is_the_answer_without_the_frames_own_time() -> None:
    site = Site(row(*range(20)))
    site.unit.response_s = 0.080

    async def story() -> None:
        await site.device.poll()
        # 8 bytes out and 45 back at 9600 baud are 55 ms.
        assert 20 < learned_of(site).turnaround_ms < 30

    virtual(site, story)


def test_nothing_learned_changes_no_profile() -> None:
    assert profile_lines(LearnedLimits(largest=125), ModbusLimits()) == []
    known = ModbusLimits(forbidden=(AddressRange(Table.INPUT, 1, 2),))
    (_, line) = profile_lines(LearnedLimits(holes=(Hole(Table.HOLDING, 8, 9),), largest=9), known)
    assert len(tomllib.loads(line)["forbidden"]) == 2
