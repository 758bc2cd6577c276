"""Binary glTF written out: buffer views, accessors, one picture, and the two chunks of the file.

References:
    Khronos, "glTF 2.0 Specification", 3.6 (binary data), 3.8 (textures), 4.4 (GLB).
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets import __version__

VERTICES, INDICES = 34962, 34963
NEAREST, CLAMP = 9728, 33071
_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class GlbFile:
    """A glTF document that grows; ``tree`` is its JSON, numbers are indices into its lists."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"aigc_assets {__version__}"}
        }
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, section: str, value: dict[str, Any]) -> int:
        """Append to a list of the document, such as ``nodes``; return the index."""
        entries = self.tree.setdefault(section, [])
        entries.append(value)
        return len(entries) - 1

    def view(self, data: bytes, target: int | None = None) -> int:
        """A buffer view of these bytes, aligned to four."""
        entry: dict[str, Any] = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        if target is not None:
            entry["target"] = target
        self._parts.append(data + bytes(-len(data) % 4))
        self._length += len(self._parts[-1])
        return self.add("bufferViews", entry)

    def floats(self, values: NDArray[np.floating], target: int | None = None) -> int:
        """An accessor of float32, [N] or [N, 2..4], with its bounds."""
        array = np.ascontiguousarray(values, dtype="<f4")
        rows = array.reshape(len(array), -1)
        return self.add("accessors", {
            "bufferView": self.view(array.tobytes(), target), "componentType": 5126,
            "count": len(array), "type": _TYPES[rows.shape[1]],
            "min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist(),
        })  # fmt: skip

    def quads(
        self,
        corners: NDArray[np.floating],
        normals: NDArray[np.floating],
        uv: NDArray[np.floating],
        material: int,
        name: str,
    ) -> int:
        """A mesh of faces with four corners each, counter-clockwise; two triangles per face.

        Args:
            corners: [N, 4, 3] metres.
            normals: [N, 3].
            uv: [N, 4, 2], v down, as glTF has it.
            material: Index of the material.
            name: Of the mesh.
        """
        count = len(corners)
        first = 4 * np.arange(count, dtype="<u4")[:, None]
        triangles = (first + np.array([0, 1, 2, 0, 2, 3], dtype="<u4")).reshape(-1)
        indices = self.add("accessors", {
            "bufferView": self.view(triangles.tobytes(), INDICES), "componentType": 5125,
            "count": len(triangles), "type": "SCALAR",
            "min": [0], "max": [4 * count - 1],
        })  # fmt: skip
        attributes = {
            "POSITION": self.floats(corners.reshape(-1, 3), VERTICES),
            "NORMAL": self.floats(np.repeat(normals, 4, axis=0), VERTICES),
            "TEXCOORD_0": self.floats(uv.reshape(-1, 2), VERTICES),
        }
        part = {"attributes": attributes, "indices": indices, "material": material}
        return self.add("meshes", {"name": name, "primitives": [part]})

    def texture(self, png: bytes, name: str) -> int:
        """A picture whose pixels stay squares; return the index of the texture."""
        image = {"name": name, "bufferView": self.view(png), "mimeType": "image/png"}
        sampler = {"magFilter": NEAREST, "minFilter": NEAREST, "wrapS": CLAMP, "wrapT": CLAMP}
        return self.add("textures", {
            "sampler": self.add("samplers", sampler), "source": self.add("images", image)
        })  # fmt: skip

    def data(self) -> bytes:
        """The file."""
        self.tree["buffers"] = [{"byteLength": self._length}]
        text = json.dumps(self.tree, ensure_ascii=False, separators=(",", ":"))
        tree = text.encode("utf-8", "replace")
        tree += b" " * (-len(tree) % 4)
        binary = b"".join(self._parts)
        length = 12 + 8 + len(tree) + 8 + len(binary)
        return b"".join([
            struct.pack("<4sII", b"glTF", 2, length),
            struct.pack("<I4s", len(tree), b"JSON"), tree,
            struct.pack("<I4s", len(binary), b"BIN\0"), binary,
        ])  # fmt: skip
