"""A character as a solid of cubes: binary glTF of its first frame, one cube's edge per pixel.

The figure is thicker in the middle than at its edge. Where the sheet has the same animation seen
from behind (``idle_up`` of ``idle_down``), the back wears its colours. Faces of one colour that lie
in one plane are merged into runs and rectangles. The texture is one row with a pixel per colour:
to change a colour, change that pixel.

References:
    Khronos, "glTF 2.0 Specification", 3.7 (meshes).
"""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.glb_file import GlbFile
from aigc_assets.exporters.glb_geometry import merge_rectangles
from aigc_assets.exporters.origin import origin
from aigc_assets.exporters.png import encode_png
from aigc_assets.exporters.sprite_billboard import (
    PX_PER_METRE,
    sprite_material,
    with_binary_sides,
)
from aigc_assets.types import AssetPack, SpriteSheet

THICKEST = 4
"""Half the depth of the figure at its thickest, in px."""

_NONE = -1


def export_voxels(asset: SpriteSheet, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Write ``<name>_voxels.glb``; nothing but an empty scene when the first frame is empty.

    Args:
        asset: The sheet.
        name: File name without suffix.
        pack: Says where the sheet comes from; the scene then carries ``aigc_*`` extras.
    """
    file = GlbFile()
    front, colours = _indices(asset.frame_image(0))
    behind = _indices(_seen_from_behind(asset), colours)[0]
    back = np.where((front >= 0) & (behind >= 0), behind, front)
    depth = half_depth(front >= 0)
    faces: list[_Face] = []
    for side, colour in ((1, front), (-1, back)):
        faces += _plates(colour, depth, side) + _sides(colour, depth, side)
    scene: dict[str, Any] = {"nodes": []}
    if faces:
        strip = np.full((1, len(colours), 4), 255, dtype=np.uint8)
        strip[0, :, :3] = colours
        strip = with_binary_sides(strip)
        material = sprite_material(file, encode_png(strip), name, unlit=False)
        corners = np.array([corner for corner, _, _ in faces], dtype=np.float64)
        pivot = asset.frames[0].pivot
        corners[..., 0] -= pivot[0]
        corners[..., 1] = pivot[1] - corners[..., 1]
        normals = np.array([normal for _, normal, _ in faces], dtype=np.float64)
        texel = (np.array([colour for _, _, colour in faces]) + 0.5) / strip.shape[1]
        uv = np.stack([texel, np.full(len(faces), 0.5)], axis=1)[:, None].repeat(4, axis=1)
        mesh = file.quads(corners / PX_PER_METRE, normals, uv, material, name)
        scene["nodes"].append(file.add("nodes", {"name": name, "mesh": mesh}))
    else:
        scene["nodes"].append(file.add("nodes", {"name": name}))
    made = origin(pack, name)
    if made:
        scene["extras"] = made
    file.add("scenes", scene)
    file.tree["scene"] = 0
    return {f"{name}_voxels.glb": file.data()}


def half_depth(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many px each pixel reaches to the front and to the back; 0 outside, at least 1 inside."""
    padded = np.pad(mask, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L1, 3)[1:-1, 1:-1]
    grown = 1 + (distance.astype(np.int64) - 1) // 2
    result: NDArray[np.int64] = np.where(mask, np.clip(grown, 1, THICKEST), 0)
    return result


_Face = tuple[list[tuple[int, int, int]], tuple[int, int, int], int]


def _indices(
    picture: NDArray[np.uint8], colours: NDArray[np.uint8] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Number of each pixel's colour, -1 where transparent, and the colours [K, 3].

    With ``colours`` given, those that are not among them count as transparent.
    """
    opaque = picture[..., 3] == 255
    if colours is None:
        colours = np.unique(picture[opaque][:, :3], axis=0)
    index = np.full(picture.shape[:2], _NONE, dtype=np.int64)
    for number, colour in enumerate(colours):
        index[opaque & (picture[..., :3] == colour).all(axis=2)] = number
    return index, colours


def _seen_from_behind(sheet: SpriteSheet) -> NDArray[np.uint8]:
    """The figure from behind as it lies on the front, mirrored at the pivot; else transparent."""
    front = sheet.frame_image(0)
    nothing = np.zeros_like(front)
    tag = next((t for t in sheet.tags if t.start == 0 and t.name.endswith("_down")), None)
    if tag is None:
        return nothing
    other = next((t for t in sheet.tags if t.name == f"{tag.name[:-5]}_up"), None)
    if other is None or sheet.frames[other.start].rect[2:] != sheet.frames[0].rect[2:]:
        return nothing
    behind = sheet.frame_image(other.start)
    shift = 2 * sheet.frames[0].pivot[0] - front.shape[1]
    columns = np.arange(front.shape[1])
    source = front.shape[1] - 1 - columns + shift
    inside = (source >= 0) & (source < front.shape[1])
    nothing[:, columns[inside]] = behind[:, source[inside]]
    return nothing


def _plates(colour: NDArray[np.int64], depth: NDArray[np.int64], side: int) -> list[_Face]:
    """The faces that look to the front (side 1) or to the back (side -1)."""
    faces: list[_Face] = []
    key = np.where(depth > 0, colour * (THICKEST + 1) + depth, _NONE)
    for value in np.unique(key[key >= 0]).tolist():
        number, reach = divmod(value, THICKEST + 1)
        for x, y, w, h in merge_rectangles(key == value):
            z = side * reach
            corners = [(x, y + h, z), (x + w, y + h, z), (x + w, y, z), (x, y, z)]
            if side < 0:
                corners = [corners[1], corners[0], corners[3], corners[2]]
            faces.append((corners, (0, 0, side), number))
    return faces


def _sides(colour: NDArray[np.int64], depth: NDArray[np.int64], side: int) -> list[_Face]:
    """The faces between pixels of different depth, in runs of one colour.

    A figure is as deep before its middle (side 1) as behind it (side -1); each half has its own.
    """
    faces: list[_Face] = []
    for turned in (False, True):
        tones, reach = (colour.T, depth.T) if turned else (colour, depth)
        for forward in (False, True):
            beside = np.zeros_like(reach)
            if forward:
                beside[:-1] = reach[1:]
            else:
                beside[1:] = reach[:-1]
            steps = reach > beside
            for row in np.flatnonzero(steps.any(axis=1)).tolist():
                for start, stop in _runs(tones[row], reach[row], beside[row], steps[row]):
                    low, high = int(beside[row, start]), int(reach[row, start])
                    span = (low, high) if side > 0 else (-high, -low)
                    place, tone = row + int(forward), int(tones[row, start])
                    faces.append(_side(turned, forward, place, (start, stop), span, tone))
    return faces


def _runs(*lines: NDArray[Any]) -> list[tuple[int, int]]:
    """Stretches (start, stop) where all lines stay the same and the last one is true."""
    stacked = np.stack([line.astype(np.int64) for line in lines])
    change = np.flatnonzero((stacked[:, 1:] != stacked[:, :-1]).any(axis=0)) + 1
    edges = [0, *change.tolist(), stacked.shape[1]]
    return [(a, b) for a, b in itertools.pairwise(edges) if stacked[-1, a]]


def _side(
    turned: bool,
    forward: bool,
    place: int,
    along: tuple[int, int],
    across: tuple[int, int],
    tone: int,
) -> _Face:
    """A face that reaches into the depth: of a row of pixels, or of a column if ``turned``."""
    (start, stop), (near, far) = along, across
    if turned:  # looks along x
        corners = [
            (place, stop, far),
            (place, stop, near),
            (place, start, near),
            (place, start, far),
        ]
        normal = (1, 0, 0) if forward else (-1, 0, 0)
    else:  # looks along y, which runs down in a picture and up in space
        corners = [
            (start, place, near),
            (stop, place, near),
            (stop, place, far),
            (start, place, far),
        ]
        normal = (0, -1, 0) if forward else (0, 1, 0)
    # Listed counter-clockwise for one of the two sides that a face can look to.
    return (corners if forward else corners[::-1]), normal, tone
