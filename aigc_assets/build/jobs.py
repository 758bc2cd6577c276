"""The jobs of a build: one to make each asset, one per format, one preview each, one check."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.build import stages
from aigc_assets.build.graph import Job, Node, closure, plan
from aigc_assets.build.manifest import Manifest
from aigc_assets.exporters import FORMATS, TARGETS
from aigc_assets.pipelines.made import derive_seed

PREVIEW_FOLDER = "preview"
_HEAVY_FORMATS = ("mp4", "glb")
"""Formats whose cost grows with the asset."""


def pack_palette(manifest: Manifest, colours: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The colours of the pack: those of its palette file, or made from its seed, [N, 3]."""
    if colours is not None:
        return colours
    assert isinstance(manifest.pack.palette, int)
    return seeded_palette(manifest.pack.palette, manifest.pack.seed)


def seeded_palette(size: int, seed: int) -> NDArray[np.uint8]:
    """The palette that a pack with this seed has, [size, 3]."""
    from aigc_assets.pipelines.palettes import make_palette

    return make_palette(size, derive_seed(seed, "palette"))


def formats_of(kind: str, targets: list[str]) -> dict[str, list[str]]:
    """The targets that want each format of a kind."""
    wanted: dict[str, list[str]] = {}
    for target in targets:
        for name in TARGETS[target]:
            if kind in FORMATS[name].kinds:
                wanted.setdefault(name, []).append(target)
    return wanted


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that a build sets out to do.

    Args:
        name: Of the pack.
        palette: Its colours, [N, 3].
        declared: Every asset that belongs to the output folder.
        nodes: Those to build now, closed under dependencies.
        folders: Per asset id and format: the folders that take the files, "" for the top.
        stages: Function of each kind.
        page: Whether to make previews and ``index.html``.
        accumulate: Whether assets and files of earlier builds stay although nobody declares them.
    """

    name: str
    palette: NDArray[np.uint8]
    declared: Mapping[str, Node]
    nodes: Mapping[str, Node]
    folders: Mapping[str, Mapping[str, list[str]]]
    stages: Mapping[str, str]
    page: bool = True
    accumulate: bool = False

    @property
    def palette_hex(self) -> str:
        """The palette as text for payloads."""
        return self.palette.tobytes().hex()

    def jobs(self) -> list[Job]:
        """All jobs but the check."""
        return [*self._makes(), *self._exports(), *self._previews()]

    def check(self, ids: tuple[str, ...]) -> Job:
        """The check of these assets together."""
        payload = {
            "pack_name": self.name,
            "palette": self.palette_hex,
            "engine": stages.check_fingerprint(),
        }
        return Job("check", "check", "", "", payload, ids)

    def size(self, node: Node) -> float:
        """Work that an asset takes, relative to a usual one of its kind."""
        request = node.request
        if node.kind in ("map", "terrain"):
            width, height = request["size"]
            return float(width * height) / (1024 if node.kind == "map" else 257 * 257)
        if "variant" in request:
            return 0.5
        if node.kind == "character":
            return len(request["animations"] or ("idle", "walk")) / 2
        if node.kind == "dialogue":
            return float(request["lines"]) / 10
        if node.kind == "cutscene":
            width, height = request["resolution"]
            lines = float(self.declared[request["dialogue"]].request["lines"]) / 10
            return float(lines * width * height / (1280 * 720) * request["frame_rate"] / 24)
        return 1.0

    def _makes(self) -> list[Job]:
        engine = stages.generation_fingerprint()
        kinds = {node.kind for node in self.nodes.values()}
        weights: dict[str, dict[str, str]] = {}
        for kind in sorted(kinds):  # a stage that is not ours does not use our weights
            shipped = self.stages[kind].startswith("aigc_assets.")
            weights[kind] = stages.weights_of(kind) if shipped else {}
        jobs = []
        for node in self.nodes.values():
            payload = {
                "kind": node.kind,
                "stage": self.stages[node.kind],
                "request": dict(node.request),
                "seed": node.seed,
                "palette": self.palette_hex if node.kind in stages.PAINTED else "",
                "weights": weights[node.kind],
                "engine": engine,
            }
            name = f"make:{node.id}"
            jobs.append(
                Job(name, "make", node.id, node.kind, payload, node.deps, size=self.size(node))
            )
        return jobs

    def _exports(self) -> list[Job]:
        jobs = []
        for asset_id, formats in self.folders.items():
            node = self.nodes[asset_id]
            for format in formats:
                whole = FORMATS[format].needs_pack
                named = whole or FORMATS[format].names_pack
                payload: dict[str, Any] = {
                    "format": format,
                    "name": asset_id,
                    "pack": named,
                    "engine": stages.export_fingerprint(),
                }
                inputs: tuple[str, ...] = (asset_id,)
                if named:
                    payload |= {"pack_name": self.name, "palette": self.palette_hex}
                if whole:
                    inputs = (asset_id, *node.deps)
                name = f"export:{asset_id}:{format}"
                size = self.size(node) if format in _HEAVY_FORMATS else 1.0
                jobs.append(Job(name, "export", asset_id, node.kind, payload, inputs, named, size))
        return jobs

    def _previews(self) -> list[Job]:
        if not self.page:
            return []
        jobs = []
        for node in self.nodes.values():
            payload: dict[str, Any] = {"name": node.id, "engine": stages.check_fingerprint()}
            inputs: tuple[str, ...] = (node.id,)
            if node.kind == "cutscene":  # its poster shows the map and the actors
                payload |= {"pack_name": self.name, "palette": self.palette_hex}
                inputs = (node.id, *node.deps)
            name = f"preview:{node.id}"
            jobs.append(Job(name, "preview", node.id, node.kind, payload, inputs))
        return jobs


def manifest_plan(
    manifest: Manifest,
    colours: NDArray[np.uint8] | None,
    only: tuple[str, ...],
    stage_table: Mapping[str, str],
) -> Plan:
    """What a manifest asks for.

    Args:
        manifest: The manifest.
        colours: Colours [N, 3] of its palette file, None when ``palette`` is a number.
        only: Ids to build (with what they are made from); empty for everything.
        stage_table: Function of each kind.

    Raises:
        UsageError: If ``only`` names something that is not there.
    """
    declared = plan(manifest)
    nodes = closure(declared, only) if only else declared
    folders: dict[str, dict[str, list[str]]] = {}
    for node in nodes.values():
        folders[node.id] = formats_of(node.kind, manifest.export.targets)
        if node.kind == "cutscene":  # the page plays the same film
            folders[node.id].setdefault("mp4", []).append(PREVIEW_FOLDER)
    palette = pack_palette(manifest, colours)
    return Plan(manifest.pack.name, palette, declared, nodes, folders, stage_table)
