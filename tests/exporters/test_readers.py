"""Independent programs and libraries read what the exporters write.

The node scripts need ``npm install --prefix tests/external``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aigc_assets.exporters import export_asset
from aigc_assets.exporters.raster import tilemap_image
from aigc_assets.types import Asset, Choice, DialogueNode, DialogueTree, Tilemap
from tests import samples
from tests.conftest import need_program
from tests.exporters import maps
from tests.exporters.test_sound_formats import stereo
from tests.exporters.test_terrain import hills
from tests.exporters.trees import played, trees

pytestmark = pytest.mark.external

SCRIPTS = Path(__file__).parents[1] / "external"
MAPS = {"keep": samples.tilemap(), "odd": maps.flipped(), "void": maps.void()}


@pytest.fixture(scope="session")
def node() -> str:
    program = need_program("node")
    if not (SCRIPTS / "node_modules").is_dir():
        pytest.skip("run npm install --prefix tests/external")
    return program


def run_node(program: str, script: str, *arguments: str, stdin: object = None) -> Any:
    done = subprocess.run(
        [program, str(SCRIPTS / script), *arguments],
        input=json.dumps(stdin),
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write(folder: Path, asset: Asset, name: str, fmt: str) -> list[Path]:
    paths = []
    for file, data in export_asset(asset, name, fmt).items():
        (folder / file).write_bytes(data)
        paths.append(folder / file)
    return paths


@pytest.mark.parametrize("name", ["keep", "odd"])
def test_pytiled_parser_reads_all_of_a_map(tmp_path, name):
    pytiled_parser = pytest.importorskip("pytiled_parser")
    tilemap = MAPS[name]
    write(tmp_path, tilemap, name, "tiled")
    read = pytiled_parser.parse_map(tmp_path / f"{name}.tmx")
    assert (read.map_size.width, read.map_size.height) == (tilemap.width, tilemap.height)
    count = len(tilemap.layers)
    for layer, wanted in zip(read.layers[:count], tilemap.layers, strict=True):
        np.testing.assert_array_equal(np.array(layer.data, dtype=np.uint32), wanted.gids)
    objects = [item for layer in read.layers[count:] for item in layer.tiled_objects]
    width, height = tilemap.tile_size
    for item, wanted in zip(objects, tilemap.objects, strict=False):
        assert (item.id, item.class_, item.name) == (wanted.id, wanted.cls, wanted.name)
        place = (item.coordinates.x / width, item.coordinates.y / height)
        assert place == wanted.cell
    witness = objects[-1]
    start = np.array([witness.coordinates.x, witness.coordinates.y])
    points = np.array([[p.x, p.y] for p in witness.points]) + start
    np.testing.assert_array_equal(points // (width, height), tilemap.witness.path)
    for first, tileset in zip(tilemap.first_gids, tilemap.tilesets, strict=True):
        tiles = read.tilesets[first].tiles or {}
        for index, properties in enumerate(tileset.properties):
            assert (tiles[index].properties if index in tiles else {}) == dict(properties)


@pytest.mark.parametrize("name", MAPS)
def test_tiled_paints_the_map_as_we_do(tmp_path, name):
    program = need_program("tmxrasterizer")
    tilemap = MAPS[name]
    write(tmp_path, tilemap, name, "tiled")
    picture = tmp_path / "picture.png"
    hidden = [x for group in tilemap.object_layers for x in ("--hide-layer", group.name)]
    subprocess.run(
        [program, "--no-smoothing", *hidden, str(tmp_path / f"{name}.tmx"), str(picture)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
    )
    pixels = cv2.cvtColor(cv2.imread(str(picture), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    np.testing.assert_array_equal(pixels, tilemap_image(tilemap))


def test_the_khronos_validator_has_nothing_to_say(tmp_path, node):
    paths: list[Path] = []
    assets: dict[str, Tilemap] = {
        **MAPS,
        "big": maps.large(20, 12),
        "side": maps.side_view(),
        "boxes": maps.boxes(),
    }
    for name, tilemap in assets.items():
        paths += write(tmp_path, tilemap, name, "glb")
    reports = run_node(node, "validate_gltf.js", *map(str, paths))
    assert len(reports) == len(paths) == 11
    for path, report in zip(paths, reports, strict=True):
        issues = report["issues"]
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), path.name
        # The file of a map without a tile has an empty buffer, which the validator mentions.
        assert issues["messages"] == [] or path.name == "void.glb", path.name
    assert reports[0]["info"]["totalTriangleCount"] > 0


def test_the_khronos_validator_accepts_terrains(tmp_path, node):
    paths = []
    for name, asset in (("isle", samples.terrain()), ("hills", hills(40, 70))):
        paths += write(tmp_path, asset, name, "glb")
    reports = run_node(node, "validate_gltf.js", *map(str, paths))
    assert len(reports) == 4
    for path, report in zip(paths, reports, strict=True):
        assert report["issues"]["messages"] == [], path.name
    assert reports[2]["info"]["materialCount"] == 2


def test_the_khronos_validator_would_complain(tmp_path, node):
    (path, _) = write(tmp_path, samples.tilemap(), "keep", "glb")
    data = bytearray(path.read_bytes())
    at = data.index(b'"count":') + len(b'"count":')
    data[at : at + 1] = b"9"
    path.write_bytes(bytes(data))
    (report,) = run_node(node, "validate_gltf.js", str(path))
    assert report["issues"]["numErrors"] > 0


def told(script: str, events: list[dict]) -> list[tuple]:
    """What a reader met, in the form that `played` gives, tags reduced to line ids."""
    found: list[tuple] = []
    for event in events:
        if "choices" in event:
            options = [c for c in event["choices"] if c.get("available", True)]
            found.append(tuple((plain(c["text"]), line_id(c["tags"])) for c in options))
        else:
            speaker = event.get("speaker")
            if script == "play_ink.js":
                (speaker,) = [t[8:] for t in event["tags"] if t.startswith("speaker:")]
            found.append((speaker, plain(event["text"]), line_id(event["tags"])))
    return found


def line_id(tags: list[str]) -> str:
    (found,) = [tag[5:] for tag in tags if tag.startswith("line:")]
    return found


def plain(text: str) -> str:
    """Ink runs spaces together, and neither keeps Unicode's line separators."""
    return re.sub("[ \u0085\u2028\u2029]+", " ", text).strip(" ")


def expected(events: list[tuple]) -> list[tuple]:
    return [
        tuple((plain(text), choice_id) for text, choice_id in event)
        if isinstance(event[0], tuple)
        else (event[0], plain(event[1]), event[2])
        for event in events
    ]


def check_played(node: str, fmt: str, jobs: list[tuple[DialogueTree, list[int]]]) -> None:
    script = f"play_{fmt}.js"
    inputs, wanted = [], []
    for tree, picks in jobs:
        events, made = played(tree, picks)
        if fmt == "ink":  # its runtime lists only the choices that are open
            made = [picks[min(i, len(picks) - 1)] for i in range(len(made))]
            options = [len(e) for e in events if isinstance(e[0], tuple)]
            made = [pick % count for pick, count in zip(made, options, strict=True)]
        (data,) = export_asset(tree, "gate", fmt).values()
        inputs.append({"source": data.decode(), "start": "gate", "answers": made})
        wanted.append(expected(events))
    results = run_node(node, script, stdin=inputs)
    for job, result, want in zip(inputs, results, wanted, strict=True):
        assert "error" not in result, f"{result['error']}\n{job['source']}"
        assert result["ended"] is True
        assert told(script, result["events"]) == want, job["source"]


@pytest.mark.parametrize("fmt", ["yarn", "ink"])
@pytest.mark.parametrize("picks", [[0], [1]])
def test_the_sample_dialogue_is_played_to_its_end(node, fmt, picks):
    check_played(node, fmt, [(samples.dialogue(), picks)])


def ring() -> DialogueTree:
    """A question asked again until the right answer, which opens only after the wrong one."""
    nodes = (
        DialogueNode(
            "q-1",
            "mira",
            "Well?",
            (
                Choice("q-1a", "Ask.", "q-2", sets="2nd-try"),
                Choice("q-1b", "Go.", "q-4", condition="2nd-try"),
            ),
        ),
        DialogueNode("q-2", "warden", "No.", next="q-3"),
        DialogueNode("q-3", "warden", "Again.", next="q-1"),
        DialogueNode("q-4", "mira", "Good."),
    )
    return DialogueTree(nodes, "q-1", {"2nd-try": False})


@pytest.mark.parametrize("fmt", ["yarn", "ink"])
def test_conditions_variables_and_returns(node, fmt):
    check_played(node, fmt, [(ring(), [0, 0, 1])])


@pytest.mark.parametrize("fmt", ["yarn", "ink"])
@given(data=st.data())
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_any_tree_with_any_text_is_played_word_for_word(node, fmt, data):
    picks = st.lists(st.integers(0, 5), min_size=1, max_size=4)
    jobs = data.draw(st.lists(st.tuples(trees(), picks), min_size=40, max_size=40))
    check_played(node, fmt, jobs)


@pytest.mark.parametrize("fmt", ["yarn", "ink"])
def test_the_readers_would_complain(node, fmt):
    (data,) = export_asset(samples.dialogue(), "gate", fmt).values()
    title = {"yarn": "title: gate_02\n", "ink": "=== gate_02 ===\n"}[fmt]
    assert title in data.decode()
    broken = data.decode().replace(title, title.replace("gate_02", "elsewhere"))
    job = {"source": broken, "start": "gate", "answers": [0]}
    (result,) = run_node(node, f"play_{fmt}.js", stdin=[job])
    assert "error" in result


@pytest.mark.parametrize("fmt", ["wav", "ogg"])
def test_ffprobe_reads_every_sample(tmp_path, fmt):
    program = need_program("ffprobe")
    sound = stereo()
    (path,) = write(tmp_path, sound, "coin", fmt)
    entries = "stream=codec_name,sample_rate,channels,duration_ts"
    done = subprocess.run(
        [program, "-v", "error", "-show_entries", entries, "-of", "json", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    (stream,) = json.loads(done.stdout)["streams"]
    assert stream["codec_name"] == {"wav": "pcm_s16le", "ogg": "vorbis"}[fmt]
    assert (int(stream["sample_rate"]), stream["channels"]) == (44100, 2)
    assert stream["duration_ts"] == sound.samples.shape[1]


def test_ffprobe_finds_the_loop_of_an_ogg(tmp_path):
    program = need_program("ffprobe")
    (path,) = write(tmp_path, stereo(loop=(441, 4410)), "wind", "ogg")
    command = [program, "-v", "error", "-show_entries", "stream_tags", "-of", "json", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    tags = json.loads(done.stdout)["streams"][0]["tags"]
    assert (tags["LOOPSTART"], tags["LOOPLENGTH"]) == ("441", "3969")


@pytest.mark.parametrize("loop", [None, (441, 4410)])
def test_ffmpeg_decodes_the_ogg_without_a_complaint(tmp_path, loop):
    program = need_program("ffmpeg")
    (path,) = write(tmp_path, stereo(loop=loop), "coin", "ogg")
    command = [program, "-v", "error", "-xerror", "-err_detect", "crccheck+explode"]
    done = subprocess.run(
        [*command, "-i", str(path), "-f", "null", "-"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
