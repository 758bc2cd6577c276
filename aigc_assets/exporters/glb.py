"""A map as a level in three dimensions: binary glTF.

One tile is one metre, x runs along the columns, z down the rows, y up. Floor tiles lie at y = 0,
solid tiles are boxes one metre high of which only the faces that can be seen are built; tiles with
the property ``liquid`` stay flat, however solid. Every different stack of tiles is painted once
into an atlas with extruded edges. Objects are empty nodes on the floor, named and with their class,
cell and properties as extras.

References:
    Khronos, "glTF 2.0 Specification" (binary: section 4.4, samplers: 3.8.4.3).
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray

from aigc_assets import __version__
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png, extrude
from aigc_assets.exporters.raster import blend, tile_image
from aigc_assets.types import Tilemap

WALL_HEIGHT = 1.0
"""Metres."""

_BORDER = 2  # px around each atlas tile, so that the first mipmaps do not bleed either
_NEAREST, _NEAREST_MIPMAP_LINEAR, _CLAMP = 9728, 9986, 33071
_VERTICES, _INDICES = 34962, 34963

# Corners of a face as steps (x, y, z) from the cell's corner, counter-clockwise seen from outside,
# from the bottom left of the picture on.
_TOP = ((0, 1, 1), (1, 1, 1), (1, 1, 0), (0, 1, 0))
_SIDES = (
    # normal, row and column step to the neighbour that hides it, corners
    ((0, 0, 1), (1, 0), ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))),
    ((0, 0, -1), (-1, 0), ((1, 0, 0), (0, 0, 0), (0, 1, 0), (1, 1, 0))),
    ((1, 0, 0), (0, 1), ((1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1))),
    ((-1, 0, 0), (0, -1), ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0))),
)
_PICTURE_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))  # u to the right, v up, as trimesh has it


class Quads(NamedTuple):
    """Faces with four corners each: corners [N, 4, 3] m, normals [N, 3], atlas tile [N]."""

    corners: NDArray[np.float64]
    normals: NDArray[np.float64]
    tiles: NDArray[np.int64]


def export_glb(asset: Tilemap, name: str) -> dict[str, bytes]:
    """Write ``<name>.glb``, the level, and ``<name>_collision.glb``, boxes for its physics.

    The collision boxes cover the solid cells that hold a tile, merged into few rectangles; the node
    is called ``<name>-colonly``, which Godot turns into a static body. It is left out if nothing is
    solid.

    Args:
        asset: The map.
        name: File name without suffix.
    """
    stacks, cells = tile_stacks(asset)
    drawn = (stacks != 0).any(axis=1)[cells]
    solid = asset.solid() & drawn
    walls = solid & ~_liquid(asset, stacks)[cells]
    files = {}
    quads = level_quads(walls, drawn & ~walls, cells)
    files[f"{name}.glb"] = _level(asset, name, quads, stacks)
    boxes = merge_rectangles(solid)
    if boxes:
        files[f"{name}_collision.glb"] = _collision(name, boxes)
    return files


def tile_stacks(tilemap: Tilemap) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The different piles of gids, [K, layers] bottom first, and the pile of each cell, [H, W]."""
    piles = np.stack([layer.gids.ravel() for layer in tilemap.layers], axis=1)
    stacks, cells = np.unique(piles, axis=0, return_inverse=True)
    return stacks, cells.reshape(tilemap.height, tilemap.width).astype(np.int64)


def _liquid(tilemap: Tilemap, stacks: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which stacks hold a tile with the property ``liquid``, [K]."""
    wet = [
        any(tilemap.tile_properties(g).get("liquid") is True for g in s) for s in stacks.tolist()
    ]
    return np.array(wet, dtype=bool)


def level_quads(
    walls: NDArray[np.bool_], floor: NDArray[np.bool_], cells: NDArray[np.int64]
) -> Quads:
    """The faces that can be seen: floors, tops of walls, and sides with no wall behind them.

    Args:
        walls: Cells that become boxes, [H, W].
        floor: Cells that become flat tiles, [H, W].
        cells: Atlas tile of each cell, [H, W].
    """
    around = np.pad(walls, 1)
    height, width = walls.shape
    parts = [(floor, (0, 1, 0), 0.0, _TOP), (walls, (0, 1, 0), WALL_HEIGHT, _TOP)]
    for normal, (down, right), steps in _SIDES:
        hidden = around[1 + down : 1 + down + height, 1 + right : 1 + right + width]
        parts.append((walls & ~hidden, normal, WALL_HEIGHT, steps))
    corners, normals, tiles = [], [], []
    for mask, normal, top, steps in parts:
        rows, columns = np.nonzero(mask)
        origin = np.stack([columns, np.zeros_like(rows), rows], axis=1).astype(np.float64)
        corners.append(origin[:, None] + np.array(steps) * (1.0, top, 1.0))
        normals.append(np.tile(np.array(normal, dtype=np.float64), (len(rows), 1)))
        tiles.append(cells[rows, columns])
    return Quads(np.concatenate(corners), np.concatenate(normals), np.concatenate(tiles))


def merge_rectangles(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """Cover the true cells with few rectangles (column, row, width, height), none overlapping.

    Greedy: from the top left, as wide as it goes, then as far down as the full width goes.
    """
    left = mask.copy()
    found = []
    for row, column in np.argwhere(mask).tolist():
        if not left[row, column]:
            continue
        run = left[row, column:]
        width = int(np.argmin(run)) if not run.all() else len(run)
        height = 1
        while row + height < mask.shape[0] and left[row + height, column : column + width].all():
            height += 1
        left[row : row + height, column : column + width] = False
        found.append((column, row, width, height))
    return found


def _level(tilemap: Tilemap, name: str, quads: Quads, stacks: NDArray[np.uint32]) -> bytes:
    scene = trimesh.Scene()
    atlas, corners, opaque = _atlas(tilemap, stacks)
    if len(quads.tiles):
        material = trimesh.visual.material.PBRMaterial(
            name="tiles", metallicFactor=0.0, roughnessFactor=1.0
        )
        visual = trimesh.visual.TextureVisuals(
            uv=corners[quads.tiles].reshape(-1, 2), material=material
        )
        mesh = trimesh.Trimesh(
            vertices=quads.corners.reshape(-1, 3),
            faces=_triangles(len(quads.tiles)),
            vertex_normals=np.repeat(quads.normals, 4, axis=0),
            visual=visual,
            process=False,
            validate=False,
        )
        scene.add_geometry(mesh, geom_name=name, node_name=name)
    return _pack(
        scene,
        functools.partial(_add_texture, encode_png(atlas), opaque),
        functools.partial(_finish, tilemap),
    )


def _collision(name: str, boxes: list[tuple[int, int, int, int]]) -> bytes:
    sides = np.array(boxes, dtype=np.float64)
    origin = np.stack([sides[:, 0], np.zeros(len(sides)), sides[:, 1]], axis=1)
    extent = np.stack([sides[:, 2], np.full(len(sides), WALL_HEIGHT), sides[:, 3]], axis=1)
    faces = [(normal, steps) for normal, _, steps in _SIDES]
    faces += [((0, 1, 0), _TOP), ((0, -1, 0), ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)))]
    steps = np.array([steps for _, steps in faces], dtype=np.float64)
    vertices = origin[:, None, None] + steps * extent[:, None, None]
    normals = np.array([normal for normal, _ in faces], dtype=np.float64)
    mesh = trimesh.Trimesh(
        vertices=vertices.reshape(-1, 3),
        faces=_triangles(len(boxes) * len(faces)),
        vertex_normals=np.tile(np.repeat(normals, 4, axis=0), (len(boxes), 1)),
        process=False,
        validate=False,
    )
    scene = trimesh.Scene()
    scene.add_geometry(mesh, geom_name=f"{name}_collision", node_name=f"{name}-colonly")
    return _pack(scene, None, _sign)


def _triangles(count: int) -> NDArray[np.int64]:
    first = 4 * np.arange(count, dtype=np.int64)[:, None]
    corners: NDArray[np.int64] = first + np.array([0, 1, 2, 0, 2, 3], dtype=np.int64)
    return corners.reshape(-1, 3)


def _atlas(
    tilemap: Tilemap, stacks: NDArray[np.uint32]
) -> tuple[NDArray[np.uint8], NDArray[np.float64], bool]:
    """One picture per stack in a nearly square atlas, its corners in uv, and if all are opaque.

    The corners are [K, 4, 2]. A stack without any tile is never drawn and does not count.
    """
    width, height = tilemap.tile_size
    columns = math.isqrt(max(len(stacks) - 1, 0)) + 1
    rows = -(-len(stacks) // columns)
    opaque = True
    plain = np.zeros((rows * height, columns * width, 4), dtype=np.uint8)
    for index, stack in enumerate(stacks.tolist()):
        picture = np.zeros((height, width, 4), dtype=np.uint8)
        for gid in stack:
            if gid:
                tile = tile_image(tilemap, gid)
                blend(picture, tile, 0, height - tile.shape[0])
        opaque = opaque and (not any(stack) or bool((picture[..., 3] == 255).all()))
        y, x = divmod(index, columns)
        plain[y * height : (y + 1) * height, x * width : (x + 1) * width] = picture
    tight = extrude(plain, tilemap.tile_size, _BORDER)
    # Sides that are powers of two keep mipmaps alive on old graphics hardware and in WebGL 1.
    sides = [1 << (side - 1).bit_length() for side in tight.shape[:2]]
    atlas = np.zeros((*sides, 4), dtype=np.uint8)
    atlas[: tight.shape[0], : tight.shape[1]] = tight
    tiles = np.arange(len(stacks))
    left = (tiles % columns) * (width + 2 * _BORDER) + _BORDER
    bottom = (tiles // columns) * (height + 2 * _BORDER) + _BORDER + height
    step = np.array(_PICTURE_CORNERS, dtype=np.float64)
    u = (left[:, None] + step[:, 0] * width) / atlas.shape[1]
    v = 1 - (bottom[:, None] - step[:, 1] * height) / atlas.shape[0]
    return atlas, np.stack([u, v], axis=2), opaque


def _pack(scene: Any, buffers: Any, tree: Any) -> bytes:
    data = trimesh.exchange.gltf.export_glb(
        scene, include_normals=True, tree_postprocessor=tree, buffer_postprocessor=buffers
    )
    return bytes(data)


def _add_texture(png: bytes, opaque: bool, buffers: Any, tree: dict[str, Any]) -> None:
    # trimesh takes pictures only through Pillow and sets no sampler; pixel art wants hard edges.
    if not tree["materials"]:
        return
    view = len(buffers)
    buffers["atlas"] = png + bytes(-len(png) % 4)
    tree["images"].append({"name": "tiles", "bufferView": view, "mimeType": "image/png"})
    filters = {"magFilter": _NEAREST, "minFilter": _NEAREST_MIPMAP_LINEAR}
    tree["samplers"] = [{**filters, "wrapS": _CLAMP, "wrapT": _CLAMP}]
    tree["textures"].append({"sampler": 0, "source": 0})
    material = tree["materials"][0]
    material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    if not opaque:
        material["alphaMode"], material["alphaCutoff"] = "MASK", 0.5


def _finish(tilemap: Tilemap, tree: dict[str, Any]) -> None:
    _sign(tree)
    nodes = tree.setdefault("nodes", [])
    roots = tree["scenes"][0].setdefault("nodes", [])
    for item in tilemap.objects:
        column, row = (int(value) for value in item.cell)
        extras = {"class": item.cls, "id": int(item.id), "cell": [column, row]}
        extras.update({key: value for key, value in item.properties.items() if key not in extras})
        roots.append(len(nodes))
        nodes.append(
            {
                "name": _text(item.name or item.cls),
                "translation": [column + 0.5, 0.0, row + 0.5],
                "extras": {_text(key): _value(value) for key, value in extras.items()},
            }
        )
    if tilemap.properties:
        properties = {_text(key): _value(value) for key, value in tilemap.properties.items()}
        tree["scenes"][0]["extras"] = properties


def _sign(tree: dict[str, Any]) -> None:
    for mesh in tree.get("meshes", ()):
        for part in mesh["primitives"]:
            for accessor in (*part["attributes"].values(), part["indices"]):
                view = tree["bufferViews"][tree["accessors"][accessor]["bufferView"]]
                view["target"] = _INDICES if accessor == part["indices"] else _VERTICES
    tree["asset"] = {"version": "2.0", "generator": f"aigc_assets {__version__}"}


def _value(value: object) -> object:
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    return encode(text).decode()
