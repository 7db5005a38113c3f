"""Every bound of the product in one place; the relations between them are asserted by tests/unit/core/test_limits.py.

A room takes its bounds from here and gives none of its own. What is done to the outbox as a whole: outbox_limits.py.
"""

from typing import Final

# Modbus (MODBUS Application Protocol V1.1b3, 6.1-6.6; MODBUS Messaging on TCP/IP V1.0b, 3.1)
MODBUS_MAX_READ_REGISTERS: Final = 125
MODBUS_MAX_READ_BITS: Final = 2000
MODBUS_MAX_WRITE_REGISTERS: Final = 123
MODBUS_MAX_PDU_BYTES: Final = 253
MBAP_MAX_ADU_BYTES: Final = 260
RTU_MAX_ADU_BYTES: Final = 256
ASCII_MAX_FRAME_BYTES: Final = 513

# Meters (DL/T 645-2007, 5.2; CJ/T 188-2004, 5)
DLT645_MAX_DATA_BYTES: Final = 200
CJT188_MAX_DATA_BYTES: Final = 100
METER_FRAME_BYTES: Final = 13 + 255
"""The longest frame that a length byte can announce, with the envelope of CJ/T 188, which is the longer one."""
METER_KEPT_BYTES: Final = 2 * METER_FRAME_BYTES
"""Bytes not yet understood that a framing keeps: room for an echo and an answer."""
METER_QUIET_S: Final = 0.2
METER_LAYOUT_ITEMS: Final = 64
DLT645_MAX_ASSEMBLED_BYTES: Final = 4096
METER_READ_BACK_S: Final = 30.0
"""How long a valve or relay is watched after a command; a motor valve takes its time."""
METER_COMMAND_S: Final = 300.0
"""How long a relay command stays valid, for meters whose clock is a little off."""
METER_CLOCK_OBEYS_S: Final = 300.0
"""DL/T 645: a meter whose clock is further off does not obey a broadcast time."""
METER_CLOCK_NIGHT_S: Final = 300.0
"""No time is broadcast nearer to midnight, when meters change tariff, freeze and settle."""
METER_CLOCK_RIGHT_S: Final = 2.0
"""A clock that tells whole seconds and is read over a line is right within this."""
METER_CLOCK_QUIET_S: Final = 1.0
"""Silence after a broadcast time: meters write, and nobody says when they are done."""
METER_CLOCKS_READ_S: Final = 18.0
"""For reading the clocks of all meters of a bus; twice, with the broadcast between, within a control call."""

# Maintenance hints
HINT_DAY_SAMPLES: Final = 64
"""Measurements of one quantity that are kept of a day; beyond them every second, fourth ... one is."""
HINT_DAYS: Final = 180
"""Days of one quantity that are kept, the gaps between them included."""
HINT_TREND_DAYS: Final = 60
"""Days through which a line is laid: the pairs of them are compared, so that the work grows with the square."""
HINT_ONSET_DAYS: Final = 120
"""Days among which the beginning of a change is looked for."""
HINT_WEAR_DAYS: Final = 42
HINT_MAP_BINS: Final = 24
HINT_GAUGES_PER_DEVICE: Final = 16
HINT_SAMPLE_MS: Final = 60_000
"""A slow quantity is looked at so often."""
HINT_KEEP_MS: Final = 3_600_000
"""What was measured since the last keeping is lost in a crash: at most so much of it."""
HINT_CURVE_POINTS: Final = 32
HINT_SERVICE_CHARS: Final = 500
HINT_SNOOZE_DAYS: Final = 365

# Buses
BUS_QUEUE_REQUESTS: Final = 1024
BUS_MAX_OUTSTANDING: Final = 16
BUS_RECEIVE_BYTES: Final = 4096
BUS_RECONNECT_MIN_S: Final = 0.2
BUS_RECONNECT_MAX_S: Final = 30.0
BUS_SILENT_TIMEOUTS: Final = 3
BUS_JUNK_BYTES: Final = 64 * 1024
BUS_DRAIN_MAX_S: Final = 1.0
RTU_QUIET_S: Final = 0.1
TURNAROUND_S: Final = 0.010
"""How long a serial device is taken to think, as long as nothing is known of it."""
TIMER_SLACK_S: Final = 1e-6
"""A timer may fire so much too early, by rounding; what is due within it is due."""
LATE_ANSWER_MIN_S: Final = 0.5
"""After a time-out on a line without numbers the like is not asked of the same device again for so long, or for its time-out."""
LATE_LEARNED_MAX_S: Final = 3.0
"""Twice the worst response seen of the device counts as well, up to here."""
LATE_KEPT_S: Final = 5.0
"""An answer may come so long after it was given up, or after another master asked for it, and is still known as such."""
LATE_KNOWN_ANSWERS: Final = 8
"""After so many answers that were nobody else's it is taken as known how late a station can be."""
LATE_OWED: Final = 8
"""Requests of one kind to one station whose answers may still come."""
EARLY_SHARE: Final = 0.9
"""An answer of a serial port that comes within this share of the time that its bytes and the request's take cannot be one."""
FOREIGN_ANSWER_S: Final = 0.2
"""How long another master on the line is given to get its answer."""
FOREIGN_YIELD_S: Final = 1.0
"""So long we stand back for one that asks without a pause; then one of ours goes out between."""
BUS_PASSED_OVER: Final = 8
"""Turns that more urgent requests may have before a less urgent one that waits has one."""
BUS_PROBE_SHARE: Final = 0.1
"""The part of a bus's time that waiting for dead devices may take."""
BUS_PROBE_ALONE_S: Final = 60.0
"""After so long without any answer on a bus its probes keep no share: they are in nobody's way."""
BUS_STATIONS_KNOWN: Final = 512
BUS_BYTE_GAP_S: Final = 0.05
"""Bytes of one frame may come so far apart: adapters and network servers deliver them in packets."""
LINE_FRAME_CHARACTERS: Final = 520
"""The longest frame on a serial line: Modbus in ASCII 513, in RTU 256, DL/T 645 and CJ/T 188 below 270."""
LINE_NOISE_BYTES: Final = 3
"""Drivers switching on make so many in front of a frame; nobody's request is so short."""
SERIAL_RECONNECT_MAX_S: Final = 5.0
SERIAL_SILENT_TIMEOUTS: Final = 50
"""Requests without any sign of life before a serial port is opened anew: an adapter may be stuck, but meters may be dead."""
SERIAL_OPEN_S: Final = 10.0
SERIAL_CLOSE_S: Final = 1.0
"""How long a port's closing is waited for; a driver that takes longer goes on by itself."""
SERIAL_SETTLE_S: Final = 0.005
"""Silence after a change of line settings: adapters take them over in their own time."""
PROBE_FIRST_S: Final = 0.5
PROBE_STEP_S: Final = 0.5
PROBE_LINEAR_MAX_S: Final = 10.0
PROBE_MAX_S: Final = 300.0
ROUTINE_SHELF: Final = 64

# Drivers
RESPONSE_WINDOW: Final = 128
PROBE_TIMEOUT_MIN_S: Final = 0.1
PROBE_TIMEOUT_RESPONSES: Final = 4.0
FIRST_LOOK_S: Final = 0.25
FIRST_LOOK_METER_S: Final = 0.6
"""How long a device on a serial line may take to answer when it is asked for the first time ever. Meters: DL/T 645-2007, 5.4."""
FIRST_TRIES: Final = 2
"""One that did not answer its first look is given its whole time-out so often, as a probe, before it is only knocked at."""
KNOCK_SHARE: Final = 0.01
KNOCK_WHOLE_AFTER_S: Final = 250.0
REFUSAL_KEPT_S: Final = 3600.0
GAP_QUICK_S: Final = 0.04
"""A request that goes out so soon after an answer tells whether the device needs a pause, one after GAP_SLOW_S if it lives."""
GAP_SLOW_S: Final = 0.2
GAP_EVIDENCE: Final = 4
"""Requests of either kind before anything is concluded."""
GAP_WINDOW: Final = 64
WRITE_SETTLE_S: Final = 0.5

# Bus monitor
DISSECT_BYTES: Final = 600
"""Longer than any frame (an ASCII frame has 515 bytes, a meter's 268): older bytes that are no frame will never be one."""
DISSECT_GAP_S: Final = 0.1
"""A silence after which the rest of a frame is not expected any more; USB adapters deliver in pieces up to 20 ms apart."""
DECODE_BYTES: Final = 1024
"""Shown at once by `decode`."""
# Discovery
SCAN_MODBUS_PATIENCE_S: Final = 0.1
"""How long a unit may take to begin its answer before the next one is asked; a late one is noticed and asked again."""
SCAN_NETWORK_PATIENCE_S: Final = 0.5
SCAN_METER_PATIENCE_S: Final = 0.6
"""Meters answer within 500 ms (DL/T 645-2007, 5.4)."""
SCAN_METER_SETTLE_S: Final = 0.55
"""Silence before meters are called: bytes of other protocols may look like the beginning of a frame for 500 ms."""
SCAN_SLOW_PATIENCE_S: Final = 1.0
SCAN_READS_PER_DEVICE: Final = 200
SCAN_METER_READS: Final = 12
SCAN_LOOK_READS: Final = 55
SCAN_LOOK_ANSWER_S: Final = 0.02
"""What it takes to identify a Modbus device, for the expected duration only."""
SCAN_NARROWINGS: Final = 400
"""Questions with narrowed wildcards, for one group of meters that answer over each other."""
SCAN_FOUND: Final = 512
SCAN_NOISES: Final = 64
SCAN_SCORES: Final = 5
SCAN_RECONNECTS: Final = 20
SCAN_RECONNECT_S: Final = 0.5
SCAN_KEPT_BYTES: Final = 4096
SCAN_WAIT_S: Final = 2.0
"""How long a question for the progress of a scan waits for news."""
SCAN_LOOK_S: Final = 0.1
SCAN_KEEPS_S: Final = 60.0
"""A scan that nobody asks for its progress any more is stopped after this."""

# Writes and their interlocks
INTERLOCK_MAX_AGE_MS: Final = 5000
"""A value that an interlock builds on may be so old; an older one is read anew before the write."""
INTERLOCK_READ_S: Final = 10.0
"""Reading the values of an interlock anew may take so long, turns on the bus included."""
INTERLOCK_CONDITIONS: Final = 16
CONDITION_CHARS: Final = 200
CONDITION_DEPTH: Final = 8
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
GROUP_MAX_DEVICES: Final = 64
WRITES_PER_HOUR: Final = 120
"""Of one point, unless the site says otherwise: memory cells of devices wear out by writing."""
WRITES_PER_HOUR_MAX: Final = 3600
COMMAND_DETAIL_CHARS: Final = 1000
WRITES_AT_ONCE: Final = 32
"""Points in one command."""
FLIGHT_BYTES: Final = 384 * 1024
"""Per wire; a line at 9600 baud that is never idle fills it in two minutes."""
FLIGHT_S: Final = 600.0
FLIGHT_RECORD_BYTES: Final = 4096
FLIGHT_MERGE_S: Final = 0.05
"""Pieces closer together than this are one record."""
FLIGHT_FROZEN: Final = 8
"""Faults per wire whose frames are kept; a newer one takes the place of the oldest."""
FLIGHT_FROZEN_S: Final = 30.0
FLIGHT_FROZEN_BYTES: Final = 32 * 1024
FLIGHT_QUIET_S: Final = 300.0
"""So long after a fault the same fault of the same wire is not frozen again."""
FLIGHT_EVENT_FRAMES: Final = 40
FLIGHT_EVENT_BYTES: Final = 12 * 1024
"""What goes to the platform with a fault: the latest frames, in this many bytes of JSON at most."""
QUALITY_HOURS: Final = 24
QUALITY_LOOK_S: Final = 5.0
QUALITY_LOOKS: Final = 12
"""Load and rates of a line are those of about the last so many looks at its counters: of a minute."""
TRACE_RECORDS: Final = 2000
"""Given in one answer; the next question fetches the rest."""
TRACE_WAIT_S: Final = 20.0
"""A question for records waits at most so long for the next one."""
TRACE_LOOK_S: Final = 0.1
TRACE_STATIONS: Final = 512
TRACE_POLLS: Final = 64
"""Requests that are counted by themselves, per station."""
LEARNED_FILE_BYTES: Final = 4 * 1024 * 1024
REMEMBER_WITHIN_S: Final = 1.0
LEARNED_KEPT_S: Final = 600.0
"""What devices have taught is written this often at most; a memory card wears."""
STATES_AGAIN_S: Final = 5.0
"""A store that cannot say what rates it remembers is asked again so much later."""
RECORDING_FRAMES: Final = 50_000
RECORDING_FRAME_BYTES: Final = 4096
RECORDING_BYTES: Final = 64 * 1024 * 1024
BURST_FAULTS: Final = 5
BURST_S: Final = 10.0
"""So many spoilt answers within so long are a burst."""
FLOOD_BYTES: Final = 2000
"""So many bytes within BURST_S that belong to no answer are a flood."""

# Store
GROUP_MAX_ROWS: Final = 1000
GROUP_TELEMETRY_WAIT_MS: Final = 200
GROUP_TELEMETRY_ROWS: Final = 100
PENDING_ITEMS: Final = 20_000
RULE_STATE_MAX_BYTES: Final = 64 * 1024
ITEM_MAX_BYTES: Final = 32 * 1024
OUTBOX_MAX_BYTES_DEFAULT: Final = 512 * 1024 * 1024
OUTBOX_MAX_ROWS_DEFAULT: Final = 10_000_000
WAL_MAX_BYTES: Final = 16 * 1024 * 1024
WAL_CHECKPOINT_PAGES: Final = 1000
CAP_SLACK_PARTS: Final = 64
"""A full outbox drops down to its cap less one part in so many, so that drops are big and rare."""
PRUNE_ROWS: Final = 4096
PRUNE_EVERY_S: Final = 0.25
PRUNE_READING_S: Final = 2.0
"""Rows that nobody needs go in ranges so far apart, while a backlog comes out less often: each makes it wait for the disk. Only an
outbox that is nearly full has no time for that."""
ACK_WRITE_S: Final = 1.0
ACK_ALONE_S: Final = 5.0
"""Acknowledgements wait so long at most for items to be written along with."""
ACK_FIRST_S: Final = 0.25
ACK_FIRST_FOR_S: Final = 15.0
"""So long after its start a store writes acknowledgements soon: what dies young dies again, and would repeat itself each time."""
ACK_SPANS_MAX: Final = 1024
DEAD_LETTERS_MAX: Final = 1000
DEAD_LETTERS_SHOWN: Final = 200
DEAD_LETTER_QUIET_MS: Final = 600_000
"""So long nothing may have been parked before dead letters count as over: news of them are few, however many rows are poison."""
READ_CHUNK_ROWS: Final = 64
QUARANTINE_KEEP: Final = 3
QUICK_CHECK_S: Final = 2.0
STORE_BUSY_S: Final = 2.0
STORE_RETRY_MIN_S: Final = 0.25
STORE_RETRY_MAX_S: Final = 4.0
STORE_LOOK_S: Final = 5.0
STORE_CLOSE_S: Final = 1.5
WITNESS_EVERY_S: Final = 0.05
DISK_LOOK_S: Final = 1.0
DISK_BALLAST_BYTES: Final = 1024 * 1024
DISK_LOW_BYTES: Final = 2 * 1024 * 1024
DISK_RESUME_BYTES: Final = 4 * 1024 * 1024
RATE_BUCKET_MS: Final = 10_000
RATE_BUCKETS: Final = 30

# Uplink
MESSAGE_MAX_BYTES: Final = 64 * 1024
BATCH_MAX_ITEMS: Final = 100
WINDOW_MAX_MESSAGES: Final = 100
ACK_TIMEOUT_MS: Final = 15_000
KEEPALIVE_S: Final = 30
WILL_DELAY_S: Final = 30
RECONNECT_MIN_S: Final = 1.0
RECONNECT_MAX_S: Final = 60.0
LIVE_WITHIN_MS: Final = 60_000
SYNC_LOOK_S: Final = 5.0
UPLINK_CONNECT_WITHIN_S: Final = 15.0
UPLINK_READ_ROWS: Final = 400
UPLINK_READ_BYTES: Final = 256 * 1024
UPLINK_READ_PACKS: Final = 48
"""Whole messages of history read at a time."""
UPLINK_READ_AHEAD: Final = 2
"""So many times as many are read ahead: neither the store's thread nor the sending waits for the other's next moment."""
UPLINK_WRITE_BYTES: Final = 256 * 1024
"""Messages are written together, at most so many bytes, and never later than the next turn of the loop."""
UPLINK_INBOUND_BYTES: Final = 256 * 1024
UPLINK_RESERVE_SLOTS: Final = 2
RECONNECT_HEALTHY_S: Final = 60.0
PROTOCOL_TOLD_S: Final = 86_400.0
PROTOCOL_GUESSED_S: Final = 3600.0
REFUSED_WAIT_MIN_S: Final = 1.0
REFUSED_WAIT_MAX_S: Final = 60.0
SUSPECTS_MAX: Final = 8
"""Rows refused one after another before a stream counts as blocked rather than poisoned."""
REFUSALS_TOLD: Final = 3
BLOCKED_RETRY_S: Final = 300.0
PACE_START_BYTES: Final = 32 * 1024
"""A line of 64 kbit/s carries it in four seconds, and so long an alarm waits behind it; a wide one is full after a few answers."""
PACE_MIN_BYTES: Final = 16 * 1024
PACE_MIN_MESSAGE_BYTES: Final = 4 * 1024
SECRET_MAX_BYTES: Final = 64 * 1024

# Commands from the platform
RESTART_AFTER_S: Final = 1.0
RESTART_PAUSE_MS: Final = 300_000
"""Between two restarts that the platform asks for; whoever is at the gateway restarts it as often as needed."""
RESTARTS_PER_HOUR: Final = 4
COMMAND_IDS_KEPT: Final = 1000
"""Ids kept in the file although their time is over by the wall clock, which may have leapt."""
AUDIT_MAX_ROWS: Final = 200_000
"""Not to be raised: `audit verify` takes a log with fewer, whose first row is gone, for one that was cut."""
AUDIT_PRUNE_ROWS: Final = 1000

# Verifying subscriber
VERIFY_QUEUE_MESSAGES: Final = 10_000
VERIFY_CONTENTS: Final = 200_000
"""Items whose content is remembered, to notice a number that comes with another one."""
VERIFY_LAGS: Final = 2000
VERIFY_TROUBLES: Final = 20
VERIFY_EPOCHS: Final = 64
VERIFY_REASONS: Final = 64
VERIFY_HOLES_SHOWN: Final = 20
VERIFY_SETTLE_S: Final = 120.0
"""A hole in the numbers may still be filled for so long: what is acknowledged late, and gap records, come after it."""
VERIFY_CONNECT_S: Final = 20.0

# Control socket
CONTROL_MAX_CONNECTIONS: Final = 32
CONTROL_LINE_BYTES: Final = 64 * 1024
CONTROL_ANSWER_BYTES: Final = 16 * 1024 * 1024
CONTROL_IDLE_S: Final = 60.0
"""A connection must end a request line within this of its start; a byte now and then does not help."""
CONTROL_READER_CONNECTIONS: Final = 24
"""Of all connections, those that peers who may only read can hold; the rest stays free for operators."""
CONTROL_SEND_S: Final = 15.0
CONTROL_HANDLER_S: Final = 45.0
CONTROL_PENDING_BYTES: Final = 32 * 1024 * 1024
"""Answers that all peers together may leave unread."""
CONTROL_DEPTH: Final = 4
CONTROL_ARGS: Final = 16
CONTROL_TEXT_CHARS: Final = 1024
CONTROL_LIST_ITEMS: Final = 256
CONTROL_MESSAGE_CHARS: Final = 16 * 1024
CONTROL_CALL_S: Final = 10.0
"""How long a client waits for an answer from memory."""
CONTROL_BUS_CALL_S: Final = 50.0
"""How long a client waits for an answer that needs a turn on a bus; longer than the server lets a handler run."""
TOP_INTERVAL_MIN_S: Final = 0.2
TOP_INTERVAL_MAX_S: Final = 30.0
"""Below CONTROL_IDLE_S, so that the connection of `top` lives from picture to picture."""
TOP_POINTS_AT_ONCE: Final = 2000
"""Above this `top` asks only for the points of the devices that it can show."""

# Configuration
CONFIG_MAX_BYTES: Final = 4 * 1024 * 1024
MAX_BUSES: Final = 64
MAX_DEVICES: Final = 2000
MAX_POINTS_PER_DEVICE: Final = 2000
MIN_PERIOD_MS: Final = 50
CONFIG_MAX_DEPTH: Final = 64
CONFIG_MAX_MISTAKES: Final = 500
CONFIG_MISTAKE_CHARS: Final = 2000
MAX_ALARMS_PER_DEVICE: Final = 500
MAX_CHOICES_PER_POINT: Final = 1000
FOREIGN_SETTINGS: Final = 64
FIRE_MAX_DATA_BYTES: Final = 1024
FIRE_KEPT_BYTES: Final = 4096
"""More than three of the largest frames: what stands before them is noise."""
MAX_PARTS_PER_POINT: Final = 16
ROLES_PER_POINT: Final = 16
MAX_IDENTIFY_CHECKS: Final = 64
MAX_PROFILE_FILES: Final = 2000
PROFILES_KEPT: Final = 64
"""Read and checked profiles that a process keeps, so that reading a site again costs only what has changed; all shipped: 1 MB."""
MAX_TEXT_CHARS: Final = 200
MAX_PERIOD_MS: Final = 86_400_000
MAX_ALARM_DELAY_MS: Final = 7 * 86_400_000
MAX_REQUEST_DELAY_MS: Final = 10_000
MIN_TIMEOUT_MS: Final = 20
MAX_TIMEOUT_MS: Final = 60_000
OUTBOX_MIN_BYTES: Final = 4 * 1024 * 1024
OUTBOX_MIN_ROWS: Final = 10_000
SOCKET_PATH_MAX_BYTES: Final = 107

# Daemon
STOP_WITHIN_S: Final = 5.0
LEAVE_AFTER_S: Final = 8.0
"""A stop that takes longer ends as it is."""
KILL_AFTER_S: Final = 10.0
"""So long systemd and a demo wait before they kill it."""
RESTART_BACKOFF_MIN_S: Final = 1.0
RESTART_BACKOFF_MAX_S: Final = 60.0
RESTART_HEALTHY_S: Final = 60.0
UPLINK_GOODBYE_S: Final = 1.5
HOUSEKEEPING_S: Final = 1.0
RATE_WINDOW_MS: Final = 5000
RECENT_EVENTS: Final = 100
CLOCK_STEP_MS: Final = 1000
WATCHDOG_GRACE_S: Final = 60.0
AUDIT_WITHIN_S: Final = 3.0
TOLD_KEPT: Final = 256
"""What cameras told last: so many are known when they are told again."""
RELOADS_WAITING: Final = 4

# Embedded broker (demo and tests)
BROKER_PACKET_BYTES: Final = 1024 * 1024
BROKER_MAX_CLIENTS: Final = 64
BROKER_SUBSCRIPTIONS: Final = 256
BROKER_RETAINED_TOPICS: Final = 10_000
BROKER_QUEUE_MESSAGES: Final = 100_000
BROKER_CONNECT_WITHIN_S: Final = 10.0
BROKER_REORDER_S: Final = 0.02
BROKER_CLOSE_AGAIN_S: Final = 0.1

# Simulator
SIMULATOR_STEP_S: Final = 0.1
SIMULATOR_CATCH_UP_S: Final = 5.0
LINE_PENDING_BYTES: Final = 16 * 1024
LINE_RESOLUTION_S: Final = 0.002
"""A simulated adapter hands over what it has heard so often, as a USB adapter does, and at the end of a frame."""
PTY_READ_BYTES: Final = 4096
TCP_LINE_CLIENTS: Final = 8
ENDPOINT_CLIENTS: Final = 64
LINE_BABBLE_S: Final = 0.05
FOREIGN_MASTER_S: Final = 0.7
SCENARIO_MAX_FAULTS: Final = 1000
SIMULATE_LINE_BYTES: Final = 4096
SIMULATE_PACE_MAX: Final = 1000.0
SIMULATE_OPENSSL_S: Final = 30.0

# Demo
DEMO_HEADLESS_S: Final = 20.0
DEMO_DRAIN_S: Final = 0.5
DEMO_ARRIVALS_SHOWN: Final = 100
DEMO_LOG_TAIL_LINES: Final = 20
DEMO_MAX_GAPS: Final = 1000
