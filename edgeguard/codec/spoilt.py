"""Whether damaged bytes are the answer to a read, by all that damage has left of their shape.

It matters because an answer that has come damaged will not come once more, while behind another master's damaged request our own
answer is still to be waited for. One damaged byte is reckoned with, wherever it is. Pure: knows no line and no clock.
"""

from collections.abc import Sequence
from typing import Final

from edgeguard.codec.modbus import Function

_LONG_REQUESTS: Final = frozenset({Function.WRITE_COILS, Function.WRITE_REGISTERS, 23})
"""Requests that may have the length of an answer, with a count of their bytes in them."""
_SHORT_REQUESTS: Final = (6, 8)
"""Bytes of all others, with the unit and without check bytes: the mask write has eight."""
_COUNT_OF_WRITE: Final = 6
_COUNT_OF_READ_WRITE: Final = 10
"""Where the counts are: MODBUS Application Protocol V1.1b3, 6.11, 6.12 and 6.17."""


def is_spoilt_answer(asked: bytes, count: int, body: Sequence[int]) -> bool:
    """`asked`: unit and function of a read; `count`: data bytes of its answer; `body`: what came, without check bytes.

    True if two of unit, function and count are right, the length is, and the bytes can be no request of another master.
    """
    size = len(body)
    if asked[1] > Function.READ_INPUT_REGISTERS or size != count + 3 or size in _SHORT_REQUESTS:
        return False
    if sum(one == other for one, other in zip(body, (*asked[:2], count), strict=False)) < 2:
        return False
    if size > max(_SHORT_REQUESTS) and body[1] in _LONG_REQUESTS:
        return False
    return not any(size > place and body[place] == size - place - 1 for place in (_COUNT_OF_WRITE, _COUNT_OF_READ_WRITE))
