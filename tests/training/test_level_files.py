from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aigc_assets.errors import DataError
from aigc_assets.exporters import export_asset
from aigc_assets.training.maps.level_files import READERS, read_levels
from aigc_assets.training.maps.level_files.files import Folder
from aigc_assets.training.maps.level_files.level import DOOR, FLOOR, LIQUID, VOID, WALL
from aigc_assets.training.maps.level_files.meaning import Legend, of_name, parse_legend
from tests import samples
from tests.exporters import maps
from tests.training import level_writers as writers

HOW = ("csv", "xml", "base64", "zlib", "gzip")
GRIDS = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(3, 9), st.integers(3, 9)),
    elements=st.sampled_from(writers.WORDS),
)
EXAMPLES = {
    "a.tmx": writers.tmx(writers.example()),
    "b.tmx": writers.tmx(writers.example(), "zlib"),
    "c.tmj": writers.tmj(writers.example(), "gzip"),
    "d.ldtk": writers.ldtk(writers.example()),
    "e.txt": writers.txt(writers.example()),
    "f.png": writers.png(writers.example()),
    "g.json": writers.rows(writers.example()),
    "h.json": json.dumps([[1, 1, 1, 1], [1, 0, 2, 1], [1, 1, 1, 1]]).encode(),
}


def only(folder: Path, name: str, data: bytes, **others: bytes) -> np.ndarray:
    """The words of the one level that a folder with one file holds."""
    for file, content in {name: data, **others}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    (level,), report = read_levels(folder)
    assert report.skipped == []
    return level.words


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("levels")


def clean(folder: Path) -> Path:
    for path in folder.iterdir():
        path.unlink()
    return folder


@pytest.mark.parametrize("how", HOW)
@given(words=GRIDS, flips=st.integers(0, 7))
@settings(max_examples=15)
def test_tmx_comes_back_in_every_encoding(folder, how, words, flips):
    data = writers.tmx(words, how, flips << 29)
    np.testing.assert_array_equal(only(clean(folder), "a.tmx", data), words)
    data = writers.tmx(words, how, flips << 29, "t.tsx")
    found = only(clean(folder), "a.tmx", data, **{"t.tsx": writers.tsx().encode()})
    np.testing.assert_array_equal(found, words)


@pytest.mark.parametrize("how", ["csv", "base64", "zlib", "gzip"])
@given(words=GRIDS, flips=st.integers(0, 7))
@settings(max_examples=15)
def test_tmj_comes_back_in_every_encoding(folder, how, words, flips):
    data = writers.tmj(words, how, flips << 29)
    np.testing.assert_array_equal(only(clean(folder), "a.json", data), words)


@given(words=GRIDS)
@settings(max_examples=25)
def test_ldtk_comes_back(folder, words):
    np.testing.assert_array_equal(only(clean(folder), "a.ldtk", writers.ldtk(words)), words)


@given(words=GRIDS)
@settings(max_examples=25)
def test_characters_come_back(folder, words):
    np.testing.assert_array_equal(only(clean(folder), "a.txt", writers.txt(words)), words)
    np.testing.assert_array_equal(only(clean(folder), "a.json", writers.rows(words)), words)


@given(words=GRIDS)
@settings(max_examples=25)
def test_colours_and_numbers_come_back_by_the_legend(folder, words):
    text = "".join(
        f'{name} = ["#{writers.COLOURS[word]:06X}", {10 + word}]\n'
        for name, word in zip(("wall", "floor", "outdoor", "liquid", "door"), writers.WORDS,
                              strict=True)
    )  # fmt: skip
    legend = {"legend.toml": text.encode()}
    np.testing.assert_array_equal(only(clean(folder), "a.png", writers.png(words), **legend), words)
    numbers = json.dumps((words.astype(int) + 10).tolist()).encode()
    np.testing.assert_array_equal(only(clean(folder), "a.json", numbers, **legend), words)


def test_colours_without_a_legend_are_guessed_and_said(tmp_path):
    words = writers.example()
    (tmp_path / "a.png").write_bytes(writers.png(words))
    (level,), report = read_levels(tmp_path)
    np.testing.assert_array_equal(level.words, words)
    (guess,) = report.guesses
    assert "#3a3a48 wall" in guess and "#3e6ede liquid" in guess and "#c9742b door" in guess


@pytest.mark.parametrize("fmt", ["tiled", "tmj", "ldtk"])
@pytest.mark.parametrize("name", ["keep", "side", "boxes"])
def test_our_own_exports_come_back(tmp_path, fmt, name):
    tilemap = {"keep": samples.tilemap(), "side": maps.side_view(), "boxes": maps.boxes()}[name]
    for file, data in export_asset(tilemap, name, fmt).items():
        (tmp_path / file).write_bytes(data)
    (level,), report = read_levels(tmp_path)
    assert {file for file, _ in report.skipped} == {p.name for p in tmp_path.glob("*.png")}
    assert level.side_view == (name == "side") and not report.guesses
    solid, liquid = tilemap.solid(), tilemap.marked("liquid")
    assert np.array_equal(level.words == WALL, solid & ~liquid)
    if name == "side":
        assert level.cells.tolist()[1:] == [
            [0, 2, 2, 4, 0, 0], [0, 0, 0, 4, 0, 0], [1, 1, 3, 4, 1, 1], [1, 1, 1, 1, 3, 1],
        ]  # fmt: skip
    else:
        assert np.array_equal(level.words == LIQUID, liquid)
        assert np.array_equal(level.words == DOOR, tilemap.marked("door"))


@pytest.mark.parametrize("name", [*EXAMPLES])
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_damage_never_ends_in_anything_but_a_data_error(folder, name, data):
    content = bytearray(EXAMPLES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["cut", "byte", "text", "double"]))
        if kind == "cut":
            content = content[: max(1, at)]
        elif kind == "byte":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "text":
            bits = [b"-1", b"99999999999", b'"', b"<", b"]", b"null", b"1e999", b"{}", b"gid"]
            content[at : at + 3] = data.draw(st.sampled_from(bits))
        else:
            content[at:at] = content[at : at + 20]
    settle(clean(folder), name, bytes(content))


@pytest.mark.parametrize("suffix", READERS)
@given(content=st.binary(min_size=1, max_size=200))
@settings(max_examples=40)
def test_random_bytes_never_end_in_anything_but_a_data_error(folder, suffix, content):
    settle(clean(folder), f"a{suffix}", content)


KEYS = (
    "layers tilesets type data width height defs levels tiles layerInstances intGridCsv __type "
    "__cWid __cHei gridTiles px t identifier objects properties name value firstgid x y"
).split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@pytest.mark.parametrize("suffix", [".json", ".tmj", ".ldtk"])
@given(document=JSON)
@settings(max_examples=60)
def test_any_json_never_ends_in_anything_but_a_data_error(folder, suffix, document):
    settle(clean(folder), f"a{suffix}", json.dumps(document).encode())


@given(content=st.binary(max_size=120) | st.text(max_size=80).map(str.encode))
@settings(max_examples=60)
def test_any_legend_never_ends_in_anything_but_a_data_error(content):
    try:
        assert isinstance(parse_legend(content), Legend)
    except DataError as error:
        assert "legend.toml" in str(error)


def settle(folder: Path, name: str, content: bytes) -> None:
    """Read a folder of one file, which either gives a sane level or a reason that names it."""
    (folder / name).write_bytes(content)
    try:
        levels, report = read_levels(folder)
    except DataError as error:
        assert name in str(error)
        return
    assert levels and not report.skipped
    for level in levels:
        assert level.words.ndim == 2 and min(level.words.shape) >= 3 and level.words.max() < 9
        assert level.cells.max() < 5


BOMB = zlib.compress(bytes(200_000_000), 9)
LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(10))


def layer(text: str, kind: str = 'encoding="base64" compression="zlib"') -> bytes:
    return re.sub(
        rb"<data[^>]*>.*</data>", f"<data {kind}>{text}</data>".encode(), BASE, flags=re.S
    )


BASE = writers.tmx(np.full((4, 4), FLOOR, dtype=np.uint8))
HOSTILE = {
    "empty.tmx": (b"", "is empty"),
    "blank.txt": (b"\n \n\n", "the level is empty"),
    "cut.tmx": (BASE[:-20], "is not well-formed XML"),
    "ragged.txt": (b"####\n#..#\n###\n", "is not rectangular: row 3 has 3 cells"),
    "ragged.json": (b"[[1,1,1],[1,0],[1,1,1]]", "is not rectangular: row 2 has 2 cells"),
    "small.txt": (b"##\n##\n", "the level has 2x2 cells"),
    "wide.txt": (b"#" * 2000 + b"\n" + (b"#" * 2000 + b"\n") * 3, "at most 1024 each way"),
    "huge.tmx": (BASE.replace(b'width="4"', b'width="99999999"'), "99999999x4 cells"),
    "bytes.txt": (b"\xff\xfe\xfd", "is not UTF-8 text"),
    "strange.txt": (b"####\n#\x07.#\n####\n", r"tiles of unknown meaning: '\\x07'"),
    "external.tmx": (
        BASE.replace(b"<map", b'<!DOCTYPE map [<!ENTITY x SYSTEM "file:///etc/passwd">]><map', 1),
        "declares a document type",
    ),
    "remote.tmx": (
        BASE.replace(b"<map", b'<!DOCTYPE map SYSTEM "http://127.0.0.1:9/x.dtd"><map', 1),
        "declares a document type",
    ),
    "laughs.tmx": (
        BASE.replace(b"<map", f"<!DOCTYPE map [{LAUGHS}]><map".encode(), 1),
        "declares a document type",
    ),
    "deep.tmx": (b"<map>" * 5000, "too deep elements|well-formed"),
    "deep.json": (b"[" * 200_000, "nested too deeply|not JSON"),
    "infinite.tmx": (BASE.replace(b'infinite="0"', b'infinite="1"'), "is an infinite map"),
    "hexagons.tmx": (BASE.replace(b"orthogonal", b"hexagonal"), "is a hexagonal map"),
    "bomb.tmx": (layer(base64.b64encode(BOMB).decode()), "unpacks to more cells"),
    "zstd.tmx": (layer("AAAA", 'encoding="base64" compression="zstd"'), "'zstd', which is not"),
    "damaged.tmx": (layer("AAAA"), "a layer is damaged"),
    "halved.tmx": (
        layer(base64.b64encode(zlib.compress(bytes(range(64)))[:-9]).decode()), "is cut off",
    ),
    "no64.tmx": (layer("&lt;&gt;"), "a layer is damaged"),
    "short.tmx": (layer("1,1,1", 'encoding="csv"'), "has 3 cells instead of 16"),
    "words.tmx": (layer("a" + ",1" * 15, 'encoding="csv"'), "no tile number"),
    "beyond.tmx": (layer("77" + ",1" * 15, 'encoding="csv"'), "a tile 77 of no tileset"),
    "noset.tmx": (writers.tmx(writers.example(), source="none.tsx"), "none.tsx: cannot be read"),
    "outside.tmx": (writers.tmx(writers.example(), source="../s.tsx"), "outside of the folder"),
    "climbing.tmx": (writers.tmx(writers.example(), source="a/../../s.tsx"), "outside of the fold"),
    "absolute.tmx": (writers.tmx(writers.example(), source="/etc/passwd"), "not a relative path"),
    "drive.tmx": (writers.tmx(writers.example(), source="C:\\s.tsx"), "not a relative path"),
    "address.tmx": (writers.tmx(writers.example(), source="http://h/s.tsx"), "not a relative path"),
    "other.tmx": (b"<svg/>", "holds <svg>, not a map"),
    "encoding.tmx": (b'<?xml version="1.0" encoding="klingon"?><map/>', "encoding|well-formed"),
    "nothing.json": (b"{}", "neither a map of Tiled nor a list of rows"),
    "set.json": (b'{"type": "tileset", "name": "t"}', "is a tileset of Tiled, not a map"),
    "same.json": (b"[[1,1,1],[1,1,1],[1,1,1]]", "every cell is the same tile"),
    "texts.json": (b'[[1,1,1],[1,"x",1],[1,1,1]]', "row 2 holds something"),
    "nolevels.ldtk": (b'{"levels": []}', "has no levels"),
    "notldtk.ldtk": (b"[]", "is not an LDtk project"),
    "claims.ldtk": (
        json.dumps({"levels": [{"layerInstances": [{
            "__type": "IntGrid", "__cWid": 900, "__cHei": 900, "intGridCsv": [1]}]}]}).encode(),
        "is not a list of 810000 numbers",
    ),
    "notpng.png": (b"GIF89a" + bytes(60), "is not a PNG"),
    "claims.png": (
        writers.png(writers.example())[:16] + b"\x00\x0f\x00\x00" * 2
        + writers.png(writers.example())[24:],
        "983040x983040 cells",
    ),
    "photo.png": (
        cv2.imencode(".png", np.arange(64 * 3, dtype=np.uint8).reshape(8, 8, 3))[1].tobytes(),
        "has 64 colours",
    ),
    "level.exe": (b"MZ", ".exe is not read"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name):
    content, reason = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        read_levels(tmp_path)
    assert name in str(caught.value) and "Traceback" not in str(caught.value)
    (tmp_path / "good.txt").write_bytes(writers.txt(writers.example()))
    levels, report = read_levels(tmp_path)
    assert [level.name for level in levels] == ["good.txt"]
    assert [file for file, _ in report.skipped] == [name]
    assert re.search(reason, report.skipped[0][1])
    assert any(line.startswith(f"  skipped: {name}: ") for line in report.lines())


def test_a_bomb_costs_no_memory(tmp_path):
    """In a process that may not have more than the reader itself needs and 120 MB."""
    for index in range(40):
        (tmp_path / f"{index}.tmx").write_bytes(HOSTILE["bomb.tmx"][0])
        (tmp_path / f"l{index}.tmx").write_bytes(HOSTILE["laughs.tmx"][0])
    (tmp_path / "good.txt").write_bytes(writers.txt(writers.example()))
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from aigc_assets.training.maps.level_files import read_levels\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(len(read_levels(Path(sys.argv[1]))[1].skipped))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    skipped, rest = done.stdout.splitlines()
    grown, torch_loaded = rest.split()
    assert int(skipped) == 80 and int(grown) < 120_000 and torch_loaded == "False"


def test_links_and_pipes_are_named_and_left(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(writers.txt(writers.example()))
    (outside / "t.tsx").write_text(writers.tsx())
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.txt").symlink_to(outside / "secret.txt")
    (inside / "folder").symlink_to(outside)
    (inside / "a.tmx").write_bytes(writers.tmx(writers.example(), source="folder/t.tsx"))
    (inside / "good.txt").write_bytes(writers.txt(writers.example()))
    os.mkfifo(inside / "pipe.txt")
    levels, report = read_levels(inside)
    assert [level.name for level in levels] == ["good.txt"]
    reasons = dict(report.skipped)
    assert "link" in reasons["link.txt"] and "folder/t.tsx: is a link" in reasons["a.tmx"]
    assert "not a plain file" in reasons["pipe.txt"] and "folder" in reasons


def test_nothing_is_fetched(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    for name, (content, _) in HOSTILE.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="no level could be read"):
        read_levels(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(2**40)  # a hole, not a terabyte
    with pytest.raises(DataError, match=r"a\.txt: is larger than 8 MB"):
        read_levels(tmp_path)


def test_notes_beside_levels_are_no_levels(tmp_path):
    for name in ("LICENSE", "README.txt", "t.tsx", "credits.md"):
        (tmp_path / name).write_text("free for all")
    (tmp_path / "good.txt").write_bytes(writers.txt(writers.example()))
    assert read_levels(tmp_path)[1].skipped == []


def test_names_cannot_steer_the_terminal(tmp_path):
    (tmp_path / "a\x1b[2J.exe").write_bytes(b"x")
    (tmp_path / "good.txt").write_bytes(writers.txt(writers.example()))
    _, report = read_levels(tmp_path)
    assert all("\x1b" not in line for line in report.lines())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("wall = [", "is not TOML"),
        ("stone = ['#']", "'stone' is not a word"),
        ("wall = [1.5]", "names no tile"),
        ("wall = ['#']\nfloor = ['#']", "'#' has two meanings"),
        ("side_view = 3", "is true or false"),
    ],
)
def test_a_wrong_legend_is_refused(tmp_path, text, reason):
    (tmp_path / "legend.toml").write_text(text)
    (tmp_path / "a.txt").write_bytes(writers.txt(writers.example()))
    with pytest.raises(DataError, match=f"legend.toml.*{reason}"):
        read_levels(tmp_path)


def test_a_legend_names_what_it_must(tmp_path):
    legend = "wall = ['W']\nfloor = ['f', 'layer:ground']\nladder = 'H'\nside_view = true\n"
    (tmp_path / "legend.toml").write_text(legend)
    (tmp_path / "a.txt").write_text("WWWW\nWfHW\nWWWW\n")
    (tmp_path / "b.txt").write_text("WWWW\nWqHW\nWWWW\n")
    (level,), report = read_levels(tmp_path)
    assert level.side_view and level.cells.tolist() == [[1, 1, 1, 1], [1, 0, 4, 1], [1, 1, 1, 1]]
    assert report.skipped == [
        ("b.txt", "has tiles of unknown meaning: 'q' (name them in legend.toml)")
    ]


def test_boards_with_boxes_and_rims_are_understood(tmp_path):
    (tmp_path / "a.txt").write_text("######\n#@ $.#\n#+ * #\n######\n")
    (tmp_path / "b.json").write_text(json.dumps([[7, 7, 7, 7], [7, 3, 9, 7], [7, 7, 7, 7]]))
    (board, rim), report = read_levels(tmp_path)
    assert (board.words[1:-1, 1:-1] == FLOOR).all() and (board.words[0] == WALL).all()
    assert rim.words.tolist()[1] == [WALL, FLOOR, FLOOR, WALL]
    assert report.guesses == ["b.json: tile 7, which lies around the level, is taken for wall"]


@pytest.mark.parametrize(
    ("name", "word"),
    [("Stone_Walls2", WALL), ("deepWater", LIQUID), ("wooden door", DOOR), ("dungeon", None),
     ("Ground", FLOOR), ("", None)],
)  # fmt: skip
def test_names_are_read_by_their_words(name, word):
    assert of_name(name) == word


def test_blanks_around_a_level_are_void(tmp_path):
    words = only(tmp_path, "a.txt", b"  ###\n###.#\n#...#\n#####\n")
    assert words[0].tolist() == [VOID, VOID, WALL, WALL, WALL]


def test_a_reference_stays_in_the_folder(tmp_path):
    folder = Folder(tmp_path)
    assert folder.beside("maps/a.tmx", "../sets/t.tsx") == "sets/t.tsx"
    assert folder.beside("a.tmx", ".\\t.tsx") == "t.tsx"
    words = writers.example()
    found = only(
        tmp_path, "maps/a.tmx", writers.tmx(words, source="../sets/t.tsx"),
        **{"sets/t.tsx": writers.tsx().encode()},
    )  # fmt: skip
    np.testing.assert_array_equal(found, words)
