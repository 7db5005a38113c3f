"""`history.rate`: how fast the platform wants to have what could not be sent in time; kept over a restart."""

import asyncio
from collections.abc import Mapping
from typing import Final

import orjson

from edgeguard.control import BadArguments, Call
from edgeguard.control.command_views import HistoryRateView
from edgeguard.core.afar_limits import HISTORY_RATE_MAX, HISTORY_RATE_MIN
from edgeguard.core.command import CommandName
from edgeguard.core.errors import CommandRefused, StoreError
from edgeguard.core.limits import AUDIT_WITHIN_S
from edgeguard.core.rule_state import RuleState
from edgeguard.rules.items import command_item
from edgeguard.runtime.gateway import Gateway
from edgeguard.store import Batch

OWNER: Final = "uplink"
_NAME: Final = "history-rate"


class HistoryRate:
    """The platform's choice, beside what the configuration says."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def recall(self, states: Mapping[str, bytes]) -> None:
        """Take up what was chosen before; what cannot be read was not chosen."""
        try:
            rate = orjson.loads(states.get(_NAME, b"null"))
        except orjson.JSONDecodeError:
            return
        if isinstance(rate, int | float) and not isinstance(rate, bool) and HISTORY_RATE_MIN <= rate <= HISTORY_RATE_MAX:
            self._gateway.choose_history_rate(float(rate))

    def keep(self) -> None:
        """Hand the choice to a store that has begun a new file."""
        chosen = self._gateway.chosen_history_rate
        if chosen is not None:
            self._gateway.store.submit(Batch((), states=(_state(chosen),)))

    async def set(self, call: Call) -> HistoryRateView:
        """Take a rate up, or without one go back to the configuration's. CommandRefused if there is no uplink or no disk."""
        gateway, spec = self._gateway, self._gateway.site.uplink
        if spec is None:
            raise CommandRefused("no-uplink", "there is no uplink")
        wanted = float(call.value("items_per_s")) if "items_per_s" in call.args else None
        if wanted is not None and not HISTORY_RATE_MIN <= wanted <= HISTORY_RATE_MAX:
            raise BadArguments(f"items_per_s must lie between {HISTORY_RATE_MIN} and {HISTORY_RATE_MAX}")
        now, before = gateway.clock.now(), gateway.chosen_history_rate
        item = command_item(CommandName.HISTORY_RATE, OWNER, now, "platform", "done", value=wanted, old=before)
        try:
            async with asyncio.timeout(AUDIT_WITHIN_S):
                await gateway.store.put(Batch((item,), states=(_state(wanted),)))
        except (StoreError, TimeoutError, asyncio.CancelledError) as error:
            # What was given up may become durable yet: that it does not count follows on its heels.
            why = "it could not be put on record in time: what was before counts"
            end = command_item(CommandName.HISTORY_RATE, OWNER, now, "platform", "refused", wanted, old=before, detail=why)
            gateway.store.submit(Batch((end,), states=(_state(before),)))
            if isinstance(error, asyncio.CancelledError):
                raise
            raise CommandRefused("not-recorded", f"nothing was changed, because a restart would forget it: {error}") from error
        gateway.choose_history_rate(wanted)
        return HistoryRateView(spec.history_items_per_s if wanted is None else wanted, spec.history_items_per_s)


def _state(rate: float | None) -> RuleState:
    return RuleState(OWNER, _NAME, b"" if rate is None else orjson.dumps(rate))
