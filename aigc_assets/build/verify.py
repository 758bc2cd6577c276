"""Looks at a finished pack: is it whole and coherent, and where does a file of it come from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aigc_assets import types
from aigc_assets.build.cache import Cache
from aigc_assets.build.provenance import read_record
from aigc_assets.build.publish import ASSETS_FOLDER, LOCK_NAME, digest, read_lock
from aigc_assets.errors import AigcError, UsageError
from aigc_assets.types import Asset, AssetPack, Provenance

PROVENANCE_NAME = "provenance.json"


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What was looked at, and every problem that was found."""

    files: int
    assets: int
    problems: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class StoredPack:
    """The assets of a built folder.

    Args:
        name: Name of the pack.
        assets: By id.
        provenance: By id.
        made_from: Ids that each asset is made from.
        palettes: Colours of the pack when each asset was made, [N, 3].
        coherent: Whether the assets were made to belong together.
    """

    name: str
    assets: Mapping[str, Asset]
    provenance: Mapping[str, Provenance]
    made_from: Mapping[str, list[str]]
    palettes: Mapping[str, np.ndarray[Any, np.dtype[np.uint8]]]
    coherent: bool

    def part(self, ids: list[str]) -> AssetPack:
        """Some of the assets as a pack, with the palette of the first of them."""
        return AssetPack(
            self.name,
            self.palettes[ids[0]],
            {name: self.assets[name] for name in ids},
            {name: self.provenance[name] for name in ids if name in self.provenance},
        )


def load_pack(folder: Path) -> tuple[StoredPack, list[str]]:
    """The assets that a build keeps in ``folder``, and what is missing of them.

    Raises:
        UsageError: If the folder is not a built pack.
    """
    if not (folder / LOCK_NAME).is_file():
        raise UsageError(
            f"no {LOCK_NAME} here: not the output of a build",
            where=str(folder),
            remedy="give the folder that `aigc-assets build -o` wrote",
        )
    lock = read_lock(folder)
    if "version" not in lock:
        raise UsageError(
            "the lock file is damaged or of another version",
            where=str(folder / LOCK_NAME),
            remedy="build the pack again",
        )
    cache = Cache(folder / ".aigc", create=False)
    assets: dict[str, Asset] = {}
    provenance: dict[str, Provenance] = {}
    palettes, missing = {}, []
    table = _provenance(folder).get("assets", {})
    for asset_id, entry in lock["assets"].items():
        palettes[asset_id] = np.frombuffer(bytes.fromhex(entry["palette"]), np.uint8).reshape(-1, 3)
        sha256 = str(entry["content"])
        data = cache.get(sha256)
        if data is None:  # a pack that was copied without its store
            data = _read(folder / ASSETS_FOLDER / f"{asset_id}.asset", sha256)
        if data is None:
            missing.append(f"{asset_id}: its archive is missing or damaged; build again")
        else:
            assets[asset_id] = types.load(data)
        try:
            provenance[asset_id] = read_record(table[asset_id])
        except (AigcError, KeyError, TypeError):
            missing.append(f"{asset_id}: {PROVENANCE_NAME} does not say where it came from")
    made_from = {asset_id: list(e["made_from"]) for asset_id, e in lock["assets"].items()}
    pack = StoredPack(
        str(lock["pack"]), assets, provenance, made_from, palettes, bool(lock["coherent"])
    )
    return pack, missing


def inspect_pack(folder: Path) -> Inspection:
    """Check a built folder: files against the lock file, provenance, proofs, coherence.

    Raises:
        UsageError: If the folder is not a built pack.
    """
    from aigc_assets.build.checks import check_assets

    pack, problems = load_pack(folder)
    lock = read_lock(folder)
    table = _provenance(folder)
    for path, entry in lock["files"].items():
        present = digest(folder / path)
        if present is None:
            problems.append(f"{path}: missing")
        elif present != entry["sha256"]:
            problems.append(f"{path}: changed since it was built")
        if entry["asset"]:
            listed = table.get("files", {}).get(path, {})
            if listed.get("asset") != entry["asset"]:
                problems.append(f"{path}: {PROVENANCE_NAME} does not say where it came from")
            elif entry["asset"] not in table.get("assets", {}):
                problems.append(f"{path}: {PROVENANCE_NAME} does not describe {entry['asset']}")
    ids = [name for name in lock["assets"] if name in pack.assets]
    if pack.coherent and ids:
        problems += check_assets(pack.part(ids))
    else:
        for name in ids:
            together = [name, *(dep for dep in pack.made_from[name] if dep in pack.assets)]
            problems += [p for p in check_assets(pack.part(together)) if p not in problems]
    return Inspection(len(lock["files"]), len(lock["assets"]), tuple(problems))


def explain_file(path: Path) -> dict[str, Any]:
    """Where a file of a pack came from.

    Returns:
        ``file``, ``pack``, ``asset``, ``format``, ``unchanged`` (whether its bytes are those that
        were built) and the provenance of the asset.

    Raises:
        UsageError: If the file does not exist or belongs to no pack.
    """
    if not path.is_file():
        raise UsageError("no such file", where=str(path))
    full = path.resolve()
    for folder in full.parents:
        if not (folder / PROVENANCE_NAME).is_file():
            continue
        table = _provenance(folder)
        name = full.relative_to(folder).as_posix()
        listed = table.get("files", {}).get(name)
        if listed is None:
            continue
        asset_id = str(listed["asset"])
        return {
            "file": name,
            "pack": table.get("pack"),
            "generator": table.get("generator"),
            "asset": asset_id,
            "format": listed["format"],
            "unchanged": digest(full) == listed["sha256"],
            "provenance": table.get("assets", {}).get(asset_id, {}),
        }
    raise UsageError(
        f"no {PROVENANCE_NAME} above this file knows it",
        where=str(path),
        remedy="give a file that `aigc-assets build` or `generate` wrote",
    )


def _read(path: Path, sha256: str) -> bytes | None:
    return path.read_bytes() if digest(path) == sha256 else None


def _provenance(folder: Path) -> dict[str, Any]:
    try:
        table = json.loads((folder / PROVENANCE_NAME).read_bytes())
        return dict(table)
    except (OSError, ValueError, TypeError):
        return {}
