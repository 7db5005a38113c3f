"""Checkpoints as ONNX files, checked against the network they came from, and the manifest that names them."""

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from edgeguard.vision.plate_grammar import ALPHABET, Colour
from recipe.detector_net import Detector
from recipe.reader_net import INPUT_H, INPUT_W, Reader

FOLDER = Path(__file__).resolve().parents[1]


def averaged(net: nn.Module, checkpoint: Path) -> tuple[nn.Module, int]:
    """The averaged weights of a checkpoint, and its step."""
    state = torch.load(checkpoint, weights_only=True)
    weights = {key.removeprefix("module."): value for key, value in state["averaged"].items() if key.startswith("module.")}
    net.load_state_dict(weights)
    return net.eval(), int(state["step"])


def write(net: nn.Module, example: torch.Tensor, target: Path, names: tuple[str, list[str]], dynamic: dict[int, Any]) -> None:
    """One ONNX file with everything inside, that gives what the network gives."""
    program = torch.onnx.export(
        net, (example,), dynamo=True, input_names=[names[0]], output_names=names[1], dynamic_shapes=(dynamic,), verbose=False
    )
    model = program.model_proto
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(target.read_bytes(), providers=["CPUExecutionProvider"])
    pictures = torch.randint(0, 256, (3, *example.shape[1:]), dtype=torch.uint8)
    with torch.no_grad():
        wanted = net(pictures)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    for mine, theirs in zip(session.run(None, {names[0]: pictures.numpy()}), wanted, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), atol=2e-3, rtol=1e-3)


def entry(target: Path, step: int, threshold: float, inputs: str, outputs: dict[str, str], **more: object) -> dict[str, object]:
    """What the manifest says of one file."""
    data = target.read_bytes()
    return {
        "file": target.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "version": f"1.0+{step}",
        "training_steps": step,
        "threshold": threshold,
        "input": inputs,
        "outputs": outputs,
        **more,
    }


def as_it_ships(name: str, folder: Path) -> dict[str, object]:
    """A model that is not made anew, its file copied to `folder`."""
    shipped: dict[str, object] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["models"][name]
    source = FOLDER / str(shipped["file"])
    if folder.resolve() != FOLDER:
        shutil.copyfile(source, folder / source.name)
    return shipped


def detector_entry(checkpoint: Path | None, folder: Path) -> dict[str, object]:
    """The detector of `checkpoint` written to `folder`, or else the one that ships, as it is."""
    target = folder / "plate_detector.onnx"
    if checkpoint is None:
        return as_it_ships("plate_detector", folder)
    detector, step = averaged(Detector(), checkpoint)
    rows, columns = torch.export.Dim("rows", min=1), torch.export.Dim("columns", min=1)
    pictures = torch.zeros((2, 96, 192, 3), dtype=torch.uint8)
    dynamic = {0: torch.export.Dim("batch"), 1: 32 * rows, 2: 32 * columns}
    write(detector, pictures, target, ("pictures", ["cells"]), dynamic)
    return entry(
        target,
        step,
        0.25,
        "uint8 [batch, rows, columns, 3] BGR, rows and columns multiples of 32, grey 114 beyond the picture",
        {"cells": "[batch, 9, rows/8, columns/8]: logit of a plate's centre, then x, y of four corners in 16 px from the cell's middle"},
        seed=440,
    )


def reader_entry(checkpoint: Path, folder: Path, threshold: float) -> dict[str, object]:
    """The reader of `checkpoint` written to `folder`."""
    target = folder / "plate_reader.onnx"
    reader, step = averaged(Reader(), checkpoint)
    strips = torch.zeros((2, INPUT_H, INPUT_W, 3), dtype=torch.uint8)
    write(reader, strips, target, ("strips", ["characters", "colours"]), {0: torch.export.Dim("batch")})
    return entry(
        target,
        step,
        threshold,
        f"uint8 [batch, {INPUT_H}, {INPUT_W}, 3] BGR, the plate between 2 % and 98 % of the width, 5 % and 95 % of the height",
        {
            "characters": f"log probabilities [batch, 32 columns, {len(ALPHABET) + 1}]; class 0 is the blank, then the alphabet",
            "colours": f"log probabilities [batch, {len(Colour) + 1}]: {', '.join(Colour)}, no plate",
        },
        seed=36,
        alphabet=ALPHABET,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", type=Path, required=True, help="checkpoint")
    parser.add_argument("--detector", type=Path, help="checkpoint (the detector that ships, as it is)")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--threshold", type=float, default=0.29)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    shipped = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["models"]
    models = {
        **{name: as_it_ships(name, asked.folder) for name in shipped if not name.startswith("plate_")},
        "plate_detector": detector_entry(asked.detector, asked.folder),
        "plate_reader": reader_entry(asked.reader, asked.folder, asked.threshold),
    }
    (asked.folder / "manifest.json").write_text(json.dumps({"models": models}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: facts["bytes"] for name, facts in models.items()}))


if __name__ == "__main__":
    main()
