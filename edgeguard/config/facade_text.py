"""A facade as the text of its file, for people to read and change; what is not said is left out."""

from collections.abc import Sequence

from edgeguard.core.facade import FacadeSpec, Spot


def facade_text(spec: FacadeSpec) -> str:
    """TOML that `load_facade` takes for `spec`; positions to a tenth of a px."""
    lines = ["[facade]", *_settings(spec)]
    if spec.polygon:
        lines.append(f"polygon = {_spots(spec.polygon)}")
    if spec.masks:
        lines.append("masks = [  # never looked at, and burnt into what is exported")
        lines += [f"  {_spots(mask)}," for mask in spec.masks]
        lines.append("]")
    if spec.columns:
        lines.append(f"columns = [{', '.join(_number(x) for x in spec.columns)}]  # borders of window columns")
    if spec.first_column != FacadeSpec().first_column:
        lines.append(f"first_column = {spec.first_column}")
    if spec.focal_px is not None:
        lines.append(f"focal_px = {_number(spec.focal_px)}")
    if spec.lines:
        lines.append("lines = [  # slabs of floors")
        lines += [f"  {{floor = {line.floor}, points = {_spots((line.start, line.end))}}}," for line in spec.lines]
        lines.append("]")
    if spec.mount is not None:
        mount = spec.mount
        lines += ["", "[facade.mount]", f"pitch_deg = {_number(mount.pitch_deg, 3)}", f"focal_px = {_number(mount.focal_px)}"]
        lines += [f"distance_m = {_number(mount.distance_m, 3)}", f"height_m = {_number(mount.height_m, 3)}"]
    return "\n".join(lines) + "\n"


def _settings(spec: FacadeSpec) -> list[str]:
    """What is one number or word."""
    plain, lines = FacadeSpec(), []
    if spec.size is not None:
        lines.append(f"size = [{spec.size[0]}, {spec.size[1]}]  # of the picture that positions are of")
    if spec.fps is not None:
        lines.append(f"fps = {_number(spec.fps, 3)}")
    if spec.storey_m != plain.storey_m:
        lines.append(f"storey_m = {_number(spec.storey_m, 3)}")
    if spec.ground_floor != plain.ground_floor:
        lines.append(f"ground_floor = {spec.ground_floor}")
    if spec.skipped_floors:
        lines.append(f"skipped_floors = {list(spec.skipped_floors)}  # numbers that the house does not have")
    if spec.slow_falls:
        lines.append("slow_falls = true  # tell of bags and paper that sink, too")
    return lines


def _spots(spots: Sequence[Spot]) -> str:
    return "[" + ", ".join(f"[{_number(x)}, {_number(y)}]" for x, y in spots) + "]"


def _number(value: float, decimals: int = 1) -> str:
    """Without needless zeros."""
    rounded = round(value, decimals)
    return str(int(rounded)) if rounded == int(rounded) else repr(rounded)
