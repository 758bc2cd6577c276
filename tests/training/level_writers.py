"""Levels written in every format that is read, each by a writer of a few lines."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np

from aigc_assets.training.maps.level_files.level import DOOR, FLOOR, LIQUID, OUTDOOR, WALL

WORDS = (WALL, FLOOR, OUTDOOR, LIQUID, DOOR)
PROPERTIES = {
    WALL: {"solid": True},
    FLOOR: {"solid": False},
    OUTDOOR: {"solid": False, "outdoor": True},
    LIQUID: {"solid": True, "liquid": True},
    DOOR: {"solid": False, "door": True},
}
CHARACTERS = {WALL: "#", FLOOR: ".", OUTDOOR: '"', LIQUID: "~", DOOR: "+"}
COLOURS = {WALL: 0x3A3A48, FLOOR: 0xB8B0A0, OUTDOOR: 0x4A8F3C, LIQUID: 0x3E6EDE, DOOR: 0xC9742B}


def gids_of(words: np.ndarray, flips: int = 0) -> np.ndarray:
    """Tile 1 is the first of WORDS, and so on; some cells mirrored."""
    table = np.zeros(16, dtype=np.uint32)
    for index, word in enumerate(WORDS):
        table[word] = index + 1
    gids = table[words]
    gids[::2] |= np.uint32(flips & 0xE0000000)
    return gids


def data_of(gids: np.ndarray, how: str) -> tuple[str, str]:
    """Attributes and content of a data element."""
    raw = gids.astype("<u4").tobytes()
    if how == "xml":
        return "", "".join(f'<tile gid="{gid}"/>' for gid in gids.ravel().tolist())
    if how == "csv":
        return ' encoding="csv"', ",\n".join(",".join(map(str, row)) for row in gids.tolist())
    packed = {"base64": lambda b: b, "zlib": zlib.compress, "gzip": gzip.compress}[how](raw)
    text = base64.b64encode(packed).decode()
    kind = "" if how == "base64" else f' compression="{how}"'
    return f' encoding="base64"{kind}', f"\n   {text}\n  "


def tsx() -> str:
    tiles = []
    for index, word in enumerate(WORDS):
        entries = "".join(
            f'<property name="{key}" type="bool" value="{str(value).lower()}"/>'
            for key, value in PROPERTIES[word].items()
        )
        tiles.append(f'<tile id="{index}"><properties>{entries}</properties></tile>')
    head = f'<tileset name="t" tilewidth="8" tileheight="8" tilecount="{len(WORDS)}" columns="1">'
    return f'<?xml version="1.0"?>\n{head}{"".join(tiles)}</tileset>'


def tmx(
    words: np.ndarray, how: str = "csv", flips: int = 0, source: str | None = None,
    attributes: str = 'infinite="0"',
) -> bytes:  # fmt: skip
    """A TMX; ``source`` names an external tileset, else it is inside."""
    height, width = words.shape
    kind, text = data_of(gids_of(words, flips), how)
    size = f'width="{width}" height="{height}"'
    if source is None:
        tileset = tsx().split("\n", 1)[1].replace("<tileset ", '<tileset firstgid="1" ', 1)
    else:
        tileset = f'<tileset firstgid="1" source={quoteattr(source)}/>'
    return (
        f'<?xml version="1.0"?>\n<map version="1.10" orientation="orthogonal" {size} '
        f'tilewidth="8" tileheight="8" {attributes}>{tileset}'
        f'<layer id="1" name="l" {size}><data{kind}>{text}</data></layer></map>'
    ).encode()


def tmj(words: np.ndarray, how: str = "csv", flips: int = 0) -> bytes:
    height, width = words.shape
    gids = gids_of(words, flips)
    layer: dict = {"type": "tilelayer", "name": "l", "width": width, "height": height}
    if how == "csv":
        layer["data"] = gids.ravel().tolist()
    else:
        layer["data"] = data_of(gids, how)[1].strip()
        layer |= {"encoding": "base64", "compression": how if how != "base64" else ""}
    tiles = [
        {"id": i, "properties": [{"name": k, "type": "bool", "value": v}
                                 for k, v in PROPERTIES[word].items()]}
        for i, word in enumerate(WORDS)
    ]  # fmt: skip
    tileset = {"firstgid": 1, "name": "t", "tilecount": len(WORDS), "tiles": tiles}
    return json.dumps(
        {"type": "map", "orientation": "orthogonal", "infinite": False, "width": width,
         "height": height, "tilewidth": 8, "tileheight": 8, "tilesets": [tileset],
         "layers": [{"type": "group", "layers": [layer]}]}
    ).encode()  # fmt: skip


def ldtk(words: np.ndarray) -> bytes:
    height, width = words.shape
    names = ("Walls", "ground", "grass", "Water", "door")
    values = [{"value": i + 1, "identifier": name} for i, name in enumerate(names)]
    layer = {
        "__type": "IntGrid", "__identifier": "g", "__cWid": width, "__cHei": height,
        "__gridSize": 8, "layerDefUid": 3, "intGridCsv": gids_of(words).ravel().tolist(),
    }  # fmt: skip
    level = {"identifier": "Level_0", "layerInstances": [layer]}
    defs = {"layers": [{"uid": 3, "intGridValues": values}], "tilesets": []}
    return json.dumps({"defs": defs, "levels": [level]}).encode()


def txt(words: np.ndarray) -> bytes:
    return "\r\n".join("".join(CHARACTERS[w] for w in row) for row in words.tolist()).encode()


def rows(words: np.ndarray) -> bytes:
    """Rows of characters in JSON."""
    return json.dumps(txt(words).decode().split("\r\n")).encode()


def png(words: np.ndarray) -> bytes:
    image = np.zeros((*words.shape, 3), dtype=np.uint8)
    for word, colour in COLOURS.items():
        image[words == word] = (colour & 255, colour >> 8 & 255, colour >> 16)
    return cv2.imencode(".png", image)[1].tobytes()


def example(seed: int = 0, height: int = 9, width: int = 12) -> np.ndarray:
    """A level of every word with walls around it."""
    random = np.random.Generator(np.random.Philox(seed))
    words = np.array(WORDS, dtype=np.uint8)[random.integers(0, 5, (height, width))]
    words[0] = words[-1] = words[:, 0] = words[:, -1] = WALL
    words[1, 1 : 1 + len(WORDS)] = WORDS
    return words
