"""Frames from cameras and files, models run on them, evidence kept of them. The only user of OpenCV, PyAV and onnxruntime."""
