"""Many assets of one kind, one per seed: what ``aigc-assets generate`` makes.

A batch is a plan like any other, so it has the same cache, workers, checks, provenance and lock
file; it only has no page, and batches in one folder add up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.build.graph import Node, closure, ordered
from aigc_assets.build.graph import plan as manifest_nodes
from aigc_assets.build.jobs import Plan
from aigc_assets.build.manifest import Manifest, asset_ids, parse_manifest
from aigc_assets.build.vocabulary import sound_kinds, suggest
from aigc_assets.errors import ManifestError, UsageError
from aigc_assets.exporters import DEFAULT_FORMAT, FORMATS

MAX_SEEDS = 100_000


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds from ``7``, ``0-63``, ``1,5,9`` or a mixture; in order, without repeats.

    Raises:
        UsageError: If it is not such a list, or longer than 100,000.
    """
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,19})(?:\s*-\s*(\d{1,19}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last >= 2**63:
            raise UsageError(f"expected seeds as 7, 0-63 or 1,5,9, got {text!r}", where="--seeds")
        if last - first + len(seeds) >= MAX_SEEDS:
            raise UsageError(f"more than {MAX_SEEDS} seeds", where="--seeds")
        seeds.update(dict.fromkeys(range(first, last + 1)))
    return tuple(seeds)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from ``48x32``.

    Raises:
        UsageError: If it is not two numbers.
    """
    match = re.fullmatch(r"(\d{1,5})[xX*](\d{1,5})", text.strip())
    if match is None:
        raise UsageError(f"expected a size as 48x32, got {text!r}", where="--size")
    return int(match[1]), int(match[2])


def choose_format(kind: str, format: str | None) -> str:
    """The format to write: the given one, or the first of the kind.

    Raises:
        UsageError: If it is unknown or does not hold this kind.
    """
    chosen = format or DEFAULT_FORMAT[kind]
    fitting = [name for name, entry in FORMATS.items() if kind in entry.kinds]
    if chosen not in fitting:
        raise UsageError(
            f"no format {chosen!r} for a {kind}{suggest(chosen, fitting)}",
            where="--format",
            remedy=f"one of: {', '.join(sorted(fitting))}",
        )
    return chosen


def single_plan(
    kind: str,
    values: Mapping[str, Any],
    seeds: tuple[int, ...],
    format: str,
    palette: NDArray[np.uint8],
    stage_table: Mapping[str, str],
    name: str | None = None,
) -> Plan:
    """One asset per seed; files are called ``<name or kind>_<seed>``, variations numbered from 1.

    Args:
        kind: ``map``, ``character``, ``sound`` or ``dialogue``.
        values: Keys of the kind's table in a manifest, without ``id`` and ``seed``.
        seeds: Seeds of the assets themselves.
        format: A key of `FORMATS`.
        palette: Colours, [N, 3].
        stage_table: Function of each kind.
        name: Start of the ids; the kind when None.

    Raises:
        UsageError: If a value is out of range; the message names it.
    """
    cast = list(values.get("cast", ()))
    prompts = dict(values.get("roles", {}))
    table = {key: value for key, value in values.items() if key != "roles"}
    nodes = []
    for seed in seeds:
        asset_id = f"{name or kind}_{seed}"
        document: dict[str, Any] = {
            "pack": {"name": "batch"},
            kind: [{"id": asset_id, "seed": seed, **table}],
            "export": {"targets": ["web"]},
        }
        if kind == "dialogue":
            document["character"] = [{"id": c, "prompt": prompts.get(c, c)} for c in cast]
        try:
            manifest = parse_manifest(document, where="generate")
        except ManifestError as error:
            raise UsageError(
                error.message, where=_option(error.where), remedy=error.remedy
            ) from error
        made = manifest_nodes(manifest)
        chosen_table = getattr(manifest, kind)[0]
        nodes += [made[name] for name in asset_ids(chosen_table)]
    chosen = ordered(nodes)
    folders = {asset_id: {format: [""]} for asset_id in chosen}
    return Plan("batch", palette, chosen, chosen, folders, stage_table, False, True)


def _option(place: str | None) -> str | None:
    """The option that a place in a manifest came from; the place itself if none did."""
    key = re.search(r'key "(\w+)', place or "")
    if key is None:
        return place
    return "--" + _OPTIONS.get(key[1], key[1]).replace("_", "-")


_OPTIONS: Mapping[str, str] = {"id": "name", "pins": "pin"}
"""Options that are called otherwise than the key of a manifest."""


def cutscene_plan(
    manifest: Manifest,
    scene_id: str | None,
    seeds: tuple[int, ...],
    format: str,
    palette: NDArray[np.uint8],
    stage_table: Mapping[str, str],
) -> Plan:
    """A cutscene of a manifest with other seeds, on the assets of that manifest.

    Raises:
        UsageError: If the manifest has no such cutscene.
    """
    nodes = manifest_nodes(manifest)
    scenes = [scene.id for scene in manifest.cutscene]
    chosen = scene_id or (scenes[0] if scenes else "")
    if chosen not in scenes:
        raise UsageError(
            f'there is no cutscene "{chosen}"{suggest(chosen, scenes)}',
            where="--id",
            remedy=f"cutscenes of this manifest: {', '.join(scenes) or 'none'}",
        )
    scene = nodes[chosen]
    made = [nodes[name] for name in closure(nodes, scene.deps)]
    copies = [
        Node(f"{chosen}_{seed}", "cutscene", scene.request, seed, scene.deps) for seed in seeds
    ]
    every = ordered([*made, *copies])
    folders = {node.id: {format: [""]} for node in copies}
    return Plan(manifest.pack.name, palette, every, every, folders, stage_table, False, True)


def scratch_manifest(
    theme: str,
    mood: str,
    lines: int,
    cast: Mapping[str, str],
    resolution: tuple[int, int],
    frame_rate: int,
    seed: int,
) -> Manifest:
    """A small manifest around one cutscene called ``cutscene``, for a scene without a pack.

    Args:
        theme: Of its map.
        mood: Of its dialogue.
        lines: Of its dialogue.
        cast: Prompt by character id.
        resolution: Of the picture in px.
        frame_rate: Frames per second.
        seed: Of the map, the characters, the sounds and the dialogue.

    Raises:
        UsageError: If a value is out of range.
    """
    sounds = [k for k in ("footstep", "door", "ui_click", "magic") if k in sound_kinds()]
    scene = {
        "id": "cutscene",
        "map": "set",
        "dialogue": "talk",
        "resolution": list(resolution),
        "frame_rate": frame_rate,
    }
    return parse_manifest(
        {
            "pack": {"name": "scene", "seed": seed},
            "map": [{"id": "set", "theme": theme, "size": [48, 32], "require": ["start -> exit"]}],
            "character": [{"id": name, "prompt": prompt} for name, prompt in cast.items()],
            "sound": [{"id": kind, "kind": kind} for kind in sounds],
            "dialogue": [{"id": "talk", "cast": list(cast), "mood": mood, "lines": lines}],
            "cutscene": [scene],
            "export": {"targets": ["film"]},
        },
        where="generate",
    )
