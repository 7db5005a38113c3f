"""Blocking work on a daemon thread of its own: name servers that hang, ports whose drivers take seconds to open or close.

The loop's own pool is no place for it: the end of the program waits for that. Whoever gives up waiting leaves the work
alone; what it brings home then is given to `discard`.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

Discard = Callable[[T], None]


async def aside(work: Callable[[], T], name: str, discard: Discard[T] | None = None) -> T:
    """The result of `work`. Only OSError and ValueError may come of it. `discard` runs on the work's thread."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    left = threading.Event()

    def deliver(result: T) -> None:
        if not outcome.done():
            outcome.set_result(result)
        elif discard is not None:
            threading.Thread(target=discard, args=(result,), name=f"{name} late", daemon=True).start()

    def fail(error: OSError | ValueError) -> None:
        if not outcome.done():
            outcome.set_exception(error)

    def run() -> None:
        try:
            result = work()
        except (OSError, ValueError) as error:
            _call(loop, lambda error=error: fail(error))  # type: ignore[misc]
            return
        delivered = not left.is_set() and _call(loop, lambda: deliver(result))
        if not delivered and discard is not None:
            discard(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await outcome
    except asyncio.CancelledError:
        left.set()
        raise


def _call(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> bool:
    """False if the loop was closed in the meantime: nobody wants to know any more."""
    try:
        loop.call_soon_threadsafe(act)
    except RuntimeError:
        return False
    return True
