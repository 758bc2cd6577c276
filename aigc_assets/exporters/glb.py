"""A map as a level in three dimensions: binary glTF.

One tile is one metre, y up. Seen from above, x runs along the columns and z down the rows: floor
tiles lie at y = 0, solid tiles are boxes one metre high; tiles with the property ``liquid`` stay
flat, however solid. A map to jump through (``movement`` is ``jump``) stands upright: y runs up the
rows, solid tiles are boxes one metre deep, the lowest layer is the backdrop at z = 0. Only faces
that can be seen are built. Every different stack of tiles is painted once into an atlas with
extruded edges. Objects are empty nodes on the floor, named and with their class, cell and
properties as extras; objects of the class ``box`` are cubes with the picture of the topmost tile of
their cell.

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
from aigc_assets.exporters.glb_geometry import (
    BOARD,
    Quads,
    box,
    from_above,
    from_the_side,
    merge_rectangles,
    solid_boxes,
)
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.origin import origin
from aigc_assets.exporters.png import encode_png, extrude
from aigc_assets.exporters.raster import blend, tile_image
from aigc_assets.types import AssetPack, Tilemap
from aigc_assets.types.validation import Scalar

_BORDER = 2  # px around each atlas tile, so that the first mipmaps do not bleed either
_NEAREST, _NEAREST_MIPMAP_LINEAR, _CLAMP = 9728, 9986, 33071
_VERTICES, _INDICES = 34962, 34963

_PICTURE_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))  # u to the right, v up, as trimesh has it


class Piles(NamedTuple):
    """What a level shows, each different pile of tiles once; -1 is no pile.

    Args:
        gids: [K, layers], bottom first.
        whole: All layers of a cell, [H, W]; in an upright level of solid cells alone.
        behind: The lowest of several layers, in open cells of an upright level, [H, W].
        before: What stands before that, [H, W].
        boxes: Of each object of the class ``box``, by id.
    """

    gids: NDArray[np.uint32]
    whole: NDArray[np.int64]
    behind: NDArray[np.int64]
    before: NDArray[np.int64]
    boxes: dict[int, int]


def export_glb(asset: Tilemap, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Write ``<name>.glb``, the level, and ``<name>_collision.glb``, boxes for its physics.

    The collision boxes cover the solid cells that hold a tile, merged into few rectangles; the node
    is called ``<name>-colonly``, which Godot turns into a static body. Boards that stop only who
    falls on them are a node of their own, ``<name>_boards-colonly``. The file is left out if
    nothing stops anybody.

    Args:
        asset: The map.
        name: File name without suffix.
        pack: Says where the map comes from; the scene then carries ``aigc_*`` extras.
    """
    upright = asset.properties.get("movement") == "jump"
    piles = tile_piles(asset, upright)
    drawn = np.logical_or.reduce([layer.gids != 0 for layer in asset.layers])
    solid = asset.solid() & drawn
    liquid = asset.marked("liquid")
    boards = asset.marked("one_way") & ~solid
    if upright:
        quads = from_the_side(
            solid, boards & (piles.before >= 0), liquid, piles.behind, piles.before, piles.whole
        )
    else:
        walls = solid & ~liquid
        quads = from_above(walls, drawn & ~walls, piles.whole)
    files = {f"{name}.glb": _level(asset, name, quads, piles, upright, origin(pack, name))}
    bodies = {f"{name}-colonly": solid_boxes(merge_rectangles(solid), asset.height, upright)}
    if upright:
        rows = [box for row in range(asset.height) for box in _row_of(boards, row)]
        bodies[f"{name}_boards-colonly"] = solid_boxes(rows, asset.height, True, BOARD)
    if any(len(body.tiles) for body in bodies.values()):
        files[f"{name}_collision.glb"] = _collision(bodies)
    return files


def _row_of(mask: NDArray[np.bool_], row: int) -> list[tuple[int, int, int, int]]:
    return [(x, row, w, h) for x, _, w, h in merge_rectangles(mask[row : row + 1])]


def tile_piles(tilemap: Tilemap, upright: bool) -> Piles:
    """The different piles of tiles that a level shows, and which of them lies where.

    Args:
        tilemap: The map.
        upright: Whether the lowest layer is a backdrop; else each cell has one pile.
    """
    layers = np.stack([layer.gids for layer in tilemap.layers], axis=2)
    height, width, count = layers.shape
    pictures: dict[int, NDArray[np.uint32]] = {}
    for item in tilemap.objects:
        column, row = item.cell
        above = np.flatnonzero(layers[row, column])
        if item.cls == "box" and len(above) > 1:
            # The picture of the box goes with the box, what is under it stays.
            pictures[item.id] = np.zeros(count, dtype=np.uint32)
            pictures[item.id][above[-1]] = layers[row, column, above[-1]]
            layers[row, column, above[-1]] = 0
    shown = [layers]
    if upright:
        backdrop = count > 1
        lowest = (np.arange(count) == 0) & backdrop
        solid = tilemap.solid()[..., None]
        shown = [
            np.where(solid, layers, 0),
            np.where(~solid & lowest, layers, 0),
            np.where(~solid & ~lowest, layers, 0),
        ]
    parts = [part.reshape(-1, count) for part in shown]
    parts += [picture[None] for picture in pictures.values()]
    gids, indices = np.unique(np.concatenate(parts), axis=0, return_inverse=True)
    indices = indices.reshape(-1).astype(np.int64)
    cells = height * width
    places = [
        np.where(part.any(axis=2), indices[i * cells : (i + 1) * cells].reshape(height, width), -1)
        for i, part in enumerate(shown)
    ]
    boxes = dict(zip(pictures, indices[len(shown) * cells :].tolist(), strict=True))
    nowhere = np.full((height, width), -1, dtype=np.int64)
    whole, behind, before = places if upright else (places[0], nowhere, nowhere)
    return Piles(gids, whole, behind, before, boxes)


def _level(
    tilemap: Tilemap,
    name: str,
    quads: Quads,
    piles: Piles,
    upright: bool,
    made: dict[str, Scalar],
) -> bytes:
    scene = trimesh.Scene()
    atlas, corners, opaque = _atlas(tilemap, piles.gids)
    if len(quads.tiles):
        mesh = _mesh(quads, corners)
        scene.add_geometry(mesh, geom_name=name, node_name=name)
    meshes: dict[int, str] = {}
    for object_id, tile in piles.boxes.items():
        node = f"{name}_box_{object_id}"
        if tile not in meshes:
            meshes[tile] = f"{name}_box_{len(meshes) + 1}"
            scene.add_geometry(_mesh(box(tile), corners), geom_name=meshes[tile], node_name=node)
        scene.graph.update(frame_to=node, frame_from="world", geometry=meshes[tile])
    return _pack(
        scene,
        functools.partial(_add_texture, encode_png(atlas), opaque),
        functools.partial(_finish, tilemap, name, piles.boxes, upright, made),
    )


def _mesh(quads: Quads, corners: NDArray[np.float64] | None) -> Any:
    """Triangles; with pictures from the atlas if its corners in uv, [K, 4, 2], are given."""
    visual = None
    if corners is not None:
        material = trimesh.visual.material.PBRMaterial(
            name="tiles", metallicFactor=0.0, roughnessFactor=1.0
        )
        uv = corners[quads.tiles]
        # The lower corners move up where only the upper part of a picture is shown.
        upper = uv[:, [3, 2]]
        uv[:, [0, 1]] = upper + (uv[:, [0, 1]] - upper) * quads.shares[:, None, None]
        visual = trimesh.visual.TextureVisuals(uv=uv.reshape(-1, 2), material=material)
    return trimesh.Trimesh(
        vertices=quads.corners.reshape(-1, 3),
        faces=_triangles(len(quads.tiles)),
        vertex_normals=np.repeat(quads.normals, 4, axis=0),
        visual=visual,
        process=False,
        validate=False,
    )


def _collision(bodies: dict[str, Quads]) -> bytes:
    scene = trimesh.Scene()
    for name, quads in bodies.items():
        if len(quads.tiles):
            shape = name.removesuffix("-colonly") + "_collision"
            scene.add_geometry(_mesh(quads, None), geom_name=shape, node_name=name)
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
    for material in tree["materials"]:
        material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
        if not opaque:
            material["alphaMode"], material["alphaCutoff"] = "MASK", 0.5


def _finish(
    tilemap: Tilemap,
    name: str,
    boxes: dict[int, int],
    upright: bool,
    made: dict[str, Scalar],
    tree: dict[str, Any],
) -> None:
    _sign(tree)
    nodes = tree.setdefault("nodes", [])
    roots = tree["scenes"][0].setdefault("nodes", [])
    by_name = {node.get("name"): node for node in nodes}
    for item in tilemap.objects:
        column, row = (int(value) for value in item.cell)
        extras = {"class": item.cls, "id": int(item.id), "cell": [column, row]}
        extras.update({key: value for key, value in item.properties.items() if key not in extras})
        node = by_name.get(f"{name}_box_{item.id}") if item.id in boxes else None
        if node is None:
            node = {}
            roots.append(len(nodes))
            nodes.append(node)
        height, depth = (float(tilemap.height - 1 - row), 0.5) if upright else (0.0, row + 0.5)
        node["name"] = _text(item.name or item.cls)
        node["translation"] = [column + 0.5, height, depth]
        node["extras"] = {_text(key): _value(value) for key, value in extras.items()}
    properties = {**tilemap.properties, **made}
    if properties:
        extras = {_text(key): _value(value) for key, value in properties.items()}
        tree["scenes"][0]["extras"] = extras


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
