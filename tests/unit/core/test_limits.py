"""The relations between the product's bounds: what must fit into what, and what must give up before what."""

from edgeguard.core import afar_limits, limits, outbox_limits
from edgeguard.core.site import StoreSpec, UplinkSpec

BOUNDS = {name: value for name, value in (vars(limits) | vars(outbox_limits) | vars(afar_limits)).items() if name.isupper()}


def test_every_bound_is_a_positive_number() -> None:
    assert len(BOUNDS) > 300
    assert [name for name, value in BOUNDS.items() if not isinstance(value, int | float) or value <= 0] == []


def test_every_span_has_its_beginning_before_its_end() -> None:
    lows = [name for name in BOUNDS if "_MIN_" in name and name.replace("_MIN_", "_MAX_") in BOUNDS]
    assert {"BUS_RECONNECT_MIN_S", "RECONNECT_MIN_S", "RESTART_BACKOFF_MIN_S"} <= set(lows)
    for low in lows:
        assert BOUNDS[low] < BOUNDS[low.replace("_MIN_", "_MAX_")], low


def test_modbus_answers_fit_their_frames() -> None:
    """An answer to a read is function code, byte count and data in one PDU (V1.1b3, 6.1-6.4)."""
    assert 2 + 2 * limits.MODBUS_MAX_READ_REGISTERS <= limits.MODBUS_MAX_PDU_BYTES
    assert 2 + (limits.MODBUS_MAX_READ_BITS + 7) // 8 <= limits.MODBUS_MAX_PDU_BYTES


def test_modbus_writes_fit_their_frames() -> None:
    """A write request is function code, address, count, byte count and data (V1.1b3, 6.12)."""
    assert 6 + 2 * limits.MODBUS_MAX_WRITE_REGISTERS <= limits.MODBUS_MAX_PDU_BYTES
    assert 6 + 2 * (limits.MODBUS_MAX_WRITE_REGISTERS + 1) > limits.MODBUS_MAX_PDU_BYTES


def test_a_frame_is_the_pdu_with_its_envelope() -> None:
    assert limits.MBAP_MAX_ADU_BYTES == 7 + limits.MODBUS_MAX_PDU_BYTES
    assert limits.RTU_MAX_ADU_BYTES == 1 + limits.MODBUS_MAX_PDU_BYTES + 2
    assert max(limits.MBAP_MAX_ADU_BYTES, limits.RTU_MAX_ADU_BYTES) <= limits.BUS_RECEIVE_BYTES


def test_a_bus_can_queue_more_than_it_may_ask_at_once() -> None:
    assert limits.BUS_MAX_OUTSTANDING < limits.BUS_QUEUE_REQUESTS


def test_probing_a_dead_device_grows_slowly_then_fast() -> None:
    assert limits.PROBE_FIRST_S <= limits.PROBE_LINEAR_MAX_S < limits.PROBE_MAX_S
    assert 0 < limits.PROBE_STEP_S <= limits.PROBE_LINEAR_MAX_S


def test_an_item_always_fits_a_message() -> None:
    """Else a row could never leave: envelope and neighbours need room beside the biggest item."""
    assert 2 * limits.ITEM_MAX_BYTES <= limits.MESSAGE_MAX_BYTES


def test_a_group_commit_takes_telemetry_and_what_waits_is_bounded() -> None:
    assert limits.GROUP_TELEMETRY_ROWS <= limits.GROUP_MAX_ROWS <= limits.PENDING_ITEMS


def test_the_write_ahead_log_holds_the_biggest_group_and_is_small_beside_the_outbox() -> None:
    assert limits.GROUP_TELEMETRY_ROWS * limits.ITEM_MAX_BYTES <= limits.WAL_MAX_BYTES
    assert 8 * limits.WAL_MAX_BYTES <= limits.OUTBOX_MAX_BYTES_DEFAULT


def test_the_shortest_period_is_shorter_than_the_wait_for_a_group() -> None:
    """Otherwise a fast device would pay one commit for every poll."""
    assert limits.MIN_PERIOD_MS <= limits.GROUP_TELEMETRY_WAIT_MS


def test_an_outbox_of_smallest_rows_is_bounded_by_rows_before_bytes_run_out() -> None:
    assert limits.OUTBOX_MAX_BYTES_DEFAULT / limits.OUTBOX_MAX_ROWS_DEFAULT >= 32


def test_a_broker_is_given_up_before_its_keep_alive_would_notice() -> None:
    """A half-open link is found by the missing PUBACK, not by the keep-alive, which the broker's TCP stack may answer."""
    assert limits.ACK_TIMEOUT_MS < limits.KEEPALIVE_S * 1000


def test_a_reconnecting_gateway_is_not_declared_dead() -> None:
    """The will waits longer than several first attempts to come back take."""
    attempts_s = sum(limits.RECONNECT_MIN_S * 2**n for n in range(4))
    assert attempts_s <= limits.WILL_DELAY_S


def test_live_telemetry_is_looked_at_before_it_becomes_history() -> None:
    assert limits.SYNC_LOOK_S * 1000 + limits.ACK_TIMEOUT_MS < limits.LIVE_WITHIN_MS
    assert limits.GROUP_TELEMETRY_WAIT_MS < limits.SYNC_LOOK_S * 1000


def test_defaults_lie_within_their_bounds() -> None:
    uplink = UplinkSpec(host="broker", port=1883, tls=False)
    assert 1 <= uplink.window <= limits.WINDOW_MAX_MESSAGES
    assert uplink.ack_timeout_ms == limits.ACK_TIMEOUT_MS
    assert {"max_bytes", "max_rows", "max_age_ms"} <= set(StoreSpec.__dataclass_fields__)


def test_the_default_outbox_is_one_that_a_site_may_ask_for() -> None:
    assert limits.OUTBOX_MIN_BYTES <= limits.OUTBOX_MAX_BYTES_DEFAULT
    assert limits.OUTBOX_MIN_ROWS <= limits.OUTBOX_MAX_ROWS_DEFAULT
    assert limits.PRUNE_ROWS < limits.OUTBOX_MIN_ROWS


def test_a_full_disk_is_left_well_above_where_it_is_entered() -> None:
    """Otherwise the store would change its mind with every row; the ballast is what the last alarms are written into."""
    assert limits.DISK_BALLAST_BYTES < limits.DISK_LOW_BYTES < limits.DISK_RESUME_BYTES
    assert limits.STORE_RETRY_MAX_S <= limits.STORE_LOOK_S <= 20


def test_what_is_read_at_once_fills_a_message_and_stays_small() -> None:
    assert limits.BATCH_MAX_ITEMS <= limits.UPLINK_READ_ROWS
    assert limits.MESSAGE_MAX_BYTES <= limits.UPLINK_READ_BYTES


def test_history_leaves_room_in_the_window() -> None:
    assert limits.UPLINK_RESERVE_SLOTS < limits.WINDOW_MAX_MESSAGES


def test_a_slow_link_still_gets_an_item_through() -> None:
    """One that is larger than what may be under way goes alone, as tests/unit/uplink/test_uplink_lanes.py shows."""
    assert limits.PACE_MIN_MESSAGE_BYTES <= limits.PACE_MIN_BYTES <= limits.PACE_START_BYTES


def test_a_client_waits_longer_than_the_server_works() -> None:
    assert limits.CONTROL_CALL_S < limits.CONTROL_HANDLER_S < limits.CONTROL_BUS_CALL_S < limits.CONTROL_IDLE_S


def test_guests_cannot_lock_operators_out() -> None:
    assert limits.CONTROL_READER_CONNECTIONS < limits.CONTROL_MAX_CONNECTIONS
    assert limits.CONTROL_ANSWER_BYTES <= limits.CONTROL_PENDING_BYTES


def test_the_live_view_keeps_its_connection() -> None:
    assert limits.TOP_INTERVAL_MAX_S < limits.CONTROL_IDLE_S


def test_a_socket_path_fits_the_kernel() -> None:
    """unix(7): sun_path has 108 bytes, the last of them zero."""
    assert limits.SOCKET_PATH_MAX_BYTES == 108 - 1


def test_a_device_may_be_asked_as_slowly_as_it_may_be_configured() -> None:
    assert limits.MIN_TIMEOUT_MS < limits.MAX_TIMEOUT_MS < limits.MAX_PERIOD_MS
    assert limits.MAX_REQUEST_DELAY_MS < limits.MAX_TIMEOUT_MS


def test_one_command_line_cannot_fill_the_control_socket() -> None:
    assert limits.CONTROL_LINE_BYTES <= limits.CONTROL_ANSWER_BYTES


def test_stopping_is_over_before_systemd_loses_patience() -> None:
    """TimeoutStopSec=10 and WatchdogSec=30 in systemd/edgeguard.service; tests/system/test_unit_systemd.py holds the other end."""
    assert limits.STORE_CLOSE_S < limits.STOP_WITHIN_S
    assert limits.STOP_WITHIN_S < limits.LEAVE_AFTER_S < limits.KILL_AFTER_S
    assert limits.SYNC_LOOK_S * 3 <= 30


def test_a_gap_record_of_what_stays_fits_an_item_and_a_stretch_is_more_than_a_slice() -> None:
    digits_and_comma = 10
    assert outbox_limits.THIN_TOLD * digits_and_comma + 1000 < limits.ITEM_MAX_BYTES
    assert outbox_limits.THIN_SLICE_ROWS < outbox_limits.THIN_STRETCH_ROWS
    assert outbox_limits.THIN_ABOVE_PARTS < limits.CAP_SLACK_PARTS


def test_acknowledgements_are_written_alone_only_after_they_could_have_been_written_along() -> None:
    assert limits.ACK_WRITE_S < limits.ACK_ALONE_S
    assert limits.ACK_ALONE_S * 1000 >= limits.ACK_WRITE_S * 1000 + limits.GROUP_TELEMETRY_WAIT_MS
