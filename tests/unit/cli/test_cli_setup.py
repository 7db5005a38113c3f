"""`camera NAME --setup`: typed values, the server behind the page, and who is not let in."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli_kit import typed

from edgeguard.camera.still import stills_of
from edgeguard.cli.session import Lang
from edgeguard.cli.setup import SetupWish, keep_lanes
from edgeguard.cli.setup_desk import SetupDesk
from edgeguard.cli.setup_draft import Draft, Typed, draft_of, typed_facade
from edgeguard.cli.setup_http import SetupServer
from edgeguard.config import load_site
from edgeguard.config.facade import load_facade
from edgeguard.core.camera import Task
from edgeguard.core.camera_limits import SETUP_BODY_BYTES
from edgeguard.core.errors import ConfigError, Permanent
from edgeguard.core.facade import FacadeSpec
from edgeguard.vision.plate_passes import Seen

PICTURES = Path(__file__).resolve().parents[2] / "pictures"
PICTURE = min(PICTURES.glob("*.jpg"))
SITE = """[gateway]
site = "a"
id = "b"
[[camera]]
name = "east"
url = "rtsp://127.0.0.1:9/x"
task = "falling"
facade = "east.toml"
[[camera]]
name = "gate"
url = "rtsp://127.0.0.1:9/y"
task = "plates"
"""
FLOORS = ("--floor", "1=300,5=160", "--floor", "9=40")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def setup(site: Path, *words: str, lang: str = "en") -> Any:
    command = ("camera", "east", "--setup", "--config", str(site), "--picture", str(PICTURE), *words)
    return typed(*command, environ={"EDGEGUARD_LANG": lang, "COLUMNS": "120", "NO_COLOR": "1"})


def test_typed_floors_are_written_and_the_site_holds_with_them(site: Path) -> None:
    """The facade file that the site names is not there yet: that is what setting up is for."""
    made = setup(site, *FLOORS, "--polygon", "0,0 470,0 470,300 0,300", "--write", "--draw", str(site.parent / "out.jpg"))
    assert made.code == 0, made.err
    assert "east.toml is written" in made.out
    assert "holds with it" in " ".join(made.out.split())
    facade = load_facade(site.parent / "east.toml")
    assert [line.floor for line in facade.lines] == [1, 5, 9]
    assert facade.size is not None
    assert (site.parent / "out.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    again = setup(site, "--columns", "100,200", "--first-column", "5", "--write")
    assert "what it was before is east.toml.before" in " ".join(again.out.split())
    after = load_facade(site.parent / "east.toml")
    assert (after.lines, after.columns, after.first_column) == (facade.lines, (100, 200), 5), "the rest stays"


def test_lines_that_cannot_be_are_refused_and_not_written(site: Path) -> None:
    made = setup(site, "--floor", "1=40,5=160,9=300", "--write", lang="zh")
    assert (made.code, "do not rise" in made.out) == (1, True)
    assert not (site.parent / "east.toml").exists()
    for words, sentence in (
        (("--floor", "first=3"), "write FLOOR=ROW"),
        (("--floor", "1=300,5=160"), "need three different floors"),
        (("--polygon", "1;2"), "a point is X,Y"),
        (("--columns", "3,x"), "is no number"),
        (("--lens", "6"), "--sensor"),
        ((*FLOORS, "--skip-floors", "4,x"), "--skip-floors x: is no floor's number"),
        ((*FLOORS, "--skip-floors", "4,5"), "facade.lines[1].floor: 5 is one of skipped_floors"),
        ((*FLOORS, "--skip-floors", "1,13"), "facade.ground_floor: 1 is one of skipped_floors"),
        (("--lane", "left"), "what can be typed for it is floors"),
        (("--draw", str(PICTURE)), "is the picture itself, which would be lost"),
    ):
        refused = setup(site, *words)
        assert (refused.code, sentence in refused.err) == (2, True), (words, refused)


def test_floors_that_the_house_does_not_have_are_kept_and_left_out_of_the_table(site: Path) -> None:
    made = setup(site, *FLOORS, "--skip-floors", "4, 7,4", "--write", "--json")
    assert load_facade(site.parent / "east.toml").skipped_floors == (4, 7)
    told = [one["floor"] for one in json.loads(made.out)["floors"]]
    assert {3, 5, 6, 8} <= set(told)
    assert not {4, 7} & set(told)
    assert setup(site, "--columns", "100", "--write").code == 0
    assert load_facade(site.parent / "east.toml").skipped_floors == (4, 7), "the rest stays"


def test_a_mount_gives_the_table_as_json(site: Path) -> None:
    made = setup(site, "--pitch", "20", "--distance", "18", "--height", "3", "--view", "60", "--json")
    facts = json.loads(made.out)
    floors = [one["floor"] for one in facts["floors"]]
    assert floors == sorted(floors)
    assert (facts["distance_m"], facts["refusal"], "[facade.mount]" in facts["text"]) == (18.0, "", True)


def test_a_line_may_slant_and_replaces_what_was_there() -> None:
    begin = typed_facade(FacadeSpec(), Typed(floors=("1=300,5=160,9=40",)), (480, 320))
    assert begin.lines[0].end == (479, 300)
    slanted = typed_facade(begin, Typed(floors=("-1=0,300-400,310.5,5=160,9=40",)), (480, 320))
    assert (slanted.lines[0].floor, slanted.lines[0].start, slanted.lines[0].end) == (-1, (0, 300), (400, 310.5))
    with pytest.raises(ConfigError):
        typed_facade(begin, Typed(pitch_deg=20.0), (480, 320))


def test_a_site_that_is_wrong_elsewhere_can_be_set_up_and_one_without_the_camera_cannot(site: Path) -> None:
    site.write_text(SITE + '[[bus]]\nname = "x"\n', encoding="utf-8")
    assert setup(site, *FLOORS).code == 0
    assert "cannot be read" in setup(site, "--picture", "nothing.jpg", *FLOORS).err
    site.write_text(SITE.replace('"east"', '"west"'), encoding="utf-8")
    refused = setup(site, *FLOORS)
    assert (refused.code, "there is no camera east (there are: west, gate)" in refused.err) == (2, True)


class Blind:
    """A reader that sees nothing."""

    def look(self, picture: object) -> list[Seen]:
        del picture
        return []


@contextmanager
def served(task: Task = Task.FALLING, save: Any = None) -> Iterator[tuple[SetupServer, SetupDesk]]:
    desk = SetupDesk("east", task, stills_of(PICTURE), Draft(task), Lang.EN, save, Blind)
    server = SetupServer(desk, 0)
    try:
        yield server, desk
    finally:
        server.close()


def ask(server: SetupServer, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        link.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        got = link.getresponse()
        return got.status, got.read(), got.headers
    finally:
        link.close()


DRAFT = {
    "facade": {"size": [480, 320], "lines": [{"floor": f, "points": [[0, r], [480, r]]} for f, r in ((1, 300), (5, 160), (9, 40))]}
}


def test_the_page_shows_the_picture_and_what_a_draft_means() -> None:
    kept: list[Draft] = []

    def save(draft: Draft) -> tuple[str, ...]:
        kept.append(draft)
        return ("written",)

    with served(save=save) as (server, desk):
        status, page, headers = ask(server, "GET", server.path)
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b'"task":"falling"' in page
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert ask(server, "GET", f"{server.path}picture.jpg")[1].startswith(b"\xff\xd8\xff")
        told = json.loads(ask(server, "POST", f"{server.path}look", json.dumps(DRAFT).encode())[1])
        assert [one["floor"] for one in told["floors"]] == list(range(1, 11))
        assert "[facade]" in told["text"]
        wrong = json.loads(ask(server, "POST", f"{server.path}look", b'{"facade": {"colour": 1}}')[1])
        assert "facade.colour: unknown key" in wrong["mistakes"][0]
        assert json.loads(ask(server, "POST", f"{server.path}look", b"[1")[1])["mistakes"]
        assert json.loads(ask(server, "POST", f"{server.path}save", json.dumps(DRAFT).encode())[1]) == {"told": ["written"]}
        assert [line.floor for line in kept[0].facade.lines] == [1, 5, 9]
        assert not desk.done.is_set()
        ask(server, "POST", f"{server.path}done", b"")
        assert desk.done.is_set()


def test_who_does_not_know_the_name_or_comes_from_elsewhere_gets_nothing() -> None:
    with served() as (server, desk):
        assert server.server_address[0] == "127.0.0.1"
        assert len(server.token) >= 32
        path = server.path
        for method, asked, headers in (
            ("GET", "/", {}),
            ("GET", "/guess/", {}),
            ("GET", path[:-2] + "/", {}),
            ("GET", path + "../" + path, {}),
            ("GET", path, {"Host": "evil.example"}),
            ("GET", path, {"Sec_Fetch_Site": "cross-site"}),
            ("GET", path + "nothing", {}),
            ("GET", path + "plates", {}),
            ("POST", path + "done", {"Origin": "https://evil.example"}),
            ("POST", path + "nothing", {}),
        ):
            body = b"{}" if method == "POST" else None
            assert ask(server, method, asked, body, **headers)[:2] == (404, b""), (method, asked, headers)
        assert ask(server, "POST", path + "look", b"x" * (SETUP_BODY_BYTES + 1))[0] == 413
        assert ask(server, "PUT", path)[0] == 501
        assert not desk.done.is_set()
        with pytest.raises(Permanent, match="choose another with --port"):
            SetupServer(desk, server.port)


def test_a_gate_cameras_page_shows_plates_and_nothing_that_could_end_its_script() -> None:
    desk = SetupDesk("</script>", Task.PLATES, stills_of(PICTURE), Draft(Task.PLATES), Lang.ZH, None, Blind)
    page = desk.get("")
    assert page is not None
    assert page.body.count(b"</script>") == 1
    plates = desk.get("plates")
    assert plates is not None
    assert json.loads(plates.body) == {"plates": []}
    refused = desk.post("save", b'{"lanes": []}')
    assert refused is not None
    assert "unknown key" not in str(json.loads(refused.body))
    assert "nothing can be written here" in json.loads(refused.body)["mistakes"][0]


def test_lanes_are_put_into_the_site_once_it_holds_with_them(site: Path) -> None:
    """The page is left alone: what its button does is done here."""
    (site.parent / "east.toml").write_text("[facade]\n", encoding="utf-8")
    lanes = draft_of({"lanes": [{"name": "left", "polygon": [[0, 0], [1, 0], [1, 1]], "line": [[0, 0.5], [1, 0.5]]}]}, Task.PLATES)
    (told,) = keep_lanes(lanes, SetupWish("gate", site), site)
    assert "what it was before is site.toml.before" in told
    assert [lane.name for camera in load_site(site).cameras for lane in camera.lanes] == ["left"]
    assert not list(site.parent.glob(".site*"))
    broken = site.read_text(encoding="utf-8") + '[[bus]]\nname = "x"\n'
    site.write_text(broken, encoding="utf-8")
    with pytest.raises(ConfigError):
        keep_lanes(Draft(Task.PLATES), SetupWish("gate", site), site)
    assert site.read_text(encoding="utf-8") == broken


def lane_setup(site: Path, *words: str) -> Any:
    command = ("camera", "gate", "--setup", "--config", str(site), "--picture", str(PICTURE), *words)
    return typed(*command, environ={"EDGEGUARD_LANG": "en", "COLUMNS": "120", "NO_COLOR": "1"})


def test_typed_lanes_are_written_only_with_a_site_that_holds(site: Path) -> None:
    (site.parent / "east.toml").write_text("[facade]\n", encoding="utf-8")
    width, height = stills_size()
    words = ("--lane", f"left=0,0 {width / 2},0 {width / 2},{height}", "--line", f"left=0,{height / 2} {width},{height / 2}")
    made = lane_setup(site, *words, "--lane", "right", "--write", "--draw", str(site.parent / "out.jpg"))
    assert (made.code, "holds with them" in " ".join(made.out.split())) == (0, True), made.err
    (_, gate) = load_site(site).cameras
    assert [(lane.name, len(lane.polygon), lane.line) for lane in gate.lanes] == [
        ("left", 3, ((0.0, 0.5), (1.0, 0.5))),
        ("right", 0, None),
    ]
    assert (site.parent / "out.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    assert lane_setup(site, "--line", f"right=0,0 {width},{height}", "--drop-lane", "left", "--write").code == 0
    (_, gate) = load_site(site).cameras
    assert [(lane.name, lane.line) for lane in gate.lanes] == [("right", ((0.0, 0.0), (1.0, 1.0)))]
    broken = site.read_text(encoding="utf-8") + '[[bus]]\nname = "x"\n'
    site.write_text(broken, encoding="utf-8")
    refused = lane_setup(site, "--lane", "third", "--write")
    assert (refused.code, site.read_text(encoding="utf-8")) == (2, broken)


def test_lanes_that_cannot_be_are_refused_in_words(site: Path) -> None:
    for words, sentence in (
        (("--lane", "left=0,0 10,10"), "needs three corners or more"),
        (("--lane", "left=0,0 99999,10 0,10"), "99999,10 lies outside of the picture, which is 480x"),
        (("--line", "left=0,0"), "at least 2"),
        (("--line", "left=4,4 4,4"), "to the same point"),
        (("--line", "left=4;4 4,5"), "a point is X,Y"),
        (("--drop-lane", "left"), "there is no such lane (there are: none)"),
        (("--floor", "1=300,5=160,9=40"), "what can be typed for it is --lane"),
    ):
        refused = lane_setup(site, *words)
        assert (refused.code in (1, 2), sentence in refused.err) == (True, True), (words, refused)
    foreign = setup(site, "--lane", "left")
    assert "what can be typed for it is floors" in foreign.err


def stills_size() -> tuple[int, int]:
    stills = stills_of(PICTURE)
    stills.start()
    still = stills.still(5)
    stills.stop(5)
    assert still is not None
    return still.size
