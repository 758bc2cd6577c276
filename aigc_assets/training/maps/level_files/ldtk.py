"""LDtk projects: every level of a ``.ldtk`` file, also those in ``.ldtkl`` files beside it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.errors import DataError
from aigc_assets.training.maps.level_files.files import Folder
from aigc_assets.training.maps.level_files.json_values import get, objects, parse_json
from aigc_assets.training.maps.level_files.level import (
    DOOR,
    FLOOR,
    LIQUID,
    VOID,
    WALL,
    Level,
    check_size,
    printable,
)
from aigc_assets.training.maps.level_files.meaning import (
    STRENGTH,
    Legend,
    by_border,
    of_name,
    of_properties,
    unknown,
)

MOST_CELLS = 16 * 1024 * 1024
"""Of all levels of a project."""

_OWN_NAMES = {"deep": LIQUID}


def read_ldtk(folder: Folder, name: str, legend: Legend) -> list[Level]:
    """The levels of a project.

    Raises:
        DataError: If it cannot be read, or a level of it cannot.
    """
    project = parse_json(folder.read(name), name)
    if not isinstance(project, dict) or not isinstance(project.get("levels"), list):
        raise DataError("is not an LDtk project", where=name)
    levels = objects(project, "levels")
    for world in objects(project, "worlds"):
        levels += objects(world, "levels")
    if not levels:
        raise DataError("has no levels", where=name)
    reader = _Reader(project, legend)
    found: list[Level] = []
    cells = 0
    for level in levels:
        if cells > MOST_CELLS:
            raise DataError(f"has more than {MOST_CELLS} cells", where=name)
        title = f"{name}: {printable(get(level, 'identifier', str, '?'))}"
        path = level.get("externalRelPath")
        if isinstance(path, str) and level.get("layerInstances") is None:
            document = parse_json(folder.read(folder.beside(name, path)), title)
            level = document if isinstance(document, dict) else {}
        found.append(reader.level(level, title))
        cells += found[-1].words.size
    return found


class _Reader:
    """Knows what the definitions of a project say about values and tiles."""

    def __init__(self, project: dict[str, Any], legend: Legend):
        self.legend = legend
        defs = get(project, "defs", dict, {})
        self._values: dict[int, dict[int, int | None]] = {}
        for layer in objects(defs, "layers"):
            values: dict[int, int | None] = {}
            for entry in objects(layer, "intGridValues"):
                name = get(entry, "identifier", str, "")
                number = get(entry, "value", int, 0)
                written = legend.word(name, number) if name else legend.word(number)
                if written is None:
                    written = _OWN_NAMES.get(name.lower(), of_name(name))
                values[number] = written
            self._values[get(layer, "uid", int, -1)] = values
        self._tiles = {
            get(tileset, "uid", int, -1): _tile_words(tileset)
            for tileset in objects(defs, "tilesets")
        }

    def level(self, level: dict[str, Any], where: str) -> Level:
        """The words of one level.

        Raises:
            DataError: If it has no cells, or cells of no known meaning.
        """
        layers = objects(level, "layerInstances")
        grids = [layer for layer in layers if layer.get("__type") == "IntGrid"]
        tiled = [layer for layer in layers if _placed(layer)]
        if not grids and not tiled:
            raise DataError("has neither IntGrid nor tile layers", where=where)
        main = (grids or tiled)[0]
        width, height = get(main, "__cWid", int, 0), get(main, "__cHei", int, 0)
        check_size(where, width, height)
        words = np.full((height, width), VOID, dtype=np.uint8)
        codes = np.zeros((height, width), dtype=np.int64)
        for layer in [*grids, *tiled]:
            if (get(layer, "__cWid", int, 0), get(layer, "__cHei", int, 0)) == (width, height):
                self._add(layer, words, codes, where)
        if not codes.any():
            raise DataError("the level is empty", where=where)
        guesses = []
        left = (codes != 0) & (words == VOID)
        if (words == VOID).all() and not self.legend:
            words, guess = by_border(codes, where)
            guesses.append(guess)
        elif left.any():
            if self.legend:
                raise unknown(codes[left].tolist(), where)
            words[left] = FLOOR
            guesses.append(f"{int(left.sum())} cells with tiles of unknown meaning are floor")
        self._add_doors(layers, words)
        fields = {f.get("__identifier"): f.get("__value") for f in objects(level, "fieldInstances")}
        side = fields.get("movement") == "jump" or self.legend.side_view
        return Level(where, words, side, tuple(guesses))

    def _add(
        self, layer: dict[str, Any], words: NDArray[np.uint8], codes: NDArray[np.int64], where: str
    ) -> None:
        values = layer.get("intGridCsv")
        if layer.get("__type") == "IntGrid" and isinstance(values, list) and values:
            self._add_grid(layer, values, words, codes, where)
        known = self._tiles.get(get(layer, "__tilesetDefUid", int, -1), {})
        by_layer = of_name(get(layer, "__identifier", str, ""))
        for column, row, tile in _placed(layer):
            if 0 <= row < words.shape[0] and 0 <= column < words.shape[1]:
                if codes[row, column] == 0:
                    codes[row, column] = 1_000_000 + tile
                word = known.get(tile, by_layer)
                if word is not None and STRENGTH[word] > STRENGTH[int(words[row, column])]:
                    words[row, column] = word

    def _add_grid(
        self,
        layer: dict[str, Any],
        values: list[Any],
        words: NDArray[np.uint8],
        codes: NDArray[np.int64],
        where: str,
    ) -> None:
        if len(values) != words.size or not all(type(v) is int and 0 <= v < 2**31 for v in values):
            raise DataError(f"an IntGrid is not a list of {words.size} numbers", where=where)
        grid = np.array(values, dtype=np.int64).reshape(words.shape)
        known = self._values.get(get(layer, "layerDefUid", int, -1), {})
        used, places = np.unique(grid, return_inverse=True)
        meanings = [known.get(v, self.legend.word(v)) if v else None for v in used.tolist()]
        table = np.array([VOID if word is None else word for word in meanings], dtype=np.uint8)
        found = table[places.reshape(grid.shape)]
        codes[grid > 0] = grid[grid > 0]
        words[found != VOID] = found[found != VOID]

    @staticmethod
    def _add_doors(layers: list[dict[str, Any]], words: NDArray[np.uint8]) -> None:
        for layer in layers:
            for entity in objects(layer, "entityInstances"):
                cell = entity.get("__grid")
                if get(entity, "__identifier", str, "").lower() != "door":
                    continue
                if isinstance(cell, list) and len(cell) == 2 and all(type(v) is int for v in cell):
                    column, row = cell
                    inside = 0 <= row < words.shape[0] and 0 <= column < words.shape[1]
                    if inside and words[row, column] != WALL:
                        words[row, column] = DOOR


def _placed(layer: dict[str, Any]) -> list[tuple[int, int, int]]:
    """Column, row and tile of all tiles of a layer, painted by hand or by rules."""
    side = get(layer, "__gridSize", int, 0)
    found = []
    for tile in [*objects(layer, "gridTiles"), *objects(layer, "autoLayerTiles")]:
        numbers = [*get(tile, "px", list, []), tile.get("t")]
        if (
            side > 0
            and len(numbers) == 3
            and all(type(v) is int and abs(v) < 2**31 for v in numbers)
        ):
            found.append((numbers[0] // side, numbers[1] // side, numbers[2]))
    return found


def _tile_words(tileset: dict[str, Any]) -> dict[int, int]:
    """Meanings of the tiles by their enum tags and by JSON in their custom data."""
    flags: dict[int, dict[str, object]] = {}
    for tag in objects(tileset, "enumTags"):
        name = get(tag, "enumValueId", str, "")
        for tile in get(tag, "tileIds", list, []):
            if type(tile) is int:
                flags.setdefault(tile, {})[name.lower()] = True
    for entry in objects(tileset, "customData"):
        try:
            data = json.loads(get(entry, "data", str, ""))
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            flags.setdefault(get(entry, "tileId", int, -1), {}).update(data)
    found = {}
    for tile, properties in flags.items():
        word = of_properties(properties)
        if word is None:
            named = [of_name(str(key)) for key, value in properties.items() if value is True]
            word = next((w for w in named if w is not None), None)
        if word is not None:
            found[tile] = word
    return found
