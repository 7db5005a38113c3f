"""The units behind a network endpoint: one that answers for all is one device; hundreds that are silent cost their waiting."""

from edgeguard.bus import BusStats, ExchangeFailed, LinkState, Passing, Request, WireEvent
from edgeguard.core.limits import SCAN_RECONNECTS
from edgeguard.core.line import Protocol
from edgeguard.core.quality import Fault, Reason
from edgeguard.discovery import Explorer, Progress, network_walk
from edgeguard.testing.bus import FakeBus, FakeUnit
from edgeguard.testing.clock import run_virtual


def scanned(bus: FakeBus) -> tuple[Progress, int]:
    """The end of a scan, and how often the connection was given up."""
    closed = []

    def hear(event: WireEvent) -> None:
        if event.passing is Passing.CLOSED:
            closed.append(event)

    async def main() -> Progress:
        bus.listen(hear)
        explorer = Explorer(bus, network_walk(), ())
        await explorer.run()
        return explorer.progress

    return run_virtual(main()), len(closed)


def test_an_endpoint_that_answers_for_every_unit_is_one_device() -> None:
    bus = FakeBus()
    device = FakeUnit()
    bus.units = dict.fromkeys(range(256), device)
    progress, _ = scanned(bus)
    assert [(found.protocol, found.station) for found in progress.found] == [(Protocol.MODBUS, 1)]
    assert (progress.ended, progress.asked) == ("complete", progress.questions)
    assert len(bus.sent) < 20


class Absent(FakeBus):
    """A wire that could not be opened, or, once asked, is lost; `tries` counts the questions."""

    def __init__(self, requests: int) -> None:
        super().__init__()
        self.tries = 0
        self.had = requests

    @property
    def stats(self) -> BusStats:
        return BusStats(state=LinkState.WAITING, requests=self.had, error="no-connection: /dev/ttyUSB9: there is no such port")

    async def exchange(self, request: Request) -> bytes:
        self.tries += 1
        raise ExchangeFailed(self.name, request.address, Fault(Reason.NO_CONNECTION, "next attempt in 1 s"), sent=False)


def test_a_wire_that_is_not_there_ends_a_scan_at_once_with_its_name_and_one_that_was_lost_is_waited_for() -> None:
    bus = Absent(requests=0)
    progress, _ = scanned(bus)
    assert (bus.tries, "/dev/ttyUSB9: there is no such port" in progress.ended) == (1, True)
    lost = Absent(requests=7)
    scanned(lost)
    assert lost.tries == SCAN_RECONNECTS


def test_units_that_refuse_are_there_and_those_behind_a_gateway_without_a_target_are_not() -> None:
    bus = FakeBus()
    gateway = FakeUnit()
    gateway.script.extend([0x0B] * 1000)
    bus.units = dict.fromkeys(range(256), gateway)
    bus.units[5] = FakeUnit()
    bus.units[5].unknown = {3, 4, 17, 43}
    progress, _ = scanned(bus)
    assert [found.station for found in progress.found] == [5]


def test_an_endpoint_that_refuses_for_absent_units_does_not_hide_the_one_that_is_there() -> None:
    """As servers do that hold several units: an exception that a device could give as well."""
    bus = FakeBus()
    server = FakeUnit()
    server.script.extend([0x04] * 1000)
    bus.units = dict.fromkeys(range(256), server)
    bus.units[7] = FakeUnit()
    progress, _ = scanned(bus)
    assert [found.station for found in progress.found] == [7]


def test_a_device_that_refuses_and_does_not_look_at_the_unit_is_one_device_all_the_same() -> None:
    bus = FakeBus()
    device = FakeUnit()
    device.script.extend([0x02] * 1000)
    bus.units = dict.fromkeys(range(256), device)
    progress, _ = scanned(bus)
    assert [found.station for found in progress.found] == [1]
    assert progress.ended == "complete"


def test_hundreds_of_silent_units_cost_their_waiting_and_no_connection() -> None:
    bus = FakeBus()
    for unit in (1, 17):
        bus.unit(unit)
    progress, closed = scanned(bus)
    assert {found.station for found in progress.found} == {1, 17}
    assert progress.ended == "complete"
    assert progress.elapsed_s <= progress.expected_s
    assert closed == 0
    assert not any(pdu[0] not in (1, 2, 3, 4, 17, 43) for _, pdu in bus.sent)


def test_an_endpoint_where_nobody_answers_ends_in_the_expected_time() -> None:
    progress, _ = scanned(FakeBus())
    assert progress.found == ()
    assert progress.ended == "complete"
    assert progress.elapsed_s <= progress.expected_s * 1.1
