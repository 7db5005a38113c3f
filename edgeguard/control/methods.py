"""The methods of the control socket: name, arguments, result, and whether one changes anything. Both ends read this table.

A method that is not here does not exist; a handler table that names another is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from edgeguard.control.camera_views import BeatAnswerView, CameraView
from edgeguard.control.command_views import BarrierView
from edgeguard.control.gate_views import EntryView, GateListView, GatesView, StayView, WhyView, ZoneView
from edgeguard.control.hint_views import HintsView, ServiceView, SnoozeView
from edgeguard.control.line_views import BusView, FlightView, TraceView
from edgeguard.control.rule_views import ReactionView, RuleView
from edgeguard.control.scan_views import ScanView
from edgeguard.control.time_views import SetTimeView
from edgeguard.control.views import (
    AlarmView,
    CountView,
    DeadLetterView,
    DeviceView,
    ErasedView,
    OutboxView,
    PointView,
    ReloadView,
    StatusView,
    TopView,
    WritesView,
    WriteView,
)
from edgeguard.core.limits import CONTROL_BUS_CALL_S, CONTROL_CALL_S, TRACE_WAIT_S

R = TypeVar("R")


class Kind(Enum):
    """What an argument may be."""

    TEXT = "a text"
    TEXTS = "a list of texts"
    FLAG = "true or false"
    VALUE = "a number, a text, true or false"
    PAGE = "a text of several lines"
    NUMBER = "a number"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a method."""

    kind: Kind
    required: bool = True
    private: bool = False
    """It stands for residents: no record keeps it."""


@dataclass(frozen=True, slots=True)
class Method(Generic[R]):
    """`result` is the type that the client decodes the answer into; `timeout_s` how long it waits for it."""

    name: str
    result: type[R]
    parameters: Mapping[str, Parameter]
    writes: bool = False
    timeout_s: float = CONTROL_CALL_S
    routine: bool = False
    """Called by the gateway's own processes all the time: not worth a line in the log."""


def _takes(**parameters: Parameter) -> Mapping[str, Parameter]:
    return MappingProxyType(parameters)


_NAME: Final = Parameter(Kind.TEXT)
_MAYBE_NAME: Final = Parameter(Kind.TEXT, required=False)
_SECRET: Final = Parameter(Kind.TEXT, private=True)
_MAYBE_SECRET: Final = Parameter(Kind.TEXT, required=False, private=True)
_MAYBE_NUMBER: Final = Parameter(Kind.NUMBER, required=False)
_MAYBE_PRIVATE_PAGE: Final = Parameter(Kind.PAGE, required=False, private=True)
BARRIER_PARAMETERS: Final[Mapping[str, Parameter]] = _takes(
    **{"gate": _NAME, "action": _MAYBE_NAME, "pass": _MAYBE_NAME, "minutes": _MAYBE_NUMBER}
)
GATE_LIST_PARAMETERS: Final[Mapping[str, Parameter]] = _takes(
    transfer=_NAME,
    part=_MAYBE_NUMBER,
    parts=_MAYBE_NUMBER,
    list=_MAYBE_NAME,
    whole=Parameter(Kind.FLAG, required=False),
    version=_MAYBE_NUMBER,
    base=_MAYBE_NUMBER,
    entries=_MAYBE_PRIVATE_PAGE,
    remove=_MAYBE_PRIVATE_PAGE,
    dry=Parameter(Kind.FLAG, required=False),
)

STATUS: Final = Method("status", StatusView, _takes())
DEVICES: Final = Method("devices", tuple[DeviceView, ...], _takes())
POINTS: Final = Method("points", tuple[PointView, ...], _takes(device=_MAYBE_NAME))
"""All points, or those of one device."""
ALARMS: Final = Method("alarms", tuple[AlarmView, ...], _takes(all=Parameter(Kind.FLAG, required=False)))
"""Alarms that are not normal, or with `all` every one that is defined."""
ACK: Final = Method("ack", AlarmView, _takes(alarm=_NAME, by=_NAME), writes=True)
"""Acknowledge an alarm; `by` says who, for the record."""
SHELVE: Final = Method("shelve", AlarmView, _takes(alarm=_NAME, lasts=_NAME, reason=_NAME, by=_NAME), writes=True)
"""Keep an alarm back for a while (`lasts` such as `2h`), for a reason."""
UNSHELVE: Final = Method("unshelve", AlarmView, _takes(alarm=_NAME, by=_NAME), writes=True)
"""Let a shelved alarm come again before its time."""
OUT_OF_SERVICE: Final = Method("out-of-service", AlarmView, _takes(alarm=_NAME, reason=_NAME, by=_NAME), writes=True)
"""Keep an alarm back until somebody takes it into service again."""
IN_SERVICE: Final = Method("in-service", AlarmView, _takes(alarm=_NAME, by=_NAME), writes=True)
"""Take an alarm into service again."""
OUTBOX: Final = Method("outbox", OutboxView, _takes())
DEAD: Final = Method("dead", tuple[DeadLetterView, ...], _takes())
"""Items that the broker refused for good, the oldest DEAD_LETTERS_SHOWN."""
_IDS: Final = Parameter(Kind.TEXTS, required=False)
RETRY_DEAD: Final = Method("retry-dead", CountView, _takes(ids=_IDS, by=_NAME), writes=True)
"""Send dead letters again as new items: those named, or all."""
DROP_DEAD: Final = Method("drop-dead", CountView, _takes(ids=_IDS, by=_NAME), writes=True)
"""Forget dead letters: those named, or all."""
ERASE: Final = Method("erase", ErasedView, _takes(text=_NAME, by=_NAME), writes=True, timeout_s=CONTROL_BUS_CALL_S)
"""Erase whatever holds a text that stands for a resident, with every trace in the store's files."""
READ: Final = Method("read", tuple[PointView, ...], _takes(targets=Parameter(Kind.TEXTS)), timeout_s=CONTROL_BUS_CALL_S)
"""Read devices (`pump-1`) and points (`pump-1.pressure`) now, through the daemon's own turn on the bus."""
WRITE: Final = Method(
    "write",
    WriteView,
    _takes(device=_NAME, point=_NAME, value=Parameter(Kind.VALUE), by=_NAME),
    writes=True,
    timeout_s=CONTROL_BUS_CALL_S,
)
"""Write one point within its limits and interlock, and read it back."""
WRITE_SEVERAL: Final = Method(
    "write-several",
    WritesView,
    _takes(targets=Parameter(Kind.TEXTS), values=Parameter(Kind.TEXTS), by=_NAME),
    writes=True,
    timeout_s=CONTROL_BUS_CALL_S,
)
"""Write points (`pump-1.setpoint`) as one command; each value is a JSON number, text, true or false."""
SET_TIME: Final = Method("set-time", SetTimeView, _takes(bus=_NAME, by=_NAME), writes=True, timeout_s=CONTROL_BUS_CALL_S)
"""Tell the meters of a bus the time (DL/T 645 by broadcast, CJ/T 188 one by one), reading their clocks before and after."""
HINTS: Final = Method("hints", HintsView, _takes(device=_MAYBE_NAME, all=Parameter(Kind.FLAG, required=False)))
"""Maintenance hints that stand, of one device or all; with `all` everything that is watched."""
SERVICE: Final = Method(
    "service", ServiceView, _takes(device=_NAME, done=_NAME, by=_NAME, about=Parameter(Kind.TEXTS, required=False)), writes=True
)
"""Record a service: what `about` names (or everything of the device) begins anew, and its hints go."""
SNOOZE_HINT: Final = Method("snooze-hint", SnoozeView, _takes(hint=_NAME, days=Parameter(Kind.VALUE), by=_NAME), writes=True)
"""Put a hint aside for some days."""
RELOAD: Final = Method("reload", ReloadView, _takes(), writes=True, timeout_s=CONTROL_BUS_CALL_S)
"""Take up the configuration file anew; a wrong one changes nothing."""
TOP: Final = Method("top", TopView, _takes(devices=Parameter(Kind.TEXTS, required=False)))
"""One picture of everything; with `devices` it holds the points of these devices only."""

GATES: Final = Method("gates", GatesView, _takes())
"""Every gate with its last decisions, every zone with its count, every list with its version. Plates are masked."""
GATE_WHY: Final = Method("gate-why", tuple[WhyView, ...], _takes(plate=_SECRET, gate=_MAYBE_NAME, by=_NAME), writes=True)
"""What would be done with a plate now; for operators, and on record, because it tells who is on a list."""
GATE_ENTRIES: Final = Method("gate-entries", tuple[EntryView, ...], _takes(list=_MAYBE_NAME, by=_NAME), writes=True)
"""The entries of a list, or of all; for operators, and on record."""
GATE_STAYS: Final = Method("gate-stays", tuple[StayView, ...], _takes(zone=_MAYBE_NAME, by=_NAME), writes=True)
"""The vehicles inside; for operators, and on record."""
GATE_PUT: Final = Method("gate-put", GateListView, _takes(**GATE_LIST_PARAMETERS, by=_NAME), writes=True)
"""One part of a change of lists; in force when all parts have come, as a whole or not at all."""
GATE_ACT: Final = Method(
    "gate-act",
    BarrierView,
    _takes(**BARRIER_PARAMETERS, over_loop=Parameter(Kind.FLAG, required=False), by=_NAME),
    writes=True,
    timeout_s=CONTROL_BUS_CALL_S,
)
"""open, hold (for `minutes`) or release a barrier by hand; `pass` lets in a vehicle that waits there by the id of its decision.
`over_loop`: somebody stands there and sees that nothing is under the barrier, though its loop is stuck; no platform can."""
GATE_CORRECT: Final = Method(
    "gate-correct",
    ZoneView,
    _takes(zone=_NAME, count=Parameter(Kind.VALUE, required=False), gone=_MAYBE_SECRET, by=_NAME),
    writes=True,
)
"""A person has counted the vehicles of a zone, or knows that one has gone."""

RULES: Final = Method("rules", tuple[RuleView, ...], _takes(device=_MAYBE_NAME))
"""Which domain rules watch what, of every device or of one; and what the others lack."""
REACTIONS: Final = Method("reactions", tuple[ReactionView, ...], _takes())
"""What alarms do to outputs, and where each of these reactions is."""
REACTION: Final = Method(
    "reaction", ReactionView, _takes(name=_NAME, action=_NAME, by=_NAME), writes=True, timeout_s=CONTROL_BUS_CALL_S
)
"""hold, release, stop or test a reaction."""

BUSES: Final = Method("buses", tuple[BusView, ...], _takes(bus=_MAYBE_NAME))
"""Every bus, or one: load, rates, faults, quality over the day, and its devices."""
FLIGHT: Final = Method("flight", tuple[FlightView, ...], _takes(bus=_NAME))
"""Faults of a bus with the frames that passed before them, the newest last."""
TRACE: Final = Method(
    "trace",
    TraceView,
    _takes(bus=_NAME, after=Parameter(Kind.VALUE, required=False), last_s=Parameter(Kind.VALUE, required=False)),
    timeout_s=TRACE_WAIT_S + CONTROL_CALL_S,
)
"""What passed on a wire after record number `after`, waiting a while for more. Without it: from now, or from `last_s` ago."""

_SOME: Final = Parameter(Kind.TEXTS, required=False)
SCAN_START: Final = Method(
    "scan-start",
    ScanView,
    _takes(bus=_NAME, baudrates=_SOME, parities=_SOME, protocols=_SOME, units=_MAYBE_NAME),
    writes=True,
    timeout_s=CONTROL_BUS_CALL_S,
)
"""Find out what hangs on a bus, between the polls and without a write; it is for operators because it takes time on the wire."""
SCAN_PROGRESS: Final = Method("scan-progress", ScanView, _takes(bus=_NAME, asked=Parameter(Kind.VALUE, required=False)))
"""How far the scan of a bus is; waits a little for more than `asked` questions to have been asked."""
SCAN_STOP: Final = Method("scan-stop", ScanView, _takes(bus=_NAME), writes=True, timeout_s=CONTROL_BUS_CALL_S)
"""End the scan of a bus with what it has found."""

CAMERAS: Final = Method("cameras", tuple[CameraView, ...], _takes())
"""Every camera: whether it sees, what it has seen, what its process costs."""
ACCEPT_VIEW: Final = Method("accept-view", CameraView, _takes(camera=_NAME, by=_NAME), writes=True)
"""A camera was moved on purpose: what it shows now is what it should show from now on."""
EVIDENCE_ACCESS: Final = Method(
    "evidence-access", CountView, _takes(camera=_NAME, id=_NAME, what=_NAME, where=_NAME, by=_NAME), writes=True
)
"""Somebody looks at evidence (`what` is show) or takes a copy of it (export): recorded before they do."""
_WHAT: Final = Parameter(Kind.PAGE)
CAMERA_BEAT: Final = Method("camera-beat", BeatAnswerView, _takes(camera=_NAME, what=_WHAT), writes=True, routine=True)
"""A camera's process is alive: a BeatView as JSON. From that process alone."""
CAMERA_READS: Final = Method("camera-reads", CountView, _takes(camera=_NAME, what=_WHAT), writes=True, routine=True)
"""A camera's process has read a plate, for the decision at a gate: a ReadView as JSON. From that process alone."""
CAMERA_SAW: Final = Method(
    "camera-saw",
    CountView,
    _takes(camera=_NAME, what=_WHAT),
    writes=True,
    timeout_s=CONTROL_BUS_CALL_S,
    routine=True,
)
"""A camera's process has seen something: a SightingView as JSON. Answered once it is on disk."""
CAMERA_LOST: Final = Method(
    "camera-lost",
    CountView,
    _takes(camera=_NAME, what=_WHAT),
    writes=True,
    timeout_s=CONTROL_BUS_CALL_S,
    routine=True,
)
"""A camera's process had to give sightings up: a LostView as JSON. Answered once that is on disk."""

METHODS: Final[Mapping[str, Method[Any]]] = MappingProxyType(
    {
        method.name: method
        for method in (
            HINTS,
            SERVICE,
            SNOOZE_HINT,
            STATUS,
            DEVICES,
            POINTS,
            ALARMS,
            ACK,
            SHELVE,
            UNSHELVE,
            OUT_OF_SERVICE,
            IN_SERVICE,
            OUTBOX,
            READ,
            WRITE,
            WRITE_SEVERAL,
            SET_TIME,
            RELOAD,
            TOP,
            DEAD,
            RETRY_DEAD,
            DROP_DEAD,
            ERASE,
            RULES,
            REACTIONS,
            REACTION,
            SCAN_START,
            SCAN_PROGRESS,
            SCAN_STOP,
            BUSES,
            FLIGHT,
            TRACE,
            CAMERAS,
            ACCEPT_VIEW,
            EVIDENCE_ACCESS,
            CAMERA_BEAT,
            CAMERA_SAW,
            CAMERA_LOST,
            CAMERA_READS,
            GATES,
            GATE_WHY,
            GATE_ENTRIES,
            GATE_STAYS,
            GATE_PUT,
            GATE_ACT,
            GATE_CORRECT,
        )
    }
)
