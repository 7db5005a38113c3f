"""What the daemon answers about domain rules and reactions."""

from collections.abc import Mapping

from edgeguard.config.mistakes import did_you_mean
from edgeguard.control import Call, Handler, UnknownName
from edgeguard.control.rule_views import ReactionView, RuleView
from edgeguard.core.ids import DeviceName, ReactionName
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.reacting import Reacting
from edgeguard.runtime.rule_show import reaction_view, rule_views


class RuleHandlers:
    """The handlers."""

    def __init__(self, gateway: Gateway, reacting: Reacting) -> None:
        self._gateway = gateway
        self._reacting = reacting

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {"rules": self.rules, "reactions": self.reactions, "reaction": self.reaction}

    async def rules(self, call: Call) -> tuple[RuleView, ...]:
        """The domain rules of every device, or of one."""
        name = call.text("device", "")
        devices = [spec for spec in self._gateway.site.devices if not name or spec.name == DeviceName(name)]
        if not devices and name:
            near = did_you_mean(name, (spec.name for spec in self._gateway.site.devices))
            raise UnknownName(f"there is no device {name}{near}")
        return tuple(view for spec in devices for view in rule_views(spec.name, spec.domain, spec.alarms, spec.profile.points))

    async def reactions(self, _call: Call) -> tuple[ReactionView, ...]:
        """Every reaction."""
        now = self._gateway.clock.now()
        return tuple(reaction_view(spec, state, now) for spec, state in self._reacting.all())

    async def reaction(self, call: Call) -> ReactionView:
        """hold, release, stop or test one of them."""
        spec, state, verdict = await self._reacting.ask(ReactionName(call.text("name")), call.text("action"), call.author)
        return reaction_view(spec, state, self._gateway.clock.now(), verdict)
