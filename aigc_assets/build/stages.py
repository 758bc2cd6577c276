"""The steps of a build, each with one signature, and what their results depend on.

A stage is named ``module:function`` and called as ``function(request, palette, seed, assets)`` with
a JSON-able request, so that it can run in any process. Models are imported inside the functions:
planning a build never loads torch.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aigc_assets
from aigc_assets.build import requests
from aigc_assets.models import MODELS
from aigc_assets.models.cards import read_card, weights_folder
from aigc_assets.pipelines.made import Made
from aigc_assets.types import Asset, DialogueTree, Sound, SpriteSheet, Terrain, Tilemap, Timeline

StageFunction = Callable[[Mapping[str, Any], NDArray[np.uint8], int, Mapping[str, Asset]], Made]

STAGES: dict[str, str] = {
    "map": "aigc_assets.build.stages:make_map",
    "terrain": "aigc_assets.build.stages:make_map",
    "character": "aigc_assets.build.stages:make_character",
    "sound": "aigc_assets.build.stages:make_sound",
    "dialogue": "aigc_assets.build.stages:make_dialogue",
    "cutscene": "aigc_assets.build.stages:make_cutscene",
}
PAINTED = ("map", "terrain", "character")
"""The kinds that are made of the pack's colours."""

_ROOT = Path(aigc_assets.__file__).resolve().parent
_GENERATES = ("types", "ops", "models", "exporters", "pipelines")
_EXPORTS = ("types", "exporters")
_KERNEL_SWITCHES = ("AIGC_ASSETS_CPU", "AIGC_ASSETS_NATIVE", "AIGC_ASSETS_DISABLE_KERNELS")
_CHECKS = ("types", "exporters", "metrics", "build")


def stage(name: str) -> StageFunction:
    """The function behind ``module:function``."""
    module, function = name.split(":")
    found: StageFunction = getattr(importlib.import_module(module), function)
    return found


def make_map(
    request: Mapping[str, Any], palette: NDArray[np.uint8], seed: int, assets: Mapping[str, Asset]
) -> Made:
    """A map; see `aigc_assets.pipelines.maps`."""
    from aigc_assets.pipelines.maps import generate_map

    return generate_map(requests.map_request(request), palette, seed)


def make_character(
    request: Mapping[str, Any], palette: NDArray[np.uint8], seed: int, assets: Mapping[str, Asset]
) -> Made:
    """An animated character, or a variant of one; see `aigc_assets.pipelines.characters`."""
    if "variant" in request:
        from aigc_assets.pipelines.characters.variants import make_variant

        sheet = assets[request["of"]]
        assert isinstance(sheet, SpriteSheet)
        name, of, prompt = request["variant"], request["of"], request["prompt"]
        return make_variant(sheet, name, of, prompt, palette, seed)
    from aigc_assets.pipelines.characters import generate_character

    return generate_character(requests.character_request(request), palette, seed)


def make_sound(
    request: Mapping[str, Any], palette: NDArray[np.uint8], seed: int, assets: Mapping[str, Asset]
) -> Made:
    """A sound; see `aigc_assets.pipelines.sounds`."""
    from aigc_assets.pipelines.sounds import generate_sound

    return generate_sound(requests.sound_request(request), seed)


def make_dialogue(
    request: Mapping[str, Any], palette: NDArray[np.uint8], seed: int, assets: Mapping[str, Asset]
) -> Made:
    """A dialogue; see `aigc_assets.pipelines.dialogue`."""
    from aigc_assets.pipelines.dialogue import generate_dialogue

    return generate_dialogue(requests.dialogue_request(request), seed)


def make_cutscene(
    request: Mapping[str, Any], palette: NDArray[np.uint8], seed: int, assets: Mapping[str, Asset]
) -> Made:
    """A cutscene; see `aigc_assets.pipelines.cutscenes`."""
    from aigc_assets.pipelines.cutscenes import compose_cutscene

    return compose_cutscene(requests.cutscene_request(request), assets, seed)


def weights_of(kind: str) -> dict[str, str]:
    """Sha256 of the weights of every model of a kind, as their cards say.

    Raises:
        WeightsError: If a card is missing or unreadable.
    """
    found = {}
    for name in _models_of(kind):
        found[name] = str(read_card(name)["sha256"])
        for path in sorted(weights_folder().glob(f"{name}.*.json")):  # a tokenizer, say
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _models_of(kind: str) -> list[str]:
    """The models that may take part in making a kind; maps of whole lands begin as terrain."""
    kinds = (kind, "terrain") if kind == "map" else (kind,)
    return sorted(name for name, entry in MODELS.items() if entry.kind in kinds)


def licences_of(kind: str) -> dict[str, list[str]]:
    """Licences of the training data of every model of a kind, as their cards say.

    Raises:
        WeightsError: If a card is missing or unreadable.
    """
    names = _models_of(kind)
    return {name: [str(x) for x in read_card(name).get("licences", ())] for name in names}


def generation_fingerprint() -> str:
    """What a generated asset depends on beside its request: code, native kernels, libraries."""
    return _fingerprint(_GENERATES, ("torch", "numpy", "tokenizers"), True)


def export_fingerprint() -> str:
    """What an exported file depends on beside the asset."""
    return _fingerprint(_EXPORTS, ("numpy", "av", "soundfile", "trimesh", "opentimelineio"), False)


def check_fingerprint() -> str:
    """What checks and the pages of the report depend on beside the assets."""
    return _fingerprint(_CHECKS, ("numpy",), True)


@functools.cache
def _fingerprint(rooms: tuple[str, ...], packages: tuple[str, ...], native: bool) -> str:
    digest = hashlib.sha256(f"{aigc_assets.__version__} {platform.machine()}".encode())
    for name in packages:
        try:
            digest.update(f"\n{name} {importlib.metadata.version(name)}".encode())
        except importlib.metadata.PackageNotFoundError:
            digest.update(f"\n{name} none".encode())
    files = [path for room in rooms for path in sorted((_ROOT / room).rglob("*.py"))]
    if native:
        for name in ("AIGC_ASSETS_NATIVE", "AIGC_ASSETS_DISABLE_KERNELS", "AIGC_ASSETS_CPU"):
            digest.update(f"\n{name} {os.environ.get(name, '')}".encode())
        files += sorted((*_ROOT.glob("_C*.so"), *_ROOT.glob("_host*.so"), *_ROOT.glob("_*.pyd")))
    for path in files:
        digest.update(f"\n{path.relative_to(_ROOT).as_posix()} ".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def summarise(asset: Asset) -> str:
    """One line about an asset for tables: what it is and how large."""
    if isinstance(asset, Tilemap):
        counts = dict.fromkeys(("key", "monster", "treasure"), 0)
        for item in asset.objects:
            if item.cls in counts:
                counts[item.cls] += 1
        parts = [f"{asset.width}x{asset.height} cells"]
        parts += [f"{n} {cls}{'s' if n > 1 else ''}" for cls, n in counts.items() if n]
        if asset.witness is not None:
            parts.append(f"solved in {len(asset.witness.path) - 1} steps")
        return ", ".join(parts)
    if isinstance(asset, SpriteSheet):
        _, _, width, height = asset.frames[0].rect
        return f"{width}x{height} px, {len(asset.frames)} frames, {len(asset.tags)} animations"
    if isinstance(asset, Sound):
        loop = ", loops" if asset.loop is not None else ""
        return f"{float(asset.duration):.2f} s, {asset.sample_rate} Hz{loop}"
    if isinstance(asset, DialogueTree):
        choices = sum(len(node.choices) for node in asset.nodes)
        words = sum(len(node.text.split()) for node in asset.nodes)
        return f"{len(asset.nodes)} lines, {choices} choices, {words} words"
    if isinstance(asset, Timeline):
        seconds = float(asset.duration / asset.frame_rate)
        width, height = asset.resolution
        return f"{seconds:.1f} s, {width}x{height}, {float(asset.frame_rate):g} frames/s"
    if isinstance(asset, Terrain):
        top = round(float(asset.height.max()))
        parts = [f"{asset.columns}x{asset.rows} samples, {top} m high"]
        built = {"river": len(asset.rivers), "settlement": len(asset.settlements)}
        parts += [f"{n} {word}{'s' if n > 1 else ''}" for word, n in built.items() if n]
        return ", ".join(parts)
    raise TypeError(type(asset).__name__)
