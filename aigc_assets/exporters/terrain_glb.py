"""A terrain in three dimensions: binary glTF.

Metres; x runs east along the columns, z south along the rows, y up, sea level at y = 0, the north
western sample at the origin. The grid is thinned to at most `MAX_SIDE` samples a side; heights are
those of the samples that are kept, normals those of the full grid. One texture is spread over the
ground; water is a mesh of its own, level over each lake and the sea. Settlements are empty nodes.

References:
    Khronos, "glTF 2.0 Specification" (binary: section 4.4, materials: 3.9).
"""

from __future__ import annotations

import functools
from typing import Any

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray

from aigc_assets import __version__
from aigc_assets.exporters.names import encode
from aigc_assets.exporters.png import encode_png
from aigc_assets.exporters.terrain_picture import ground_picture, water_colours
from aigc_assets.types import Terrain

MAX_SIDE = 257
"""Samples of the visible mesh along its longer side: 131,072 triangles at most."""
COLLISION_SIDE = 129
MAX_TEXTURE = 1024
"""Px along the longer side of the texture."""
_LINEAR, _LINEAR_MIPMAP, _CLAMP = 9729, 9987, 33071
_VERTICES, _INDICES = 34962, 34963

Points = NDArray[np.float64]
Faces = NDArray[np.int64]


def export_terrain(asset: Terrain, name: str) -> dict[str, bytes]:
    """Write ``<name>.glb`` and ``<name>_collision.glb``.

    The collision mesh is a coarser grid whose node is called ``<name>-colonly``, which Godot turns
    into a static body.

    Args:
        asset: The terrain.
        name: File name without suffix.
    """
    rows, columns = kept(asset.rows, asset, MAX_SIDE), kept(asset.columns, asset, MAX_SIDE)
    points, faces, uv = ground_mesh(asset, rows, columns)
    visual = trimesh.visual.TextureVisuals(uv=uv, material=_material("ground"))
    scene = trimesh.Scene()
    scene.add_geometry(
        trimesh.Trimesh(points, faces, vertex_normals=normals(asset, rows, columns), visual=visual,
                        process=False, validate=False),
        geom_name=name, node_name=name,
    )  # fmt: skip
    surface, cover = water_mesh(asset, rows, columns)
    if len(cover):
        up = np.tile((0.0, 1.0, 0.0), (len(surface), 1))
        visual = trimesh.visual.TextureVisuals(uv=None, material=_material("water"))
        water = trimesh.Trimesh(surface, cover, vertex_normals=up, visual=visual, process=False,
                                validate=False)  # fmt: skip
        scene.add_geometry(water, geom_name=f"{name}_water", node_name=f"{name}_water")
    texture = encode_png(_texture(asset))
    level = _pack(scene, functools.partial(_paint, texture), functools.partial(_finish, asset))
    rows = kept(asset.rows, asset, COLLISION_SIDE)
    columns = kept(asset.columns, asset, COLLISION_SIDE)
    points, faces, _ = ground_mesh(asset, rows, columns)
    scene = trimesh.Scene()
    scene.add_geometry(
        trimesh.Trimesh(points, faces, vertex_normals=normals(asset, rows, columns), process=False,
                        validate=False),
        geom_name=f"{name}_collision", node_name=f"{name}-colonly",
    )  # fmt: skip
    return {f"{name}.glb": level, f"{name}_collision.glb": _pack(scene, None, _sign)}


def kept(length: int, asset: Terrain, most: int) -> NDArray[np.int64]:
    """Indices of the samples that stay along one side, both ends among them."""
    thinning = max(1.0, (max(asset.height.shape) - 1) / (most - 1))
    count = max(2, round((length - 1) / thinning) + 1)
    return np.rint(np.linspace(0, length - 1, count)).astype(np.int64)


def ground_mesh(
    asset: Terrain, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[Points, Faces, NDArray[np.float64]]:
    """Points [N, 3] m, triangles [M, 3] and texture coordinates [N, 2], v upwards."""
    height = asset.height[np.ix_(rows, columns)].astype(np.float64)
    z, x = np.meshgrid(rows * asset.cell_size, columns * asset.cell_size, indexing="ij")
    points = np.stack([x, height, z], axis=2).reshape(-1, 3)
    v, u = np.meshgrid(
        1 - (rows + 0.5) / asset.rows, (columns + 0.5) / asset.columns, indexing="ij"
    )
    uv = np.stack([u, v], axis=2).reshape(-1, 2)
    return points, _grid_faces(height), uv


def normals(
    asset: Terrain, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Unit normals of the full grid at the samples that are kept, [N, 3]."""
    down, right = (
        np.asarray(part)
        for part in np.gradient(asset.height.astype(np.float64), float(asset.cell_size))
    )
    at = np.ix_(rows, columns)
    found: Points = np.stack([-right[at], np.ones((len(rows), len(columns))), -down[at]], axis=2)
    found /= np.linalg.norm(found, axis=2, keepdims=True)
    return found.reshape(-1, 3)


def water_mesh(
    asset: Terrain, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[Points, Faces]:
    """Level cells over everything that is wet, a cell beyond the shore; maybe empty."""
    at = np.ix_(rows, columns)
    depth = asset.depth[at].astype(np.float64)
    wet = depth > 0
    level = np.where(wet, asset.height[at] + depth, -np.inf)
    corners = np.stack([level[:-1, :-1], level[:-1, 1:], level[1:, 1:], level[1:, :-1]])
    top = corners.max(axis=0)
    found_rows, found_columns = np.nonzero(np.isfinite(top))
    if not len(found_rows):
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
    # Cells of one level share their corners; where levels meet, each has its own.
    y = np.round(top[found_rows, found_columns], 3)
    corner = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    r = found_rows[:, None] + corner[:, 0]
    c = found_columns[:, None] + corner[:, 1]
    keys = np.stack([r, c, np.broadcast_to(np.rint(y * 1000)[:, None], r.shape)], axis=2)
    unique, index = np.unique(keys.reshape(-1, 3).astype(np.int64), axis=0, return_inverse=True)
    points = np.stack(
        [
            columns[unique[:, 1]] * float(asset.cell_size),
            unique[:, 2] / 1000,
            rows[unique[:, 0]] * float(asset.cell_size),
        ],
        axis=1,
    )
    quads = index.reshape(-1, 4)
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int64)


def _grid_faces(height: Points) -> Faces:
    """Two triangles a cell, split along the flatter diagonal, counter-clockwise from above."""
    rows, columns = height.shape
    index = np.arange(rows * columns, dtype=np.int64).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    falling = np.abs(height[:-1, :-1] - height[1:, 1:])
    rising = np.abs(height[1:, :-1] - height[:-1, 1:])
    first = np.stack([np.stack([a, b, c], 2), np.stack([a, c, d], 2)], 2)
    second = np.stack([np.stack([a, b, d], 2), np.stack([b, c, d], 2)], 2)
    faces: Faces = np.where((falling <= rising)[..., None, None], first, second).reshape(-1, 3)
    return faces


def _texture(asset: Terrain) -> NDArray[np.uint8]:
    picture = ground_picture(asset)
    zoom = MAX_TEXTURE / max(asset.height.shape)
    # Sides that are powers of two keep mipmaps alive on old graphics hardware and in WebGL 1.
    sides = [min(MAX_TEXTURE, 1 << (max(1, round(n * min(zoom, 1))) - 1).bit_length())
             for n in asset.height.shape]  # fmt: skip
    method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (sides[1], sides[0]), interpolation=method))


def _material(name: str) -> Any:
    return trimesh.visual.material.PBRMaterial(name=name, metallicFactor=0.0, roughnessFactor=1.0)


def _pack(scene: Any, buffers: Any, tree: Any) -> bytes:
    data = trimesh.exchange.gltf.export_glb(
        scene, include_normals=True, tree_postprocessor=tree, buffer_postprocessor=buffers
    )
    return bytes(data)


def _paint(png: bytes, buffers: Any, tree: dict[str, Any]) -> None:
    view = len(buffers)
    buffers["texture"] = png + bytes(-len(png) % 4)
    tree["images"].append({"name": "ground", "bufferView": view, "mimeType": "image/png"})
    filters = {"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP}
    tree["samplers"] = [{**filters, "wrapS": _CLAMP, "wrapT": _CLAMP}]
    tree["textures"].append({"sampler": 0, "source": 0})
    for material in tree["materials"]:
        if material["name"] == "ground":
            material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}


def _finish(asset: Terrain, tree: dict[str, Any]) -> None:
    _sign(tree)
    shallow = (water_colours(asset)[0] / 255) ** 2.2  # factors are linear
    for material in tree["materials"]:
        if material["name"] == "water":
            material["pbrMetallicRoughness"] |= {
                "baseColorFactor": [*(round(float(v), 4) for v in shallow), 0.75],
                "roughnessFactor": 0.1,
            }
            material["alphaMode"] = "BLEND"
    roots = tree["scenes"][0].setdefault("nodes", [])
    for place in asset.settlements:
        column, row = place.cell
        ground = float(asset.height[row, column])
        roots.append(len(tree["nodes"]))
        tree["nodes"].append({
            "name": encode(place.name).decode(),
            "translation": [column * float(asset.cell_size), ground, row * float(asset.cell_size)],
            "extras": {"class": "settlement", "rank": place.rank},
        })  # fmt: skip
    if asset.properties:
        tree["scenes"][0]["extras"] = {
            encode(key).decode(): encode(value).decode() if isinstance(value, str) else value
            for key, value in asset.properties.items()
        }


def _sign(tree: dict[str, Any]) -> None:
    for mesh in tree.get("meshes", ()):
        for part in mesh["primitives"]:
            for accessor in (*part["attributes"].values(), part["indices"]):
                view = tree["bufferViews"][tree["accessors"][accessor]["bufferView"]]
                view["target"] = _INDICES if accessor == part["indices"] else _VERTICES
    tree["asset"] = {"version": "2.0", "generator": f"aigc_assets {__version__}"}
