"""What `make fuzz` does is worth its time: it finds what is planted, keeps the input, and every face takes its seeds."""

import random
from pathlib import Path

import pytest
from fuzz_inputs import Face, changed, faces, finding, fuzz


def _breaks_at_a_zero(data: bytes) -> object:
    return 1 // min(data, default=1)


def _never_ends(_: bytes) -> object:
    while True:
        pass


def test_a_planted_bug_is_found_and_its_input_kept(tmp_path: Path) -> None:
    given, found = fuzz({"planted": Face(_breaks_at_a_zero, (b"abc\x01",), (ValueError,))}, 20.0, 7, tmp_path / "kept")

    assert given["planted"] < 10_000
    assert all(line.endswith("ZeroDivisionError: integer division or modulo by zero") for line in found)
    place = Path(found[0].split(": ")[0])
    assert 0 in place.read_bytes()
    assert "_breaks_at_a_zero" in place.with_suffix(".txt").read_text(encoding="utf-8")


def test_an_input_that_keeps_the_processor_is_found() -> None:
    assert "TooLong" in finding(Face(_never_ends, (b"",)), b"", cpu_s=0.01)


def test_a_refusal_in_the_faces_own_words_is_no_finding() -> None:
    assert finding(Face(_breaks_at_a_zero, (), (ZeroDivisionError,)), b"\x00") == ""


@pytest.mark.parametrize("name", [name for name, face in faces(Path()).items() if face.weight > 10])
def test_every_quick_face_takes_its_seeds_and_some_damage(name: str, tmp_path: Path) -> None:
    face, chance = faces(tmp_path)[name], random.Random(3)
    damaged = [changed(seed, face.seeds[0], chance) for seed in face.seeds for _ in range(4)]
    assert [told for data in (*face.seeds, *damaged) if (told := finding(face, data))] == []
