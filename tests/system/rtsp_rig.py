"""RTSP as cameras speak it, from a server that is not ours: films sent without a seam, and a relay between that loses packets."""

import contextlib
import os
import random
import re
import shutil
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import free_port, listens, process, wait_for

PUBLISH = """
import random, sys, time, av
url, spoil, *paths = sys.argv[1:]
entropy, spoil = random.Random(5), float(spoil)
with av.open(paths[0]) as first, av.open(url, "w", format="rtsp", options={"rtsp_transport": "udp"}) as out:
    stream = out.add_stream_from_template(first.streams.video[0])
    began, offset, turn = time.monotonic(), 0, 0
    while True:
        with av.open(paths[turn % len(paths)]) as film:
            for packet in film.demux(video=0):
                if packet.dts is None:
                    continue
                pts, dts = packet.pts + offset, packet.dts + offset
                end, base = dts + packet.duration, packet.time_base
                if entropy.random() < spoil and not packet.is_keyframe:
                    data = bytearray(bytes(packet))
                    for _ in range(6):
                        data[entropy.randrange(8, len(data))] = entropy.randrange(256)
                    packet, fine = av.Packet(bytes(data)), packet
                    packet.time_base, packet.duration = fine.time_base, fine.duration
                packet.pts, packet.dts = pts, dts
                time.sleep(max(0.0, began + float(dts * base) - time.monotonic()))
                packet.stream = stream
                out.mux(packet)
        offset, turn = end, turn + 1
"""
"""Sends films one after the other, again and again, as one stream; `spoil` is the share of its packets that it damages."""


SERVE = "BEGIN { require RTSP::Server; $RTSP::Server::RTP_START_PORT = shift @ARGV } do shift @ARGV; die $@ if $@"
"""The server goes back to this variable whenever nobody sends to it, whatever it was started with: to port 20000, for which
servers of tests beside this one would then fight."""


@contextmanager
def rtsp_server(folder: Path) -> Iterator[tuple[str, str]]:
    """Debian's RTSP server in Perl: the URL that viewers call, and the one that films are sent to."""
    script = shutil.which("rtsp-server-perl")
    if script is None:
        pytest.skip("rtsp-server-perl is not installed: apt-get install rtsp-server-perl")
    viewers, sources = free_port(), free_port()
    here = ["--client_listen_address", "127.0.0.1", "--source_listen_address", "127.0.0.1"]
    media = str(20_000 + os.getpid() % 4000 * 10)
    ports = ["--clientport", str(viewers), "--serverport", str(sources), "--rtp_start_port", media]
    with process(["perl", "-e", SERVE, media, script, *ports, *here, "-l", "1"], folder / "rtsp.log"):
        wait_for(lambda: listens(viewers) and listens(sources), "the RTSP server")
        yield f"rtsp://127.0.0.1:{viewers}/cam", f"rtsp://127.0.0.1:{sources}/cam"


def publish(sources: str, *films: Path, spoil: float = 0.0) -> list[str]:
    """The command that sends films to the server."""
    return [sys.executable, "-c", PUBLISH, sources, str(spoil), *map(str, films)]


class LossyRelay:
    """Stands between a viewer and an RTSP server over UDP: control passes with ports of its own, `loss` of the packets go."""

    def __init__(self, url: str) -> None:
        self._server = ("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/cam"
        self.loss = 0.0
        self.passed = self.lost = self.calls = 0
        self._links: list[socket.socket] = []
        self._entropy = random.Random(3)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection as a switch that loses its power does."""
        links, self._links = self._links, []
        for link in links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def close(self) -> None:
        """No more."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                viewer, _ = self._listener.accept()
                server = socket.create_connection(self._server)
            except OSError:
                return
            self.calls += 1
            media = _pair()
            _Session(self, viewer, server, media)
            self._links += [viewer, server, *media]

    def drops(self) -> bool:
        """Whether this packet is lost."""
        gone = self._entropy.random() < self.loss
        self.lost += gone
        self.passed += not gone
        return gone


class _Session:
    """One viewer's connection and its two UDP ports."""

    def __init__(self, relay: LossyRelay, viewer: socket.socket, server: socket.socket, media: Sequence[socket.socket]) -> None:
        self._relay = relay
        self._own = [int(one.getsockname()[1]) for one in media]
        self._viewer: list[int] = []
        self._server: list[int] = []
        for target, arguments in (
            (self._control, (viewer, server, rb"client_port=(\d+)-(\d+)", b"client_port=%d-%d", "_viewer")),
            (self._control, (server, viewer, rb"server_port=(\d+)-(\d+)", b"server_port=%d-%d", "_server")),
            (self._media, (media[0], 0)),
            (self._media, (media[1], 1)),
        ):
            threading.Thread(target=target, args=arguments, daemon=True).start()

    def _control(self, source: socket.socket, sink: socket.socket, pattern: bytes, form: bytes, whose: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if found := re.search(pattern, data):
                    setattr(self, whose, [int(found[1]), int(found[2])])
                    data = re.sub(pattern, form % tuple(self._own), data)
                if whose == "_server":
                    own = tuple(self._own)
                    data = re.sub(rb"client_port=\d+-\d+", b"client_port=%d-%d" % tuple(self._viewer or own), data)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def _media(self, media: socket.socket, which: int) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, sender = media.recvfrom(65_536)
                if sender is None:
                    return  # it was shut down
                port = sender[1]
                if self._server and port == self._server[which]:
                    if self._viewer and not (which == 0 and self._relay.drops()):
                        media.sendto(data, ("127.0.0.1", self._viewer[which]))
                elif self._server:
                    media.sendto(data, ("127.0.0.1", self._server[which]))


def _pair() -> list[socket.socket]:
    """Two UDP sockets on neighbouring ports, the first even."""
    while True:
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                second.bind(("127.0.0.1", port + 1))
                return [first, second]
        except OSError:
            pass
        first.close()
        second.close()
