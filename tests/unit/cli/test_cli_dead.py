"""`outbox dead`: what the broker refused for good is shown, sent again, or dropped after asking."""

import json

from cli_kit import desk


def test_the_list_names_number_and_reason() -> None:
    with desk() as made:
        printed = made.type("outbox", "dead", "list")
        as_json = made.type("outbox", "dead", "list", "--json")
    assert (printed.code, "payload format invalid" in printed.out, "42" in printed.out) == (0, True, True)
    assert [letter["seq"] for letter in json.loads(as_json.out)] == [41, 42, 43]


def test_some_are_sent_again_and_the_rest_is_dropped() -> None:
    with desk() as made:
        assert made.type("outbox", "dead", "retry", "2").out == "1 item will be sent again\n"
        assert made.building.dead_letters.retried == [2]
        assert made.type("outbox", "dead", "drop", "--yes", "--json").out.strip() == '{"count":2,"unknown":[]}'
        assert "nothing was refused" in made.type("outbox", "dead", "list").out
        refused = made.type("outbox", "dead", "retry", "9")
        assert (refused.code, refused.err) == (2, "edgeguard: there is no 9; see: edgeguard outbox dead list\n")


def test_of_several_ids_the_known_ones_are_done_and_the_others_named() -> None:
    with desk() as made:
        printed = made.type("outbox", "dead", "drop", "2", "77", "--yes", lang="zh")
        assert (printed.code, printed.out) == (2, "已删除 1 条\n")
        assert "没有这样的编号:77" in printed.err
        assert len(made.building.dead_letters.letters) == 2


def test_dropping_asks_and_needs_somebody_to_ask() -> None:
    with desk() as made:
        printed = made.type("outbox", "dead", "drop")
        assert (printed.code, "--yes drops without asking" in printed.err) == (2, True)
        assert len(made.building.dead_letters.letters) == 3


def test_the_outbox_itself_is_still_one_word() -> None:
    with desk() as made:
        assert made.type("outbox").code == 0
        assert json.loads(made.type("outbox", "--json").out)["epoch"]
