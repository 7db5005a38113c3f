"""Modbus/TCP Security between our bus and a server with real certificates: who is believed, and what is said to whom who is not."""

import asyncio
import random
import ssl
import subprocess
from pathlib import Path

import pytest

from edgeguard.bus import Bus, ExchangeFailed, Request, open_bus
from edgeguard.codec.modbus import read_request
from edgeguard.core.ids import BusName
from edgeguard.core.register import Table
from edgeguard.core.site import BusSpec, TlsSpec, Wire

pytestmark = pytest.mark.slow
READ = read_request(Table.HOLDING, 0, 1)
EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def authority(folder: Path, name: str) -> Path:
    openssl("req", "-x509", *EC, "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
    return folder / f"{name}.pem"


def certificate(folder: Path, name: str, ca: Path) -> Path:
    made = folder / f"{name}.pem"
    openssl(
        *("req", "-x509", *EC, "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-CA", ca),
        *("-CAkey", ca.with_suffix(".key"), "-keyout", made.with_suffix(".key"), "-out", made),
    )
    return made


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    ours = authority(folder, "ours")
    authority(folder, "others")
    for name in ("localhost", "elsewhere", "gateway"):
        certificate(folder, name, ours)
    return folder


async def serve(papers: Path, name: str, mutual: bool) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while adu := await reader.read(260):
            writer.write(adu[:4] + b"\0\5" + adu[6:7] + b"\3\2\0\x2a")
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers / f"{name}.pem", papers / f"{name}.key")
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(papers / "ours.pem")
    return await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)


def bus_to(server: asyncio.Server, tls: TlsSpec) -> Bus:
    port = server.sockets[0].getsockname()[1]
    return open_bus(BusSpec(BusName("b"), Wire.TLS, "localhost", port, tls=tls), random.Random(1), lambda _: ("127.0.0.1",))


async def outcome(server: asyncio.Server, tls: TlsSpec, within_s: float = 30.0) -> bytes | str:
    bus = bus_to(server, tls)
    task = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(60.0):
            while not bus.stats.reconnects and not bus.stats.error and bus.stats.connected_s is None:
                await asyncio.sleep(0.01)
            return await bus.exchange(Request(1, READ, within_s))
    except ExchangeFailed as failed:
        return str(failed) + bus.stats.error
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()


async def test_both_ends_prove_themselves(papers: Path) -> None:
    own = TlsSpec(papers / "ours.pem", papers / "gateway.pem", papers / "gateway.key")
    assert await outcome(await serve(papers, "localhost", mutual=True), own) == b"\3\2\0\x2a"
    assert await outcome(await serve(papers, "localhost", mutual=False), TlsSpec(papers / "ours.pem")) == b"\3\2\0\x2a"


@pytest.mark.parametrize(
    ("name", "tls", "words"),
    [
        ("localhost", TlsSpec(Path("others.pem")), "the certificate of localhost is not accepted: "),
        ("localhost", TlsSpec(), "the certificate of localhost is not accepted: "),
        ("elsewhere", TlsSpec(Path("ours.pem")), "is not accepted: Hostname mismatch"),
        ("localhost", TlsSpec(Path("none.pem")), "cannot be read: No such file"),
        ("localhost", TlsSpec(Path("ours.key")), "CA file "),
        ("localhost", TlsSpec(Path("ours.pem"), Path("gateway.pem"), Path("others.key")), "is not valid: key values mismatch"),
    ],
)
async def test_who_is_not_believed_is_told_apart(papers: Path, name: str, tls: TlsSpec, words: str) -> None:
    def placed(path: object) -> Path | None:
        return papers / str(path) if path else None

    spec = TlsSpec(placed(tls.ca), placed(tls.certificate), placed(tls.key))
    told = await outcome(await serve(papers, name, mutual=False), spec, 0.2)
    assert isinstance(told, str)
    assert words in told


async def test_a_server_that_wants_a_certificate_gets_no_requests_without(papers: Path) -> None:
    told = await outcome(await serve(papers, "localhost", mutual=True), TlsSpec(papers / "ours.pem"))
    assert isinstance(told, str)
    assert "certificate required" in told.lower().replace("_", " ") or "no-connection" in told
