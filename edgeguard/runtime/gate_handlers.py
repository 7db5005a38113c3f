"""Gates for people and the platform: what is known, why a plate would be let in, lists changed, barriers opened by hand.

Who looks at plates by name, and who changes what decides, is on record.
"""

from collections.abc import Mapping
from typing import Final

from edgeguard.control import BadArguments, Call, Handler, UnknownName
from edgeguard.control.command_views import BarrierView
from edgeguard.control.gate_views import (
    EntryView,
    GateDecisionView,
    GatesView,
    GateView,
    StayView,
    WhyView,
    ZoneView,
)
from edgeguard.control.views import LabelsView
from edgeguard.core.clock import iso_utc
from edgeguard.core.command import CommandName
from edgeguard.core.errors import CommandRefused
from edgeguard.core.gate import GateSpec, Way, ZoneSpec
from edgeguard.core.gate_limits import GATE_HOLD_MS
from edgeguard.core.gate_list import Entry, ListKind, masked_plate, plain_plate
from edgeguard.core.point import Labels
from edgeguard.rules import stays
from edgeguard.rules.gate import Read
from edgeguard.rules.gate_csv import fields_of
from edgeguard.rules.items import command_item
from edgeguard.rules.stays import Step, ZoneState
from edgeguard.runtime.gate_course import Decided
from edgeguard.runtime.gate_transfers import GateTransfers
from edgeguard.runtime.gatekeeper import Gatekeeper
from edgeguard.runtime.gates import Gates
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.writing import Put
from edgeguard.store import Batch
from edgeguard.vision.plate_grammar import kind_of

_COMPLAINT: Final = "nothing was shown or done: the disk takes nothing, so nobody would know"
_SHOWN: Final = 16
_MINUTE_MS: Final = 60_000


class GateHandlers:
    """The handlers of everything that begins with `gate`, and of the platform's `barrier`."""

    def __init__(self, gateway: Gateway, gates: Gates, keeper: Gatekeeper, put: Put) -> None:
        self._gateway = gateway
        self._gates = gates
        self._keeper = keeper
        self._put = put
        self.transfers = GateTransfers(keeper.book, gateway.clock, lambda: [zone.name for zone in gateway.site.parking.zones])

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {
            "gates": self.gates,
            "gate-why": self.why,
            "gate-entries": self.entries,
            "gate-stays": self.stays,
            "gate-put": self.transfers.take,
            "gate-act": self.act,
            "gate-correct": self.correct,
        }

    def commands(self) -> Mapping[str, Handler]:
        """Commands of the platform, by name."""
        return {CommandName.BARRIER: self.act, CommandName.GATE_LIST: self.transfers.take}

    async def gates(self, _call: Call) -> GatesView:
        """Everything at one moment."""
        return GatesView(
            self._keeper.moment().now is not None,
            tuple(self._gate_view(gate) for gate in self._gateway.site.gates),
            tuple(self._zone_view(zone) for zone in self._gateway.site.parking.zones),
            self.transfers.list_views(),
        )

    async def why(self, call: Call) -> tuple[WhyView, ...]:
        """What would be done with a plate now, at every gate or one, each way that it serves."""
        plate = plain_plate(call.text("plate"))
        if plate is None:
            raise BadArguments("plate: is no number plate such as 浙A12345")
        name = call.text("gate")
        chosen = [gate for gate in self._keeper.gates() if not name or gate.name == name]
        if not chosen:
            raise UnknownName(f"no gate {name} opens by plates" if name else "no gate opens by plates: [gate.plates]")
        await self._record("gate.why", masked_plate(plate), call)
        return tuple(self._why(gate, way, plate) for gate in chosen for way in Way if self._serves(gate, way))

    async def entries(self, call: Call) -> tuple[EntryView, ...]:
        """The entries of one list, or of all."""
        name = call.text("list")
        if name and name not in set(ListKind):
            raise UnknownName(f"there is no list {name} (there are: {', '.join(ListKind)})")
        await self._record("gate.list", name or "all", call)
        return tuple(map(_entry_view, self._keeper.book.entries(ListKind(name) if name else None)))

    async def stays(self, call: Call) -> tuple[StayView, ...]:
        """The vehicles inside, of one zone or of all."""
        name = call.text("zone")
        zones = [zone for zone in self._gateway.site.parking.zones if not name or zone.name == name]
        if name and not zones:
            raise UnknownName(f"there is no zone {name}")
        await self._record("gate.stays", name or "all", call)
        now = self._gateway.clock.now()
        views = []
        for zone in zones:
            for stay in self._keeper.inside.zone(zone.name).stays.values():
                lasted_ms = stays.lasted_ms(stay.since, now)
                since = iso_utc(stay.since.wall_ms) if stay.since.synced else ""
                lasted_s = None if lasted_ms is None else lasted_ms // 1000
                views.append(StayView(zone.name, stay.plate, since, lasted_s, stay.gate, stay.list_name, stay.bay))
        return tuple(views)

    async def act(self, call: Call) -> BarrierView:
        """open, hold or release a barrier by hand; `pass` says for whom."""
        action, name = call.text("action", "open"), call.text("gate")
        if not self._gateway.site.gates:
            raise UnknownName(f"there is no gate {name}: no [[gate]] is configured")
        match action:
            case "open":
                return await self._keeper.by_hand(name, call.author, call.text("pass"))
            case "hold":
                return await self._gates.hold(name, call.author, self._lasts_ms(call))
            case "release":
                return await self._release(name, call)
        raise BadArguments(f"action: one of open, hold, release, not {action[:20]!r}")

    async def _release(self, name: str, call: Call) -> BarrierView:
        over_loop = call.flag("over_loop")
        if over_loop:
            if not self._keeper.course(self._gates.find(name).name).passage.stuck:
                raise CommandRefused("not-stuck", f"the loop of gate {name} has not been stuck: its barrier comes down by itself")
            await self._record("gate.release", name, call, "over a stuck loop: somebody sees that nothing is under the barrier")
        view = await self._gates.release(name, over_loop=over_loop)
        if not over_loop:
            await self._record("gate.release", name, call)
        return view

    async def correct(self, call: Call) -> ZoneView:
        """A person has counted a zone, or knows that a vehicle has gone."""
        zone = next((zone for zone in self._gateway.site.parking.zones if zone.name == call.text("zone")), None)
        if zone is None:
            raise UnknownName(f"there is no zone {call.text('zone')}")
        state, now = self._keeper.inside.zone(zone.name), self._gateway.clock.now()
        gone = call.text("gone")
        if bool(gone) == ("count" in call.args):
            raise BadArguments("give either count, or gone with the plate of a vehicle that has left")
        step = self._gone(state, gone) if gone else stays.corrected(state, self._count(call), now)
        await self._record("gate.correct", f"zone {zone.name}", call, f"{state.count} -> {step[0].count}")
        self._keeper.take_step(zone.name, step, call.author)
        return self._zone_view(zone)

    def _gone(self, state: ZoneState, gone: str) -> Step:
        plate = plain_plate(gone)
        if plate is None or plate not in state.stays:
            raise UnknownName("no vehicle with this plate is inside")
        return stays.ended(state, plate, self._gateway.clock.now())

    def _count(self, call: Call) -> int:
        count = call.value("count")
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 100_000:
            raise BadArguments("count is a whole number from 0 to 100000")
        return count

    def _lasts_ms(self, call: Call) -> int:
        if "minutes" not in call.args:
            return GATE_HOLD_MS
        minutes = call.value("minutes")
        if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not 0 < minutes <= 10_000:
            raise BadArguments("minutes: for how long, more than 0")
        return round(minutes * _MINUTE_MS)

    def _why(self, gate: GateSpec, way: Way, plate: str) -> WhyView:
        assert gate.plates is not None  # noqa: S101 (such gates were chosen)
        kind = kind_of(plate)
        found = self._keeper.judge(gate.plates, way, Read(plate, 1.0, "" if kind is None else kind.value))
        return WhyView(
            gate.name,
            way.value,
            found.verdict.value,
            found.reason.value,
            _labels(found.words),
            None if found.entry is None else found.entry.kind.value,
            found.near,
            None if found.entry is None else _entry_view(found.entry),
        )

    @staticmethod
    def _serves(gate: GateSpec, way: Way) -> bool:
        return gate.plates is not None and any(eye.way is way for eye in gate.plates.eyes)

    def _gate_view(self, gate: GateSpec) -> GateView:
        course, rule = self._keeper.course(gate.name), gate.plates
        eyes = () if rule is None else rule.eyes
        return GateView(
            name=gate.name,
            labels=_labels(gate.labels),
            cameras=tuple(f"{eye.camera}{'/' if eye.lane else ''}{eye.lane}" for eye in eyes),
            zone=None if rule is None else rule.zone,
            phase=course.passage.phase.value,
            waiting=len(course.passage.waiting),
            held_s=self._gates.held_ms(gate.name) // 1000,
            loop=course.passage.loop,
            stuck=course.passage.stuck,
            decisions=tuple(_decision_view(one) for one in tuple(course.decisions)[:_SHOWN]),
        )

    def _zone_view(self, zone: ZoneSpec) -> ZoneView:
        state = self._keeper.inside.zone(zone.name)
        return ZoneView(zone.name, _labels(zone.labels), state.count, zone.capacity, len(state.stays), state.extra)

    async def _record(self, name: str, target: str, call: Call, detail: str = "") -> None:
        """On record before anything is shown or done."""
        item = command_item(name, target, self._gateway.clock.now(), call.author, "done", detail=detail)
        await self._put(Batch((item,)), _COMPLAINT)


def _decision_view(one: Decided) -> GateDecisionView:
    plate = masked_plate(one.read.text) if one.read.text is not None else ""
    decision = one.decision
    return GateDecisionView(
        one.id, iso_utc(one.at.wall_ms), one.camera, one.way.value, plate, decision.verdict.value, decision.reason.value,
        _labels(decision.words), one.came, round(one.read.confidence, 3),
    )  # fmt: skip


def _entry_view(entry: Entry) -> EntryView:
    fields = fields_of(entry)
    return EntryView(
        fields["list"], fields["plate"], fields.get("from", ""), fields.get("to", ""), fields.get("days", ""),
        fields.get("hours", ""), fields.get("bay", ""), fields.get("zones", ""), fields.get("note", ""),
    )  # fmt: skip


def _labels(labels: Labels) -> LabelsView:
    return LabelsView(labels.zh, labels.en)
