"""A device model as data: its points, where they sit, what the device can bear, and the alarms it comes with."""

from dataclasses import dataclass, field

from edgeguard.core.alarm import Condition, Severity
from edgeguard.core.identify import IdentifyRule
from edgeguard.core.ids import PointName, ProfileName
from edgeguard.core.ledger import Ledger
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


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """`fields[i]` says where `points[i]` sits. `sha256` is that of the profile file.

    `template`: a pattern to be compared with the device's display, and adapted, before its values are trusted.
    """

    name: ProfileName
    maker: str
    model: str
    kind: str
    labels: Labels
    points: tuple[Point, ...]
    fields: tuple[RegisterField, ...]
    limits: ModbusLimits
    alarms: tuple[AlarmTemplate, ...]
    source: str
    trust: str
    sha256: str
    template: bool = False
    identify: IdentifyRule = field(default_factory=IdentifyRule)
    ledger: Ledger = field(default_factory=Ledger)
