"""paho alone: publishes the lines of a file with QoS 1 from memory, so many in flight; prints messages a second.

What a program that holds no data could reach with the library under the uplink: no disk, no order after refusals, no lanes.
use: bare_paho.py PORT TOPIC FILE WINDOW
"""

import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion


def main() -> int:
    """Publish everything, wait for the last PUBACK."""
    port, topic, file, window = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    lines = file.read_bytes().splitlines()
    client = paho.Client(CallbackAPIVersion.VERSION2, "bare", protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(0)
    client.max_queued_messages_set(0)
    room, connected = threading.Semaphore(window), threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.on_publish = lambda *_: room.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not connected.wait(10):
        return 1
    begun = time.perf_counter()
    for line in lines:
        room.acquire()
        client.publish(topic, line, qos=1)
    for _ in range(window):
        room.acquire()
    print(len(lines) / (time.perf_counter() - begun))
    client.disconnect()
    client.loop_stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
