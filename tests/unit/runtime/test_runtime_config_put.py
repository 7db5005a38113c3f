"""A configuration from the platform: examined, on trial, kept or taken back, whatever cuts the trial off."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from runtime_kit import check_items

from edgeguard.control.command_views import ConfigPutView, ConfigView
from edgeguard.core.command import Command, Outcome, ReplyTo
from edgeguard.core.errors import CommandRefused, ConfigError, EdgeguardError, RolledBack, StoreError
from edgeguard.core.health import Health
from edgeguard.core.item import Item
from edgeguard.core.site import Site
from edgeguard.runtime import site_files
from edgeguard.runtime.commander import PLATFORM, CommandCall
from edgeguard.runtime.config_put import ConfigPut
from edgeguard.runtime.gateway import Gateway
from edgeguard.runtime.site_files import SiteFiles
from edgeguard.store import Batch
from edgeguard.testing.clock import FakeClock, run_virtual

TEXT = """
[gateway]
site = "lakeside"
id = "b07"
[uplink]
url = "mqtt://127.0.0.1:1883"
[store]
directory = "state"
[commands]
allow = ["config.put"]
config_trial = "20s"
[log]
level = "info"
"""
NEW = TEXT.replace('"info"', '"debug"')


@dataclass
class Fake:
    """A gateway of which only what a trial looks at is there."""

    site: Site
    own: Site
    uplink: Any
    config_error: str = ""
    clock: FakeClock = field(default_factory=FakeClock)
    batches: list[Batch] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    news: list[Health] = field(default_factory=list)
    answering: dict[str, bool] = field(default_factory=dict)
    ended: list[tuple[Command, Outcome]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    full: bool = False

    @property
    def store(self) -> "Fake":
        return self

    pipeline = commander = store

    async def put(self, batch: Batch) -> None:
        if self.full:
            raise StoreError("the disk is full")
        self.batches.append(batch)
        for item in batch.items:
            self.emit(item)

    def emit(self, item: Item) -> None:
        check_items(Batch((item,)))
        self.items.append(json.loads(item.body))

    def health(self, news: Health) -> None:
        self.news.append(news)

    def end_later(self, command: Command, state: Outcome, _why: str) -> None:
        self.ended.append((command, state))

    def leave_to_start(self, command: Command) -> None:
        self.left.append(command.id)

    def refuse_if_restart_needed(self, site: Site) -> None:
        if site.store != self.site.store:
            raise ConfigError(("store: cannot change while running",))

    @property
    def records(self) -> dict[str, Any]:
        return {bus: SimpleNamespace(spec=SimpleNamespace(bus=bus), answered=answered) for bus, answered in self.answering.items()}


class Scene:
    """A person's file, what lies on top of it, and a gateway; `after_reload` is what the world makes of a new configuration."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "site.toml"
        if not self.path.exists():
            self.path.write_text(TEXT, encoding="utf-8")
        self.files = SiteFiles(self.path)
        in_force = self.files.load()
        self.gateway = Fake(in_force.site, in_force.own, SimpleNamespace(view=SimpleNamespace(state="online")))
        self.after_reload: Callable[[Fake], None] = lambda _: None
        self.config = ConfigPut(cast(Gateway, self.gateway), self.files, self.reload)

    async def reload(self) -> str:
        in_force = self.files.load()
        self.gateway.site, self.gateway.own = in_force.site, in_force.own
        self.after_reload(self.gateway)
        return in_force.site.sha256

    def put(self, text: str = NEW, base: str | None = None, reload: Callable[[], Awaitable[str]] | None = None) -> ConfigPutView:
        if reload is not None:
            self.config = ConfigPut(cast(Gateway, self.gateway), self.files, reload)
        return run_virtual(self.config.put(call(text, base or self.gateway.site.sha256)), self.gateway.clock)

    @property
    def results(self) -> list[str]:
        return [item["result"] for item in self.gateway.items]

    @property
    def level(self) -> str:
        """Of the log, as the next start would find it."""
        return SiteFiles(self.path).load().site.log.level


def call(text: str, base: str) -> CommandCall:
    command = Command("config.put", "c-1", 0, 30_000, {}, ReplyTo("root/replies", b"\x07"))
    return CommandCall("config.put", {"file": text, "base": base}, PLATFORM, True, command)


async def _at_once(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(asyncio, "to_thread", _at_once)
    return Scene(tmp_path)


def test_what_works_is_kept_and_on_record_before_it_is_tried(scene: Scene) -> None:
    recorded: list[int] = []
    scene.after_reload = lambda gateway: recorded.append(len(gateway.batches))
    view = scene.put()
    assert view == ConfigPutView(scene.gateway.site.sha256, ('log.level: "info" -> "debug"',), ())
    assert (scene.level, scene.results, recorded) == ("debug", ["accepted", "done"], [1])
    told = json.loads(scene.gateway.batches[0].audit[0])
    assert (told["changed"], told["state"]) == (['log.level: "info" -> "debug"'], "trial")
    assert scene.path.read_text(encoding="utf-8") == TEXT
    shown = run_virtual(scene.config.get(call("", "")))
    assert shown == ConfigView(view.sha256, "", NEW, "platform")


def test_one_put_on_top_of_another_comes_back_to_that_other(scene: Scene) -> None:
    scene.put()
    scene.after_reload = lambda gateway: setattr(gateway.uplink.view, "state", "waiting")
    with pytest.raises(RolledBack, match="the platform could not be reached within 20 s"):
        scene.put(TEXT.replace('"info"', '"error"'))
    assert (scene.level, scene.gateway.site.log.level) == ("debug", "debug")
    assert scene.results == ["accepted", "done", "accepted", "rolled-back"]
    assert [news.code for news in scene.gateway.news] == ["rolled-back"]


def test_a_bus_that_answered_before_must_answer_again(scene: Scene) -> None:
    bus = '[[bus]]\nname = "riser"\nurl = "tcp://127.0.0.1:1"\n'
    row = '[[device]]\nname = "pump-1"\nbus = "riser"\nprofile = "grundfos-cim200"\naddress = 1\nevery = "2s"\n'
    scene.path.write_text(TEXT + bus + row, encoding="utf-8")
    run_virtual(scene.reload())
    scene.gateway.answering = {"riser": True}
    scene.after_reload = lambda gateway: gateway.answering.update(riser=gateway.site.log.level == "info")
    with pytest.raises(RolledBack, match="no device answered on riser within 20 s"):
        scene.put(NEW + bus + row)
    assert (scene.level, scene.gateway.answering) == ("info", {"riser": True})
    scene.after_reload = lambda _: None
    assert scene.put(NEW + bus + row.replace('"2s"', '"3s"')).silent == ()
    scene.gateway.answering = {}
    view = scene.put(TEXT + bus + row.replace('"2s"', '"3s"'))
    assert view.silent == ("riser",)


def test_what_comes_back_only_for_a_moment_has_not_come_back(scene: Scene) -> None:
    def flapping(gateway: Fake) -> None:
        async def flap() -> None:
            for state in ("online", "waiting") * 10:
                gateway.uplink.view.state = state
                await asyncio.sleep(3.0)

        gateway.flap = asyncio.get_running_loop().create_task(flap())  # type: ignore[attr-defined]

    scene.after_reload = flapping
    with pytest.raises(RolledBack):
        scene.put()
    assert scene.level == "info"


@pytest.mark.parametrize(
    ("text", "base", "code"),
    [
        (NEW, "0" * 64, "conflict"),
        (NEW.replace("level", "levle"), None, "config-wrong"),
        ("[gateway\n", None, "config-wrong"),
        ("\x00", None, "config-wrong"),
        (NEW.replace("1883", "1884"), None, "change-forbidden"),
        (NEW.replace('["config.put"]', '["config.put", "restart"]'), None, "change-forbidden"),
        (NEW.replace('directory = "state"', 'directory = "other"'), None, "config-wrong"),
        (NEW + '[[camera]]\nname = "c"\n', None, "config-wrong"),
    ],
)
def test_what_is_not_even_tried(scene: Scene, text: str, base: str | None, code: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        scene.put(text, base)
    assert refused.value.code == code
    assert str(scene.path.parent) not in str(refused.value)
    assert (scene.level, scene.results) == ("info", [])


def test_two_harmless_steps_make_no_harmful_one(scene: Scene) -> None:
    """A device that goes and comes again would come without its interlock; what the gateway's own file says stays the measure."""
    bus = '[[bus]]\nname = "riser"\nurl = "tcp://127.0.0.1:1"\n'
    row = '[[device]]\nname = "pump-1"\nbus = "riser"\nprofile = "grundfos-cim200"\naddress = 1\nevery = "2s"\n'
    lock = '[device.interlock."*"]\nmin_interval = "1m"\n'
    scene.path.write_text(TEXT + bus + row + lock, encoding="utf-8")
    run_virtual(scene.reload())
    scene.put(TEXT + bus)
    with pytest.raises(CommandRefused, match=r"the interlocks of pump-1.+; device\[pump-1\]\.address, of a device that") as refused:
        scene.put(TEXT + bus + row.replace("= 1", "= 2"))
    assert refused.value.code == "change-forbidden"


def test_a_mistake_is_told_with_its_line(scene: Scene) -> None:
    with pytest.raises(CommandRefused, match=r"^site\.toml:13: log\.levle: "):
        scene.put(NEW.replace("level", "levle"))


def test_what_cannot_be_put_on_record_is_not_tried(scene: Scene) -> None:
    scene.gateway.full = True
    with pytest.raises(CommandRefused, match="nothing was changed"):
        scene.put()
    assert scene.level == "info"


def test_what_becomes_durable_after_it_was_given_up_has_its_end_on_record(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never_says_so(batch: Batch) -> None:
        for item in batch.items:
            scene.gateway.emit(item)
        await asyncio.Event().wait()

    monkeypatch.setattr(scene.gateway, "put", never_says_so)
    with pytest.raises(CommandRefused, match="nothing was changed"):
        scene.put()
    assert (scene.level, scene.results) == ("info", ["accepted", "refused"])


def test_a_file_that_was_edited_and_not_taken_up_is_a_conflict(scene: Scene) -> None:
    scene.path.write_text(TEXT.replace('"info"', '"warning"'), encoding="utf-8")
    with pytest.raises(CommandRefused, match="has been changed") as refused:
        scene.put()
    assert (refused.value.code, scene.level) == ("conflict", "warning")


def test_whoever_changes_the_file_has_the_last_word_also_when_changing_it_back(scene: Scene) -> None:
    scene.put()
    scene.path.write_text(TEXT.replace('"info"', '"warning"'), encoding="utf-8")
    found = SiteFiles(scene.path).load()
    assert (found.site.log.level, found.site is found.own) == ("warning", True)
    assert "has been changed since" in found.note
    assert SiteFiles(scene.path).load().note == ""
    scene.path.write_text(TEXT, encoding="utf-8")
    assert scene.level == "info"


def test_a_trial_during_which_the_file_is_changed_ends(scene: Scene) -> None:
    def edit(gateway: Fake) -> None:
        if gateway.site.log.level == "debug":
            scene.path.write_text(TEXT.replace('"info"', '"warning"'), encoding="utf-8")
            gateway.site = gateway.own = SiteFiles(scene.path).load().site

    scene.after_reload = edit
    with pytest.raises(RolledBack, match="changed meanwhile"):
        scene.put()
    assert scene.level == "warning"


def test_two_at_once_are_one(scene: Scene) -> None:
    async def both() -> list[object]:
        base = scene.gateway.site.sha256
        puts = [scene.config.put(call(NEW, base)) for _ in range(2)]
        return list(await asyncio.gather(*puts, scene.config.get(call("", "")), return_exceptions=True))

    first, second, shown = run_virtual(both(), scene.gateway.clock)
    assert isinstance(first, ConfigPutView)
    assert isinstance(second, CommandRefused)
    assert second.code == "busy"
    assert isinstance(shown, ConfigView)
    assert shown.source == "trial"


class PowerCut(BaseException):
    """The end of everything, at once."""


@pytest.mark.parametrize("put_before", [False, True], ids=["on the file", "on another"])
def test_a_power_cut_at_any_step_of_a_trial_brings_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put_before: bool
) -> None:
    """Before, after and between every step that reaches the disk; a cut behind the last one finds the new one settled."""
    monkeypatch.setattr(asyncio, "to_thread", _at_once)
    real = {name: getattr(site_files, name) for name in ("_replace", "_remove")}
    for cut in range(20):
        folder = tmp_path / str(cut)
        folder.mkdir()
        scene = Scene(folder)
        if put_before:
            scene.put(TEXT.replace('"info"', '"error"'))
        left = [cut]

        def step(name: str, left: list[int]) -> Callable[..., None]:
            def cut_off(*args: Any) -> None:
                if left[0] == 0:
                    raise PowerCut
                left[0] -= 1
                real[name](*args)

            return cut_off

        with monkeypatch.context() as patched:
            for name in real:
                patched.setattr(site_files, name, step(name, left))
            try:
                scene.put()
            except PowerCut:
                pass
            else:
                assert scene.level == "debug"
                assert cut >= 4
                return
        trial = scene.files.roll_back(scene.gateway.own)
        assert scene.level == ("error" if put_before else "info"), cut
        assert scene.files.roll_back(scene.gateway.own) is None
        if trial is not None:
            scene.config.tell_cut_off(trial)
            ((command, state),) = scene.gateway.ended
            assert (command.id, command.reply_to, state) == ("c-1", ReplyTo("root/replies", b"\x07"), Outcome.ROLLED_BACK)
    raise AssertionError("there is no end to it")


def test_a_trial_whose_record_is_damaged_ends_all_the_same(scene: Scene) -> None:
    scene.put()
    folder = scene.path.parent / "state" / "config"
    (folder / "trial.json").write_bytes(b"\x00" * 40)
    trial = scene.files.roll_back(scene.gateway.own)
    assert trial is not None
    scene.config.tell_cut_off(trial)
    assert (scene.gateway.ended, scene.level) == ([], "info")


def test_a_put_configuration_that_is_wrong_now_is_left_out(scene: Scene) -> None:
    scene.put()
    put = next((scene.path.parent / "state" / "config").glob("on-*.toml"))
    put.write_text("[gateway]\n", encoding="utf-8")
    found = SiteFiles(scene.path).load()
    assert (found.site.log.level, "is wrong now" in found.note) == ("info", True)


def test_a_disk_that_takes_nothing_leaves_the_old_one_in_force(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site_files, "_replace", full)
    with pytest.raises(CommandRefused) as refused:
        scene.put()
    assert (refused.value.code, scene.level) == ("not-written", "info")


def test_a_disk_that_takes_the_record_and_not_the_file_has_the_end_on_record(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scene.files, "begin", full)
    with pytest.raises(CommandRefused, match="the disk does not take it"):
        scene.put()
    assert (scene.level, scene.results) == ("info", ["accepted", "refused"])


@pytest.mark.parametrize("put_before", [False, True], ids=["on the file", "on another"])
@pytest.mark.parametrize("half", [False, True], ids=["the record stays", "the record is gone, and not for sure"])
def test_a_disk_that_does_not_take_the_end_of_a_trial_has_it_taken_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, put_before: bool, half: bool
) -> None:
    if put_before:
        scene.put(TEXT.replace('"info"', '"error"'))

    def read_only(own: Site) -> None:
        if half:
            next(scene.path.parent.glob("state/config/trial.json")).unlink()
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(scene.files, "settle", read_only)
    with pytest.raises(RolledBack, match="does not take that it stays: Read-only file system"):
        scene.put()
    assert (scene.level, scene.gateway.site.log.level, scene.results[-1]) == (
        *["error" if put_before else "info"] * 2,
        "rolled-back",
    )
    assert scene.files.roll_back(scene.gateway.own) is None


def test_a_disk_that_takes_nothing_at_the_end_of_a_trial_is_told_and_the_next_start_takes_it_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(site_files, "_remove", read_only)
        with pytest.raises(EdgeguardError, match="stays until the next start"):
            scene.put()
    assert (scene.level, scene.results[-1], scene.gateway.news[-1].code) == ("debug", "failed", "not-taken-back")
    assert scene.files.roll_back(scene.gateway.own) is not None
    assert scene.level == "info"
