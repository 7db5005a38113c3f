"""Makes both plate models anew, from nothing to ONNX files: `python models/train.py`, or `make models`.

Steps that are done are not done again; training resumes from its last checkpoint. Needs the extra `train` of pyproject.toml, the
fonts fonts-noto-cjk, fonts-wqy-zenhei and fonts-wqy-microhei, and the pictures that the cards name (beside the repository in
`../shared`, or where EDGEGUARD_SHARED points). All seeds are fixed in the recipe; with the same number of steps the same strips,
scenes and batches are drawn. `--without CAMERA` makes none that ship: it tells how well the recipe does before a camera of which it
has learned nothing (build/models/without-CAMERA/unseen.json, accuracy.json).
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECIPE = HERE / "recipe"
CAMERAS = {
    "ccpd": ("chenweijiang99_crops", "luxianlebron_crops"),
    "gate": ("lyl_train", "easypr_svm_has"),
    "street": ("easypr_family_photos",),
}
"""As in recipe/corpus.py, which needs what this script does without."""


def run(script: str, *arguments: object) -> None:
    """One step of the recipe in a process of its own."""
    paths = [str(HERE), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(RECIPE / script), *map(str, arguments)]
    print("==", script, *arguments, flush=True)
    subprocess.run(command, env=environ, check=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=HERE.parent / "build" / "models", help="strips and checkpoints (build/models)")
    parser.add_argument("--shards", type=int, default=40, help="shards of 4096 rendered strips")
    parser.add_argument("--reader-steps", type=int, default=12000)
    parser.add_argument("--detector-steps", type=int, default=9000)
    parser.add_argument("--out", type=Path, default=HERE, help="where the ONNX files and the manifest go (models/)")
    parser.add_argument("--without", choices=CAMERAS, help="instead: learn nothing of this camera, and measure on it")
    parser.add_argument("--reader-only", action="store_true", help="with --without: leave the detector as it ships")
    asked = parser.parse_args()
    run("shards.py", asked.work / "strips", 0, asked.shards, 4096)
    run("shards.py", asked.work / "abroad", 0, max(1, asked.shards // 5), 4096, "abroad")
    if asked.without:
        measure_without(asked)
    else:
        make(asked)


def judge(asked: argparse.Namespace, folder: Path, *more: str) -> Path:
    """The reader's last lesson; the checkpoint that it leaves."""
    strips = ("--shards", asked.work / "strips", "--abroad", asked.work / "abroad")
    run("reader_judge.py", "--reader", folder / "last.pt", *strips, "--out", folder / "judged.pt", *more)
    return folder / "judged.pt"


def measure_without(asked: argparse.Namespace) -> None:
    """How well the recipe does before a camera it has never seen; nothing that ships is touched. Phase 1 has none of the cameras but
    CCPD anyway, and is taken from an earlier run where there is one."""
    folder, halves = asked.work / f"without-{asked.without}", (asked.reader_steps // 2, asked.detector_steps * 2 // 5)
    for name in ("reader", "detector"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        first, last = asked.work / name / "phase-one.pt", folder / name / "last.pt"
        if asked.without != "ccpd" and first.exists() and not last.exists():
            shutil.copyfile(first, last)
    common = ("--without", asked.without)
    steps = ("--steps", asked.reader_steps, "--phase-two-at", halves[0])
    run("reader_train.py", "--folder", folder / "reader", "--shards", asked.work / "strips", "--abroad", asked.work / "abroad", *steps, *common)
    judged = judge(asked, folder / "reader", *common)
    run("unseen.py", "--reader", judged, *common, "--out", folder / "unseen.json")
    if asked.reader_only:
        return
    steps = ("--steps", asked.detector_steps, "--phase-two-at", halves[1])
    run("detector_train.py", "--folder", folder / "detector", *steps, *common)
    run("export.py", "--reader", judged, "--detector", folder / "detector" / "last.pt", "--folder", folder / "models")
    sources = CAMERAS[asked.without]
    run("evaluate.py", "--models", folder / "models", "--sets", *sources, "--all", *sources, "--out", folder / "accuracy.json")


def make(asked: argparse.Namespace) -> None:
    """Both models, their accuracy and their cards."""
    reader, detector = asked.work / "reader", asked.work / "detector"
    halves = asked.reader_steps // 2, asked.detector_steps * 2 // 5
    run("detector_train.py", "--folder", detector, "--steps", asked.detector_steps, "--phase-two-at", halves[1])
    strips = ("--shards", asked.work / "strips", "--abroad", asked.work / "abroad")
    run("reader_train.py", "--folder", reader, *strips, "--steps", asked.reader_steps, "--phase-two-at", halves[0])
    first = asked.work / "phase-one"
    run("export.py", "--reader", reader / "phase-one.pt", "--detector", detector / "phase-one.pt", "--folder", first)
    unseen = ("lyl_train", "easypr_svm_has", "easypr_family_photos")
    run("evaluate.py", "--models", first, "--sets", *unseen, "--all", *unseen, "--out", asked.work / "unseen-sources.json")
    run("export.py", "--reader", judge(asked, reader), "--detector", detector / "last.pt", "--folder", asked.out)
    run("evaluate.py", "--models", asked.out, "--negatives", 500, "--rendered", 100, "--out", asked.out / "accuracy.json")
    run("composed.py", "--models", asked.out, "--out", asked.out / "composed.json")
    run("cards.py", "--folder", asked.out, "--unseen", asked.out / "unseen.json")


if __name__ == "__main__":
    main()
