"""The least that could do the job: pymodbus reads, json, paho publishes. Keeps nothing, checks nothing, survives nothing.

The floor that bench_gateway.py compares the daemon with, on the same slaves and the same broker.
use: bare_gateway.py BROKER_PORT SLAVE_PORT BUSES DEVICES
"""

import asyncio
import json
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import AsyncModbusTcpClient

POINTS = 100


async def poll(client: AsyncModbusTcpClient, broker: mqtt.Client, unit: int, name: str, offset_s: float) -> None:
    """One device, once a second, for ever."""
    loop = asyncio.get_running_loop()
    due_s = loop.time() + offset_s
    while True:
        await asyncio.sleep(due_s - loop.time())
        due_s += 1.0
        answer = await client.read_holding_registers(0, count=POINTS, device_id=unit)
        item = {"device": name, "at": time.time(), "values": {f"p{i}": value for i, value in enumerate(answer.registers)}}
        body = {"seq": 0, "items": [item]}
        broker.publish("edgeguard/v1/bare/g1/telemetry", json.dumps(body), qos=1)


async def main(broker_port: int, slave_port: int, buses: int, devices: int) -> None:
    """Connect everything, then poll."""
    broker = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    broker.connect("127.0.0.1", broker_port)
    broker.loop_start()
    clients = [AsyncModbusTcpClient("127.0.0.1", port=slave_port + bus) for bus in range(buses)]
    await asyncio.gather(*(client.connect() for client in clients))
    await asyncio.gather(*(poll(clients[i % buses], broker, i // buses + 1, f"d{i}", (i * 0.618) % 1.0) for i in range(devices)))


if __name__ == "__main__":
    asyncio.run(main(*(int(argument) for argument in sys.argv[1:5])))
