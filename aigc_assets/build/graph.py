"""What has to be made for a manifest, in which order, and what each result depends on."""

from __future__ import annotations

import dataclasses
import graphlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from aigc_assets.build.manifest import Manifest
from aigc_assets.build.vocabulary import suggest
from aigc_assets.errors import UsageError
from aigc_assets.pipelines.made import derive_seed


@dataclasses.dataclass(frozen=True)
class Node:
    """An asset to make.

    Args:
        id: Asset id.
        kind: Kind of asset.
        request: What is asked for; only what JSON holds.
        seed: Of this asset.
        deps: Ids of the assets it is made from.
    """

    id: str
    kind: str
    request: Mapping[str, Any]
    seed: int
    deps: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Job:
    """A step of a build that one worker runs on its own.

    Args:
        name: Unique: ``make:keep``, ``export:keep:tiled``, ``check``, ``preview:keep``.
        action: ``make``, ``export``, ``check`` or ``preview``.
        asset: Id of the asset it is about; "" for the whole pack.
        kind: Kind of that asset; "" for the whole pack.
        payload: Everything else that decides the result; only what JSON holds.
        inputs: Ids of the assets whose content it reads.
        strict: Whether the provenance of the inputs decides the result too.
        size: Work relative to others of its sort, for estimates only.
    """

    name: str
    action: str
    asset: str
    kind: str
    payload: Mapping[str, Any]
    inputs: tuple[str, ...] = ()
    strict: bool = False
    size: float = 1.0


@dataclasses.dataclass(frozen=True)
class Content:
    """Sha256 of an asset's archive and of its provenance."""

    asset: str
    provenance: str


def plan(manifest: Manifest) -> dict[str, Node]:
    """The assets of a manifest, each after those it is made from."""
    pack_seed = manifest.pack.seed

    def seed(kind: str, asset_id: str, given: int | None) -> int:
        return derive_seed(pack_seed, kind, asset_id) if given is None else given

    nodes: list[Node] = []
    for m in manifest.map:
        request: dict[str, Any] = {
            "theme": m.theme,
            "size": m.size,
            "require": m.require,
            "generator": m.generator,
            "pins": m.pins,
            "relief": m.relief,
        }
        # What a table [[map]] makes is a map, unless its theme has heights instead of tiles.
        kind = "terrain" if m.theme == "terrain" else "map"
        nodes.append(Node(m.id, kind, request, seed("map", m.id, m.seed)))
    prompts = {}
    seeds = {}
    for c in manifest.character:
        for number, asset_id in enumerate(c.ids):
            prompts[asset_id] = c.prompt
            request = {"prompt": c.prompt, "animations": c.animations, "size": c.size,
                       "kind": c.kind, "like": c.like, "crowd": c.crowd,
                       "generator": c.generator}  # fmt: skip
            # A given seed numbers the variations; otherwise every id has a seed of its own.
            own = None if c.seed is None else (c.seed + number) % 2**63
            seeds[asset_id] = seed("character", asset_id, own)
            nodes.append(Node(asset_id, "character", request, seeds[asset_id]))
        for asset_id, (of, name) in c.made.items():
            request = {"variant": name, "of": of, "prompt": c.prompt}
            nodes.append(Node(asset_id, "character", request, seeds[of], (of,)))
    kinds: dict[str, str] = {}
    variations: dict[str, tuple[str, ...]] = {}
    for s in manifest.sound:
        variations[s.id] = s.ids
        for number, asset_id in enumerate(s.ids):
            kinds[asset_id] = s.kind
            request = {"kind": s.kind, "duration_ms": s.duration_ms}
            own = None if s.seed is None else (s.seed + number) % 2**63
            nodes.append(Node(asset_id, "sound", request, seed("sound", asset_id, own)))
    casts = {}
    for d in manifest.dialogue:
        casts[d.id] = tuple(d.cast)
        roles = {name: prompts[name] for name in d.cast}
        request = {"id": d.id, "cast": d.cast, "mood": d.mood, "lines": d.lines, "roles": roles,
                   "texts": dict(sorted(d.text.items()))}  # fmt: skip
        nodes.append(Node(d.id, "dialogue", request, seed("dialogue", d.id, d.seed)))
    for t in manifest.cutscene:
        chosen = [i for name in t.sounds for i in variations.get(name, (name,))] if (
            t.sounds is not None
        ) else list(kinds)  # fmt: skip
        sounds = {name: kinds[name] for name in dict.fromkeys(chosen)}
        request = {"map": t.map, "dialogue": t.dialogue, "sounds": sounds,
                   "resolution": t.resolution, "frame_rate": t.frame_rate}  # fmt: skip
        deps = (t.map, t.dialogue, *casts[t.dialogue], *sounds)
        nodes.append(Node(t.id, "cutscene", request, seed("cutscene", t.id, t.seed), deps))
    return ordered(nodes)


def ordered(nodes: Iterable[Node]) -> dict[str, Node]:
    """Nodes by id, each after its dependencies, otherwise in the given order.

    Raises:
        UsageError: If assets are made from each other in a circle.
    """
    by_id = {node.id: node for node in nodes}
    sorter = graphlib.TopologicalSorter({node.id: node.deps for node in by_id.values()})
    try:
        return {node_id: by_id[node_id] for node_id in sorter.static_order()}
    except graphlib.CycleError as error:
        circle = " -> ".join(error.args[1])
        raise UsageError(f"assets are made from each other in a circle: {circle}") from error


def closure(nodes: Mapping[str, Node], wanted: Iterable[str]) -> dict[str, Node]:
    """The wanted assets and everything they are made from, in order.

    Raises:
        UsageError: If a wanted id is not there.
    """
    todo, keep = list(wanted), set()
    while todo:
        name = todo.pop()
        if name not in nodes:
            raise UsageError(
                f'there is no asset "{name}"{suggest(name, nodes)}',
                remedy=f"assets of this manifest: {', '.join(nodes)}",
            )
        if name not in keep:
            keep.add(name)
            todo += nodes[name].deps
    return {name: node for name, node in nodes.items() if name in keep}


def parts(job: Job, contents: Mapping[str, Content]) -> dict[str, Any]:
    """Everything that decides the result of a job, by name; equal parts give equal bytes.

    Inputs enter by content, not by the way they were made: a change upstream that ends in the
    same bytes stops there.
    """
    inputs: dict[str, Any] = {}
    for name in job.inputs:
        content = contents[name]
        inputs[name] = [content.asset, content.provenance] if job.strict else content.asset
    return {"action": job.action, **job.payload, "inputs": inputs}


def key_of(job_parts: Mapping[str, Any]) -> str:
    """The cache key of these parts."""
    text = json.dumps(job_parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def reason(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> str:
    """Why a job has to run again, by comparing its parts with those of the last build."""
    if old is None:
        return "new"
    reasons = []
    if old.get("request") != new.get("request"):
        before, after = old.get("request", {}), new.get("request", {})
        keys = [k for k in {**before, **after} if before.get(k) != after.get(k)]
        reasons.append(f"request changed ({', '.join(sorted(keys))})")
    for name in ("seed", "palette", "weights", "engine"):
        if old.get(name) != new.get(name):
            reasons.append(f"{name} changed")
    before, after = old.get("inputs", {}), new.get("inputs", {})
    for name in sorted({**before, **after}):
        if before.get(name) != after.get(name):
            word = "added" if name not in before else "removed" if name not in after else "changed"
            reasons.append(f"dependency {name} {word}")
    return ", ".join(reasons) or "result missing from the cache"
