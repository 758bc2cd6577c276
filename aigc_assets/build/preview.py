"""What the page of a build shows of an asset: pictures, sounds and a description of both."""

from __future__ import annotations

import itertools
import json
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aigc_assets.exporters.png import encode_png
from aigc_assets.exporters.raster import tilemap_image, timeline_frame
from aigc_assets.exporters.terrain_picture import terrain_image
from aigc_assets.exporters.wav import export_wav
from aigc_assets.types import (
    Asset,
    AssetPack,
    DialogueTree,
    Sound,
    SpriteSheet,
    Terrain,
    Tilemap,
    Timeline,
)

DESCRIPTION = "preview.json"
_BARS = 160


def preview_asset(asset: Asset, name: str, pack: AssetPack | None = None) -> dict[str, bytes]:
    """Media files for the page, and `DESCRIPTION` with what the page needs to know about them.

    Args:
        asset: What to show.
        name: Its id.
        pack: The other assets, for the poster of a cutscene.
    """
    files: dict[str, bytes] = {}
    if isinstance(asset, Tilemap):
        files[f"{name}.png"] = encode_png(tilemap_image(asset))
        page = _map(asset, f"{name}.png")
    elif isinstance(asset, Terrain):
        files[f"{name}.png"] = encode_png(_small(terrain_image(asset)))
        page = _terrain(asset, f"{name}.png")
    elif isinstance(asset, SpriteSheet):
        files[f"{name}.png"] = encode_png(asset.image)
        page = _sheet(asset, f"{name}.png")
    elif isinstance(asset, Sound):
        files = dict(export_wav(asset, name))
        page = _sound(asset, f"{name}.wav")
    elif isinstance(asset, DialogueTree):
        page = _dialogue(asset)
    elif isinstance(asset, Timeline):
        page = _timeline(asset, f"{name}.mp4")
        if pack is not None:
            picture = timeline_frame(asset, pack, _poster_frame(asset))
            files[f"{name}_poster.png"] = encode_png(picture)
            page["poster"] = f"{name}_poster.png"
    else:
        page = {}
    text = json.dumps(page, ensure_ascii=False, separators=(",", ":"))
    return {**files, DESCRIPTION: text.encode()}


def _map(asset: Tilemap, image: str) -> dict[str, Any]:
    witness: dict[str, Any] = {"path": [], "events": []}
    if asset.witness is not None:
        witness["path"] = asset.witness.path.tolist()
        witness["events"] = [[e.step, e.action, e.object_id] for e in asset.witness.events]
    objects = [
        {"id": o.id, "name": o.name, "class": o.cls, "cell": list(o.cell),
         "colour": str(o.properties.get("colour", ""))}
        for o in asset.objects
    ]  # fmt: skip
    return {
        "image": image,
        "size": [asset.width, asset.height],
        "tile": list(asset.tile_size),
        "objects": objects,
        "witness": witness,
    }


def _small(image: NDArray[np.uint8], most: int = 1024) -> NDArray[np.uint8]:
    zoom = most / max(image.shape[:2])
    if zoom >= 1:
        return image
    size = (max(1, round(image.shape[1] * zoom)), max(1, round(image.shape[0] * zoom)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _terrain(asset: Terrain, image: str) -> dict[str, Any]:
    shares = np.bincount(asset.biome.ravel(), minlength=len(asset.biome_names)) / asset.biome.size
    return {
        "image": image,
        "size": [asset.columns, asset.rows],
        "cell": round(float(asset.cell_size), 3),
        "heights": [round(float(asset.height.min()), 1), round(float(asset.height.max()), 1)],
        "rivers": len(asset.rivers),
        "settlements": [
            {"name": p.name, "rank": p.rank, "cell": list(p.cell)} for p in asset.settlements
        ],
        "biomes": {
            name: round(float(share), 3)
            for name, share in zip(asset.biome_names, shares, strict=True)
            if share > 0
        },
    }


def _sheet(asset: SpriteSheet, image: str) -> dict[str, Any]:
    return {
        "image": image,
        "size": [int(asset.image.shape[1]), int(asset.image.shape[0])],
        "frames": [[*f.rect, f.duration_ms] for f in asset.frames],
        "tags": [[t.name, t.start, t.stop, t.direction] for t in asset.tags],
    }


def _sound(asset: Sound, media: str) -> dict[str, Any]:
    wave = np.abs(asset.samples).max(axis=0)
    edges = np.linspace(0, len(wave), _BARS + 1).astype(int)
    peaks = [
        float(wave[a : max(b, a + 1)].max()) if a < len(wave) else 0.0
        for a, b in itertools.pairwise(edges)
    ]
    loudest = max(max(peaks), 1e-6)
    return {
        "media": media,
        "seconds": round(float(asset.duration), 3),
        "loop": asset.loop is not None,
        "peaks": [round(p / loudest, 3) for p in peaks],
    }


def _dialogue(asset: DialogueTree) -> dict[str, Any]:
    nodes = [
        {
            "id": node.id,
            "speaker": node.speaker,
            "text": node.text,
            "next": node.next,
            "mood": str(node.tags.get("mood", "")),
            "choices": [
                {"id": c.id, "text": c.text, "target": c.target, "condition": c.condition,
                 "sets": c.sets}
                for c in node.choices
            ],
        }
        for node in asset.nodes
    ]  # fmt: skip
    return {"start": asset.start, "variables": dict(asset.variables), "nodes": nodes}


def _timeline(asset: Timeline, media: str) -> dict[str, Any]:
    rate = asset.frame_rate
    captions, cues = [], []
    for track in asset.tracks:
        for clip in track.clips:
            start, stop = round(float(clip.start / rate), 3), round(float(clip.stop / rate), 3)
            if track.kind == "subtitle":
                speaker, text = clip.properties.get("speaker", ""), clip.properties.get("text", "")
                captions.append([start, stop, str(speaker), str(text)])
            elif track.kind == "sound":
                cues.append([start, clip.asset])
    return {
        "media": media,
        "size": list(asset.resolution),
        "seconds": round(float(asset.duration / rate), 3),
        "captions": captions,
        "cues": sorted(cues),
    }


def _poster_frame(asset: Timeline) -> int:
    """The last frame of the first caption, when it is written out in full."""
    for track in asset.tracks:
        if track.kind == "subtitle" and track.clips:
            return track.clips[0].stop - 1
    return asset.duration // 2
