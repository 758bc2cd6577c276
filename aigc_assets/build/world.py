"""The same pack in Python: make assets one by one, look at them, export them.

    world = World(seed=7, palette=24)
    keep = world.map("keep", theme="dungeon", size=(48, 32), require=["start -> exit"])
    export(keep, "build/keep.tmx")

Requests pass through the same validation, and seeds are derived in the same way, as those of a
manifest: the asset ``keep`` of a manifest with this seed and palette has the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from aigc_assets.build.exporting import write_files
from aigc_assets.build.graph import Node, plan
from aigc_assets.build.jobs import seeded_palette
from aigc_assets.build.manifest import Manifest, parse_manifest
from aigc_assets.build.stages import STAGES, stage
from aigc_assets.build.vocabulary import suggest
from aigc_assets.errors import ManifestError, UsageError
from aigc_assets.exporters import DEFAULT_FORMAT, FORMATS, export_asset
from aigc_assets.types import (
    Asset,
    AssetPack,
    DialogueTree,
    Provenance,
    Sound,
    SpriteSheet,
    Terrain,
    Tilemap,
    Timeline,
    kind_of,
)


class World:
    """Assets that belong together.

    Args:
        seed: Every asset's seed is derived from it.
        palette: Number of shared colours 8..64, a ``.gpl`` or ``.hex`` file, or colours [N, 3]
            uint8.
        name: Of the pack.

    Raises:
        UsageError: If a value is out of range.
    """

    def __init__(
        self, seed: int = 0, palette: int | str | Path | NDArray[np.uint8] = 32, name: str = "world"
    ):
        self.seed = seed
        self.name = name
        if isinstance(palette, int):
            self.palette = seeded_palette(palette, seed)
        elif isinstance(palette, (str, Path)):
            from aigc_assets.pipelines.palettes import read_palette

            self.palette = read_palette(Path(palette))
        else:
            self.palette = palette
        self._tables: dict[str, list[dict[str, Any]]] = {}
        self._assets: dict[str, Asset] = {}
        self._provenance: dict[str, Provenance] = {}
        self._manifest()

    def map(
        self,
        id: str,
        *,
        theme: str,
        size: tuple[int, int],
        require: Sequence[str] = (),
        generator: str = "auto",
        pins: Sequence[str] | NDArray[np.integer] = (),
        relief: str = "auto",
        seed: int | None = None,
    ) -> Tilemap | Terrain:
        """A playable map; ``.witness`` is the proof that it can be finished.

        ``pins`` are cells that are given: lines such as "wall 3,4", or terrain codes
        [height, width], negative where free (`aigc_assets.pipelines.maps.pins`). The theme
        ``terrain`` gives a `Terrain` instead, of the landscape ``relief``.
        """
        if isinstance(pins, np.ndarray):
            from aigc_assets.pipelines.maps.pins import lines_of

            pins = lines_of(pins)
        values = {
            "theme": theme,
            "size": list(size),
            "require": list(require),
            "generator": generator,
            "pins": list(pins),
            "relief": relief,
        }
        return cast(Tilemap | Terrain, self._make("map", id, values, seed))

    def character(
        self,
        id: str,
        prompt: str,
        *,
        animations: Sequence[str] | None = None,
        size: int = 64,
        kind: str | None = None,
        like: bytes | str | Path | None = None,
        crowd: int | None = None,
        generator: str | None = None,
        seed: int | None = None,
    ) -> SpriteSheet:
        """An animated character; ``kind`` is read from the words when it is not given.

        ``like`` is a picture, or the file of one, whose colours are taken where the prompt names
        none. Every size and kind has its own animations, and a choice of them that it usually has.
        ``crowd`` figures of 32 px share one sheet and come by the fast path. The ``generator``
        "plans" draws well-known creatures of 16 px by rule.
        """
        values: dict[str, Any] = {"prompt": prompt, "size": size}
        if animations is not None:
            values["animations"] = list(animations)
        if kind is not None:
            values["kind"] = kind
        if crowd is not None:
            values["crowd"] = crowd
        if generator is not None:
            values["generator"] = generator
        if like is not None:
            from aigc_assets.pipelines.characters.reference import read_file, read_reference

            if isinstance(like, bytes):
                values["like"] = read_reference(like)
            else:
                values["like"] = read_file(Path(like), str(like))
        return cast(SpriteSheet, self._make("character", id, values, seed))

    def variations(self, id: str, prompt: str, count: int, **options: Any) -> list[SpriteSheet]:
        """Several characters of one prompt, called ``<id>_1``, ``<id>_2``, ...

        Args:
            id: Start of their ids.
            prompt: Who they are.
            count: How many, 1..64.
            options: As of `character`.
        """
        if not 1 <= count <= 64:
            raise UsageError(f"expected 1..64 variations, got {count}", where="count")
        own = options.pop("seed", None)
        made = []
        for number in range(count):
            name = id if count == 1 else f"{id}_{number + 1}"
            given = None if own is None else (own + number) % 2**63
            made.append(self.character(name, prompt, seed=given, **options))
        return made

    def variant(self, of: str, name: str) -> SpriteSheet:
        """What can be made of a finished character, such as ``team_blue``, ``2x`` or ``normal``.

        Args:
            of: Id of a character of this world; the variant is called ``<of>_<name>``.
            name: One of `aigc_assets.pipelines.characters.variants.VARIANTS`.

        Raises:
            UsageError: If there is no such character or variant.
        """
        tables = self._tables.get("character", [])
        number = next((i for i, table in enumerate(tables) if table["id"] == of), None)
        if number is None:
            known = [table["id"] for table in tables]
            raise UsageError(f'there is no character "{of}"{suggest(of, known)}', where="of")
        before = tables[number]
        tables[number] = {**before, "variants": [*before.get("variants", ()), name]}
        try:
            node = plan(self._manifest())[f"{of}_{name}"]
            made = stage(STAGES["character"])(
                node.request, self.palette, node.seed, {of: self._assets[of]}
            )
        except BaseException:
            tables[number] = before
            raise
        self._assets[node.id] = made.asset
        self._provenance[node.id] = made.provenance
        return cast(SpriteSheet, made.asset)

    def sound(
        self, id: str, kind: str, *, duration_ms: int | None = None, seed: int | None = None
    ) -> Sound:
        """A sound effect."""
        values: dict[str, Any] = {"kind": kind}
        if duration_ms is not None:
            values["duration_ms"] = duration_ms
        return cast(Sound, self._make("sound", id, values, seed))

    def dialogue(
        self,
        id: str,
        cast_ids: Sequence[str],
        *,
        mood: str = "neutral",
        lines: int = 10,
        text: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> DialogueTree:
        """A branching dialogue between characters of this world."""
        values = {"cast": list(cast_ids), "mood": mood, "lines": lines, "text": dict(text or {})}
        return cast(DialogueTree, self._make("dialogue", id, values, seed))

    def cutscene(
        self,
        id: str,
        *,
        map: str,
        dialogue: str,
        sounds: Sequence[str] | None = None,
        resolution: tuple[int, int] = (1280, 720),
        frame_rate: int = 24,
        seed: int | None = None,
    ) -> Timeline:
        """A scene on a map of this world that speaks a dialogue of this world."""
        values: dict[str, Any] = {
            "map": map,
            "dialogue": dialogue,
            "resolution": list(resolution),
            "frame_rate": frame_rate,
        }
        if sounds is not None:
            values["sounds"] = list(sounds)
        return cast(Timeline, self._make("cutscene", id, values, seed))

    @property
    def pack(self) -> AssetPack:
        """Everything made so far."""
        return AssetPack(self.name, self.palette, dict(self._assets), dict(self._provenance))

    def provenance(self, id: str) -> Provenance:
        """Where an asset came from.

        Raises:
            UsageError: If this world has no such asset.
        """
        if id not in self._provenance:
            raise UsageError(f'there is no asset "{id}"{suggest(id, self._provenance)}')
        return self._provenance[id]

    def export(self, asset: Asset | str, path: str | Path, *, force: bool = False) -> list[Path]:
        """Like `export`, but knows the other assets; ``asset`` may be an id."""
        found = self._assets.get(asset) if isinstance(asset, str) else asset
        if found is None:
            raise UsageError(f'there is no asset "{asset}"{suggest(asset, self._assets)}')
        return export(found, path, pack=self.pack, force=force)

    def _manifest(self, kind: str | None = None, table: dict[str, Any] | None = None) -> Manifest:
        tables = {name: list(entries) for name, entries in self._tables.items()}
        if kind is not None and table is not None:
            tables.setdefault(kind, []).append(table)
        pack = {"name": self.name, "seed": self.seed}
        if not tables:  # a first look at name and seed alone
            tables = {"sound": [{"id": "x", "kind": _first_sound()}]}
        try:
            document = {"pack": pack, **tables, "export": {"targets": ["web"]}}
            return parse_manifest(document, where="World")
        except ManifestError as error:
            raise UsageError(error.message, where=error.where, remedy=error.remedy) from error

    def _make(self, kind: str, id: str, values: dict[str, Any], seed: int | None) -> Asset:
        table = {"id": id, **values, **({} if seed is None else {"seed": seed})}
        node: Node = plan(self._manifest(kind, table))[id]
        deps = {name: self._assets[name] for name in node.deps}
        made = stage(STAGES[kind])(node.request, self.palette, node.seed, deps)
        self._tables.setdefault(kind, []).append(table)
        self._assets[id] = made.asset
        self._provenance[id] = made.provenance
        return made.asset


def export(
    asset: Asset,
    path: str | Path,
    *,
    format: str | None = None,
    pack: AssetPack | None = None,
    force: bool = False,
) -> list[Path]:
    """Write an asset; the format follows from the suffix of ``path`` and the kind of the asset.

    Args:
        asset: Any asset.
        path: As ``build/keep.tmx``; files that belong to it are written beside it.
        format: A key of `aigc_assets.exporters.FORMATS`, when the suffix does not say enough.
        pack: The other assets, for formats that need them (a film needs its map and actors).
        force: Overwrite files that hold something else.

    Returns:
        The files of the export.

    Raises:
        UsageError: If no format fits.
        OutputError: If a file is in the way or cannot be written.
    """
    path = Path(path)
    kind = kind_of(asset)
    chosen = format or _format_of(kind, path)
    if FORMATS[chosen].needs_pack and pack is None:
        raise UsageError(
            f"{chosen} needs the other assets too", remedy="use World.export, or give pack="
        )
    files = export_asset(asset, path.stem, chosen, pack)
    return write_files(files, path.parent, force)


def _format_of(kind: str, path: Path) -> str:
    fitting = {name: entry for name, entry in FORMATS.items() if kind in entry.kinds}
    name = path.name
    matches = [n for n, e in fitting.items() if any(name.endswith(s) for s in e.suffixes)]
    if not matches:
        known = sorted({s for e in fitting.values() for s in e.suffixes})
        raise UsageError(
            f"no format of a {kind} ends like {name}",
            where=str(path),
            remedy=f"use one of {', '.join(known)}, or give format=",
        )
    # A sheet's .png is written by several formats; the one that only writes it comes first.
    exact = [n for n in matches if fitting[n].suffixes[0] == path.suffix]
    default = DEFAULT_FORMAT.get(kind)
    return default if default in (exact or matches) else (exact or matches)[0]


def _first_sound() -> str:
    from aigc_assets.build.vocabulary import sound_kinds

    return sound_kinds()[0]
