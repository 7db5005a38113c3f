"""What people and platform ask of alarms: what there is, acknowledge, shelve, take out of service; everything is put on record."""

from collections.abc import Awaitable, Callable, Mapping

from edgeguard.config.mistakes import did_you_mean
from edgeguard.config.quantity import duration_ms
from edgeguard.control import BadArguments, Call, Handler, UnknownName
from edgeguard.control.views import AlarmView
from edgeguard.core.alarm import Hold, HoldKind
from edgeguard.core.alarm_limits import ALARM_REASON_CHARS, ALARM_SHELVE_MAX_MS
from edgeguard.core.clock import Stamp
from edgeguard.core.ids import AlarmName
from edgeguard.rules.engine import Outputs
from edgeguard.runtime import show
from edgeguard.runtime.gateway import Gateway
from edgeguard.store import Batch

Put = Callable[[Batch, str], Awaitable[None]]
"""Makes a batch durable, or raises StoreError with the complaint."""


class AlarmHandlers:
    """The part of the handler table that is about alarms."""

    def __init__(self, gateway: Gateway, put: Put) -> None:
        self._gateway = gateway
        self._pipeline = gateway.pipeline
        self._put = put

    def table(self) -> Mapping[str, Handler]:
        """Method name -> handler."""
        return {
            "alarms": self.alarms,
            "ack": self.ack,
            "shelve": self.shelve,
            "unshelve": self.unshelve,
            "out-of-service": self.out_of_service,
            "in-service": self.in_service,
        }

    async def alarms(self, call: Call) -> tuple[AlarmView, ...]:
        """Alarms that are not normal, or all with `all`."""
        return tuple(show.alarm_views(self._pipeline.desk, call.flag("all")))

    async def ack(self, call: Call) -> AlarmView:
        """A person has seen an alarm."""
        name = self._named(call)
        batch = self._pipeline.acknowledge(name, call.author)
        if batch is not None:
            await self._put(batch, f"{name} is acknowledged, but that cannot be recorded yet, for the disk takes nothing")
        return self._view(name)

    async def shelve(self, call: Call) -> AlarmView:
        """Keep an alarm back for a while, for a reason."""
        name, reason = self._named(call), _reason(call)
        try:
            lasts_ms = duration_ms(call.text("lasts"))
        except ValueError as error:
            raise BadArguments(f"lasts: {error}") from None
        if not 1000 <= lasts_ms <= ALARM_SHELVE_MAX_MS:
            raise BadArguments(f"an alarm is shelved for 1s to {ALARM_SHELVE_MAX_MS // 86_400_000}d")
        return await self._hold(call, name, "shelve", HoldKind.SHELVED, reason, lasts_ms)

    async def unshelve(self, call: Call) -> AlarmView:
        """Let it come again before its time, whoever shelved it."""
        return await self._release(call, "unshelve", (HoldKind.SHELVED, HoldKind.CHATTERING))

    async def out_of_service(self, call: Call) -> AlarmView:
        """Keep an alarm back until somebody takes it into service again."""
        return await self._hold(call, self._named(call), "out-of-service", HoldKind.OUT_OF_SERVICE, _reason(call), None)

    async def in_service(self, call: Call) -> AlarmView:
        """Take it into service again."""
        return await self._release(call, "in-service", (HoldKind.OUT_OF_SERVICE,))

    async def _hold(self, call: Call, name: AlarmName, action: str, kind: HoldKind, reason: str, lasts_ms: int | None) -> AlarmView:
        now = self._gateway.clock.now()
        outputs = self._pipeline.desk.hold(name, Hold(kind, now, call.author, reason, lasts_ms))
        return await self._keep(call, name, action, outputs, now, reason)

    async def _release(self, call: Call, action: str, kinds: tuple[HoldKind, ...]) -> AlarmView:
        name, now = self._named(call), self._gateway.clock.now()
        outputs = self._pipeline.desk.release(name, kinds, now)
        return await self._keep(call, name, action, outputs, now, "") if outputs.kept else self._view(name)

    async def _keep(self, call: Call, name: AlarmName, action: str, outputs: Outputs, now: Stamp, detail: str) -> AlarmView:
        batch = self._pipeline.wish(name, call.author, action, outputs, now, detail)
        await self._put(batch, f"{name}: {action} is done, but cannot be recorded yet, for the disk takes nothing")
        return self._view(name)

    def _named(self, call: Call) -> AlarmName:
        name = AlarmName(call.text("alarm"))
        try:
            self._pipeline.desk.find(name)
        except KeyError:
            near = did_you_mean(name, (rule.name for rule, _ in self._pipeline.desk.all()))
            raise UnknownName(f"there is no alarm {name}{near}") from None
        return name

    def _view(self, name: AlarmName) -> AlarmView:
        desk = self._pipeline.desk
        return show.alarm_view(desk, *desk.find(name))


def _reason(call: Call) -> str:
    reason = call.text("reason").strip()
    if not reason or len(reason) > ALARM_REASON_CHARS or not reason.isprintable():
        raise BadArguments(f"a reason is needed, in one line of at most {ALARM_REASON_CHARS} characters")
    return reason
