"""Bounds of what a line is believed to carry beside our own questions and answers; the other bounds are in limits.py."""

from typing import Final

BURST_BYTES: Final = 7
"""So many bytes that are no frame may be a question: those of Modbus RTU have eight at least, and one may be lost."""
BURSTS_OWED: Final = 3
"""Answers that may be owed to bursts: a master asks one question at a time, a device keeps one more in mind, and if they fall into
our own wait the answer to us may stand before theirs as well as behind."""
ANSWER_DOUBTS: Final = 5
"""Answers to one question that may be those to others, before it is given up: more than may be owed at once."""
LINE_ALONE_S: Final = 3600.0
"""After so long without a frame of another master a line counts as ours alone."""
METER_CLOCKS_SET_S: Final = 6.0
"""For setting clocks one by one, between the two times at which all of a bus are read (METER_CLOCKS_READ_S)."""
PATIENCE_MIN_S: Final = 0.1
"""The least that a station which is well known is waited for once bytes have come that are no answer."""
LOOK_RESPONSES: Final = 2.0
"""So many of its worst response times a station is waited for while too much of a wire's time is lost to silence."""
FIRST_ROUNDS_S: Final = 20.0
"""Within so long after the start every device is asked for the first time, however long its period; again if it was silent."""
OUTPUT_CHANGED_MS: Final = 10_000
"""An output that is not as it was written for so long is told: shorter than that it may be on its way."""
OUTPUTS_NAMED: Final = 8
"""Outputs that an alarm names one by one."""
WORST_KEPT: Final = 0.99
"""What is left of a station's worst response with each answer: after seventy quicker ones it counts half."""
PROBE_WINDOW_S: Final = 20.0
"""Of any so long the dead take no more than their share (BUS_PROBE_SHARE)."""
PROBE_AFTER_LOOKS_S: Final = 3.0
"""After a first look at a stranger there may be more of them to come: so long they have the share of the dead for themselves."""
PTY_LOOK_S: Final = 0.01
"""So often a simulated port that nobody has open is looked at."""
