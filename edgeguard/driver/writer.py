"""Writes a Modbus device: one request that changes nothing but what was meant, and an honest word on how it went.

One coil goes by function 5, one register by 6 (devices without these take 15 and 16), more registers by 16 in one request.
Bits of a register go by function 22, mask write, which the device carries out in one step. A device without it gets no
write at all: reading the register, changing bits and writing it back could undo what the device itself has changed in
between, and a control word is the worst place for that.
"""

from edgeguard.bus import ExchangeFailed, Priority
from edgeguard.codec.encode import Encoded
from edgeguard.codec.modbus import (
    ACKNOWLEDGE,
    BUSY,
    GATEWAY_EXCEPTIONS,
    ILLEGAL_FUNCTION,
    check_answer,
    exception_code,
    mask_write_request,
    write_coil_request,
    write_coils_request,
    write_register_request,
    write_registers_request,
)
from edgeguard.core.errors import WriteRefused
from edgeguard.core.register import RegisterField
from edgeguard.driver.line import DeviceLine


def write_requests(field: RegisterField, encoded: Encoded) -> tuple[bytes, ...]:
    """The request that writes the field, and the one to try if the device does not know its function."""
    if field.table.is_bits:
        on = encoded.data != b"\0"
        return write_coil_request(field.address, on), write_coils_request(field.address, (on,))
    if encoded.register is not None:
        return (mask_write_request(encoded.register, 0xFFFF ^ encoded.mask, int.from_bytes(encoded.data, "big")),)
    if len(encoded.data) == 2:
        return write_register_request(field.address, encoded.data), write_registers_request(field.address, encoded.data)
    return (write_registers_request(field.address, encoded.data),)


async def send_write(line: DeviceLine, where: str, requests: tuple[bytes, ...], priority: Priority) -> str:
    """Have the device take it; empty if it confirmed, otherwise what is known instead.

    WriteRefused if the device refuses; ExchangeFailed if nothing was sent or the device is busy.
    """
    for request in requests:
        try:
            answer = await line.exchange(request, priority)
        except ExchangeFailed as failed:
            if not failed.sent:
                raise
            return f"the answer was lost ({failed.fault}): the device may or may not have taken the write"
        fault = check_answer(request, answer)
        if fault is None:
            return ""
        line.faults[fault.reason] += 1
        code = exception_code(answer)
        if code == ILLEGAL_FUNCTION:
            continue
        if code == BUSY:
            raise line.failure(fault)
        if code == ACKNOWLEDGE:
            return "the device has accepted the write and is still working on it"
        if code is None or code in GATEWAY_EXCEPTIONS:
            return f"the write was not confirmed ({fault}): the device may or may not have taken it"
        raise WriteRefused(f"{where}: the device refuses the write with {fault.detail}")
    functions = " and ".join(str(request[0]) for request in requests)
    raise WriteRefused(f"{where}: the device does not know function {functions}, which this write needs")
