"""The bounds of cameras, pictures and evidence. As core.limits: everything that could grow has one."""

from typing import Final

# Video
VIDEO_MAX_PIXELS: Final = 8192 * 4320
VIDEO_MIN_SIDE: Final = 16
VIDEO_GAP_MAX_S: Final = 60.0
"""A step between two stamps longer than this is a broken clock, not a pause."""
VIDEO_BROKEN_RUN: Final = 3000
"""Packets in a row that give no picture before a stream counts as undecodable."""
VIDEO_RING_BYTES: Final = 48 * 1024 * 1024
VIDEO_RING_S: Final = 40.0

# Falling objects
MOTION_MAX_POINTS: Final = 30_000
"""Pixels out of their range that are looked at in one picture; beyond them the picture is a flood and gives no spots."""
MOTION_MAX_SPOTS: Final = 80
FALL_MAX_TRACKS: Final = 160
FALL_MAX_POINTS: Final = 400
"""Points of one track: more than 13 s at 30 pictures a second, longer than anything falls past a camera."""
FALL_MEMORY_PICTURES: Final = 250
"""Pictures whose spots are remembered: more than 4 s at 60 a second."""
FALL_GATHERED: Final = 2
"""Ways for which all spots are searched again after one picture, at most."""
FALL_SECOND_LOOKS: Final = 6
"""So many of the tracks that end with a picture are looked at again, as throws before a pinhole camera; each costs 3 to 20 ms."""
FALL_MAX_SUNK: Final = 32
"""Things that sank lately and are remembered, so that none is told twice."""
FALL_MAX_WAITING: Final = 12
"""Pictures that wait to be looked at and judged together."""
FALL_MAX_PENDING: Final = 32
FALL_MAX_RECENT: Final = 64
FACADE_MAX_POINTS: Final = 64
FACADE_MAX_MASKS: Final = 64
FACADE_MAX_LINES: Final = 200
FALL_ALARM_S: Final = 300.0
"""So long after a throw its alarm is active; somebody must still acknowledge it."""
EVIDENCE_BEFORE_S: Final = 8.0
EVIDENCE_AFTER_S: Final = 5.0
EVIDENCE_MAX_PENDING: Final = 16
FALL_MAX_HABITS: Final = 256
# Pictures and models
PICTURE_MAX_BYTES: Final = 64 * 1024 * 1024
PICTURE_MAX_PIXELS: Final = 8192 * 8192
PICTURE_MAX_SIDE: Final = 16384
PICTURE_MIN_SIDE: Final = 8
MODEL_MAX_BYTES: Final = 32 * 1024 * 1024
PLATES_MAX: Final = 16
"""Plates told of one picture."""
PLATE_TRACK_SIGHTINGS: Final = 64
"""Readings of one car that vote; the weakest give way."""

# Cameras at run time
MAX_CAMERAS: Final = 16
CAMERA_OPEN_S: Final = 10.0
CAMERA_READ_S: Final = 10.0
"""A stream that gives nothing for so long is left and called again."""
CAMERA_BROKEN_RUN: Final = 250
"""Packets of a live stream without a picture, after which it is called again."""
CAMERA_BACKOFF_MIN_S: Final = 1.0
CAMERA_BACKOFF_MAX_S: Final = 30.0
CAMERA_LAG_S: Final = 1.0
"""So far behind its camera, a process looks at no further picture until it has caught up."""
CAMERA_CAUGHT_UP_S: Final = 0.3
CAMERA_STANDS_S: Final = 3.0
"""A process that looks at nothing and has not gained on its camera for so long is not behind: the camera's own time has stood."""
CAMERA_GAINS_S: Final = 0.15
"""So much it gains at least in that time if it gains at all."""
CAMERA_BEAT_S: Final = 2.0
CAMERA_SILENT_S: Final = 40.0
"""A process that shows no sign of life for so long is ended and started again. Above what a call of a dead camera may take."""
CAMERA_HUNG_S: Final = 60
"""A process whose main loop stands still for so long ends by itself: nobody else does that when the daemon was killed."""
CAMERA_START_S: Final = 90.0
"""The same for its first sign of life: a Raspberry Pi loads libraries and models from an SD card."""
CAMERA_TOLD_AGAIN_S: Final = 150.0
"""So long after its first sign of life a new process has told what was told of its camera before, or it is over. The slowest is a
list of evidence that cannot be written: three looks, a minute apart."""
CAMERA_TERM_S: Final = 3.0
CAMERA_LAST_WORDS_S: Final = 0.7
"""So long each thread of a process that ends may still tell or write; all of them together stay below CAMERA_TERM_S. A daemon that
stops listens no more: what it has not heard it is told after the next start."""
CAMERA_REPORTS: Final = 1000
"""Sightings of a camera that wait for the daemon, in its process and on disk; the oldest goes when there are more, and is told."""
CAMERA_REPORT_BYTES: Final = 64 * 1024
CAMERA_STDERR_BYTES: Final = 16 * 1024
CAMERA_MEMORY_BYTES: Final = 640 * 1024 * 1024
CAMERA_MEMORY_LEAST: Final = 192 * 1024 * 1024
EVIDENCE_MAX_BYTES: Final = 4 * 1024**3
EVIDENCE_MIN_BYTES: Final = 64 * 1024**2
EVIDENCE_MAX_AGE_MS: Final = 30 * 86_400_000
EVIDENCE_UNSENT: Final = 1000
EVIDENCE_FREE_BYTES: Final = 256 * 1024**2
"""Below so much free space the oldest evidence that nobody has exported goes first."""
REMOVALS_TOLD_AT_ONCE: Final = 500
"""Pieces named in one report of what has been removed; some 2,200 would not fit into a request."""
CUSTODY_BYTES: Final = 1024**2
"""A list of evidence that is longer begins anew with what is still there: some 4,000 pieces kept and removed."""
CUSTODY_RESERVE_BYTES: Final = 64 * 1024
"""Kept free for it on a full disk: what is to make room is put down first."""
EVIDENCE_PICTURE_SHARE: Final = 2
"""Bytes of a fall's picture for each of its pixels, at most: 1.0 to 1.7 of noisy ones."""
SNAPSHOTS_BYTES: Final = 64 * 1024**2
"""Pictures of one camera that the platform has asked for: they have a place of their own, so that they push no fall out of its."""
SNAPSHOT_WITHIN_S: Final = 20.0
"""A camera's process hears of it with its next sign of life, and then needs a picture."""
SNAPSHOT_SENT_BYTES: Final = 44 * 1024
"""The picture that goes with an answer; as base64 it has to fit into one message."""
SNAPSHOT_SIDES: Final = (1280, 960, 640, 480, 320)
"""Long sides, px, that are tried for it."""
CAMERA_MASKS: Final = 16
CAMERA_MASK_POINTS: Final = 32

# Passes of vehicles
PASS_MAX_TRACKS: Final = 32
PASS_MAX_TOLD: Final = 64
STANDS_MS: Final = 30_000
"""A plate that a camera's new process reads so soon after its last one saw it is of the same vehicle: starting takes seconds."""
PASS_SIGHTINGS: Final = 24
"""Places and readings of one vehicle that are remembered; of the readings the surest."""
PASS_PICTURES_HELD: Final = 8
"""Pictures in memory of vehicles on their way; those of the vehicle that has been there longest go first."""
PASS_WRITES: Final = 8
"""Pictures of passes that wait for the disk; a disk that is slower costs pictures, never passes."""
PASS_FREE_BYTES: Final = 2 * EVIDENCE_FREE_BYTES
"""Below so much free space pictures of passes go: before what has fallen, and before snapshots."""
VEIL_COLUMNS: Final = 32
"""So coarse is a picture in which no plate may be read: one as wide as a fifth of it is then six dots wide and two high."""

# Throws that several cameras see
THROW_WAIT_MS: Final = 3_000
"""So long the first camera's sighting waits for the others."""
THROW_MEMORY_MS: Final = 600_000
"""So long a throw that was told is remembered for a camera that comes late."""
THROWS_REMEMBERED: Final = 64

# Setting a camera up from a browser
SETUP_PORT: Final = 8642
SETUP_MINUTES: Final = 30
SETUP_MINUTES_MOST: Final = 240
SETUP_BODY_BYTES: Final = 256 * 1024
SETUP_CONNECTIONS: Final = 8
SETUP_REQUEST_S: Final = 10.0
SETUP_PICTURE_S: Final = 20.0
"""So long the first picture of a camera is waited for."""
CAMERA_LANES: Final = 8
LANE_CORNERS: Final = 32
GATE_READS_WAITING: Final = 16
"""Readings for a gate that wait for the daemon; they are worthless seconds later."""
