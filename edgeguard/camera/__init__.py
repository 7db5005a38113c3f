"""Frames from cameras and files, models run on them, evidence kept of them. The only user of OpenCV, PyAV and onnxruntime.

The official builds of onnxruntime tell their maker how they are used, from the moment at which they are loaded, unless the
environment forbids it before. Nothing leaves this gateway that was not configured: so it is forbidden here, before any import.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
