"""A device model as data: its points, where they sit, what the device can bear, and the alarms it comes with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeguard.core.alarm import PLAIN, AlarmTraits, Condition, Severity
from edgeguard.core.identify import IdentifyRule
from edgeguard.core.ids import PointName, ProfileName
from edgeguard.core.ledger import Ledger
from edgeguard.core.meter import Edition, MeterField
from edgeguard.core.point import Labels, Point, Value
from edgeguard.core.register import RegisterField, Table


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Addresses `first` to `last` of one table, both included."""

    table: Table
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ModbusLimits:
    """What a device bears in one request. `max_gap` None means: computed from what a request costs on its bus.

    `delay_ms` is kept between two requests to this device; `timeout_ms` bounds the wait for an answer.
    """

    max_registers: int = 125
    max_bits: int = 2000
    max_gap: int | None = None
    forbidden: tuple[AddressRange, ...] = ()
    delay_ms: int = 0
    timeout_ms: int = 1000


@dataclass(frozen=True, slots=True)
class Dlt645Limits:
    """A DL/T 645 meter. `blocks`: it may be asked for a block of data at once; one that refuses is asked item by item.

    `direct_close`: to close its relay a meter is told to close it, not to permit that somebody presses its button.
    """

    edition: Edition = Edition.Y2007
    blocks: bool = True
    direct_close: bool = False
    delay_ms: int = 0
    timeout_ms: int = 1500


@dataclass(frozen=True, slots=True)
class Cjt188Limits:
    """A CJ/T 188 meter. `form` names what its answers hold (core.cjt188_table). `low_first`: the order of its identifiers'
    two bytes on the wire, 1F 90 for 901F; None where it is to be found out.
    """

    form: str = "water"
    low_first: bool | None = None
    delay_ms: int = 0
    timeout_ms: int = 2000


Setting = bool | int | float | str
"""A value in a driver's own words."""


@dataclass(frozen=True, slots=True)
class ForeignLimits:
    """A device whose protocol a driver of another package speaks; `settings` are for it alone."""

    protocol: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    delay_ms: int = 0
    timeout_ms: int = 1000


Limits = ModbusLimits | Dlt645Limits | Cjt188Limits | ForeignLimits
"""What a device bears; its type says what it speaks."""


@dataclass(frozen=True, slots=True)
class AlarmTemplate:
    """A profile's default alarm, before a device has a name; the fields mean what they mean in AlarmRule."""

    name: str
    condition: Condition
    severity: Severity
    text: Labels
    point: PointName | None = None
    limit: Value | None = None
    hysteresis: float = 0.0
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    advice: Labels | None = None
    has_limit: bool = True
    """False for a domain rule that knows no limit."""
    traits: AlarmTraits = PLAIN


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """`fields[i]` says where `points[i]` sits in a Modbus device, `data[i]` where it sits in a meter, and
    `places[i]` tells a driver of another package; the other two are empty.

    `sha256` is that of the profile file.

    `template`: a pattern to be compared with the device's display, and adapted, before its values are trusted.
    """

    name: ProfileName
    maker: str
    model: str
    kind: str
    labels: Labels
    points: tuple[Point, ...]
    fields: tuple[RegisterField, ...]
    limits: Limits
    alarms: tuple[AlarmTemplate, ...]
    source: str
    trust: str
    sha256: str
    template: bool = False
    identify: IdentifyRule = field(default_factory=IdentifyRule)
    ledger: Ledger = field(default_factory=Ledger)
    data: tuple[MeterField, ...] = ()
    places: tuple[Mapping[str, Setting], ...] = ()
