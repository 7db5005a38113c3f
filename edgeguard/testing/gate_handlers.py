"""A fake daemon's gate: one barrier, one zone, lists that change as the real ones do, by the same rules."""

from collections.abc import Mapping
from dataclasses import replace

from edgeguard.control import BadArguments, Call, Handler, UnknownName
from edgeguard.control.command_views import BarrierView
from edgeguard.control.gate_views import (
    EntryView,
    GateDecisionView,
    GateListView,
    GatesView,
    GateView,
    ListView,
    StayView,
    WhyView,
    ZoneView,
)
from edgeguard.control.views import CountView, LabelsView
from edgeguard.core.gate_list import Entry, ListKind, plain_plate
from edgeguard.rules.gate import LIST_WORDS, WORDS, Reason
from edgeguard.rules.gate_change import Change, Key, applied
from edgeguard.rules.gate_csv import fields_of, read_csv
from edgeguard.vision.plate_grammar import kind_of

_SEEN = GateDecisionView(
    "b-17", "2026-11-25T01:02:03.000Z", "gate-in", "in", "浙*****5", "ask", "near-miss",
    LabelsView(WORDS[Reason.NEAR].zh, WORDS[Reason.NEAR].en), "", 0.97,
)  # fmt: skip
_GATE = GateView("north", LabelsView("北门", "North gate"), ("gate-in",), "yard", "idle", 0, 0, False, False, (_SEEN,))


class FakeGates:
    """`acts` are what was done at barriers; `entries` the lists."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.parts: dict[str, list[str]] = {}
        self.acts: list[tuple[str, str, str]] = []
        self.gate = _GATE
        self.opens = True

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {
            "gates": self._gates,
            "gate-why": self._why,
            "gate-entries": self._entries,
            "gate-stays": self._stays,
            "gate-put": self._put,
            "gate-act": self._act,
            "gate-correct": self._correct,
            "camera-reads": self._reads,
        }

    def put(self, *entries: Entry) -> None:
        """As if they had been on the lists for long."""
        self.entries |= {(entry.kind, entry.plate): entry for entry in entries}

    async def _gates(self, _: Call) -> GatesView:
        zone = ZoneView("yard", LabelsView("院内", "Yard"), 87, 120, 85, 2)
        return GatesView(True, (self.gate,), (zone,), self._lists())

    async def _why(self, call: Call) -> tuple[WhyView, ...]:
        plate = plain_plate(call.text("plate")) or ""
        entry = next((one for (_, name), one in self.entries.items() if name == plate), None)
        reason = Reason.LISTED if entry is not None else Reason.UNKNOWN
        words = LabelsView(WORDS[reason].zh, WORDS[reason].en)
        kind = None if entry is None else entry.kind.value
        shown = None if entry is None else _view(entry)
        return (WhyView("north", "in", "open" if entry else "refused", reason.value, words, kind, None, shown),)

    async def _entries(self, call: Call) -> tuple[EntryView, ...]:
        wanted = call.text("list")
        return tuple(_view(entry) for entry in self.entries.values() if not wanted or entry.kind.value == wanted)

    async def _stays(self, _: Call) -> tuple[StayView, ...]:
        return (StayView("yard", "浙A12345", "2026-11-25T01:02:03.000Z", 5400, "north", "resident", "B-17"),)

    async def _put(self, call: Call) -> GateListView:
        parts = self.parts.setdefault(call.text("transfer"), [])
        parts.append(call.text("entries"))
        if len(parts) < int(call.args["parts"]):  # type: ignore[arg-type]
            return GateListView("staged", 0, 0, 0, 1, self._lists())
        name = call.text("list")
        found = [read_csv(part, ListKind(name) if name else None, 5) for part in parts if part]
        entries = tuple(entry for one in found for entry in one.entries)
        whole = frozenset({entry.kind for entry in entries} | ({ListKind(name)} if name else set())) if call.flag("whole") else None
        plates = [plain_plate(line) or "" for line in call.text("remove").splitlines()]
        drop = tuple((kind, plate) for kind in ListKind for plate in plates if not name or kind.value == name)
        after, difference = applied(self.entries, Change(whole or frozenset(), entries, drop))
        if not call.flag("dry"):
            self.entries = after
        counts = (len(difference.added), len(difference.changed), len(difference.removed))
        return GateListView(
            "dry" if call.flag("dry") else "in-force",
            *counts,
            0,
            self._lists(),
            sum(kind_of(entry.plate) is None for entry in entries),
        )

    async def _act(self, call: Call) -> BarrierView:
        name, action = call.text("gate"), call.text("action", "open")
        if name != self.gate.name:
            raise UnknownName(f"there is no gate {name}")
        self.acts.append((name, action, call.text("pass")))
        return BarrierView(name, self.opens, self.opens, "opened" if self.opens else "not seen open within 8 s")

    async def _correct(self, call: Call) -> ZoneView:
        if call.text("zone") != "yard":
            raise UnknownName(f"there is no zone {call.text('zone')}")
        return ZoneView("yard", LabelsView("院内", "Yard"), int(str(call.args.get("count", 86))), 120, 85, 2)

    async def _reads(self, _: Call) -> CountView:
        raise BadArguments("only the process that looks at a camera may speak for it")

    def _lists(self) -> tuple[ListView, ...]:
        counts = {kind: sum(1 for one, _ in self.entries if one is kind) for kind in ListKind}
        labels = {kind: LabelsView(LIST_WORDS[kind].zh, LIST_WORDS[kind].en) for kind in ListKind}
        return tuple(ListView(kind.value, labels[kind], counts[kind], None, 0) for kind in ListKind)

    def stick(self) -> None:
        """Its loop shows a vehicle all the time."""
        self.gate = replace(self.gate, stuck=True)


def _view(entry: Entry) -> EntryView:
    names = ("list", "plate", "from", "to", "days", "hours", "bay", "zones", "note")
    fields = fields_of(entry)
    return EntryView(*(fields.get(name, "") for name in names))
