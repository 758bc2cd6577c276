"""The command line as a script sees it: exit codes, one line per error, one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_assets import cli
from aigc_assets.build import engine, stages
from tests.build.small_stages import STAGES

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = """
[pack]
name = "small"
palette = "colours.hex"
[[map]]
id = "keep"
theme = "dungeon"
size = [8, 8]
[[sound]]
id = "coin"
kind = "coin"
[export]
targets = ["tiled", "web"]
"""
COLOURS = "14101c\n5a5a64\naaa096\nc83c32\n3c78c8\nf0dca0\n"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Small stages instead of networks; the folder of the test is the working folder."""
    monkeypatch.setattr(stages, "STAGES", STAGES)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pack.toml").write_text(MANIFEST)
    (tmp_path / "colours.hex").write_text(COLOURS)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.run(list(arguments))
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    return code, said.out, said.err


BAD: list[tuple[list[str], int, list[str]]] = [
    (["bild"], 2, ["No such command", "build"]),
    (["build", "--wrong"], 2, ["--wrong"]),
    (["build", "none.toml"], 2, ["none.toml", "no such file"]),
    (["build", "."], 2, ["folder", "pack.toml"]),
    (["build", "empty.toml"], 2, ["empty"]),
    (["build", "picture.toml"], 2, ["UTF-8"]),
    (["build", "unknown.toml"], 2, ['"palete"', 'did you mean "palette"', "[pack]"]),
    (["build", "-o", "pack.toml"], 1, ["cannot write", "-o"]),
    (["build", "-o", "pack.toml/deeper"], 1, ["cannot write", "-o"]),
    (["build", "--jobs", "0"], 2, ["--jobs"]),
    (["build", "--jobs", "many"], 2, ["--jobs"]),
    (["build", "--only", "kep"], 2, ['did you mean "keep"']),
    (["build", "--max-seconds", "0.01"], 3, ["limit is 0.01 s"]),
    (["build", "--max-mb", "0.001"], 3, ["limit is 0.001 MB"]),
    (["generate"], 2, ["Missing command"]),
    (["generate", "mapp"], 2, ["mapp"]),
    (["generate", "map", "--size", "big"], 2, ["48x32", "big"]),
    (["generate", "map", "--size", "8x1000"], 2, ["8..256"]),
    (["generate", "map", "--theme", "dungeonn"], 2, ['did you mean "dungeon"']),
    (["generate", "map", "--seeds", "9-1"], 2, ["--seeds", "9-1"]),
    (["generate", "map", "--seeds", "-1"], 2, ["--seeds"]),
    (["generate", "map", "--format", "wav"], 2, ["wav", "tiled"]),
    (["generate", "map", "--palette", "7"], 2, ["8..64"]),
    (["generate", "map", "--palette", "x"], 2, ["--palette"]),
    (["generate", "map", "--require", "win"], 2, ["win"]),
    (["generate", "map", "--name", "../x"], 2, ["../x"]),
    (["generate", "sound"], 2, ["--kind"]),
    (["generate", "sound", "--kind", "moo"], 2, ["moo"]),
    (["generate", "character", "--prompt", ""], 2, ["error: --prompt: "]),
    (["generate", "character", "--prompt", "x", "--like", "no.png"], 2, ["--like: no.png"]),
    (["generate", "cutscene", "--pack", "pack.toml"], 2, ["no cutscene"]),
    (["generate", "cutscene", "--resolution", "333x200"], 2, ["resolution"]),
    (["check", "."], 2, ["not the output of a build"]),
    (["check", "nowhere"], 2, ["nowhere"]),
    (["explain", "none.png"], 2, ["no such file"]),
    (["explain", "pack.toml"], 2, ["provenance.json"]),
    (["export", ".", "--format", "gltff"], 2, ["gltff"]),
    (["export", "pack.toml", "--format", "tiled"], 2, ["neither"]),
    (["new", "../x"], 2, ["../x"]),
    (["new", "My Pack"], 2, ["a-z"]),
    (["train", "maps", "--data", "."], 2, ['did you mean "map"']),
    (["train", "map", "--data", ".", "--device", "tpu"], 2, ["tpu"]),
    (["train", "map"], 2, ["--data"]),
    (["evaluate", "film"], 2, ["film"]),
    (["evaluate", "map", "--data", "none"], 2, ["packed data"]),
    (["evaluate", "character", "--data", "none"], 2, ["packed data", "data pack"]),
    (["evaluate", "character", "--data", "none", "--size", "48"], 2, ["48", "--size"]),
    (["evaluate", "map", "--size", "48"], 2, ["--size", "evaluate character"]),
    (["evaluate", "character", "--baseline", "none"], 2, ["--baseline", "--data"]),
    (
        ["evaluate", "character", "--data", "none", "--baseline", "none"],
        2,
        ["DCGAN", "--only dcgan"],
    ),
    (["data", "pack", "none", "-o", "out"], 2, ["no such folder"]),
]


@pytest.mark.parametrize(("arguments", "code", "words"), BAD, ids=lambda value: " ".join(
    str(part) for part in value) if isinstance(value, list) else str(value))  # fmt: skip
def test_bad_input(capsys, tmp_path, arguments, code, words):
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "picture.toml").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    (tmp_path / "unknown.toml").write_text(MANIFEST.replace("palette", "palete"))
    before = sorted(p.name for p in tmp_path.iterdir())
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (code, "")
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("error: ")
    for word in words:
        assert word in err, err
    assert sorted(p.name for p in tmp_path.iterdir()) == before, "nothing half-written"
    found, out, err = run(capsys, *arguments, "--json")
    assert (found, err) == (code, "")
    value = json.loads(out)
    assert set(value) == {"error", "where", "remedy", "code"}
    assert value["code"] == code


def test_help_and_version(capsys):
    for arguments in ([], ["--help"], ["build", "-h"], ["generate", "--help"], ["data", "--help"]):
        code, out, err = run(capsys, *arguments)
        assert (code, err) == (0, "")
        assert "Usage: aigc-assets" in out
    assert run(capsys, "--version")[1].startswith("aigc_assets ")


def test_every_command_has_json(capsys):
    groups = ["generate map", "generate character", "generate sound", "generate dialogue"]
    groups += ["generate cutscene", "data pack", "build", "export", "check", "explain", "doctor"]
    groups += ["new", "schema", "train", "evaluate", "bench"]
    for group in groups:
        out = run(capsys, *group.split(), "--help")[1]
        assert "--json" in out, group


def test_a_build_from_manifest_to_check(capsys, tmp_path):
    code, out, err = run(capsys, "build", "--dry-run", "--json")
    assert (code, err) == (0, "")
    assert set(json.loads(out)["rebuild"]) == {"keep", "coin"}
    assert not (tmp_path / "build").exists()

    code, out, err = run(capsys, "build", "-j", "1")
    assert code == 0
    assert "make keep: " in err
    assert "keep" in out and "coin" in out and "ok" in out
    assert out.strip().splitlines()[-1] == f"open {tmp_path / 'build' / 'index.html'}"

    code, out, err = run(capsys, "build", "--json")
    value = json.loads(out)
    assert (value["rebuilt"], value["files"]["written"], err) == ({}, [], "")
    assert value["index"] == "build/index.html"
    assert "nothing to rebuild" in run(capsys, "build", "--dry-run")[1]
    assert "nothing to rebuild" in run(capsys, "build", "-q")[1]

    text = MANIFEST.replace('id = "coin"', 'id = "coin"\nseed = 4')
    (tmp_path / "pack.toml").write_text(text)
    assert "made again: coin: seed changed" in run(capsys, "build", "-q")[1]

    assert run(capsys, "check")[0] == 0
    assert json.loads(run(capsys, "check", "--json")[1])["ok"] is True
    code, out, _ = run(capsys, "explain", "build/tiled/keep.tmx")
    assert code == 0 and "asset: keep" in out and "seed: " in out
    assert json.loads(run(capsys, "explain", "build/web/coin.ogg", "--json")[1])["asset"] == "coin"

    code, out, _ = run(capsys, "export", "build", "--format", "wav", "-o", "more")
    assert (code, out) == (0, "more/coin.wav\n")
    assert (tmp_path / "more" / "coin.wav").read_bytes()[:4] == b"RIFF"
    assert run(capsys, "export", "build", "--format", "wav", "-o", "more")[0] == 0
    (tmp_path / "more" / "coin.wav").write_bytes(b"mine")
    assert run(capsys, "export", "build", "--format", "wav", "-o", "more")[0] == 1
    assert (tmp_path / "more" / "coin.wav").read_bytes() == b"mine"
    assert run(capsys, "export", "build", "--format", "wav", "--id", "keep", "-o", "more")[0] == 2

    code, out, _ = run(
        capsys, "export", "build/assets/keep.asset", "--format", "tiled", "-o", "single"
    )
    assert code == 0 and (tmp_path / "single" / "keep.tmx").is_file()

    (tmp_path / "build" / "tiled" / "keep.tmx").write_text("mine")
    code, out, _ = run(capsys, "check")
    assert code == 1 and "tiled/keep.tmx: changed" in out
    assert run(capsys, "check", "--json")[0] == 1
    (tmp_path / "pack.toml").write_text(MANIFEST.replace('"dungeon"', '"cave"\nseed = 9'))
    code, out, err = run(capsys, "build", "-q")
    assert code == 1 and "keep.tmx" in err and "--force" in err
    assert (tmp_path / "build" / "tiled" / "keep.tmx").read_text() == "mine"
    assert run(capsys, "build", "-q", "--force")[0] == 0


def test_batches_add_up(capsys, tmp_path):
    arguments = ["generate", "map", "--size", "8x8", "--palette", "colours.hex", "-o", "maps"]
    code, out, _ = run(capsys, *arguments, "--seeds", "3-4,7")
    assert code == 0 and "map_7" in out
    names = {p.name for p in (tmp_path / "maps").glob("*.tmx")}
    assert names == {"map_3.tmx", "map_4.tmx", "map_7.tmx"}
    first = (tmp_path / "maps" / "map_3.tmx").stat().st_mtime_ns
    code, out, _ = run(capsys, *arguments, "--seeds", "3,9", "--name", "map", "--json")
    value = json.loads(out)
    assert set(value["rebuilt"]) == {"map_9"}
    assert (tmp_path / "maps" / "map_3.tmx").stat().st_mtime_ns == first
    code, out, _ = run(
        capsys, "generate", "sound", "--kind", "coin", "-o", "maps", "--name", "gold"
    )
    assert code == 0 and (tmp_path / "maps" / "gold_0.wav").is_file()
    assert {p.name for p in (tmp_path / "maps").glob("*.tmx")} == names | {"map_9.tmx"}
    assert run(capsys, "check", "maps") == (0, "15 files, 5 assets: ok\n", "")
    assert run(capsys, "explain", "maps/map_9.tmx")[0] == 0
    (tmp_path / "maps" / "map_9.tmx").write_text("mine")
    assert run(capsys, *arguments, "--seeds", "9")[0] == 1
    assert (tmp_path / "maps" / "map_9.tmx").read_text() == "mine"
    assert run(capsys, *arguments, "--seeds", "9", "--force")[0] == 0
    assert run(capsys, "check", "maps")[0] == 0


def test_words_that_nothing_knows_are_printed(capsys):
    made = ["generate", "character", "--prompt", "zorg", "--palette", "colours.hex", "-o", "odd"]
    code, out, _ = run(capsys, *made, "--seeds", "0-3")
    assert code == 0
    lines = [line for line in out.splitlines() if line.startswith("note: ")]
    assert lines == ["note: character_0, character_1, character_2 and 1 more: unknown word: zorg"]
    _, out, _ = run(capsys, *made, "--json")  # a character that is kept keeps its notes
    assert json.loads(out)["assets"][0]["notes"] == ["unknown word: zorg"]


def test_the_environment_stands_between_flag_and_manifest(capsys, monkeypatch):
    monkeypatch.setenv("AIGC_ASSETS_MAX_SECONDS", "0.01")
    assert run(capsys, "build", "-q")[0] == 3
    assert run(capsys, "build", "-q", "--max-seconds", "1000")[0] == 0
    monkeypatch.setenv("AIGC_ASSETS_MAX_SECONDS", "soon")
    assert run(capsys, "build", "-q")[0] == 2


def test_new_writes_a_manifest_once(capsys, tmp_path):
    code, out, _ = run(capsys, "new", "mine")
    assert code == 0 and "aigc-assets build mine/pack.toml" in out
    before = (tmp_path / "mine" / "pack.toml").read_text()
    assert len(before.splitlines()) < 60 and "#" in before
    code, _, err = run(capsys, "new", "mine")
    assert code == 1 and "there is a manifest already" in err
    assert (tmp_path / "mine" / "pack.toml").read_text() == before
    assert run(capsys, "build", "mine/pack.toml", "--dry-run", "-o", "o")[0] == 0


def test_schema_and_doctor(capsys):
    assert json.loads(run(capsys, "schema")[1])["title"] == "Manifest"
    _, out, _ = run(capsys, "doctor", "--json")
    found = json.loads(out)
    assert found["network"] == "not used"
    assert found["packages"]["torch"]
    assert set(found) >= {"kernels", "weights", "optional", "problems", "python"}


def test_an_unexpected_error_is_one_line(capsys, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(engine, "build", broken)
    code, out, err = run(capsys, "build")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1 and "internal error: RuntimeError: two lines" in err
    assert "report" in err and "AIGC_ASSETS_DEBUG" in err
    monkeypatch.setenv("AIGC_ASSETS_DEBUG", "1")
    cli.run(["build"])
    assert "Traceback" in capsys.readouterr().err


def test_interrupt_leaves_with_130(capsys, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "build", interrupted)
    code, _, err = run(capsys, "build")
    assert code == 130 and err.startswith("error: interrupted")


def test_the_program_itself(tmp_path):
    """Through a real process: exit codes reach the shell, a closed pipe is no error."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "aigc_assets.cli"]
    done = subprocess.run(
        [*command, "build", "none.toml"], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    piped = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{' '.join(command)} schema | head -c 1"],
        capture_output=True, text=True, env=env, check=False,
    )  # fmt: skip
    assert piped.stderr == ""
