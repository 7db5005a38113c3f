"""Inside are the networks that the internet does not carry; everything else is public, however it is written."""

import pytest

from edgeguard.core.address import is_name, is_public


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.255.0.9", "::1", "0.0.0.0", "::", "169.254.3.4", "fe80::1", "fe80::7%eth0"),
        *("10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1", "fd12:3456::1", "::ffff:10.0.0.1"),
    ],
)
def test_inside(host: str) -> None:
    assert not is_public(host)


@pytest.mark.parametrize(
    "host",
    [
        *("8.8.8.8", "172.15.255.255", "172.32.0.1", "192.167.0.1", "11.0.0.1", "100.64.0.1", "203.0.113.7", "2606:4700::1"),
        *("::ffff:8.8.8.8", "64:ff9b::808:808", "fe80:0:0:1::1", "224.0.0.1", "255.255.255.255"),
    ],
)
def test_public(host: str) -> None:
    assert is_public(host)


def test_a_name_is_no_address_and_localhost_needs_no_resolver() -> None:
    assert [is_public(host) for host in ("mqtt.example", "localhost", "", "10.0.0")] == [False] * 4
    assert [is_name(host) for host in ("mqtt.example", "localhost", "10.0.0.1", "fe80::1%lo")] == [True, False, False, False]
