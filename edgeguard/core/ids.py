"""Names of things, as types that cannot be mixed up, and the pattern they must fit."""

import re
from typing import Final, NewType

SiteId = NewType("SiteId", str)
GatewayId = NewType("GatewayId", str)
BusName = NewType("BusName", str)
DeviceName = NewType("DeviceName", str)
PointName = NewType("PointName", str)
AlarmName = NewType("AlarmName", str)
"""An alarm's full name, `device.alarm`, unique in a gateway."""
GroupName = NewType("GroupName", str)
ReactionName = NewType("ReactionName", str)
GateName = NewType("GateName", str)
ZoneName = NewType("ZoneName", str)
ProfileName = NewType("ProfileName", str)
CameraName = NewType("CameraName", str)
Epoch = NewType("Epoch", str)
"""Identity of one outbox file; new whenever the file is created anew."""
BootId = NewType("BootId", str)
"""The kernel's id of one boot; tells two monotonic time lines apart."""

ID_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
"""Sites, gateways, buses, devices, profiles and alarms."""
POINT_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
"""Points: snake case, so that they serve as JSON keys and column names."""


def alarm_name(device: DeviceName, alarm: str) -> AlarmName:
    """The full name of a device's alarm: `pump-1.dry-run`."""
    return AlarmName(f"{device}.{alarm}")
