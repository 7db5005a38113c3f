"""Alarms of no device: a bus that is lost, and the gateway's own about alarms; every site has them without saying so."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from edgeguard.core.alarm import AlarmRule, Condition, Severity
from edgeguard.core.ids import AlarmName, DeviceName, alarm_name
from edgeguard.core.point import Labels
from edgeguard.core.site import BusSpec, DeviceSpec

BUS_LOST: Final = "bus-lost"
GATEWAY: Final = DeviceName("gateway")
SITE: Final = DeviceName("site")
BUS_LOST_AFTER_MS: Final = 20_000


def own_alarms(buses: Iterable[BusSpec], devices: Sequence[DeviceSpec]) -> tuple[AlarmRule, ...]:
    """Of every bus with more than one device, that none of them answers; and floods and chattering of alarms."""
    on_bus = Counter(device.bus for device in devices)
    lost = tuple(_bus_lost(bus) for bus in buses if on_bus[bus.name] > 1)
    return (*lost, *_ABOUT_ALARMS)


def _bus_lost(bus: BusSpec) -> AlarmRule:
    owner = DeviceName(bus.name)
    return AlarmRule(
        name=alarm_name(owner, BUS_LOST),
        device=owner,
        condition=Condition.BUS_LOST,
        severity=Severity.MAJOR,
        text=Labels(zh="总线上所有设备无应答", en="No device on the bus answers"),
        on_delay_ms=BUS_LOST_AFTER_MS,
        common=True,
    )


_ABOUT_ALARMS: Final = (
    AlarmRule(
        name=AlarmName("gateway.alarm-flood"),
        device=GATEWAY,
        condition=Condition.FLOOD,
        severity=Severity.MAJOR,
        text=Labels(zh="告警洪水：次要和提示告警暂不通知", en="Alarm flood: minor and info alarms are kept back until it is over"),
        limit=10,
        common=True,
    ),
    AlarmRule(
        name=AlarmName("gateway.alarm-chattering"),
        device=GATEWAY,
        condition=Condition.CHATTERING,
        severity=Severity.MINOR,
        text=Labels(zh="告警反复跳变，已自动搁置", en="Alarms that come and go all the time are shelved"),
        common=True,
    ),
)
