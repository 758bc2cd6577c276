"""Engines and libraries load the sprite sheets that the exporters write.

The scripts need ``npm install --prefix tests/external``.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_assets.exporters import export_asset
from aigc_assets.exporters.animation import frame_names, loops, playing_order
from aigc_assets.types import SpriteSheet
from tests import samples
from tests.conftest import need_program
from tests.exporters.test_readers import SCRIPTS, node, run_node
from tests.exporters.test_sprite_formats import mixed

__all__ = ["node"]  # a fixture

pytestmark = pytest.mark.external

SHEETS = {"mira": samples.sheet(), "mixed": mixed()}


def write(folder: Path, name: str, *formats: str) -> list[Path]:
    paths = []
    for fmt in formats:
        for file, data in export_asset(SHEETS[name], name, fmt).items():
            (folder / file).write_bytes(data)
            paths.append(folder / file)
    return paths


def shown_ms(sheet: SpriteSheet, tag: Any) -> int:
    return sum(sheet.frames[i].duration_ms for i in playing_order(tag))


def browse(folder: Path, address: str) -> Any:
    """Serve a folder, open a page of it in a browser, return what it posts."""
    program = need_program("chromium")
    answers: list[Any] = []
    arrived = threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def do_POST(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [program, "--headless=new", "--no-sandbox", "--use-angle=swiftshader",
                   "--enable-unsafe-swiftshader", f"--user-data-dir={folder / 'profile'}",
                   "--remote-debugging-port=0",
                   f"http://127.0.0.1:{server.server_port}/{address}"]  # fmt: skip
        nowhere = subprocess.DEVNULL
        browser = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
        try:
            assert arrived.wait(90), "the page has not answered"
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()
    return answers[0]


@pytest.fixture(scope="module", params=SHEETS)
def web(request, tmp_path_factory, node) -> tuple[str, Any]:
    """What Phaser and Pixi make of a sheet in a browser, and its name."""
    folder = tmp_path_factory.mktemp("web")
    modules = SCRIPTS / "node_modules"
    for file in (modules / "phaser/dist/phaser.min.js", modules / "pixi.js/dist/pixi.min.js",
                 SCRIPTS / "sprites.html"):  # fmt: skip
        shutil.copyfile(file, folder / file.name)
    write(folder, request.param, "aseprite", "texture_packer")
    last = len(SHEETS[request.param].frames) - 1
    found = browse(folder, f"sprites.html?name={request.param}&frames=0,1,{last}")
    assert "error" not in found, found
    for engine in ("phaser", "pixi"):
        assert "error" not in found[engine], found[engine]
    return request.param, found


def check_drawn(sheet: SpriteSheet, drawn: list[Any], names: list[str], pivots: bool) -> None:
    picks = (0, 1, len(sheet.frames) - 1)
    assert [entry["frame"] for entry in drawn] == [names[i] for i in picks]
    for entry, index in zip(drawn, picks, strict=True):
        picture = sheet.frame_image(index)
        pixels = np.frombuffer(base64.b64decode(entry["pixels"]), np.uint8)
        np.testing.assert_array_equal(pixels.reshape(picture.shape), picture)
        if pivots:
            assert entry["pivot"] == pytest.approx(sheet.frames[index].pivot, abs=1e-3)


def test_phaser_plays_the_aseprite_sheet(web):
    name, found = web
    sheet, read = SHEETS[name], found["phaser"]
    assert read["aseprite"] == len(sheet.frames)
    assert list(read["animations"]) == [tag.name for tag in sheet.tags]
    for tag in sheet.tags:
        animation = read["animations"][tag.name]
        order = list(range(tag.start, tag.stop))[:: -1 if tag.direction == "reverse" else 1]
        assert animation["frames"] == [str(i) for i in order]
        assert animation["durations"] == [sheet.frames[i].duration_ms for i in order]
        assert animation["yoyo"] is (tag.direction == "pingpong")
    assert all(read["plays"])
    check_drawn(sheet, read["drawn"], [str(i) for i in range(len(sheet.frames))], False)


def test_phaser_places_the_named_frames_by_their_pivot(web):
    name, found = web
    sheet, names = SHEETS[name], frame_names(SHEETS[name], name)
    assert found["phaser"]["atlas"] == names
    check_drawn(sheet, found["phaser"]["named"], names, True)


def test_pixi_plays_the_atlas(web):
    name, found = web
    sheet, read = SHEETS[name], found["pixi"]
    names = frame_names(sheet, name)
    assert read["frames"] == names
    assert list(read["animations"]) == [tag.name for tag in sheet.tags]
    for tag in sheet.tags:
        animation = read["animations"][tag.name]
        assert animation["frames"] == [names[i] for i in playing_order(tag)]
        assert animation["total"] == pytest.approx(shown_ms(sheet, tag), rel=1e-4)
        assert animation["playing"]
    check_drawn(sheet, read["drawn"], names, True)


@pytest.mark.parametrize("name", SHEETS)
def test_two_readers_agree_on_the_aseprite_file(tmp_path, node, name):
    sheet = SHEETS[name]
    (path,) = write(tmp_path, name, "aseprite_file")
    ((first, second),) = run_node(node, "read_aseprite.js", str(path))
    assert first == second
    width, height = first["size"]
    assert first["durations"] == [frame.duration_ms for frame in sheet.frames]
    assert first["layers"] == [name]
    directions = {"forward": 0, "reverse": 1, "pingpong": 2}
    assert first["tags"] == [
        [tag.name, tag.start, tag.stop - 1, directions[tag.direction]] for tag in sheet.tags
    ]
    assert first["palette"][1:] == [[*rgb, 255] for rgb in sheet.palette.tolist()]
    ((pivot,),) = first["pivots"]
    for index, frame in enumerate(sheet.frames):
        canvas = np.zeros((height, width, 4), dtype=np.uint8)
        x, y = pivot[0] - frame.pivot[0], pivot[1] - frame.pivot[1]
        canvas[y : y + frame.rect[3], x : x + frame.rect[2]] = sheet.frame_image(index)
        assert first["frames"][index] == hashlib.sha256(canvas.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def godot3(tmp_path_factory) -> dict[str, Any]:
    """What Godot 3 makes of the scenes, after its own import of the pictures."""
    program = need_program("godot3-server")
    project = tmp_path_factory.mktemp("godot3")
    for path in (SCRIPTS / "godot3").iterdir():
        shutil.copyfile(path, project / path.name)
    for name in SHEETS:
        write(project, name, "godot3")
    command = [program, "--path", str(project)]
    environment = {**os.environ, "HOME": str(project), "XDG_DATA_HOME": str(project / "data")}
    limits = {"env": environment, "capture_output": True, "text": True, "timeout": 60}
    with contextlib.suppress(subprocess.TimeoutExpired):  # it now and then stays after its work
        subprocess.run([*command, "--editor", "--quit"], **limits, check=False)
    scenes = [f"{name}_godot3.tscn" for name in SHEETS]
    done = subprocess.run([*command, "-s", "read_sprites.gd", *scenes], **limits, check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    words = ("tscn", "tres", "texture")
    assert [x for x in done.stderr.splitlines() if any(word in x for word in words)] == []
    found: dict[str, Any] = json.loads(line.removeprefix("FOUND "))
    return found


@pytest.mark.parametrize("name", SHEETS)
def test_godot_3_loads_every_animation(godot3, name):
    sheet, found = SHEETS[name], godot3[f"{name}_godot3.tscn"]
    assert found["kind"] == "AnimatedSprite"
    assert set(found["animations"]) == {tag.name for tag in sheet.tags}
    x, y = sheet.frames[sheet.tags[0].start].pivot
    assert found["offset"] == [-x, -y]
    for tag in sheet.tags:
        read = found["animations"][tag.name]
        assert read["loop"] is loops(tag)
        assert len(read["regions"]) / read["speed"] * 1000 == pytest.approx(shown_ms(sheet, tag))
        shown = [tuple(map(int, region)) for region in read["regions"]]
        once = [r for i, r in enumerate(shown) if i == 0 or r != shown[i - 1]]
        order = [sheet.frames[i].rect for i in playing_order(tag)]
        assert once == [r for i, r in enumerate(order) if i == 0 or r != order[i - 1]]
