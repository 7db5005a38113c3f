"""`edgeguard plates`: lines for programs, for people, files that cannot be read, drawings, videos."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import cli_kit
import numpy as np
import pytest

from edgeguard.camera.pictures import load_picture

PICTURES = Path(__file__).resolve().parents[2] / "pictures"
BLUE, GREEN, YELLOW = (PICTURES / f"{text}.jpg" for text in ("皖A61R58", "皖AD11212", "苏E39078"))


def typed(*words: object) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, the lines of JSON, and what stands on stderr."""
    done = cli_kit.typed("plates", *map(str, words), environ={"EDGEGUARD_LANG": "en", "NO_COLOR": "1"})
    return done.code, [json.loads(line) for line in done.out.splitlines()], done.err


def test_one_line_for_each_picture_in_the_promised_form() -> None:
    code, lines, err = typed(GREEN, "--json")
    assert (code, err, len(lines)) == (0, "", 1)
    assert list(lines[0]) == ["file", "plates", "ms"]
    assert lines[0]["file"] == str(GREEN)
    (plate,) = lines[0]["plates"]
    assert (plate["text"], plate["color"], plate["kind"]) == ("皖AD11212", "green", "energy_small")
    assert 0.3 <= plate["confidence"] <= 1
    assert [len(corner) for corner in plate["corners"]] == [2, 2, 2, 2]
    left, top, right, bottom = plate["box"]
    assert left < right
    assert top < bottom
    assert lines[0]["ms"] > 0


def test_a_file_that_cannot_be_read_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    broken, missing = tmp_path / "broken.jpg", tmp_path / "missing.png"
    broken.write_bytes(BLUE.read_bytes()[:150])
    code, lines, err = typed(broken, BLUE, missing)
    assert code == 1
    assert [[plate["text"] for plate in line["plates"]] for line in lines] == [[], ["皖A61R58"], []]
    assert "error" not in lines[1]
    for file, line in ((broken, lines[0]), (missing, lines[2])):
        assert line["file"] == str(file)
        assert str(file) in line["error"]
        assert str(file) in err


def test_a_text_file_is_neither_picture_nor_video(tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("no picture at all\n" * 50)
    code, lines, err = typed(text)
    assert code == 1
    assert str(text) in err
    assert lines[0]["plates"] == []


def test_a_picture_with_the_outline_is_drawn(tmp_path: Path) -> None:
    out = tmp_path / "seen.png"
    assert typed(BLUE, "--draw", out)[0] == 0
    drawn, plain = load_picture(out), load_picture(BLUE)
    assert drawn.shape == plain.shape
    assert np.any(drawn != plain)


def test_several_drawings_go_to_a_folder(tmp_path: Path) -> None:
    assert typed(BLUE, YELLOW, "--draw", tmp_path / "seen")[0] == 0
    assert sorted(path.name for path in (tmp_path / "seen").iterdir()) == ["皖A61R58.plates.jpg", "苏E39078.plates.jpg"]


def test_no_drawing_takes_the_place_of_another_or_of_what_is_read(tmp_path: Path) -> None:
    days = [tmp_path / "monday" / "0001.jpg", tmp_path / "tuesday" / "0001.jpg", tmp_path / "0001.PNG"]
    for day in days:
        day.parent.mkdir(exist_ok=True)
        day.write_bytes(BLUE.read_bytes())
    assert typed(*days, "--draw", tmp_path / "seen")[0] == 0
    drawn = sorted(path.name for path in (tmp_path / "seen").iterdir())
    assert drawn == ["0001.PNG.plates.jpg", "0001.jpg-2.plates.jpg", "0001.jpg.plates.jpg"]
    code, _, err = typed(days[0], "--draw", days[0])
    assert (code, "is the picture itself" in err, days[0].read_bytes() == BLUE.read_bytes()) == (2, True, True)


def test_a_drawing_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    code, lines, err = typed(BLUE, "--draw", tmp_path / "nowhere" / "seen.png")
    assert code == 1
    assert "cannot be written" in err
    assert "cannot be written" in lines[0]["error"]
    assert [plate["text"] for plate in lines[0]["plates"]] == ["皖A61R58"], "what was read is told all the same"


def test_a_drawing_for_which_there_is_no_room_takes_no_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = tmp_path / "seen.jpg"
    older.write_bytes(b"older")
    monkeypatch.setattr(Path, "write_bytes", _half_of_it)
    code, _, err = typed(BLUE, "--draw", older)
    assert (code, "No space left" in err) == (1, True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("seen.jpg", b"older")]


def _half_of_it(path: Path, content: bytes) -> int:
    with path.open("wb") as file:
        file.write(content[: len(content) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_picture_comes_through_a_pipe_and_a_video_does_not(tmp_path: Path) -> None:
    _filmed(tmp_path / "gate.avi", BLUE)
    for content, texts in ((BLUE.read_bytes(), ["皖A61R58"]), ((tmp_path / "gate.avi").read_bytes()[:60_000], [])):
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as file, ThreadPoolExecutor(1) as pool:
            told = pool.submit(typed, f"/dev/fd/{reading}")
            with suppress(BrokenPipeError):
                file.write(content)
                file.close()
            code, lines, _ = told.result(60)
        os.close(reading)
        assert [plate["text"] for plate in lines[0]["plates"]] == texts
        assert (code, "is a pipe" in lines[0].get("error", "")) == ((0, False) if texts else (1, True))


def test_a_telephones_heic_is_refused_in_words_and_not_read_tile_by_tile(tmp_path: Path) -> None:
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x24ftypheic" + bytes(200))
    code, lines, _ = typed(tmp_path / "photo.heic")
    assert code == 1
    assert lines[0]["error"].endswith("photo.heic: is a HEIC picture, which this program does not read; save it as JPEG")


def test_a_car_in_a_video_is_told_once(tmp_path: Path) -> None:
    film = tmp_path / "gate.avi"
    _filmed(film, BLUE)
    code, lines, _ = typed(film)
    assert code == 0
    (plate,) = lines[0]["plates"]
    assert plate["text"] == "皖A61R58"
    assert plate["t_start_s"] < plate["t_end_s"]
    assert plate["sightings"] >= 3
    assert lines[0]["pictures"] == 5


def _filmed(target: Path, still: Path) -> None:
    """Half a second of a car that comes nearer."""
    import av

    picture = load_picture(still)
    with av.open(str(target), "w") as film:
        stream = film.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 480, 270, "yuvj420p"
        for step in range(5):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, 3 * step, axis=1), format="bgr24")
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


@pytest.mark.parametrize("words", [[], [BLUE, "--draw"]])
def test_bad_usage(words: list[object]) -> None:
    done = cli_kit.typed("plates", *map(str, words), environ={})
    assert done.code == 2
