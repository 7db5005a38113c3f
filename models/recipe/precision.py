"""Whether fewer bits pay: both models as they ship, with 8-bit weights, as 8-bit integers throughout, and in half precision.

For each: bytes, milliseconds of one thread (a look of 448 x 256, and a batch of four strips; median of rounds that take turns), and how
many held-out plates are read right through the code that runs on a gateway, and how many readings are those of the shipped models.
Integers are calibrated with pictures of the training side.
use: precision.py [--rounds 30] [--work FOLDER]
"""

import argparse
import hashlib
import json
import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from edgeguard.camera.shipped import shipped_models
from edgeguard.camera.plates import PlateReader
from recipe.corpus import CROPS, PHOTOS, held_out, labelled, load
from recipe.evaluate import labelled_pictures, share

NAMES = ("plate_detector", "plate_reader")
CALIBRATED_WITH = 80


class Pictures(CalibrationDataReader):
    """What the model is shown while its ranges are learned."""

    def __init__(self, name: str, pictures: list[np.ndarray]) -> None:
        self._feeds = iter([{name: picture[None]} for picture in pictures])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def shown(name: str) -> list[np.ndarray]:
    """Pictures of the training side, as the model gets them."""
    sources = (*CROPS[:1], *CROPS[2:3]) if name == "plate_reader" else (PHOTOS, *CROPS[2:3])
    size = (128, 32) if name == "plate_reader" else (448, 256)
    rows = [row for source in sources for row in labelled(source) if not held_out(row.plate)]
    chosen = np.random.default_rng(8).choice(len(rows), CALIBRATED_WITH, replace=False)
    return [cv2.resize(load(rows[i].path), size, interpolation=cv2.INTER_AREA) for i in chosen]


def plain(source: Path, target: Path, folder: Path) -> None:
    """As it ships."""
    shutil.copyfile(source, target)


def weights8(source: Path, target: Path, folder: Path) -> None:
    """Weights of 8 bits, ranges of what flows found while running."""
    quant_pre_process(str(source), str(folder / "ready.onnx"), skip_symbolic_shape=True)
    quantize_dynamic(folder / "ready.onnx", target, weight_type=QuantType.QUInt8)


def integers8(source: Path, target: Path, folder: Path) -> None:
    """8-bit integers throughout, ranges learned before."""
    quant_pre_process(str(source), str(folder / "ready.onnx"), skip_symbolic_shape=True)
    name = onnx.load(source, load_external_data=False).graph.input[0].name
    quantize_static(
        folder / "ready.onnx",
        target,
        Pictures(name, shown(target.stem)),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def half(source: Path, target: Path, folder: Path) -> None:
    """Half precision within, inputs and outputs as they are."""
    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


VARIANTS = {"single precision (shipped)": plain, "8-bit weights": weights8, "8-bit integers": integers8, "half precision": half}


def made(folder: Path, how: object) -> Path:
    """Both models in `folder`, with a manifest that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = json.loads((shipped_models() / "manifest.json").read_bytes())
    for name in NAMES:
        target = folder / f"{name}.onnx"
        how(shipped_models() / target.name, target, folder)  # type: ignore[operator]
        data = target.read_bytes()
        manifest["models"][name] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def timed(folders: list[Path], name: str, picture: np.ndarray, rounds: int) -> list[float]:
    """Milliseconds of each, taking turns."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
    sessions = [InferenceSession((folder / f"{name}.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]) for folder in folders]
    spent: list[list[float]] = [[] for _ in sessions]
    for _ in range(rounds):
        for session, times in zip(sessions, spent, strict=True):
            began = time.process_time()
            session.run(None, {session.get_inputs()[0].name: picture})
            times.append(1000 * (time.process_time() - began))
    return [float(np.median(times[2:])) for times in spent]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    work = asked.work or Path(tempfile.mkdtemp())
    folders = [made(work / str(number), how) for number, how in enumerate(VARIANTS.values())]
    rng = np.random.default_rng(1)
    looks = timed(folders, "plate_detector", rng.integers(0, 256, (1, 256, 448, 3), np.uint8), asked.rounds)
    strips = timed(folders, "plate_reader", rng.integers(0, 256, (4, 32, 128, 3), np.uint8), asked.rounds)
    pictures = [(plate, open_picture()) for source in (*CROPS, PHOTOS) for plate, open_picture in labelled_pictures(source, False)]
    first: list[str | None] = []
    print("| | kB | a look, ms | four strips, ms | held-out plates right | as shipped |\n|---|---|---|---|---|---|")
    for name, folder, look, four in zip(VARIANTS, folders, looks, strips, strict=True):
        reader = PlateReader.shipped(folder)
        texts = [reads[0].reading.text if (reads := reader.see(picture)) else None for _, picture in pictures]
        first = first or texts
        right = share(sum(text == plate for text, (plate, _) in zip(texts, pictures, strict=True)), len(pictures))
        same = sum(a == b for a, b in zip(texts, first, strict=True))
        size = sum((folder / f"{one}.onnx").stat().st_size for one in NAMES) // 1000
        told = f"{right['right']} of {right['n']} ({right['from']}-{right['to']} %)"
        print(f"| {name} | {size} | {look:.1f} | {four:.1f} | {told} | {same} |", flush=True)


if __name__ == "__main__":
    main()
