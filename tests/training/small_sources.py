"""A small source folder for each kind, so that the real tasks can be packed and run in tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from aigc_assets.training.characters.size32 import doll_items
from aigc_assets.training.characters.size64.lpc_layers import ACTIONS
from aigc_assets.training.maps import tokens as map_tokens
from aigc_assets.training.maps import windows as map_windows
from tests.training.dawn_sources import write_dawn
from tests.training.ninja_sources import write_ninja
from tests.training.test_character_layers import ITEMS, NO_SLASH
from tests.training.test_dialogue import SAID
from tests.training.test_map_task import ROUND, level
from tests.training.test_pixel_sprites import figure
from tests.training.test_sounds import write_sources as write_sound


def write_map(root: Path) -> None:
    """Seven levels of each source; some with round rooms."""
    for number, source in enumerate(map_windows.SOURCES):
        folder = root / source
        folder.mkdir(parents=True)
        sides = [(96 + 2 * i, 100 + 4 * number) for i in range(7)]
        arrays = {
            f"e1m{i}__tile": level(10 * number + i, *side, round_rooms=i in ROUND)
            for i, side in enumerate(sides)
        }
        np.savez_compressed(folder / "levels.npz", **arrays)
        card = {"licence": "CC0-1.0", "attribution": f"author {number}"}
        (folder / "SOURCES.json").write_text(json.dumps(card))


def write_map_tokens(root: Path) -> None:
    """The same levels and a few boards with crates."""
    if not (root / map_windows.SOURCES[0]).exists():
        write_map(root)
    write_boards(root)


def write_boards(root: Path) -> None:
    """Boards of ten by ten with one player, crates and as many goals, in the source's codes."""
    random = np.random.Generator(np.random.Philox(8))
    folder = root / map_tokens.SOKOBAN_SOURCE
    folder.mkdir(parents=True)
    splits = {}
    for name in map_tokens.SOKOBAN_LEVELS:
        boards = np.ones((20, 10, 10), dtype=np.uint8)
        for board in boards:
            room = board[1 : int(random.integers(6, 9)), 1 : int(random.integers(6, 9))]
            room[:] = random.random(room.shape) < 0.1
            cells = random.permutation(room.size)
            for code, cell in zip((2, 3, 3, 4, 4), cells, strict=False):
                room[divmod(int(cell), room.shape[1])] = code
        splits[name] = boards
    np.savez_compressed(folder / "boxoban.npz", **splits)
    card = {"licence": "Apache-2.0", "attribution": "the testers"}
    (folder / "SOURCES.json").write_text(json.dumps(card))


def write_character(root: Path) -> None:
    """Every item of the vocabulary as a plain rectangle, the same in all frames."""
    folder = root / "sprites" / "lpc_layers"
    folder.mkdir(parents=True)
    entries, arrays = [], {}
    for index, (item, (ramps, rows, columns)) in enumerate(ITEMS.items(), 1):
        table = {n: [[*tone, 255] for tone in ramp] for n, ramp in ramps.items()}
        entries.append({"index": index, "item": item, "ramps": table})
        for action, frames in ACTIONS.items():
            if action == "slash" and any(word in item for word in NO_SLASH):
                continue
            picture = np.zeros((4, frames, 64, 64), dtype=np.uint8)
            picture[:, :, slice(*rows), slice(*columns)] = 4
            picture[:, :, rows[0], slice(*columns)] = 1
            arrays[f"{index:04d}_{action}"] = picture
    (folder / "layers.json").write_text(json.dumps(entries))
    np.savez(folder / "layers.npz", **arrays)
    (folder / "CREDITS_all.txt").write_text("by the testers")


def write_dialogue(root: Path) -> None:
    """Six lines in six orders, in every folder that is read."""
    folder = root / "dialogue"
    turns = [
        {"speaker": "Anna" if i % 2 else "Tom", "text": f"{line} {SAID[(i * 5 + j) % 6]}"}
        for j in range(6)
        for i, line in enumerate(SAID)
    ]
    for name in ("gutenberg", "shakespeare_xml", "ink_yarn_mit", "renpy_mit"):
        (folder / name).mkdir(parents=True)
        entry = {"source": name, "title": name, "lang": "en", "turns": turns}
        (folder / name / "dialogues.jsonl").write_text(json.dumps(entry) + "\n")
    for name in ("zork_mit", "open_adventure_bsd"):
        (folder / name).mkdir(parents=True)
        entry = {"source": name, "text": 'The troll says, "We will go to the old door."'}
        (folder / name / "narration.jsonl").write_text(json.dumps(entry) + "\n")
    quests = folder / "coffeemud_apache" / "quests" / "random"
    quests.mkdir(parents=True)
    (quests / "a.xml").write_text("<A>Thank you, we will go to the night door.</A><B>$x you</B>")


def write_relief(root: Path) -> None:
    """Belts of islands, coasts, mountains and plains around the globe, in half a degree."""
    folder = root / "maps" / "etopo20"
    folder.mkdir(parents=True)
    random = np.random.Generator(np.random.Philox(3))
    rows, columns = 360, 721
    noise = random.standard_normal((rows, columns)).astype(np.float32)
    rough = cv2.GaussianBlur(noise, (0, 0), 2.0) * 7  # about 1
    y, x = np.mgrid[:rows, :columns]
    metres = np.full((rows, columns), -3000, dtype=np.float32)
    islands = np.hypot((y - 84) / 9, (x % 48 - 24) / 12) < 1
    metres[islands & (y < 120)] = 400
    belts = ((120, 176, 300, 150), (176, 232, 1800, 900), (232, 310, 150, 60))
    for top, end, height, spread in belts:
        metres[top:end] = height + spread * rough[top:end]
    metres[120:176][:, (x[0] // 45) % 2 == 0] = -2500
    metres[:, -1] = metres[:, 0]
    longitude = (20 + np.arange(columns) / 2).astype(np.float32)
    np.savez_compressed(folder / "etopo20.npz", elev_m=metres.astype(np.int16), lon=longitude)
    (folder / "SOURCES.json").write_text(json.dumps({"attribution": "the testers"}))


def write_upscaling(root: Path) -> None:
    """Discs in a few colours as sheets of figures, as 32 px things and as 16 px walkers."""
    random = np.random.Generator(np.random.Philox(4))

    def disc(side: int) -> np.ndarray:
        y, x = np.mgrid[:side, :side] - side // 2
        radius = np.hypot(y + int(random.integers(-2, 3)), x) + random.random()
        rings = np.digitize(radius, [side / 8, side / 5, side / 3])
        tones = random.integers(0, 256, (4, 4), dtype=np.uint8)
        tones[:, 3] = (255, 255, 255, 0)
        return tones[rings]

    folder = root / "sprites" / "lpc_revised" / "composed"
    folder.mkdir(parents=True)
    for number in range(40):
        for action, columns in (("walk", 8), ("slash", 7), ("idle", 3)):
            picture = np.tile(disc(64), (4, columns, 1))
            cv2.imwrite(str(folder / f"c{number:04d}_{action}.png"), picture)
    packed = root / "sprites" / "packed"
    packed.mkdir(parents=True, exist_ok=True)
    names = [f"mon/thing{chr(97 + i % 26)}{chr(97 + i // 26)}.png" for i in range(60)]
    np.savez_compressed(packed / "dcss_32.npz", img=np.stack([disc(32) for _ in names]))
    (packed / "dcss_32.json").write_text(json.dumps(names))
    walk = np.stack([disc(16) for _ in range(40 * 16)]).reshape(40, 4, 4, 16, 16, 4)
    np.savez_compressed(packed / "ninja_walk_16.npz", walk=walk)
    labels = [{"name": f"walker{i}"} for i in range(40)]
    (packed / "ninja_walk_16.json").write_text(json.dumps({"labels": labels}))


def write_doll(root: Path) -> None:
    """A paper doll whose figures are discs and whose items are bars of two colours."""
    random = np.random.Generator(np.random.Philox(6))
    files = [f"base/{file}" for pair in doll_items.RACES.values() for file in pair]
    for items in (*doll_items.ITEMS.values(), *doll_items.HIDDEN.values()):
        files += items.values()
    y, x = np.mgrid[:32, :32]
    for file in dict.fromkeys(files):
        picture = np.zeros((32, 32, 4), dtype=np.uint8)
        top, height = (2, 29) if file.startswith("base/") else (int(random.integers(24)), 6)
        shape = (np.abs(x - 16) < 6) & (y >= top) & (y < top + height)
        picture[shape] = (*random.integers(40, 255, 3), 255)
        picture[shape & (x % 3 == 0)] = (*random.integers(40, 255, 3), 255)
        picture[shape & (np.abs(x - 16) == 5)] = (0, 0, 0, 255)
        path = root / "sprites" / "dcss" / "player" / f"{file}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)


def write_prompt(root: Path) -> None:
    """A book of a few words."""
    folder = root / "dialogue" / "gutenberg"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dialogues.jsonl").exists():
        entry = {"turns": [{"text": line} for line in SAID]}
        (folder / "dialogues.jsonl").write_text(json.dumps(entry) + "\n")


def write_sprites(root: Path) -> None:
    """Twenty-six blobs of each kind."""
    folder = root / "sprites" / "packed"
    folder.mkdir(parents=True, exist_ok=True)
    places = ("mon/demons", "mon/animals", "item/weapon", "effect")
    names = [f"{place}/{chr(97 + i)}thing_blade.png" for place in places for i in range(26)]
    np.savez_compressed(folder / "dcss_32.npz", img=np.array([figure(i) for i in range(104)]))
    (folder / "dcss_32.json").write_text(json.dumps(names))


def write_crowd(root: Path) -> None:
    """Twenty-six blobs of each kind, and layers of people, added to what is there."""
    folder = root / "sprites" / "packed"
    folder.mkdir(parents=True, exist_ok=True)
    places = ("mon/demons", "mon/animals", "item/weapon", "effect")
    names = [f"{place}/{chr(97 + i)}thing_blade.png" for place in places for i in range(26)]
    pictures = np.array([figure(i) for i in range(len(names))])
    if (folder / "dcss_32.npz").exists():
        names = json.loads((folder / "dcss_32.json").read_text()) + names
        pictures = np.concatenate([np.load(folder / "dcss_32.npz")["img"], pictures])
    layers = [f"{part}/{kind}_{number}" for part, kind in (
        ("base", "human"), ("body", "robe"), ("legs", "pants"), ("head", "hat"), ("hand1", "club"),
    ) for number in range(5)]  # fmt: skip
    worn = np.zeros((len(layers), 32, 32, 4), dtype=np.uint8)
    for number, picture in enumerate(worn):
        part, shade = divmod(number, 5)
        top, left = (2, 8, 18, 1, 10)[part], (10, 11, 11, 13, 4)[part]
        picture[top : top + (28, 11, 10, 4, 8)[part], left + shade % 2 : left + 10] = (
            40 * part + 30, 200 - 30 * shade, 60 + 35 * shade, 255,
        )  # fmt: skip
    np.savez_compressed(folder / "dcss_32.npz", img=np.concatenate([pictures, worn]))
    names += [f"player/{name}.png" for name in layers]
    (folder / "dcss_32.json").write_text(json.dumps(names))


WRITERS: dict[str, Callable[[Path], object]] = {
    "map": write_map,
    "terrain": write_relief,
    "map_tokens": write_map_tokens,
    "character": write_character,
    "doll": write_doll,
    "upscaling": write_upscaling,
    "palette": lambda root: None,  # the pictures of upscaling serve it as well
    "people16": write_ninja,
    "creatures16": write_ninja,
    "beasts16": write_dawn,
    "poses16": write_ninja,
    "sprite": write_sprites,
    "sprite_prior": write_sprites,
    "crowd": write_crowd,
    "sound": write_sound,
    "dialogue": write_dialogue,
    "prompt": write_prompt,
}
"""Per kind of `TASKS`: writes its small source folder below a root."""
