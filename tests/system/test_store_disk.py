"""A real file system of a few megabytes: filled to the last byte, made read-only, and cut off like by a power cut.

`make soak` cuts the power fifty times.
"""

import array
import asyncio
import fcntl
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from harness import daemon, site_text, wait_for
from soak_rig import LONG, scaled, tell

from edgeguard.control import methods
from edgeguard.control.client import call
from edgeguard.core.clock import Stamp
from edgeguard.core.health import Health
from edgeguard.core.ids import BootId
from edgeguard.core.item import Item, Stream
from edgeguard.core.site import StoreSpec
from edgeguard.store import Batch, Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if LONG else 120)]

CUTS = scaled(5, 50)
NOW = Stamp(1_790_000_000_000, 1000, BootId("boot-a"), synced=True)
SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN (linux/fs/ext4/ext4.h)."""
NO_LOG_FLUSH = 2


class Still:
    """A clock that stands."""

    def now(self) -> Stamp:
        return NOW


class Disk:
    """An ext4 of 24 MiB on a loop device."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image, self.place = image, place

    def mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", str(self.image), str(self.place)], check=True, capture_output=True)

    def unmount(self) -> bool:
        return subprocess.run(["umount", str(self.place)], check=False, capture_output=True).returncode == 0

    def abort(self) -> None:
        """What ext4 does by itself after an error of the device: read-only until it is mounted anew."""
        subprocess.run(["mount", "-o", "remount,abort", str(self.place)], check=False, capture_output=True)

    def cut_power(self) -> None:
        """What is not on the device by now never gets there."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, array.array("I", [NO_LOG_FLUSH]))
        finally:
            os.close(descriptor)

    def fill(self) -> Path:
        """Take every byte that is left."""
        hog = self.place / "hog"
        with hog.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 65536)
        with hog.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 512)
        return hog

    def use_up_inodes(self) -> Path:
        """No further file can be made, though bytes are left; gives the folder of those that take the room."""
        folder = self.place / "many"
        folder.mkdir()
        with suppress(OSError):
            for number in range(100_000):
                (folder / str(number)).touch()
        return folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4")
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-N", "64", str(image)], check=True, capture_output=True)
    found = Disk(image, place)
    try:
        found.mount()
    except subprocess.CalledProcessError:
        pytest.skip("needs loop mounts")
    yield found
    found.unmount()


@asynccontextmanager
async def running(directory: Path, news: list[Health]) -> AsyncIterator[Store]:
    store = await Store.open(StoreSpec(directory, 1 << 30, 1 << 30, None, 20, 100), Still(), news.append)
    loop = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await store.close()


def batch(stream: Stream, *numbers: int) -> Batch:
    return Batch(tuple(Item(stream, NOW, b'{"n":%d,"pad":"%s"}' % (number, b"x" * 300)) for number in numbers))


async def everything(store: Store, stream: Stream) -> list[int]:
    numbers: list[int] = []
    while found := await store.read(stream, numbers[-1] if numbers else 0, 1000, 1 << 24):
        numbers.extend(row.seq for row in found)
    return numbers


async def test_a_full_disk_takes_alarms_to_the_last_and_everything_once_there_is_room(disk: Disk) -> None:
    news: list[Health] = []
    async with running(disk.place / "state", news) as store:
        for number in range(20):
            await store.put(batch(Stream.EVENTS, *range(number * 50, number * 50 + 50)))
        hog = await asyncio.to_thread(disk.fill)
        waiting = [asyncio.create_task(store.put(batch(Stream.TELEMETRY, *range(100)))) for _ in range(20)]
        async with asyncio.timeout(60):
            for number in range(1, 101):
                assert await store.put(batch(Stream.ALARMS, number)) == (number,)
        assert [(told.code, told.ok) for told in news] == [("disk-full", False)]
        assert not any(each.done() for each in waiting)
        hog.unlink()
        async with asyncio.timeout(60):
            numbers = [seq for seqs in await asyncio.gather(*waiting) for seq in seqs]
        assert sorted(numbers) == list(range(1, 2001))
        assert [(told.code, told.ok) for told in news] == [("disk-full", False), ("disk-full", True)]
    async with running(disk.place / "state", news) as store:
        assert len(await everything(store, Stream.ALARMS)) == 100
        assert len(await everything(store, Stream.EVENTS)) == 1000


async def test_a_disk_out_of_inodes_is_waited_for_and_stops_nothing_that_is_open(disk: Disk) -> None:
    news: list[Health] = []
    async with running(disk.place / "state", news) as store:
        await store.put(batch(Stream.EVENTS, 1))
        epoch = store.epoch
        many = await asyncio.to_thread(disk.use_up_inodes)
        assert await store.put(batch(Stream.EVENTS, 2)) == (2,)
    async with running(disk.place / "state", news) as store:
        waiting = asyncio.create_task(store.put(batch(Stream.ALARMS, 1)))
        await asyncio.sleep(1.5)
        for path in many.iterdir():
            path.unlink()
        async with asyncio.timeout(60):
            assert await waiting == (1,)
        assert store.epoch == epoch
        assert await everything(store, Stream.EVENTS) == [1, 2]
        assert not [told for told in news if told.code == "damaged"]


async def test_a_disk_gone_read_only_and_then_away_is_waited_for(disk: Disk) -> None:
    news: list[Health] = []
    async with running(disk.place / "state", news) as store:
        await store.put(batch(Stream.EVENTS, 1))
        epoch = store.epoch
        disk.abort()
        waiting = asyncio.create_task(store.put(batch(Stream.EVENTS, 2)))
        async with asyncio.timeout(60):
            while not disk.unmount():
                await asyncio.sleep(0.05)
        assert not waiting.done()
        await asyncio.sleep(1)
        assert not news[-1].ok
        disk.mount()
        async with asyncio.timeout(60):
            assert await waiting == (2,)
        assert store.epoch == epoch
        assert news[-1].ok


@pytest.mark.timeout(400)
@pytest.mark.parametrize("how", ["read-only", "full"])
def test_a_daemon_starts_on_a_disk_that_is_read_only_or_full(disk: Disk, tmp_path: Path, how: str) -> None:
    state = disk.place / "state"
    text = site_text(tmp_path, None, {}, "").replace(f"{tmp_path}/state", str(state))
    with daemon(tmp_path, text) as running:
        assert running.stop(60) == 0
    hog = disk.fill() if how == "full" else None
    if hog is None:
        subprocess.run(["mount", "-o", "remount,ro", str(disk.place)], check=True, capture_output=True)
    with daemon(tmp_path, text) as running:
        status = call(tmp_path / "control.sock", methods.STATUS)
        assert f"{state} lies on a file system that is {'full' if how == 'full' else 'mounted read-only'}" in status.store_error
        if hog is None:
            subprocess.run(["mount", "-o", "remount,rw", str(disk.place)], check=True, capture_output=True)
        else:
            hog.unlink()
        wait_for(lambda: call(tmp_path / "control.sock", methods.STATUS).store_error == "", "the disk's recovery")
        assert running.stop(60) == 0
    assert "Traceback" not in running.log()


async def test_a_power_cut_loses_nothing_that_was_durable(disk: Disk) -> None:
    epochs = set()
    kept = 0
    for _ in range(CUTS):
        news: list[Health] = []
        store = await Store.open(StoreSpec(disk.place / "state", 1 << 30, 1 << 30, None, 20, 100), Still(), news.append)
        loop = asyncio.create_task(store.run())
        epochs.add(store.epoch)
        assert news == []
        assert len(await everything(store, Stream.EVENTS)) >= kept
        for number in range(40):
            kept = max(await store.put(batch(Stream.EVENTS, *range(number + 1))))
        await asyncio.to_thread(disk.cut_power)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await store.close()
        await asyncio.to_thread(disk.unmount)
        disk.mount()
    news = []
    async with running(disk.place / "state", news) as store:
        assert await everything(store, Stream.EVENTS) == list(range(1, (await store.backlog(Stream.EVENTS)).last_seq + 1))
        assert (await store.backlog(Stream.EVENTS)).last_seq >= kept
        assert {store.epoch} == epochs
        assert news == []
    tell("power-cuts", cuts=CUTS, durable_items=kept, lost=0)
