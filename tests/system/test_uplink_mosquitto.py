"""The uplink against Debian's Mosquitto, read by mosquitto_sub: both versions, TLS and its faults, limits and rights."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import cast

import pytest
from harness import free_port
from structlog.testing import capture_logs
from uplink_rig import QUICK, ROOT, Consumer, Rig, Running, make_rig, until

from edgeguard.cli.examination_links import look_at_broker
from edgeguard.cli.problems import diagnose
from edgeguard.control.views import UplinkView
from edgeguard.core.item import Stream
from edgeguard.core.site import Site, UplinkSpec
from edgeguard.testing.handlers import FakeBuilding
from edgeguard.uplink import Tempo

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (shutil.which("mosquitto") and shutil.which("mosquitto_sub")), reason="needs mosquitto and its clients"),
]

PATIENT = Tempo(connect_within_s=5.0, keepalive_s=10, backoff=QUICK.backoff, sync=QUICK.sync)


@contextlib.asynccontextmanager
async def mosquitto(folder: Path, *lines: str, port: int | None = None) -> AsyncIterator[int]:
    """A broker of its own configuration; a second, plain listener for the subscriber if the first is for TLS."""
    port = port or free_port()
    config = folder / f"mosquitto-{port}.conf"
    user = f"user {os.environ.get('USER', 'root')}" if os.geteuid() == 0 else ""
    config.write_text("\n".join([f"listener {port} 127.0.0.1", *lines, user, ""]))
    process = await asyncio.create_subprocess_exec(
        "mosquitto", "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: _listens(port), what="mosquitto does not listen")
        yield port
    finally:
        process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextlib.asynccontextmanager
async def subscriber(port: int, consumer: Consumer, *options: str) -> AsyncIterator[None]:
    """mosquitto_sub, which knows nothing of us, feeds the consumer; MQTT 5 and no kept session unless `options` say otherwise."""
    await until(lambda: _listens(port), what="the subscriber's port is not there")
    process = await asyncio.create_subprocess_exec(
        *("stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), *(options or ("-V", "5"))),
        *("-q", "1", "-t", "#", "-F", "%t %p", "-d"),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdout is not None
    subscribed = asyncio.Event()

    async def read(lines: asyncio.StreamReader) -> None:
        async for line in lines:
            if line.startswith(b"Subscribed "):
                subscribed.set()
            # What -d says beside the messages, and what was being written when the program was ended.
            if line.startswith((b"Client ", b"Subscribed ")) or not line.endswith(b"\n"):
                continue
            topic, _, payload = line.rstrip(b"\n").partition(b" ")
            consumer.take(topic.decode(), payload)

    reading = asyncio.create_task(read(process.stdout))
    try:
        await until(subscribed.is_set, what="the subscriber did not subscribe")
        yield
    finally:
        # Not asked to end: it disconnects inside its signal handler, and hangs where the signal found it holding a lock.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reading


def fill(rig: Rig, count: int = 1000) -> None:
    rig.put(Stream.TELEMETRY, count, size=200, age_ms=120_000)
    rig.put(Stream.TELEMETRY, count, size=200)
    rig.put(Stream.EVENTS, count)
    rig.put(Stream.ALARMS, count)


def assert_everything(consumer: Consumer, count: int = 1000) -> None:
    consumer.assert_complete(Stream.ALARMS, count)
    consumer.assert_complete(Stream.EVENTS, count)
    consumer.assert_complete(Stream.TELEMETRY, 2 * count)
    consumer.assert_in_order()


@pytest.mark.parametrize("protocol", ["auto", "5", "3.1.1"])
async def test_everything_arrives_in_order_in_both_versions(tmp_path: Path, protocol: str) -> None:
    consumer = Consumer()
    async with mosquitto(tmp_path, "allow_anonymous true") as port, subscriber(port, consumer):
        rig = make_rig(port, PATIENT, protocol=protocol)
        fill(rig)
        async with Running(rig):
            await until(lambda: rig.drained)
            assert rig.uplink.view.protocol == ("3.1.1" if protocol == "3.1.1" else "5")
        await until(lambda: len(consumer.content) == 4000 and len(consumer.statuses) == 2)
    assert_everything(consumer)
    assert consumer.duplicates == 0
    assert consumer.statuses == [True, False]


async def test_a_broker_that_restarts_gets_everything(tmp_path: Path) -> None:
    """The first broker is shut down with messages in flight; what it took counts, what it did not comes again."""
    consumer = Consumer()
    port = free_port()
    rig = make_rig(port, PATIENT)
    async with Running(rig):
        for _ in range(3):
            fill(rig, 500)
            async with mosquitto(tmp_path, "allow_anonymous true", port=port), subscriber(port, consumer):
                await until(lambda: rig.uplink.view.state == "online")
                await asyncio.sleep(0.15)
        async with mosquitto(tmp_path, "allow_anonymous true", port=port), subscriber(port, consumer):
            await until(lambda: rig.drained)
            await asyncio.sleep(0.3)
    # The subscriber dies with its broker, so only what the broker acknowledged and then delivered can be counted here.
    assert rig.outbox.dead == []
    assert rig.uplink.view.reconnects >= 1


async def test_a_payload_over_the_broker_limit_is_parked(tmp_path: Path) -> None:
    """Mosquitto answers with PUBACK 0x95, a code that paho itself holds to be malformed."""
    consumer = Consumer()
    async with mosquitto(tmp_path, "allow_anonymous true", "message_size_limit 3000") as port, subscriber(port, consumer):
        rig = make_rig(port, PATIENT)
        rig.put(Stream.EVENTS, 50)
        rig.put(Stream.EVENTS, 1, size=5000)
        rig.put(Stream.EVENTS, 50)
        async with Running(rig):
            await until(lambda: rig.drained)
        await until(lambda: len(consumer.content) == 100)
    consumer.assert_complete(Stream.EVENTS, 101, but={51})
    assert [row.seq for row, _ in rig.outbox.dead] == [51]


async def test_the_broker_s_packet_limit_is_kept(tmp_path: Path) -> None:
    consumer = Consumer()
    async with mosquitto(tmp_path, "allow_anonymous true", "max_packet_size 4000") as port, subscriber(port, consumer):
        rig = make_rig(port, PATIENT)
        fill(rig, 300)
        async with Running(rig):
            await until(lambda: rig.drained)
        await until(lambda: len(consumer.content) == 1200)
    assert_everything(consumer, 300)
    assert max(consumer.sizes) < 4000
    assert rig.codes() == []


async def test_a_missing_right_blocks_one_stream_only(tmp_path: Path) -> None:
    rights = tmp_path / "acl"
    rights.write_text(f"topic readwrite {ROOT}/#\ntopic deny {ROOT}/events\n")
    async with mosquitto(tmp_path, "allow_anonymous true", f"acl_file {rights}") as port:
        rig = make_rig(port, PATIENT)
        fill(rig, 200)
        async with Running(rig):
            await until(lambda: not rig.open_rows(Stream.TELEMETRY) and not rig.open_rows(Stream.ALARMS))
            await until(lambda: "stream-refused" in rig.codes())
            assert rig.open_rows(Stream.EVENTS) == 200
            assert rig.outbox.dead == []


async def test_a_wrong_password_is_named(tmp_path: Path) -> None:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "b07", "right"], check=True)
    users.chmod(0o644)
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    async with mosquitto(tmp_path, "allow_anonymous false", f"password_file {users}") as port:
        rig = make_rig(port, PATIENT, username="b07", password_file=PurePath(secret))
        rig.put(Stream.ALARMS, 3)
        async with Running(rig):
            await until(lambda: "connect-refused" in rig.codes())
            assert "not authorised" in rig.uplink.view.error or "bad user name" in rig.uplink.view.error
            secret.write_text("right\n")
            await until(lambda: rig.drained)


# -- TLS ---------------------------------------------------------------------------------------------------------------


class Authority:
    """A CA in a folder, by the openssl command."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        self._run("req", "-x509", *self._new_key(self._key), "-days", "30", "-subj", f"/CN={name}", "-out", str(self.certificate))

    def issue(self, name: str, alt_name: str = "IP:127.0.0.1", days: str = "30") -> tuple[Path, Path]:
        """A certificate and its key."""
        request, certificate, key = (self.folder / f"{self.name}-{name}.{end}" for end in ("csr", "pem", "key"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alt_name}\n")
        self._run("req", *self._new_key(key), "-subj", f"/CN={name}", "-out", str(request))
        signing = ("-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial", "-extfile", str(extensions))
        self._run("x509", "-req", "-in", str(request), *signing, "-days", days, "-out", str(certificate))
        return certificate, key

    @staticmethod
    def _new_key(path: Path) -> tuple[str, ...]:
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path))

    @staticmethod
    def _run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "good-ca")


def _tls_lines(authority: Authority, certificate: Path, key: Path, *more: str) -> tuple[str, ...]:
    files = (f"cafile {authority.certificate}", f"certfile {certificate}", f"keyfile {key}")
    return ("allow_anonymous true", *files, *more)


async def test_tls_with_our_own_ca_carries_everything(tmp_path: Path, authority: Authority) -> None:
    consumer = Consumer()
    plain = free_port()
    lines = (*_tls_lines(authority, *authority.issue("broker")), f"listener {plain} 127.0.0.1")
    async with mosquitto(tmp_path, *lines) as port, subscriber(plain, consumer):
        rig = make_rig(port, PATIENT, tls=True, ca=PurePath(authority.certificate))
        fill(rig)
        async with Running(rig):
            await until(lambda: rig.drained)
        await until(lambda: len(consumer.content) == 4000)
    assert_everything(consumer)
    assert consumer.duplicates == 0


@pytest.mark.parametrize("maximum", ["tlsv1.2", "tlsv1.3"])
async def test_a_client_certificate_is_shown_when_asked_for(tmp_path: Path, authority: Authority, maximum: str) -> None:
    server = authority.issue("broker")
    certificate, key = authority.issue("b07", "DNS:b07")
    key.chmod(0o600)
    async with mosquitto(tmp_path, *_tls_lines(authority, *server, "require_certificate true", f"tls_version {maximum}")) as port:
        ca = PurePath(authority.certificate)
        rig = make_rig(port, PATIENT, tls=True, ca=ca, certificate=PurePath(certificate), key=PurePath(key))
        rig.put(Stream.ALARMS, 5)
        async with Running(rig):
            await until(lambda: rig.drained)
        await _refused(port, authority, "certificate-required")
        stranger = Authority(tmp_path, "strange-ca").issue("b07", "DNS:b07")
        stranger[1].chmod(0o600)
        foreign = make_rig(port, PATIENT, tls=True, ca=ca, certificate=PurePath(stranger[0]), key=PurePath(stranger[1]))
        async with Running(foreign):
            await until(lambda: "certificate-refused" in foreign.codes(), what=str(foreign.news))
        old = authority.issue("b07-old", "DNS:b07", days="-1")
        old[1].chmod(0o600)
        late = make_rig(port, PATIENT, tls=True, ca=ca, certificate=PurePath(old[0]), key=PurePath(old[1]))
        async with Running(late):
            await until(lambda: "certificate-expired" in late.codes(), what=str(late.news))


async def test_a_key_with_a_password_is_named_and_nobody_is_asked_for_it(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("b07", "DNS:b07")
    locked = tmp_path / "locked.key"
    made = ("pkey", "-in", str(key), "-aes256", "-passout", "pass:unknown", "-out", str(locked))
    subprocess.run(["openssl", *made], check=True, capture_output=True)
    locked.chmod(0o600)
    async with mosquitto(tmp_path, *_tls_lines(authority, *authority.issue("broker"), "require_certificate true")) as port:
        ca = PurePath(authority.certificate)
        rig = make_rig(port, PATIENT, tls=True, ca=ca, certificate=PurePath(certificate), key=PurePath(locked))
        async with Running(rig):
            await until(lambda: "key-encrypted" in rig.codes(), what=str(rig.news))


async def test_a_server_certificate_of_another_ca_is_refused(tmp_path: Path, authority: Authority) -> None:
    other = Authority(tmp_path, "other-ca")
    async with mosquitto(tmp_path, *_tls_lines(other, *other.issue("broker"))) as port:
        await _refused(port, authority, "server-certificate-issuer")


async def test_a_server_certificate_for_another_host_is_refused(tmp_path: Path, authority: Authority) -> None:
    async with mosquitto(tmp_path, *_tls_lines(authority, *authority.issue("elsewhere", "DNS:elsewhere.example"))) as port:
        await _refused(port, authority, "server-certificate-host")


async def test_an_expired_server_certificate_is_refused(tmp_path: Path, authority: Authority) -> None:
    async with mosquitto(tmp_path, *_tls_lines(authority, *authority.issue("old", days="-1"))) as port:
        await _refused(port, authority, "server-certificate-expired")


async def test_a_plain_port_is_named_as_such(tmp_path: Path, authority: Authority) -> None:
    async with mosquitto(tmp_path, "allow_anonymous true") as port:
        rig = make_rig(port, PATIENT, tls=True, ca=PurePath(authority.certificate))
        async with Running(rig):
            await until(lambda: rig.news)
            assert rig.uplink.view.state != "online"


async def test_tls_1_1_is_refused(tmp_path: Path, authority: Authority) -> None:
    """openssl s_server, since Mosquitto itself offers nothing below 1.2."""
    certificate, key = authority.issue("broker")
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        *("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(certificate), "-key", str(key)),
        *("-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: _listens(port))
        await _refused(port, authority, "tls-too-old")
    finally:
        server.terminate()
        await server.wait()


SENTENCES = {
    "server-certificate-expired": ("平台证书已过期", "the broker's certificate has expired", "联系平台方更新证书"),
    "server-certificate-host": (
        "平台证书不属于 127.0.0.1",
        "the broker's certificate is not for 127.0.0.1",
        "uplink.url 应使用证书上的名字",
    ),
    "server-certificate-issuer": (
        "平台证书不是由所配置的 CA 签发",
        "the broker's certificate is not signed by the configured CA",
        "向平台方索取正确的 CA 文件(uplink.ca)",
    ),
    "tls-too-old": (
        "平台的 TLS 版本过低,至少需要 1.2",
        "the broker's TLS is too old, 1.2 at least is needed",
        "平台须支持 TLS 1.2 以上;端口是否正确(8883)",
    ),
    "certificate-required": (
        "平台要求客户端证书",
        "the broker asks for a client certificate",
        "检查 uplink.certificate 与 uplink.key 是否由平台签发",
    ),
}


async def _refused(port: int, authority: Authority, code: str) -> None:
    """The uplink does not connect and sends nothing; the cause stands in words in health event, log, `status` and `doctor`."""
    zh, en, fix_zh = SENTENCES[code]
    rig = make_rig(port, PATIENT, tls=True, ca=PurePath(authority.certificate))
    rig.put(Stream.ALARMS, 1)
    with capture_logs() as logged:
        async with Running(rig):
            await until(lambda: code in rig.codes(), what=f"{code} not in {rig.news}")
            state = rig.uplink.view
            assert rig.open_rows(Stream.ALARMS) == 1
    told = next(health.text for health in rig.news if health.code == code)
    assert (told.zh, told.en) == (zh, en)
    assert any(line["event"] == "uplink.disconnected" and line["cause"].startswith(en) for line in logged), logged
    building = FakeBuilding(lambda: 0.0).top()
    status = replace(building.status, uplink=UplinkView(**asdict(state)))
    problem = next(one for one in diagnose(status, (), (), building.outbox, datetime.now(UTC)) if one.code == "uplink")
    assert zh in problem.text.zh
    assert en in problem.text.en
    spec = UplinkSpec("127.0.0.1", port, tls=True, ca=PurePath(authority.certificate))
    finding, _ = await asyncio.to_thread(look_at_broker, cast(Site, SimpleNamespace(site="lakeside", gateway="b07", uplink=spec)))
    assert finding.code == code
    assert zh in finding.text.zh
    assert en in finding.text.en
    assert finding.fix is not None
    assert finding.fix.zh == fix_zh


async def test_a_port_of_the_other_kind_is_told_as_that(tmp_path: Path, authority: Authority) -> None:
    """TLS towards a port for plain MQTT, and the other way round: the mistake that is made most often."""
    ca = PurePath(authority.certificate)
    for lines, tls, words in (
        (("allow_anonymous true",), True, "is this its TLS port?"),
        (_tls_lines(authority, *authority.issue("broker")), False, "does it want TLS there (mqtts://)?"),
    ):
        async with mosquitto(tmp_path, *lines) as port:
            spec = UplinkSpec("127.0.0.1", port, tls=tls, ca=ca if tls else None)
            site = cast(Site, SimpleNamespace(site="lakeside", gateway="b07", uplink=spec))
            finding, _ = await asyncio.to_thread(look_at_broker, site)
        assert words in finding.text.en
        assert finding.fix is not None
        assert "8883" in finding.fix.en


async def test_renewed_certificates_are_used_without_a_restart_and_half_written_ones_are_not(
    tmp_path: Path, authority: Authority
) -> None:
    certificate, key = authority.issue("b07-old", "DNS:b07")
    key.chmod(0o600)
    tempo = replace(PATIENT, credentials_s=0.2)
    lines = _tls_lines(authority, *authority.issue("broker"), "require_certificate true")
    async with mosquitto(tmp_path, *lines) as port:
        ca = PurePath(authority.certificate)
        rig = make_rig(port, tempo, tls=True, ca=ca, certificate=PurePath(certificate), key=PurePath(key))
        async with Running(rig):
            await until(lambda: rig.uplink.view.state == "online")
            shown = rig.uplink.broker_certificate
            assert shown is not None
            assert (shown.name, shown.not_after_ms > rig.clock.now().wall_ms) == ("broker", True)
            fresh, fresh_key = authority.issue("b07-new", "DNS:b07")
            certificate.write_bytes(fresh.read_bytes())
            await until(lambda: "certificate-invalid" in rig.codes(), what=str(rig.news))
            assert rig.uplink.view.reconnects == 0
            key.write_bytes(fresh_key.read_bytes())
            await until(lambda: rig.uplink.view.reconnects == 1 and rig.uplink.view.state == "online", what=str(rig.news))
            rig.put(Stream.ALARMS, 3)
            await until(lambda: rig.drained)
        assert rig.codes() == ["certificate-invalid"]


async def test_renewed_certificates_that_would_cut_us_off_are_told_and_not_used(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> None:
    """As readable as right ones: a bundle of another authority, and a client certificate of one that the broker does not know."""
    stranger = Authority(tmp_path_factory.mktemp("other-ca"), "other-ca")
    certificate, key = authority.issue("b07-kept", "DNS:b07")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.certificate.read_bytes())
    good = [(path, path.read_bytes()) for path in (ca, certificate, key)]
    key.chmod(0o600)
    lines = _tls_lines(authority, *authority.issue("broker-3"), "require_certificate true")
    async with mosquitto(tmp_path, *lines) as port:
        tempo = replace(PATIENT, credentials_s=0.2)
        rig = make_rig(port, tempo, tls=True, ca=PurePath(ca), certificate=PurePath(certificate), key=PurePath(key))
        async with Running(rig):
            await until(lambda: rig.uplink.view.state == "online")
            ca.write_bytes(stranger.certificate.read_bytes())
            await until(lambda: "server-certificate-issuer" in rig.codes(), what=str(rig.news))
            ca.write_bytes(good[0][1])
            await until(lambda: rig.uplink.view.reconnects == 1 and rig.uplink.view.state == "online", what=str(rig.news))
            fresh, fresh_key = stranger.issue("b07-strange", "DNS:b07")
            certificate.write_bytes(fresh.read_bytes() + good[1][1])
            key.write_bytes(fresh_key.read_bytes())
            await until(lambda: "certificate-refused" in rig.codes(), what=str(rig.news))
            rig.put(Stream.ALARMS, 3)
            await until(lambda: rig.drained)
            assert (rig.uplink.view.reconnects, rig.uplink.view.state) == (1, "online")
            ca.write_bytes(authority.certificate.read_bytes() + stranger.certificate.read_bytes())
            for path, content in good[1:]:
                path.write_bytes(content)
            await until(lambda: rig.uplink.view.reconnects >= 2 and rig.uplink.view.state == "online", what=str(rig.news))
        told = next(health.text for health in rig.news if health.code == "certificate-refused")
    assert told.en.endswith("the new files are not used, and the session goes on with those of before")
    assert set(rig.codes()) <= {"server-certificate-issuer", "certificate-refused", "certificate-invalid"}
