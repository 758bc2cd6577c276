"""An animated character as flat pictures in space: binary glTF.

Every different frame is one quad that shows its part of the sheet, standing upright on its pivot
and facing +z. Animations switch quads on and off by scale, 1 or 0, without any blending: the way
that the specification gives for visibility, so every player shows them. At rest the first frame is
seen. Materials are cut out by alpha, unlit, seen from both sides.

References:
    Khronos, "glTF 2.0 Specification", 3.5.2 (a scale of zero hides a mesh), 3.11 (STEP).
    Khronos, KHR_materials_unlit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.animation import animations, playing_order
from aigc_assets.exporters.glb_file import GlbFile
from aigc_assets.exporters.origin import origin
from aigc_assets.exporters.png import encode_png
from aigc_assets.types import AssetPack, SpriteSheet

PX_PER_METRE = 32
"""A figure of 64 px is two metres high."""


def export_billboard(
    asset: SpriteSheet, name: str, pack: AssetPack | None = None
) -> dict[str, bytes]:
    """Write ``<name>_billboard.glb``.

    Args:
        asset: The sheet.
        name: File name without suffix.
        pack: Says where the sheet comes from; the scene then carries ``aigc_*`` extras.
    """
    file = GlbFile()
    picture = with_binary_sides(asset.image)
    material = sprite_material(file, encode_png(picture), name, unlit=True)
    file.tree["extensionsUsed"] = ["KHR_materials_unlit"]
    shown = _pictures(asset)
    nodes: dict[int, int] = {}
    for index in sorted(set(shown)):
        corners, uv = _quad(asset, index, picture.shape[:2])
        mesh = file.quads(corners, np.array([[0.0, 0.0, 1.0]]), uv, material, f"{name}_{index}")
        node: dict[str, Any] = {"name": f"{name}_{index}", "mesh": mesh}
        if index != shown[0]:
            node["scale"] = [0, 0, 0]
        nodes[index] = file.add("nodes", node)
    root = file.add("nodes", {"name": name, "children": list(nodes.values())})
    _animate(file, asset, shown, nodes)
    scene: dict[str, Any] = {"nodes": [root]}
    made = origin(pack, name)
    if made:
        scene["extras"] = made
    file.add("scenes", scene)
    file.tree["scene"] = 0
    return {f"{name}_billboard.glb": file.data()}


def with_binary_sides(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with empty px to the right and below until both sides are powers of two.

    Old graphics hardware and WebGL 1 take no others without restrictions.
    """
    sides = [1 << (side - 1).bit_length() for side in image.shape[:2]]
    result = np.zeros((*sides, 4), dtype=np.uint8)
    result[: image.shape[0], : image.shape[1]] = image
    return result


def sprite_material(file: GlbFile, png: bytes, name: str, *, unlit: bool) -> int:
    """A material that shows a picture with hard edges and without shine."""
    surface = {
        "baseColorTexture": {"index": file.texture(png, name)},
        "metallicFactor": 0,
        "roughnessFactor": 1,
    }
    material: dict[str, Any] = {"name": name, "pbrMetallicRoughness": surface}
    if unlit:
        material |= {"alphaMode": "MASK", "alphaCutoff": 0.5, "doubleSided": True}
        material["extensions"] = {"KHR_materials_unlit": {}}
    return file.add("materials", material)


def _pictures(sheet: SpriteSheet) -> list[int]:
    """For each frame the first one that looks the same and stands on the same pivot."""
    first: dict[tuple[object, ...], int] = {}
    found = []
    for index, frame in enumerate(sheet.frames):
        key = (sheet.frame_image(index).tobytes(), frame.rect[2:], frame.pivot)
        found.append(first.setdefault(key, index))
    return found


def _quad(
    sheet: SpriteSheet, index: int, sides: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners [1, 4, 3] in metres and [1, 4, 2] in uv, from the bottom left on."""
    frame = sheet.frames[index]
    x, y, w, h = frame.rect
    height, width = sides
    left, top = -frame.pivot[0], frame.pivot[1]
    steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
    flat = (np.array([left, top - h]) + steps * np.array([w, h])) / PX_PER_METRE
    corners = np.concatenate([flat, np.zeros((4, 1))], axis=1)
    uv = (np.array([x, y + h]) + steps * np.array([w, -h])) / np.array([width, height])
    return corners[None], uv[None]


def _animate(file: GlbFile, sheet: SpriteSheet, shown: list[int], nodes: dict[int, int]) -> None:
    for tag in animations(sheet):
        order = playing_order(tag)
        durations = [int(sheet.frames[i].duration_ms) for i in order]
        # A key more than there are frames: it ends the last one.
        times = np.concatenate([[0], np.cumsum(durations)]) / 1000
        clock = file.floats(times)
        pictures = [shown[i] for i in (*order, order[-1])]
        samplers: list[dict[str, Any]] = []
        channels: list[dict[str, Any]] = []
        for picture in sorted({*pictures, shown[0]}):
            on = np.array([[float(p == picture)] * 3 for p in pictures])
            target = {"node": nodes[picture], "path": "scale"}
            channels.append({"sampler": len(samplers), "target": target})
            samplers.append({"input": clock, "output": file.floats(on), "interpolation": "STEP"})
        file.add("animations", {"name": tag.name, "samplers": samplers, "channels": channels})
