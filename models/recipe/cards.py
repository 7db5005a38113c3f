"""The models' cards, written from the manifest and the measured accuracy, so that no figure in them is typed by hand."""

import argparse
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1]

DATA = """| data | used for | origin, licence as stated there |
|---|---|---|
| rendered plates (`recipe/render.py`) | most of what both models learned from | drawn by the recipe; glyphs from Noto Sans CJK (OFL 1.1), WenQuanYi Zen Hei and Micro Hei (GPL-2.0 with font exception; Apache-2.0 or GPL-3.0), letters and digits also from strokes of our own |
| chenweijiang99_crops, luxianlebron_crops | training, 88 of 100 plates | CCPD-2019 crops (MIT; Apache-2.0 tree; none stated) |
| lyl_train, easypr_svm_has | training of phase 2, 88 of 100 plates, by what the pictures show (29 labels of them were wrong, 4 cannot be told) | EasyPR data |
| plates from abroad, rendered (`recipe/abroad.py`) | training of phase 2: no plate, by their colours alone | drawn by the recipe from the same fonts |
| easypr_family_photos | training of phase 2, 88 of 100 plates; rendered plates in place of the real ones | web photos in Apache-2.0 and GPL-3.0 trees |
| easypr_svm_no_negatives | what is no plate, 88 of 100; of the reader, less 19 that show a plate after all (`SHOWS_PLATE` in `recipe/corpus.py`) | EasyPR data |
| openlpr_phone, romanian, rf_lp350 | plates of other countries: the detector finds them, the reader must not read them; 88 of 100 photos | Apache-2.0; MIT; CC BY 4.0 |
| openlpr_web, openalpr | measuring, and (the second half) choosing the threshold; never learned | Apache-2.0 tree with web material; AGPL-3.0 |
"""

PRECISION = """Single precision, because fewer bits gain little. `python models/recipe/precision.py` on an AMD EPYC (Zen 5), one thread beside other
work; all held-out pictures in their colours, detector and the reader before this one together:

| | kB | a look, ms | four strips, ms | held-out plates right | readings as shipped |
|---|---|---|---|---|---|
| single precision (shipped) | 1767 | 1.5 | 0.9 | 397 of 402 (97.1-99.5 %) | 402 |
| 8-bit weights | 483 | 2.0 | 1.1 | 396 of 402 (96.8-99.3 %) | 401 |
| 8-bit integers | 503 | 1.3 | 0.5 | 398 of 402 (97.5-99.6 %) | 401 |
| half precision | 895 | 1.5 | 0.9 | 397 of 402 (97.1-99.5 %) | 402 |

8-bit integers save 0.6 ms where the processor has instructions for them, and cost time where it has none (10.3 and 6.8 ms against 8.1 and 5.8,
measured with earlier models on a processor without VNNI, as small gateways have); half precision is reckoned in single precision and
saves 0.9 MB of files."""

UNSEEN = """
How to read that: the run without the gate cameras went to its end, with the steps and the seeds of the recipe before strips cut at the left
and the last lesson were in it. Of 114 held-out gate crops it reads 112; the shipped reader, which has learned 649 others of that camera,
reads all: to know the camera is worth little that these numbers could show. At the end of phase 1, with CCPD crops and rendered plates
alone, 710 of 766 gate crops and 206 of 230 street photos are read. Of the 766, those of the training side were looked at only where a reader contradicted the label. Two sources and one
camera say little of all cameras: look at the first weeks of a new one."""

COMPOSED = """
These are composed, not photographed (`python models/recipe/composed.py`): no whole photo of CCPD is here. Held-out crops of CCPD stand in their own
size in street photos of the held-out side, 720 x 1160 dots, where CCPD's plates lie. None was missed by the detector: of the four misses
one has the wrong province, one a wrong last character, two were read too unsurely to be told; where the crop had cut the plate's left edge the
province is cut in the photo, too. It flatters, since the car around the plate is not as
tilted, blurred or dark as the plate. To tell more of what is unsure by pooling the three looks was tried with earlier models: two more right,
three more wrong, and one plate read where none was. It is not done."""

NEGATIVES_MORE = """
Three photos from abroad (openlpr_00582, rf_lp350_00136 and _00333) show Chinese plates, which were read rightly; they do not count. How
much rarer a plate from abroad is taken to be than in the last lesson was chosen so that EGU 503H (openlpr_00587, white on black), which the
reader before that lesson read as 云GU503H with 0.67, is not read, so that the first row flatters by one. In 849 further photos from abroad
and 3,489 crops without a plate, of the training side, none is known; the reader before read ANS 500C (rf_lp350_00315, white on black, too) as
贵NS500C with 0.88. Rendered plates of two lines are read less often than by that reader: 206 of 240 instead of 214."""

READER_WEAK = """- Province characters are its commonest mistake; those with few real pictures (宁 藏 青 新 贵 甘 吉 黑) rest on rendered ones.
- New-energy, two-line, police, driving-school, trailer, Hong Kong, Macao, embassy and consulate plates were hardly seen in
  reality: what is said of them above is said of few rendered, much worn plates; motorcycles', the army's and large new-energy ones are the worst.
- Strokes that blur into each other at less than about 80 px of plate width: 8 B, 0 D Q, 2 Z, 5 S, M W H.
- Plates of two lines are told from those of one by their shape and by which reading is surer; from far below or above both may be cut.
- `make models ARGS="--reader-steps 30000"` trains longer.
"""
DETECTOR_WEAK = """- Plates less than about 20 px wide in the picture at 448 px, or turned by more than 25 degrees, are found less often.
- Corners are off by 3 % of the plate's width in the median and 8 % at the 95th percentile (measured after 2,800 steps: 36 held-out street photos, against corners
  that another detector gave), and the right edge by 2 % too narrow; the reader looks several times because of that.
- It finds plates of every country, and now and then lettering of their shape; what is no Chinese plate is left to the reader.
- `make models ARGS="--detector-steps 12000"` goes on.
"""


def row(name: str, facts: dict[str, Any]) -> str:
    """One line of the table of accuracy."""
    any_share = f"{facts['any']} %" if "any" in facts else ""
    return f"| {name} | {facts['n']} | {facts['right']} | {facts['percent']} % | {facts['from']}-{facts['to']} % | {any_share} |"


def accuracy(results: dict[str, Any], unseen: dict[str, Any], composed: dict[str, Any]) -> str:
    """All measured sets as tables."""
    head = "| pictures | n | right | whole plate, first reading | 95 % interval | any reading |\n|---|---|---|---|---|---|"
    plain = {name: facts for name, facts in results.items() if not name.startswith(("without", "rendered"))}
    drawn = {name.removeprefix("rendered: "): facts for name, facts in results.items() if name.startswith("rendered")}
    none = {name.removeprefix("without a Chinese plate: "): facts for name, facts in results.items() if name.startswith("without")}
    parts = ["Real pictures, plates that training never saw (the split is by plate: no car is on both sides):\n", head]
    parts += [row(name, facts) for name, facts in plain.items()]
    if composed:
        parts += ["\nWhole photos, an estimate:\n", head, *[row(name, facts) for name, facts in composed.items()], COMPOSED]
    if unseen:
        parts += [
            "\nReal pictures of cameras of which the reader had learned nothing, by the reader alone and by what they show, and beside it the\n"
            "shipped one, which knows them all, where it says so. `make models ARGS=\"--without gate\"` (or `street`, `ccpd`) runs the whole recipe so:\n",
            head,
            *[row(name, facts) for name, facts in unseen.items()],
            UNSEEN,
        ]
    parts += [
        "\nPictures without a Chinese plate in which one was read all the same:\n",
        "| pictures | n | false | share | 95 % interval |\n|---|---|---|---|---|",
        *[f"| {n} | {f['n']} | {f['right']} | {f['percent']} % | {f['from']}-{f['to']} % |" for n, f in none.items()],
        NEGATIVES_MORE,
        "\nRendered plates in real photos from abroad (their kinds have no real pictures here; not comparable with the above):\n",
        head,
        *[row(name, facts) for name, facts in drawn.items()],
    ]
    return "\n".join(parts) + "\n"


def card(name: str, entry: dict[str, Any], what: str, made: str, weak: str, tables: str) -> str:
    """One card."""
    outputs = "\n".join(f"- `{output}`: {words}" for output, words in entry["outputs"].items())
    classes = f"\nClasses: the blank, then `{entry['alphabet']}`.\n" if "alphabet" in entry else ""
    return f"""# {name}

{what}

- File: `{entry["file"]}`, {entry["bytes"]} bytes, version {entry["version"]}
- SHA-256: `{entry["sha256"]}`
- Input: {entry["input"]}
{outputs}
- Threshold: {entry["threshold"]}
{classes}
## How it was made

{made}
Seed {entry["seed"]}, {entry["training_steps"]} steps. `make models` runs the recipe again.

{DATA}
## Accuracy

Measured by `python models/recipe/evaluate.py --negatives 500 --rendered 60` through the code that runs on a gateway
(`edgeguard.camera.plates`), detector and reader together. A picture counts as right only if the reading was sure enough to be told.

How far to trust this: the held-out plates come from the same sources and cameras as the training ones, and the versions of models and
code were compared on them, so that a camera of your own must be expected to do worse (the sources never seen, below, say how much).
Every misreading of both sides was looked at: 31 pictures plainly show another plate than their label says and count, and are learned, by what
they show; four that nobody can read for sure are not learned (`SHOWN` in `recipe/corpus.py`). Pictures of the training side that show a plate
of the held-out side are not learned either. "Turned grey" is the same picture without its colours, as a camera gives by night; real pictures in
infrared light are not here. The reader's margins were chosen with pictures of the training side and an earlier reader.

{tables}
## Known weaknesses

{weak}"""


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--unseen", type=Path, default=FOLDER / "unseen.json")
    asked = parser.parse_args()
    manifest = json.loads((asked.folder / "manifest.json").read_text(encoding="utf-8"))["models"]
    results = json.loads((asked.folder / "accuracy.json").read_text(encoding="utf-8"))
    unseen = json.loads(asked.unseen.read_text(encoding="utf-8")) if asked.unseen and asked.unseen.exists() else {}
    composed = asked.folder / "composed.json"
    tables = accuracy(results, unseen, json.loads(composed.read_text(encoding="utf-8")) if composed.exists() else {})
    reader = card(
        "plate_reader",
        manifest["plate_reader"],
        "Reads a straightened Chinese number plate: characters by column (CTC) and the colour of the plate.",
        "Six plain 3x3 convolutions and two over columns, each strip brought to zero mean and unit spread inside the network. AdamW,\n"
        "batches of 96: rendered strips from shards, real crops shaken in angle, light and blur (the rarer the province, the oftener),\n"
        "and strips without a plate; 15 in 100 of all strips have lost their colours, plainly or as an infrared lamp would show them. Phase 1\n"
        "knows CCPD crops as its only real plates; phase 2 (from half of the steps) adds the other sources and rendered plates from abroad,\n"
        "with the first two layers left as they are. Of one-line strips, rendered or real, 12 in 100 are cut into their first character. Weights\n"
        "are averaged over time. A last lesson of 900 batches teaches the colour alone, which then sees the whole strip: a third of its strips\n"
        "are from abroad or no plate (`recipe/reader_judge.py`). To teach the columns themselves to say nothing there was tried in phase 2 and at\n"
        "its end: 96 of 114 held-out gate crops turned grey were read instead of 113. Single precision (see the detector's card). The shipped\n"
        "run had the seeds of the recipe, up to 33 of its 40 shards of rendered strips and 4 of 8 from abroad, was resumed several times, and its phase 2\n"
        "ended by the clock; its first 2,200 steps were reckoned in single precision, the others in bfloat16.",
        READER_WEAK,
        tables,
    )
    detector = card(
        "plate_detector",
        manifest["plate_detector"],
        "Finds number plates: for every 8 x 8 px the chance that a plate's centre is there, and where its four corners are.",
        "Plain convolutions down to a thirty-second and back up to an eighth. AdamW, batches of 16 scenes of 288 x 192 px: photos turned\n"
        "and zoomed so that a plate is 20 to 175 px wide, most plates replaced by rendered ones in their light, further ones added,\n"
        "tight crops on grey, mosaics without any plate. Focal loss of the centres, distance of the corners. Phase 1 knows photos from\n"
        "abroad alone; phase 2 (after 3,600 steps) adds the Chinese ones and real crops. Weights are averaged over time. The shipped run\n"
        "was made with the steps and seeds of the recipe in one go.\n\n" + PRECISION,
        DETECTOR_WEAK,
        tables,
    )
    (asked.folder / "plate_reader.md").write_text(reader, encoding="utf-8")
    (asked.folder / "plate_detector.md").write_text(detector, encoding="utf-8")


if __name__ == "__main__":
    main()
