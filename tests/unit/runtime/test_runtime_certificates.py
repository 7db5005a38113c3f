"""Certificates that end are ordinary alarms, thirty days ahead, by a clock that can be trusted."""

from pathlib import PurePath

import pytest

from edgeguard.codec.x509_dates import CertificateDates
from edgeguard.config.certificate_alarms import AUTHORITY, BROKER, CLIENT, certificate_alarms
from edgeguard.core.site import UplinkSpec
from edgeguard.runtime.certificate_watch import CertificateWatch
from edgeguard.testing.clock import FakeClock
from edgeguard.uplink.certificates import Held, Role

DAY_S = 86_400


def watch(clock: FakeClock, days: float, role: Role = Role.CLIENT) -> CertificateWatch:
    made = CertificateWatch()
    made.begin({}, {}, clock.now())
    end_ms = clock.now().wall_ms + int(days * DAY_S * 1000)
    made.held = (Held(role, CertificateDates(0, end_ms)),)
    return made


def test_it_comes_thirty_days_ahead_and_counts_the_days() -> None:
    clock = FakeClock()
    made = watch(clock, 380.5)
    (first,) = made.tick(clock.now()).alarms
    assert (first.name, first.truth, first.value) == (CLIENT, False, 380)
    assert not made.tick(clock.now())
    clock.advance(349 * DAY_S)
    assert made.tick(clock.now()).alarms[0].truth is False
    clock.advance(1 * DAY_S)
    (soon,) = made.tick(clock.now()).alarms
    assert (soon.truth, soon.value) == (True, 30)
    clock.advance(40 * DAY_S)
    assert made.tick(clock.now()).alarms[0].value == -9


def test_a_renewed_one_ends_it() -> None:
    clock = FakeClock()
    made = watch(clock, 3, Role.BROKER)
    assert (made.tick(clock.now()).alarms[0].name, made.tick(clock.now()).alarms) == (BROKER, ())
    made.held = watch(clock, 90, Role.BROKER).held
    assert made.tick(clock.now()).alarms[0].truth is False


def test_a_clock_that_is_not_synchronised_proves_nothing() -> None:
    clock = FakeClock()
    made = watch(clock, 3)
    clock.synced = False
    assert not made.tick(clock.now())
    clock.synced = True
    assert made.tick(clock.now()).alarms[0].truth is True


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (None, set()),
        (UplinkSpec("h", 1883, tls=False), set()),
        (UplinkSpec("h", 8883, tls=True), {BROKER}),
        (UplinkSpec("h", 8883, tls=True, ca=PurePath("ca")), {BROKER, AUTHORITY}),
        (UplinkSpec("h", 8883, tls=True, certificate=PurePath("c"), key=PurePath("k")), {BROKER, CLIENT}),
    ],
)
def test_there_is_one_for_each_that_the_uplink_rests_on(spec: UplinkSpec | None, names: set[str]) -> None:
    assert {rule.name for rule in certificate_alarms(spec)} == names
