"""A fake daemon's domain rules and reactions: one of each kind, and a siren that can be held, released and stopped."""

from collections.abc import Mapping
from dataclasses import replace

from edgeguard.control import BadArguments, Call, Handler, UnknownName
from edgeguard.control.rule_views import ReactionView, RuleView
from edgeguard.control.views import LabelsView


class FakeRules:
    """`siren` is the one reaction as it is now."""

    def __init__(self) -> None:
        dry = LabelsView("水泵缺水干转", "Pump runs dry"), LabelsView("检查进水阀", "Check the inlet valve")
        flow = LabelsView("水泵运转无流量", "Pump turns without flow"), LabelsView("检查阀门", "Check the valves")
        self.rules: tuple[RuleView, ...] = (
            RuleView(
                "pump-1", "dry-run", "pump-1.dry-run", "on", "critical", 0.2, "m", 3.0, *dry, "a guess",
                ("pump-1.speed", "tank.level"),
            ),
            RuleView(
                "pump-1", "no-flow", "pump-1.no-flow", "lacking", "major", 0.05, "m3/h", 300.0, *flow, "a guess", (), ("pump.flow",)
            ),
        )  # fmt: skip
        self.siren = ReactionView(
            "siren", "pump-1.dry-run", "panel.relay_1", True, False, "on", "acked", "on", "2026-11-23T05:40:00.123Z", "", 1, 6, ""
        )

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {"rules": self._rules, "reactions": self._reactions, "reaction": self._reaction}

    async def _rules(self, call: Call) -> tuple[RuleView, ...]:
        device = call.text("device", "")
        found = tuple(view for view in self.rules if not device or view.device == device)
        if not found:
            raise UnknownName(f"there is no device {device}")
        return found

    async def _reactions(self, _call: Call) -> tuple[ReactionView, ...]:
        return (self.siren,)

    async def _reaction(self, call: Call) -> ReactionView:
        if call.text("name") != self.siren.name:
            raise UnknownName(f"there is no reaction {call.text('name')}")
        match call.text("action"):
            case "hold":
                self.siren = replace(self.siren, phase="yielded", held_by=call.author)
            case "release":
                self.siren = replace(self.siren, held_by="")
            case "stop":
                self.siren = replace(self.siren, phase="spent")
            case "test":
                return replace(self.siren, verdict="would write True to panel.relay_1")
            case other:
                raise BadArguments(f"{other} is none of hold, release, stop, test")
        return self.siren
