"""An electricity meter of DL/T 645-2007 or -1997, behind the face that every driver has."""

from datetime import UTC, datetime
from pathlib import Path

from edgeguard.bus import Bus, ExchangeFailed, Priority
from edgeguard.codec.dlt645 import (
    CLOCK_DATE,
    CLOCK_TIME,
    Assembly,
    Credentials,
    RelayAction,
    clock_of,
    error_of,
    relay_request,
    write_request,
)
from edgeguard.codec.meter_value import item_bytes, switched
from edgeguard.core.clock import Clock, local_time
from edgeguard.core.errors import WriteRefused
from edgeguard.core.limits import METER_COMMAND_S, SECRET_MAX_BYTES
from edgeguard.core.line import Protocol
from edgeguard.core.meter import Control, Edition, MeterField
from edgeguard.core.point import Point, Value
from edgeguard.core.profile import Dlt645Limits
from edgeguard.core.quality import Fault
from edgeguard.core.site import DeviceSpec
from edgeguard.driver.meter_device import MeterDevice
from edgeguard.driver.shelf import Shelf


class Dlt645Device(MeterDevice):
    """One DL/T 645 meter."""

    def __init__(self, spec: DeviceSpec, bus: Bus, clock: Clock, _shelf: Shelf) -> None:
        limits = spec.profile.limits
        assert isinstance(limits, Dlt645Limits)  # noqa: S101  the registry picks the driver by it
        self._limits = limits
        super().__init__(spec, bus, clock, limits, Protocol.DLT645)

    async def fetch(self, identifier: str, priority: Priority, timeout_s: float | None) -> bytes | Fault:
        """The data of an identifier, from as many frames as it takes."""
        assembly = Assembly(self._limits.edition, identifier)
        step: bytes | Fault | None = assembly.first
        begun_s = 0.0
        while isinstance(step, bytes):
            step = assembly.take(await self._line.exchange(step, priority, timeout_s))
            begun_s = begun_s or (self._line.answered_s or 0.0) - self._line.took_s
        self._line.took_s = (self._line.answered_s or 0.0) - begun_s
        return assembly.data if step is None else step

    async def clock_off_s(self, priority: Priority = Priority.PERSON) -> float | Fault:
        """How far the meter's clock is ahead of ours, or why that cannot be said."""
        edition, timeout_s = self._limits.edition, self._line.timeout_s
        try:
            date = await self.fetch(CLOCK_DATE[edition], priority, timeout_s)
            time = date if isinstance(date, Fault) else await self.fetch(CLOCK_TIME[edition], priority, timeout_s)
            ours = local_time(self._clock.now().wall_ms)
            if not isinstance(time, Fault) and time[1:] == b"\0\0":  # midnight may have passed between the two answers
                date = await self.fetch(CLOCK_DATE[edition], priority, timeout_s)
        except ExchangeFailed as failed:
            return failed.fault
        if isinstance(date, Fault):
            return date
        if isinstance(time, Fault):
            return time
        told = clock_of(date, time)
        return told if isinstance(told, Fault) else (told - ours).total_seconds()

    def refusal(self, answer: bytes) -> Fault | None:
        """What an error answer says."""
        return error_of(answer)

    async def command(self, where: str, point: Point, field: MeterField, value: Value) -> bytes:
        """A write of data, or a relay command with the time until which it is valid."""
        if field.control is Control.DATA:
            data = item_bytes(where, point, field, value)
            return write_request(self._limits.edition, field.identifier, data, self._credentials(where))
        trip = switched(where, point, value)
        if self._limits.edition is Edition.Y1997:
            raise WriteRefused(f"{where}: the 1997 edition has no relay control")
        now = self._clock.now()
        if not now.synced:
            raise WriteRefused(f"{where}: the gateway's clock is not synchronised, and a relay command says until when it is valid")
        closing = RelayAction.CLOSE if self._limits.direct_close else RelayAction.PERMIT_CLOSING
        until = datetime.fromtimestamp(now.wall_ms / 1000.0 + METER_COMMAND_S, UTC).astimezone()
        return relay_request(RelayAction.TRIP if trip else closing, until, self._credentials(where))

    def explain(self, field: MeterField, doubt: str) -> list[str]:
        """A permitted relay closes by hand."""
        if field.control is Control.RELAY and not self._limits.direct_close and not doubt:
            return ["the meter confirmed the command; where it only permits closing, somebody must press its button"]
        return super().explain(field, doubt)

    def _credentials(self, where: str) -> Credentials:
        path = self._spec.password_file
        if path is None:
            raise WriteRefused(f"{where}: the meter wants a password; name its file with password_file in the site file")
        try:
            return Credentials.parse(_read(Path(path)))
        except OSError as error:
            raise WriteRefused(f"{where}: {path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise WriteRefused(f"{where}: {path} {error}") from None


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(SECRET_MAX_BYTES + 1)
    if len(data) > SECRET_MAX_BYTES or not data.isascii():
        raise ValueError("must hold a line of digits")
    return data.decode("ascii")
