"""The manifest: one TOML file that says everything about a pack.

`load_manifest` reads a file, `parse_manifest` a mapping; both raise `ManifestError` in one line
that names file, table, key, what was expected and what came.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from aigc_assets.build import vocabulary
from aigc_assets.build.diagnostics import describe, explain, shown
from aigc_assets.build.vocabulary import suggest
from aigc_assets.errors import DataError, ManifestError, UsageError
from aigc_assets.types.validation import ID_PATTERN

MAX_BYTES = 1_000_000
MAX_ASSETS = 10_000
MAX_SEED = 2**63 - 1
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))}
_LINE_ID = re.compile(r"(.+)_(\d{2,3})([a-z]?)")


def _id(value: object) -> object:
    ok = isinstance(value, str) and ID_PATTERN.fullmatch(value) is not None
    if not ok:
        raise ValueError(
            f"expected an id of 1..64 characters from a-z 0-9 _ - that starts with a letter or "
            f"digit (it becomes a file name), got {shown(value)}"
        )
    if value in _RESERVED:
        raise ValueError(f"{shown(value)} is a reserved file name on Windows; choose another id")
    return value


def _whole(low: int, high: int) -> Callable[[object], object]:
    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"expected a whole number in {low}..{high}, got {shown(value)}")
        return value

    return check


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e12:
        raise ValueError(f"expected a number above 0, got {shown(value)}")
    return value


def _text(low: int, high: int) -> Callable[[object], object]:
    def check(value: object) -> object:
        ok = isinstance(value, str) and low <= len(value) <= high
        if not ok or any(ord(c) < 32 or ord(c) == 127 for c in str(value)):
            raise ValueError(f"expected one line of {low}..{high} characters, got {shown(value)}")
        if any("\ud800" <= c <= "\udfff" for c in str(value)):
            raise ValueError("expected text in UTF-8, got bytes that are none")
        return value

    return check


def _one_of(known: Callable[[], tuple[Any, ...]]) -> Callable[[object], object]:
    def check(value: object) -> object:
        words = known()
        if value not in words or type(value) is not type(words[0]):
            allowed = ", ".join(str(word) for word in words)
            raise ValueError(
                f"expected one of {allowed}, got {shown(value)}{suggest(value, words)}"
            )
        return value

    return check


def _pair(what: str, low: int, high: int, even: bool = False) -> Callable[[object], object]:
    def check(value: object) -> object:
        ok = isinstance(value, (list, tuple)) and len(value) == 2
        ok = ok and all(
            isinstance(side, int) and not isinstance(side, bool) and low <= side <= high
            for side in value  # type: ignore[attr-defined]
        )
        ok = ok and not (even and any(side % 2 for side in value))  # type: ignore[attr-defined]
        if not ok:
            kind = "even numbers" if even else "whole numbers"
            raise ValueError(f"expected {what} as two {kind} in {low}..{high}, got {shown(value)}")
        return list(value)  # type: ignore[call-overload]

    return check


def _listed(low: int, high: int) -> Callable[[object], object]:
    def check(value: object) -> object:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"expected a list of {low}..{high} entries, got {shown(value)}")
        if not low <= len(value) <= high:
            raise ValueError(f"expected a list of {low}..{high} entries, got {len(value)} entries")
        twice = [item for i, item in enumerate(value) if item in value[:i]]
        if twice:
            raise ValueError(f"{shown(twice[0])} stands in the list twice")
        return list(value)

    return check


def _palette(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 8 <= value <= 64:
        raise ValueError(
            f"expected a number of colours in 8..64, or a .gpl or .hex file, got {shown(value)}"
        )
    return value


Id = Annotated[str, BeforeValidator(_id), Field(pattern=f"^{ID_PATTERN.pattern}$")]
Seed = Annotated[int, BeforeValidator(_whole(0, MAX_SEED)), Field(ge=0, le=MAX_SEED)]
Word = Annotated[str, BeforeValidator(_text(1, 120))]


def _numbered(table_id: str, variations: int) -> tuple[str, ...]:
    if variations == 1:
        return (table_id,)
    return tuple(f"{table_id}_{n}" for n in range(1, variations + 1))


class Table(BaseModel):
    """Base of all tables: nothing unknown passes, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PackTable(Table):
    """``[pack]``: what the whole pack shares."""

    name: Annotated[Id, Field(description="Id of the pack.")]
    seed: Annotated[Seed, Field(description="Every asset's seed is derived from it.")] = 0
    palette: Annotated[
        int | str,
        BeforeValidator(_palette),
        Field(description="Number of shared colours, 8..64, or a .gpl or .hex file."),
    ] = 32
    max_seconds: Annotated[
        float | None, BeforeValidator(_number), Field(description="Refuse longer builds.")
    ] = None
    max_mb: Annotated[
        float | None, BeforeValidator(_number), Field(description="Refuse larger packs.")
    ] = None
    licences: Annotated[
        list[Annotated[str, BeforeValidator(_text(1, 100))]] | None,
        Field(description="Refuse models that learnt from data under any other licence (SPDX)."),
    ] = None


def _map_size(value: object, info: ValidationInfo) -> object:
    low, high = vocabulary.size_bounds(info.data.get("theme"))
    return _pair("[width, height] in cells", low, high)(value)


class MapTable(Table):
    """``[[map]]``: a playable map."""

    id: Id
    theme: Annotated[str, BeforeValidator(_one_of(vocabulary.themes))]
    size: Annotated[
        list[int],
        BeforeValidator(_map_size),
        Field(
            min_length=2,
            max_length=2,
            description="Width and height in cells: 33..4097 for terrain, else 8..256.",
        ),
    ]
    require: Annotated[
        list[Annotated[str, BeforeValidator(_text(1, 200))]],
        BeforeValidator(_listed(0, 32)),
        Field(description='Such as "start -> exit", "key before door", "monsters 6..10".'),
    ] = []
    generator: Annotated[
        str,
        BeforeValidator(_one_of(vocabulary.generators)),
        Field(description="Network that draws the map."),
    ] = "auto"
    pins: Annotated[
        list[Annotated[str, BeforeValidator(_text(1, 1000))]],
        BeforeValidator(_listed(0, 65_536)),
        Field(description='Cells that are given, such as "wall 3,4", "room 10..16,4..9".'),
    ] = []
    relief: Annotated[
        str,
        BeforeValidator(_one_of(vocabulary.reliefs)),
        Field(description="Landscape of the themes terrain and overworld."),
    ] = "auto"
    seed: Seed | None = None


Variations = Annotated[int, BeforeValidator(_whole(1, 64)), Field(ge=1, le=64)]


def _picture(value: object, info: ValidationInfo) -> object:
    """A picture file beside the manifest, read and reduced to what JSON can hold."""
    from aigc_assets.pipelines.characters import Reference
    from aigc_assets.pipelines.characters.reference import read_file

    folder = (info.context or {}).get("folder", Path())
    try:
        if isinstance(value, Reference):  # given in Python
            return value.as_json()
        if isinstance(value, str) and value:
            return read_file(folder / value, value).as_json()
    except UsageError as error:
        raise ValueError(f"{error.message} ({error.remedy})") from error
    raise ValueError(f"expected a picture file, got {shown(value)}")


class CharacterTable(Table):
    """``[[character]]``: an animated character; variations are numbered as those of sounds."""

    id: Id
    prompt: Annotated[str, BeforeValidator(_text(1, 300)), Field(description="What it looks like.")]
    animations: Annotated[
        list[Annotated[str, BeforeValidator(_one_of(vocabulary.animations))]] | None,
        BeforeValidator(lambda value: None if value is None else _listed(1, 16)(value)),
        Field(description="Each size and kind has its own; none given: those it usually has."),
    ] = None
    size: Annotated[
        int, BeforeValidator(_one_of(vocabulary.sizes)), Field(description="Frame side in px.")
    ] = 64
    kind: Annotated[
        str | None,
        BeforeValidator(lambda v: None if v is None else _one_of(vocabulary.character_kinds)(v)),
        Field(description="Read from the words of the prompt when it is not given."),
    ] = None
    like: Annotated[
        dict[str, Any] | None,
        BeforeValidator(lambda v, info: None if v is None else _picture(v, info)),
        WithJsonSchema({"type": "string"}),
        Field(description="Picture file whose colours are taken where the prompt names none."),
    ] = None
    crowd: Annotated[
        int | None,
        BeforeValidator(_whole(1, 1024)),
        Field(ge=1, le=1024, description="Figures in one sheet, by the fast path, of 32 px."),
    ] = None
    generator: Annotated[
        str | None,
        BeforeValidator(lambda v: None if v is None else _one_of(vocabulary.drawers)(v)),
        Field(description="auto: networks; plans: well-known creatures of 16 px by rule."),
    ] = None
    variations: Variations = 1
    variants: Annotated[
        list[Annotated[str, BeforeValidator(_one_of(vocabulary.variants))]],
        BeforeValidator(_listed(0, 32)),
        Field(description="Made of each finished sheet, as <id>_<variant>: team_blue, 2x, ..."),
    ] = []
    seed: Seed | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the assets that the table stands for, without those of variants."""
        return _numbered(self.id, self.variations)

    @property
    def made(self) -> dict[str, tuple[str, str]]:
        """Ids of the variants: the id that each is made of, and its name."""
        return {f"{own}_{name}": (own, name) for own in self.ids for name in self.variants}


class SoundTable(Table):
    """``[[sound]]``: a sound effect; with variations the ids are ``<id>_1``, ``<id>_2``, ..."""

    id: Id
    kind: Annotated[str, BeforeValidator(_one_of(vocabulary.sound_kinds))]
    duration_ms: Annotated[
        int | None, BeforeValidator(_whole(20, 10_000)), Field(ge=20, le=10_000)
    ] = None
    variations: Variations = 1
    seed: Seed | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the assets that the table stands for."""
        return _numbered(self.id, self.variations)


class DialogueTable(Table):
    """``[[dialogue]]``: a branching dialogue between characters of the pack."""

    id: Id
    cast: Annotated[
        list[Id], BeforeValidator(_listed(1, 6)), Field(description="Ids of characters.")
    ]
    mood: Annotated[str, BeforeValidator(_one_of(vocabulary.moods))] = "neutral"
    lines: Annotated[int, BeforeValidator(_whole(2, 60)), Field(ge=2, le=60)] = 10
    seed: Seed | None = None
    text: Annotated[
        dict[str, Annotated[str, BeforeValidator(_text(1, 500))]],
        Field(description='Your own words for lines, by line id: gate_03 = "Who is there?".'),
    ] = {}


class CutsceneTable(Table):
    """``[[cutscene]]``: a scene on a map of the pack that speaks a dialogue of the pack."""

    id: Id
    map: Id
    dialogue: Id
    resolution: Annotated[
        list[int],
        BeforeValidator(_pair("[width, height] in px", 64, 3840, even=True)),
        Field(min_length=2, max_length=2, description="Width and height in px, even."),
    ] = [1280, 720]
    frame_rate: Annotated[int, BeforeValidator(_whole(12, 60)), Field(ge=12, le=60)] = 24
    sounds: Annotated[
        list[Id] | None, Field(description="Ids of sounds it may use; all when left out.")
    ] = None
    seed: Seed | None = None


class ExportTable(Table):
    """``[export]``: the engines and tools to write files for."""

    targets: Annotated[
        list[Annotated[str, BeforeValidator(_one_of(vocabulary.targets))]],
        BeforeValidator(_listed(1, 64)),
    ]


class Manifest(Table):
    """A whole manifest."""

    pack: PackTable
    map: list[MapTable] = []
    character: list[CharacterTable] = []
    sound: list[SoundTable] = []
    dialogue: list[DialogueTable] = []
    cutscene: list[CutsceneTable] = []
    export: ExportTable


Kind = Literal["map", "character", "sound", "dialogue", "cutscene"]
KINDS: tuple[Kind, ...] = ("map", "character", "sound", "dialogue", "cutscene")


def load_manifest(path: Path) -> tuple[Manifest, NDArray[np.uint8] | None]:
    """Read a manifest file and the palette file that it may name.

    Returns:
        The manifest, and the colours [N, 3] of its palette file or None when ``palette`` is a
        number.

    Raises:
        ManifestError: If the file cannot be read or does not say what it must.
    """
    where = str(path)
    try:
        if path.is_dir():
            inside = path / "pack.toml"
            remedy = f"give the file: {inside}" if inside.is_file() else "give a .toml file"
            raise ManifestError("this is a folder, not a manifest", where=where, remedy=remedy)
        if not path.is_file():
            raise ManifestError(
                "no such file", where=where, remedy="`aigc-assets new NAME` writes a template"
            )
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ManifestError(f"{size} bytes is too large, the limit is 1 MB", where=where)
        data = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"cannot read it: {error.strerror or error}", where=where) from error
    if not data.strip():
        raise ManifestError(
            "the file is empty", where=where, remedy="`aigc-assets new NAME` writes a template"
        )
    try:
        values = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ManifestError("not a text file in UTF-8", where=where) from error
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"not valid TOML: {error}", where=where) from error
    except (RecursionError, ValueError) as error:
        raise ManifestError(f"not valid TOML: {describe(error)}", where=where) from error
    manifest = parse_manifest(values, where=where, folder=path.parent)
    return manifest, _read_palette(manifest, path)


def parse_manifest(
    values: Mapping[str, Any], where: str = "manifest", folder: Path | None = None
) -> Manifest:
    """Validate a manifest given as a mapping.

    Args:
        values: Its tables.
        where: How messages call it.
        folder: Files that it names are relative to this one; the working folder when None.

    Raises:
        ManifestError: At the first thing that is wrong; the message counts the others.
    """
    if not values:
        raise ManifestError(
            "the file says nothing", where=where, remedy="`aigc-assets new NAME` writes a template"
        )
    try:
        manifest = Manifest.model_validate(dict(values), context={"folder": folder or Path()})
    except ValidationError as error:
        raise explain(error, values, where, Manifest) from None
    except RecursionError:
        raise ManifestError("tables are nested too deeply", where=where) from None
    _check_references(manifest, where)
    _check_requests(manifest, where)
    return manifest


def json_schema() -> dict[str, Any]:
    """JSON Schema of the manifest for editors, with the words that this version knows."""
    schema = Manifest.model_json_schema()
    tables = schema["$defs"]
    tables["MapTable"]["properties"]["theme"]["enum"] = list(vocabulary.themes())
    character = tables["CharacterTable"]["properties"]
    character["animations"]["anyOf"][0]["items"]["enum"] = list(vocabulary.animations())
    character["size"]["enum"] = list(vocabulary.sizes())
    character["variants"]["items"]["enum"] = list(vocabulary.variants())
    character["kind"]["anyOf"][0]["enum"] = list(vocabulary.character_kinds())
    tables["SoundTable"]["properties"]["kind"]["enum"] = list(vocabulary.sound_kinds())
    tables["DialogueTable"]["properties"]["mood"]["enum"] = list(vocabulary.moods())
    targets = tables["ExportTable"]["properties"]["targets"]
    targets["items"]["enum"] = list(vocabulary.targets())
    palette = tables["PackTable"]["properties"]["palette"]
    palette["anyOf"] = [{"type": "integer", "minimum": 8, "maximum": 64}, {"type": "string"}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _read_palette(manifest: Manifest, path: Path) -> NDArray[np.uint8] | None:
    if isinstance(manifest.pack.palette, int):
        return None
    from aigc_assets.pipelines.palettes import read_palette

    name = manifest.pack.palette
    where = f'{path}: [pack], key "palette"'
    if Path(name).suffix.lower() not in (".gpl", ".hex"):
        raise ManifestError(
            f"expected a number of colours in 8..64, or a .gpl or .hex file, got {shown(name)}",
            where=where,
        )
    try:
        return read_palette(path.parent / name)
    except (DataError, ValueError) as error:
        raise ManifestError(describe(error), where=where) from error


def asset_ids(table: Any) -> tuple[str, ...]:
    """Ids of all assets that a table stands for, those of variants after what they are made of."""
    return (*getattr(table, "ids", (table.id,)), *getattr(table, "made", ()))


def _check_references(manifest: Manifest, where: str) -> None:
    """Ids are used once and every reference names an asset of the right kind."""
    taken: dict[str, str] = {}
    ids: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for kind in KINDS:
        for number, table in enumerate(getattr(manifest, kind), 1):
            place = f'[[{kind}]] number {number} (id "{table.id}")'
            for asset_id in asset_ids(table):
                if ID_PATTERN.fullmatch(asset_id) is None:
                    raise ManifestError(
                        f'the variation "{asset_id}" is longer than 64 characters',
                        where=f'{where}: {place}, key "id"',
                    )
                if asset_id in taken:
                    raise ManifestError(
                        f'the id "{asset_id}" is used twice, first by {taken[asset_id]}',
                        where=f'{where}: {place}, key "id"',
                        remedy="ids are unique over all kinds, because they become file names",
                    )
                taken[asset_id] = place
                if asset_id not in getattr(table, "made", ()):  # nobody refers to a variant
                    ids[kind].append(asset_id)
    if not taken:
        raise ManifestError(
            "the manifest asks for nothing", where=where, remedy="add a [[map]] or another kind"
        )
    if len(taken) > MAX_ASSETS:
        raise ManifestError(f"{len(taken)} assets, the limit is {MAX_ASSETS}", where=where)
    for number, talk in enumerate(manifest.dialogue, 1):
        place = f'{where}: [[dialogue]] number {number} (id "{talk.id}")'
        for name in talk.cast:
            _resolve(name, "character", ids, taken, f'{place}, key "cast"')
        for line in talk.text:
            match = _LINE_ID.fullmatch(line)
            if match is None or match[1] != talk.id:
                raise ManifestError(
                    f'"{line}" is not a line id of this dialogue',
                    where=f'{place}, key "text"',
                    remedy=f"lines are {talk.id}_01, {talk.id}_02, ..., choices {talk.id}_01a",
                )
    for number, scene in enumerate(manifest.cutscene, 1):
        place = f'{where}: [[cutscene]] number {number} (id "{scene.id}")'
        _resolve(scene.map, "map", ids, taken, f'{place}, key "map"')
        if any(table.id == scene.map and table.theme == "terrain" for table in manifest.map):
            raise ManifestError(
                f'"{scene.map}" is a terrain: nobody can stand on it',
                where=f'{place}, key "map"',
                remedy="give a map with tiles; a terrain exports meshes and height maps",
            )
        _resolve(scene.dialogue, "dialogue", ids, taken, f'{place}, key "dialogue"')
        tables = [table.id for table in manifest.sound]
        for name in scene.sounds or ():
            if name not in tables:
                _resolve(name, "sound", ids, taken, f'{place}, key "sounds"')


def _check_requests(manifest: Manifest, where: str) -> None:
    """The pipelines can serve every request; they know what tables alone cannot tell."""
    from aigc_assets.build.graph import plan
    from aigc_assets.build.requests import check_actor, check_request

    places = {}
    for kind in KINDS:
        for number, table in enumerate(getattr(manifest, kind), 1):
            for asset_id in asset_ids(table):
                places[asset_id] = f'{where}: [[{kind}]] number {number} (id "{table.id}")'
    nodes = plan(manifest)
    for node in nodes.values():
        try:
            check_request(node.kind, node.request, node.seed)
            for name in node.deps if node.kind == "cutscene" else ():
                if nodes[name].kind == "character":
                    check_actor(name, nodes[name].request)
        except UsageError as error:
            key = (error.where or "").removeprefix(f"{node.kind}.")
            place = places[node.id] + (f', key "{key}"' if key else "")
            raise ManifestError(error.message, where=place, remedy=error.remedy) from error


def _resolve(
    name: str, kind: str, ids: Mapping[str, list[str]], taken: Mapping[str, str], where: str
) -> None:
    if name in ids[kind]:
        return
    if name in taken:
        raise ManifestError(f'expected a {kind}, but "{name}" is {taken[name]}', where=where)
    known = ", ".join(ids[kind]) if ids[kind] else "none"
    raise ManifestError(
        f'there is no {kind} "{name}"{suggest(name, ids[kind])}',
        where=where,
        remedy=f"{kind}s of this manifest: {known}",
    )
