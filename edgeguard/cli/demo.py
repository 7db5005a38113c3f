"""`demo`: a building, a broker, the real daemon, and a view of what goes from the one through the other to the third.

Headless it is a proof: exit 0 only if telemetry of every device and an alarm went all the way, without a gap, in time.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator

import structlog

from edgeguard.cli.demo_live import show_live
from edgeguard.cli.demo_report import Summary, in_words, judge
from edgeguard.cli.demo_stage import Stage, staged
from edgeguard.cli.output import print_json
from edgeguard.cli.session import Exit, Lang
from edgeguard.cli.text import clean
from edgeguard.core.limits import DEMO_DRAIN_S, DEMO_HEADLESS_S


def demo(seconds: float | None, headless: bool, json: bool, seed: int, lang: Lang) -> Exit:
    """Run a demo. Live on a terminal until q, Ctrl-C or the end of `seconds`; else for `seconds` (20 by default)."""
    live = not headless and not json and sys.stdout.isatty()
    with asyncio.Runner() as runner:
        return runner.run(_demo(seconds, live, json, seed, lang))


async def _demo(seconds: float | None, live: bool, json: bool, seed: int, lang: Lang) -> Exit:
    if live:
        sys.stderr.write(lang.say("正在启动楼宇、服务器和守护进程…\n", "starting building, broker and daemon ...\n"))
    async with contextlib.AsyncExitStack() as opened:
        stop = opened.enter_context(_told_to_stop())
        _hush()
        stage = await opened.enter_async_context(staged(seed))
        if live:
            await show_live(stage, seconds, lang, stop)
        else:
            await _wait(stage, DEMO_HEADLESS_S if seconds is None else seconds, stop)
        summary = await _end(stage, seed, lang)
        tail = "" if summary.ok else stage.log_tail()
    _report(summary, json, lang, tail)
    return Exit.FINE if summary.ok or (live and summary.daemon_exit == 0) else Exit.WRONG


async def _wait(stage: Stage, seconds: float, stop: asyncio.Event) -> None:
    """Until the time is up, somebody wants an end, or the daemon has ended."""
    ended = asyncio.create_task(stage.daemon.wait())
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, told}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in (ended, told):
        task.cancel()
    await asyncio.gather(ended, told, return_exceptions=True)


async def _end(stage: Stage, seed: int, lang: Lang) -> Summary:
    """Stop the daemon, let its last messages arrive, and judge."""
    seconds = asyncio.get_running_loop().time() - stage.started_s
    ending = await stage.stop()
    # what the daemon has written to its socket may still be on its way through ours
    await asyncio.sleep(DEMO_DRAIN_S)
    return judge(stage.witness, stage.devices, ending, stage.first_reading_s, seconds, seed, lang)


def _report(summary: Summary, json: bool, lang: Lang, tail: str) -> None:
    if json:
        print_json(summary)
    else:
        sys.stdout.write("".join(f"{clean(line, 4000)}\n" for line in in_words(summary, lang)))
    if tail:
        sys.stderr.write(lang.say("守护进程日志末尾:\n", "the end of the daemon's log:\n"))
        sys.stderr.write("".join(f"  {clean(line, 4000)}\n" for line in tail.splitlines()))


@contextlib.contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C, SIGTERM and a lost terminal set, instead of ending us with the daemon still running."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _hush() -> None:
    """Building and broker live in this process: their log would tear the picture and the JSON."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
