"""Packed training data: one ``<kind>.npz`` and one ``<kind>.json`` per kind, at most 40 MB in all.

Packing needs the source folders; training needs only the packed folder, so it travels to any
machine. Arrays keep the order of the sources, so that the same sources give the same bytes.
"""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from aigc_assets.errors import DataError
from aigc_assets.models.cards import write_whole
from aigc_assets.training import TASKS, YARDSTICKS

LIMIT_BYTES = 40 * 1024 * 1024


def task_class(kind: str) -> Any:
    """The `Task` of a kind."""
    module, name = (TASKS | YARDSTICKS)[kind]
    return getattr(importlib.import_module(module), name)


def pack(sources: Path, out: Path, kinds: list[str] | None = None) -> dict[str, int]:
    """Pack the sources of ``kinds`` (all by default) into ``out``; return bytes per kind.

    Raises:
        DataError: If a source folder is missing or the result is over 40 MB.
    """
    if not sources.is_dir():
        raise DataError("no such folder", where=str(sources), remedy="give the data folder")
    sizes = {}
    out.mkdir(parents=True, exist_ok=True)
    for kind in kinds or list(TASKS):
        arrays, info = task_class(kind).pack(sources)
        sizes[kind] = write(out, kind, arrays, info)
    total = sum(sizes.values())
    if total > LIMIT_BYTES:
        raise DataError(f"packed data is {total >> 20} MB, the limit is 40 MB", where=str(out))
    return sizes


def write(out: Path, kind: str, arrays: dict[str, np.ndarray], info: dict[str, Any]) -> int:
    """Write the packed data of one kind, each file whole or not at all; return its bytes."""
    out.mkdir(parents=True, exist_ok=True)
    data = _npz(arrays)
    text = (json.dumps(info, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    for suffix, content in (("npz", data), ("json", text)):
        write_whole(out / f"{kind}.{suffix}", content)
    return len(data) + len(text)


def read(folder: Path, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `pack` wrote for ``kind``.

    Raises:
        DataError: If it is missing or damaged.
    """
    path = folder / f"{kind}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        info = json.loads((folder / f"{kind}.json").read_bytes())
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"no packed data: {error}",
            where=str(path),
            remedy="make it with `aigc-assets data pack SOURCES -o DIR`",
        ) from error
    return arrays, info


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    """Like `numpy.savez_compressed`, but with a fixed date: equal arrays, equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for key, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, buffer.getvalue(), compresslevel=9)
    return out.getvalue()
