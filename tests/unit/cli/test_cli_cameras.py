"""`cameras` and `camera NAME --accept-view` against a daemon that is not there in earnest."""

import json
from pathlib import Path

from cli_kit import desk


def test_a_camera_that_was_moved_is_an_exit_of_one_until_its_view_is_accepted() -> None:
    with desk() as made:
        shown = made.type("cameras", width=160)
        assert shown.code == 1
        assert "has been moved, since 2026-11-23T05:40:00.123Z" in shown.out
        assert "镜头已移位" in made.type("cameras", lang="zh").out
        assert [one["state"] for one in json.loads(made.type("cameras", "--json").out)] == ["well", "blind"]
        assert made.type("camera", "facade-west", "--accept-view").code == 0
        assert made.building.cameras.accepted == ["facade-west"]
        assert made.type("cameras").code == 0
        refused = made.type("camera", "nix", "--accept-view")
        assert (refused.code, "there is no camera nix" in refused.err) == (2, True)


def test_a_process_for_a_camera_that_is_not_configured_says_so(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[gateway]\nsite = "a"\nid = "b"\n')
    with desk() as made:
        printed = made.type("camera", "nix", "--config", str(site))
    assert (printed.code, printed.err) == (2, f"{site}: there is no camera nix (there are: none)\n")
