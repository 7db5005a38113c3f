"""Every bound of the product in one place; the relations between them are asserted by tests/unit/core/test_limits.py.

A room takes its bounds from here and gives none of its own.
"""

from typing import Final

# Modbus (MODBUS Application Protocol V1.1b3, 6.1-6.6; MODBUS Messaging on TCP/IP V1.0b, 3.1)
MODBUS_MAX_READ_REGISTERS: Final = 125
MODBUS_MAX_READ_BITS: Final = 2000
MODBUS_MAX_WRITE_REGISTERS: Final = 123
MODBUS_MAX_PDU_BYTES: Final = 253
MBAP_MAX_ADU_BYTES: Final = 260
RTU_MAX_ADU_BYTES: Final = 256

# Buses
BUS_QUEUE_REQUESTS: Final = 1024
BUS_MAX_OUTSTANDING: Final = 16
BUS_RECEIVE_BYTES: Final = 4096
BUS_RECONNECT_MIN_S: Final = 0.2
BUS_RECONNECT_MAX_S: Final = 30.0
PROBE_FIRST_S: Final = 0.5
PROBE_STEP_S: Final = 0.5
PROBE_LINEAR_MAX_S: Final = 10.0
PROBE_MAX_S: Final = 300.0

# Store
GROUP_MAX_ROWS: Final = 1000
GROUP_TELEMETRY_WAIT_S: Final = 0.2
GROUP_TELEMETRY_ROWS: Final = 100
PENDING_ITEMS: Final = 20_000
ITEM_MAX_BYTES: Final = 32 * 1024
OUTBOX_MAX_BYTES_DEFAULT: Final = 512 * 1024 * 1024
OUTBOX_MAX_ROWS_DEFAULT: Final = 10_000_000
WAL_MAX_BYTES: Final = 16 * 1024 * 1024

# Uplink
MESSAGE_MAX_BYTES: Final = 64 * 1024
BATCH_MAX_ITEMS: Final = 100
WINDOW_MAX_MESSAGES: Final = 100
ACK_TIMEOUT_S: Final = 15.0
KEEPALIVE_S: Final = 30
WILL_DELAY_S: Final = 30
RECONNECT_MIN_S: Final = 1.0
RECONNECT_MAX_S: Final = 60.0
LIVE_WITHIN_MS: Final = 60_000
SYNC_LOOK_S: Final = 5.0

# Control socket
CONTROL_MAX_CONNECTIONS: Final = 32
CONTROL_LINE_BYTES: Final = 64 * 1024
CONTROL_ANSWER_BYTES: Final = 16 * 1024 * 1024
CONTROL_IDLE_S: Final = 60.0

# Configuration
CONFIG_MAX_BYTES: Final = 4 * 1024 * 1024
MAX_BUSES: Final = 64
MAX_DEVICES: Final = 2000
MAX_POINTS_PER_DEVICE: Final = 2000
MIN_PERIOD_MS: Final = 50

# Daemon
STOP_WITHIN_S: Final = 5.0
RESTART_BACKOFF_MIN_S: Final = 1.0
RESTART_BACKOFF_MAX_S: Final = 60.0
