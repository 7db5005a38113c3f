"""The real daemon, online and polling, has no port that anybody on the network, or on this machine, could speak to."""

from pathlib import Path

import pytest
from harness import daemon, free_port, mosquitto, site_text, wait_for
from poll_lateness import devices, slave, write_profile

from edgeguard.control import methods
from edgeguard.control.client import call

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("needs_mosquitto")]
TCP_LISTENS = "0A"


def open_ports(pid: int) -> list[str]:
    """Local ends of sockets of this process that wait for somebody: TCP that listens, UDP without a peer."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = str(link.readlink())
        inodes |= {target[8:-1]} if target.startswith("socket:[") else set()
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            _, local, remote, state, *rest = line.split()
            waits = state == TCP_LISTENS if table.startswith("tcp") else set(remote) <= set("0:")
            if waits and rest[5] in inodes:
                found.append(f"{table} {local}")
    return found


def test_it_listens_on_nothing_but_its_unix_socket(tmp_path: Path) -> None:
    write_profile(tmp_path / "profiles")
    broker = free_port()
    with (
        slave(2) as wire,
        mosquitto(tmp_path, broker) as listener,
        daemon(tmp_path, site_text(tmp_path, broker, wire.buses, devices(wire))) as running,
    ):
        socket = tmp_path / "control.sock"

        def online() -> bool:
            view = call(socket, methods.STATUS)
            return view.devices_online > 0 and view.uplink is not None and view.uplink.state == "online"

        wait_for(online, "devices and the session")
        assert open_ports(listener.pid), "one that listens is seen"
        assert open_ports(running.child.pid) == []
        assert running.stop() == 0
