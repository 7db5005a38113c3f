"""Bounds of what comes from afar and goes there: commands, configurations, gates, history, certificates, and looks at them.

Beside `core.limits`, which holds those of the gateway itself.
"""

from typing import Final

# Commands from the platform
COMMAND_MAX_BYTES: Final = 16 * 1024
COMMAND_CONFIG_BYTES: Final = 64 * 1024
"""A message with a whole configuration in it, `config.put`."""
COMMAND_DEPTH: Final = 5
COMMAND_MAX_TTL_S: Final = 3600
COMMAND_FUTURE_S: Final = 60
"""A command may be issued by a clock that runs so far ahead of ours."""
COMMAND_TOPIC_CHARS: Final = 512
COMMAND_CORRELATION_BYTES: Final = 1024
COMMANDS_WAITING: Final = 16
COMMAND_RECEIVE_MAXIMUM: Final = 8
COMMAND_IDS: Final = 10_000
"""Ids remembered at once; with that many unexpired, further commands are refused rather than carried out twice."""
COMMAND_REFUSALS_PER_MINUTE: Final = 60
"""Refusals answered and recorded; the rest is only counted, so that a flood of nonsense fills no disk."""
REFUSALS_TOLD_MS: Final = 600_000
"""Refusals of one kind are told once in so long, with their number; the first at once."""
REFUSALS_KINDS: Final = 32
"""Users and codes that are told apart; further ones are told together."""
COMMAND_ARGUMENT_KEPT: Final = 1024
"""Characters of one argument that the audit log keeps; of a longer text it keeps the digest."""
REPLY_KEPT_S: Final = 300.0
"""The last answer to a command waits so long for a session, if there is none when it is given."""
REPLIES_KEPT: Final = 32

# A configuration from the platform
CONFIG_TRIAL_MS: Final = 120_000
"""A configuration put by the platform is rolled back if uplink and buses have not come back within this."""
CONFIG_STEADY_S: Final = 5.0
"""They have come back when they have been there for so long without a break."""
CONFIG_TRIAL_BYTES: Final = 16 * 1024
CHANGE_SHOWN: Final = 40
CHANGE_SHOWN_CHARS: Final = 120

# Gates
GATES_MAX: Final = 64
GATE_INTERVAL_MS: Final = 3000
GATE_WITHIN_MS: Final = 8000
GATE_LET_GO_TRIES: Final = 3
GATE_LET_GO_S: Final = 5.0
"""Between attempts to let go a relay that would not at once."""

# History after an outage
HISTORY_RATE_MIN: Final = 1
HISTORY_RATE_MAX: Final = 100_000
HISTORY_DELAY_MS: Final = 30_000
"""After an outage history begins after a random time of at most this: the gateways of a district come back together."""

# Certificates and other credentials
CERTIFICATE_MAX_BYTES: Final = 64 * 1024
CERTIFICATES_MAX: Final = 500
CERTIFICATE_FILE_BYTES: Final = 2 * 1024 * 1024
CERTIFICATE_DAYS_AHEAD: Final = 30
"""A certificate that ends within so many days is an alarm."""
CERTIFICATE_LOOK_S: Final = 60.0
CREDENTIAL_LOOK_S: Final = 30.0
"""Changed files of certificates, keys and passwords are noticed within this, and used by a new session."""

# A look at everything
DOCTOR_CONNECT_S: Final = 3.0
DOCTOR_COMMAND_S: Final = 10.0
DOCTOR_CAMERA_S: Final = 12.0
"""A first picture of a camera: longer than the network is given to open its stream."""
DOCTOR_YEAR_MIN: Final = 2026
"""A clock that says an earlier year was never set."""
