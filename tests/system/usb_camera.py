"""A USB camera that a child of the tests sees as a device of this machine: tests/native/camera.c, and what it is told to do."""

import mmap
import struct
import subprocess
from pathlib import Path

import cv2
import numpy as np

SOURCE = Path(__file__).resolve().parent.parent / "native" / "camera.c"


class UsbCamera:
    """`device` is its name; with `is_mjpeg` it compresses its pictures itself."""

    def __init__(self, folder: Path, device: str, *, is_mjpeg: bool = False) -> None:
        library, plan, picture = folder / "camera.so", folder / "plan", folder / "picture.jpg"
        subprocess.run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", str(SOURCE), "-o", str(library), "-ldl"], check=True)
        plan.write_bytes(bytes(16))
        with plan.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 16)
        self.environment = {"LD_PRELOAD": str(library), "V4L2_PATH": device, "V4L2_PLAN": str(plan)}
        if is_mjpeg:
            cv2.imwrite(str(picture), np.full((240, 320, 3), 120, np.uint8))
            self.environment["V4L2_JPEG"] = str(picture)

    def set(self, *, opening: int = 0, taking: int = 0, is_radio: bool = False) -> None:
        """What opening it fails with, what taking a picture fails with, and whether it gives pictures at all."""
        self._map[:12] = struct.pack("3i", opening, taking, is_radio)

    @property
    def given(self) -> int:
        """Pictures so far."""
        return int(struct.unpack("i", self._map[12:16])[0])
