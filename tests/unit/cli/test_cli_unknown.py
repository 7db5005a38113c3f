"""One rule for names that are not there: exit 2, whatever is named, with the daemon and without it. Every command is walked."""

import json
from asyncio import run
from pathlib import Path

import pytest
from cli_kit import desk, typed
from typer.main import get_command

from edgeguard.cli.main import app
from edgeguard.core.health import Health
from edgeguard.core.ids import DeviceName, PointName
from edgeguard.core.point import Kind, Labels, Point
from edgeguard.core.site import HistorySpec
from edgeguard.core.snapshot import Snapshot
from edgeguard.store import TrendStore
from edgeguard.testing.clock import FakeClock
from edgeguard.testing.handlers import FakeBuilding

DAEMON = {
    "ack nope.nope",
    "bus nope",
    "bus nope --flight",
    "capture nope -o {dir}/new.json --seconds 1",
    "gate correct nope --count 1",
    "gate hold nope --yes",
    "gate open nope --yes",
    "gate release nope --yes",
    "in-service nope.nope",
    "out-of-service nope.nope --reason x",
    "outbox dead drop 99 --yes",
    "outbox dead retry 99",
    "points nope",
    "profile diff nope",
    "profile diff nope --write {dir}/new.toml",
    "reaction hold nope",
    "reaction release nope",
    "reaction stop nope",
    "reaction test nope",
    "read nope",
    "read pump-1.nope",
    "rules nope",
    "scan --bus nope",
    "service nope --done x --yes",
    "set-time nope --yes",
    "shelve nope.nope --for 1h --reason x",
    "trace nope --seconds 1",
    "trace riser-a --device nope --seconds 1",
    "unshelve nope.nope",
    "write nope.nope 1 --yes",
    "write pump-1.nope 1 --yes",
}
"""What asks the daemon: without one nobody knows what there is, and that is 3."""
FILES = {
    "camera nope --config {dir}/site.toml",
    "check {dir}/nope",
    "evidence export nope --output {dir}/new --config {dir}/site.toml",
    "evidence show nope --config {dir}/site.toml",
    "export nope --directory {dir}",
    "export pump-1.nope --directory {dir}",
    "profile check {dir}/nope",
    "profile new {dir}/nope --name new --dir {dir}",
    "profile show nope",
    "release verify {dir}/nope",
    "replay {dir}/nope --tcp 127.0.0.1:0",
    "replay-rules {dir}/nope --config {dir}/site.toml",
    "restore {dir}/nope --directory {dir}/other",
    "schema nope",
    "simulate {dir}/nope",
    "simulate {dir}/site.toml --fault nope=dead",
    "trend nope.nope --directory {dir}",
    "trend pump-1.nope --directory {dir}",
}
"""What needs no daemon."""
NAMELESS = {
    *("status", "top", "devices", "alarms", "hints", "cameras", "outbox dead list", "reload", "doctor", "run", "demo"),
    *("energy", "verify", "decode", "erase", "profile list", "audit show", "audit verify", "backup", "evidence list"),
    *("gate stays", "gate list", "gate why", "gate add", "gate remove", "gate import", "gate export", "reaction list"),
}


def deaf(_: Health) -> None:
    """Hears nothing."""


PER_FILE = {"plates", "falling", "evidence verify"}
"""Go through all that they are given, and tell of each."""
SITE = '[gateway]\nsite = "lakeside"\nid = "b07"\n'


def leaves(command: object, path: tuple[str, ...] = ()) -> list[str]:
    """The commands that do something, as they are typed."""
    below = getattr(command, "commands", {})
    found = [leaf for name, one in below.items() for leaf in leaves(one, (*path, name))]
    return found if below and not (path and getattr(command, "invoke_without_command", False)) else [*found, " ".join(path)]


def test_every_command_is_walked() -> None:
    walked = {*DAEMON, *FILES}
    missing = [leaf for leaf in leaves(get_command(app)) if not any(f"{one} ".startswith(f"{leaf} ") for one in walked)]
    assert set(missing) == NAMELESS | PER_FILE, "a new command takes a name, or it does not: say so above"


@pytest.mark.slow
def test_what_the_daemon_does_not_know_is_bad_usage_and_without_a_daemon_nobody_knows(tmp_path: Path) -> None:
    no, words_of = str(tmp_path / "no"), {words: words.format(dir=tmp_path).split() for words in sorted(DAEMON)}
    with desk(FakeBuilding()) as here:
        told = {words: here.type(*typed_words) for words, typed_words in words_of.items()}
        silent = {words: here.type("--socket", no, *typed_words) for words, typed_words in words_of.items()}
    assert {words: printed.code for words, printed in told.items() if printed.code != 2} == {}
    assert {words: printed.code for words, printed in silent.items() if printed.code != 3} == {}
    assert all("there is no" in printed.err or "nope" in printed.err for printed in told.values()), "it says which"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site, and a history that knows one point."""
    (tmp_path / "site.toml").write_text(f'{SITE}[store]\ndirectory = "{tmp_path}"\n', encoding="utf-8")

    async def keep() -> None:
        store, clock = TrendStore(tmp_path, HistorySpec(), FakeClock(), deaf), FakeClock()
        point = Point(PointName("flow"), Kind.NUMBER, Labels("x", "x"))
        store.take(Snapshot(DeviceName("pump-1"), clock.now(), (point,), (1.0,), True))
        await store.flush()
        await store.close()

    run(keep())
    return tmp_path


@pytest.mark.slow
def test_what_files_do_not_know_is_bad_usage_as_well(folder: Path) -> None:
    environ = {"EDGEGUARD_SOCKET": str(folder / "no"), "EDGEGUARD_LANG": "en", "COLUMNS": "120"}
    told = {words: typed(*words.format(dir=folder).split(), environ=environ) for words in sorted(FILES)}
    assert {words: printed.code for words, printed in told.items() if printed.code != 2} == {}
    assert all("Traceback" not in printed.err for printed in told.values())
    asjson = typed("trend", "nope.nope", "--directory", str(folder), "--json", environ=environ)
    assert json.loads(asjson.out)["error"]["code"] == "unknown-name", "as the daemon calls it"
