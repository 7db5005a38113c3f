"""The embedded broker against clients not written by us: mosquitto_pub and mosquitto_sub, and paho; and against rude bytes."""

import asyncio
import random
import shutil

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from uplink_rig import until

from edgeguard.simulator import broker_packet as mqtt
from edgeguard.simulator.broker import Broker
from edgeguard.simulator.broker_faults import Faults

pytestmark = pytest.mark.slow
needs_clients = pytest.mark.skipif(not shutil.which("mosquitto_sub"), reason="needs mosquitto-clients")


async def run_client(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode()


def subscriptions(broker: Broker) -> int:
    return sum(len(client._subscriptions) for client in broker._clients.values())


def at(broker: Broker, version: str) -> tuple[str, ...]:
    return ("-h", "127.0.0.1", "-p", str(broker.port), "-V", version)


@needs_clients
@pytest.mark.parametrize("version", ["mqttv5", "mqttv311"])
@pytest.mark.parametrize("qos", ["0", "1"])
async def test_what_mosquitto_pub_says_mosquitto_sub_hears(version: str, qos: str) -> None:
    async with Broker() as broker:
        listening = asyncio.create_task(
            run_client("mosquitto_sub", *at(broker, version), "-q", qos, "-t", "a/+/c", "-t", "b/#", "-C", "3", "-v")
        )
        await until(lambda: subscriptions(broker) == 2)
        for topic in ("a/b/c", "a/b/d", "b", "b/x/y"):
            code, out = await run_client("mosquitto_pub", *at(broker, version), "-q", qos, "-t", topic, "-m", f"to {topic}")
            assert (code, out) == (0, "")
        code, out = await listening
        assert (code, out.splitlines()) == (0, ["a/b/c to a/b/c", "b to b", "b/x/y to b/x/y"])


@needs_clients
@pytest.mark.parametrize("version", ["mqttv5", "mqttv311"])
async def test_retained_messages_and_wills_reach_mosquitto_sub(version: str) -> None:
    async with Broker() as broker:
        await run_client("mosquitto_pub", *at(broker, version), "-q", "1", "-r", "-t", "kept", "-m", "old")
        code, out = await run_client("mosquitto_sub", *at(broker, version), "-t", "kept", "-C", "1", "-F", "%r %p")
        assert (code, out.strip()) == (0, "1 old")
        await run_client("mosquitto_pub", *at(broker, version), "-q", "1", "-r", "-t", "kept", "-n")
        assert broker.retained == {}
        dying = await asyncio.create_subprocess_exec(
            *("mosquitto_sub", *at(broker, version), "-t", "x", "--will-topic", "gone", "--will-payload", "bye", "--will-retain")
        )
        await until(lambda: broker.clients)
        dying.kill()
        await dying.wait()
        await until(lambda: broker.retained.get("gone") == b"bye")


@needs_clients
async def test_refused_connects_are_told_in_both_versions() -> None:
    async with Broker(faults=Faults(refuse_connect=0x87)) as broker:
        code, out = await run_client("mosquitto_pub", *at(broker, "mqttv5"), "-t", "a", "-m", "x")
        assert code != 0
        assert "authori" in out.lower()


@pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311])
async def test_a_paho_client_gets_a_thousand_messages_in_order(version: MQTTProtocolVersion) -> None:
    """Subscriber with a small Receive Maximum is paho's default of 20 in flight; the broker's queue holds the rest."""
    got: list[bytes] = []
    async with Broker() as broker:
        client = paho.Client(CallbackAPIVersion.VERSION2, "listener", protocol=version)
        client.on_message = lambda _client, _data, message: got.append(bytes(message.payload))
        await asyncio.to_thread(client.connect, "127.0.0.1", broker.port)
        client.loop_start()
        await until(client.is_connected)
        client.subscribe("n/#", qos=1)
        await until(lambda: subscriptions(broker) == 1)
        for number in range(1000):
            broker.publish("n/x", str(number).encode())
        await until(lambda: len(got) == 1000)
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
    assert got == [str(number).encode() for number in range(1000)]


async def test_a_second_client_of_the_same_name_throws_the_first_out() -> None:
    async with Broker() as broker:
        first = await _connect(broker, "same")
        second = await _connect(broker, "same")
        assert (await first[0].read(100))[0] >> 4 == mqtt.Kind.DISCONNECT
        assert broker.clients == ("same",)
        second[1].close()


async def test_a_silent_client_is_dropped_after_its_keep_alive() -> None:
    async with Broker() as broker:
        reader, _ = await _connect(broker, "mute", keepalive_s=1)
        assert await asyncio.wait_for(reader.read(100), 60) == b""
        assert broker.clients == ()


async def test_random_bytes_never_hurt_the_others() -> None:
    entropy = random.Random(5)
    async with Broker() as broker:
        _, steady = await _connect(broker, "steady")
        for attempt in range(150):
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            if attempt % 2:
                writer.write(_connect_bytes(f"rude-{attempt}"))
            writer.write(entropy.randbytes(entropy.randrange(1, 200)))
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 60)
            writer.close()
        assert "steady" in broker.clients
        steady.write(b"\xc0\x00")
        code = await run_nothing(broker)
        assert code == ("steady",)


async def run_nothing(broker: Broker) -> tuple[str, ...]:
    """Let the broker finish with everybody who left."""
    await until(lambda: len(broker.clients) == 1)
    return broker.clients


async def test_too_many_clients_are_turned_away_and_the_rest_served() -> None:
    async with Broker() as broker:
        links = [await asyncio.open_connection("127.0.0.1", broker.port) for _ in range(100)]

        def closed() -> int:
            return sum(reader.at_eof() or reader.exception() is not None for reader, _ in links)

        await until(lambda: closed() >= 100 - 64)
        await asyncio.sleep(0.1)
        assert closed() == 100 - 64
        for _, writer in links:
            writer.close()


def _connect_bytes(client_id: str, keepalive_s: int = 30) -> bytes:
    name = client_id.encode()
    body = b"\x00\x04MQTT\x05\x02" + keepalive_s.to_bytes(2, "big") + b"\x00" + len(name).to_bytes(2, "big") + name
    return b"\x10" + mqtt.encode_varint(len(body)) + body


async def _connect(broker: Broker, name: str, keepalive_s: int = 30) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
    writer.write(_connect_bytes(name, keepalive_s))
    assert (await reader.read(100))[0] >> 4 == mqtt.Kind.CONNACK
    return reader, writer
