"""Standard output of another alphabet, without room, and names of files that are no text: in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PICTURE = Path(__file__).resolve().parents[2] / "pictures" / "皖A61R58.jpg"


def run(*words: bytes | str | Path, stdout: int | None = subprocess.PIPE, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "edgeguard", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        env={**os.environ, "EDGEGUARD_LANG": "zh", **environ},
    )


def test_where_standard_output_has_no_room_is_a_sentence_and_exit_1() -> None:
    with Path("/dev/full").open("wb") as full:
        for words in (("profile", "list"), ("profile", "list", "--json")):
            done = run(*words, stdout=full.fileno())
            assert done.returncode == 1
            assert done.stderr == b"edgeguard: standard output could not be written: No space left on device\n"


@pytest.mark.parametrize("words", [("--json",), ()], ids=["json", "table"])
def test_what_an_alphabet_does_not_have_is_spelled_out(words: tuple[str, ...]) -> None:
    done = run("profile", "list", *words, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u" in done.stdout
    if words:
        assert any("一" <= char <= "鿿" for char in json.dumps(json.loads(done.stdout), ensure_ascii=False))


def test_a_file_whose_name_is_no_text_is_read_as_any_other(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xc4\xe3.jpg"
    Path(os.fsdecode(name)).write_bytes(PICTURE.read_bytes())
    done = run("plates", "--json", name, tmp_path / "none.jpg", name + b"x")
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert [line["file"].rpartition("/")[2] for line in lines] == ["\\xc4\\xe3.jpg", "none.jpg", "\\xc4\\xe3.jpgx"]
    assert [[plate["text"] for plate in line["plates"]] for line in lines] == [["皖A61R58"], [], []]
    assert "\\xc4\\xe3.jpgx: cannot be read" in lines[2]["error"]


def test_an_error_of_another_file_is_its_own_and_adds_nothing_to_standard_output() -> None:
    body = "from edgeguard.cli.standard_out import standard_out\nwith standard_out():\n    open('/dev/null/none')\n"
    done = subprocess.run([sys.executable, "-c", body], capture_output=True, timeout=60, check=False)
    assert (done.stdout, done.stderr.splitlines()[-1][:18]) == (b"", b"NotADirectoryError")
