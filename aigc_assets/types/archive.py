"""Any asset to bytes and back, without pickle: a zip of ``asset.json`` and one ``.npy`` per array.

Equal assets give equal bytes: fixed dates, fixed order, no compression levels left to chance.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from aigc_assets.errors import AigcError, DataError
from aigc_assets.types import dialogue, pack, sound, sprite, terrain, tilemap, tileset, timeline

_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for module in (dialogue, pack, sound, sprite, terrain, tilemap, tileset, timeline)
    for cls in vars(module).values()
    if dataclasses.is_dataclass(cls) and isinstance(cls, type)
}
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAX_ARRAY_BYTES = 1 << 30
# What zipfile, zlib, json and numpy raise for bytes that somebody damaged.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    OSError,
    RuntimeError,  # encrypted, an unknown compression, or nested too deeply
    MemoryError,
)


def dump(asset: object) -> bytes:
    """Encode a plain type (or `Provenance`, `AssetPack`) as bytes; equal in, equal out."""
    arrays: list[np.ndarray[Any, Any]] = []
    tree = _encode(asset, arrays)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        _add(archive, "asset.json", json.dumps(tree).encode())
        for i, array in enumerate(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
            _add(archive, f"{i}.npy", buffer.getvalue())
    return out.getvalue()


def load(data: bytes) -> Any:
    """Decode what `dump` wrote; every type validates itself on the way.

    Raises:
        DataError: If ``data`` is not such an archive.
        InvalidAssetError: If a value is out of range.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.file_size > _MAX_ARRAY_BYTES:
                    raise DataError("an entry is larger than 1 GiB", where=entry.filename)
            tree = json.loads(archive.read("asset.json"))
            arrays = []
            for i in range(len(archive.namelist()) - 1):
                buffer = io.BytesIO(archive.read(f"{i}.npy"))
                arrays.append(np.lib.format.read_array(buffer, allow_pickle=False))
        asset = _decode(tree, arrays)
        if type(asset) not in _CLASSES.values():
            raise DataError(f"not an asset archive: it holds a {type(asset).__name__}")
        return asset
    except AigcError:
        raise
    except _DAMAGE as error:
        raise DataError(f"not an asset archive: {error}", remedy="build the pack again") from error


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, data, compresslevel=6)


def _encode(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        body = {f.name: _encode(getattr(value, f.name), arrays) for f in fields}
        return {"type": type(value).__name__, "fields": body}
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, Mapping):
        return {"map": [[key, _encode(item, arrays)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, arrays) for item in value]}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"cannot archive {type(value).__name__}")


def _decode(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    if "type" in value:
        fields = {key: _decode(item, arrays) for key, item in value["fields"].items()}
        return _CLASSES[value["type"]](**fields)
    if "array" in value:
        array = arrays[value["array"]]
        array.setflags(write=False)
        return array
    if "fraction" in value:
        return Fraction(*value["fraction"])
    if "map" in value:
        return {key: _decode(item, arrays) for key, item in value["map"]}
    return tuple(_decode(item, arrays) for item in value["tuple"])
