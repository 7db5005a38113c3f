"""The recipe that makes edgeguard's two plate models: rendered plates, real pictures, training, export, evaluation."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime tells its maker nothing of the training
