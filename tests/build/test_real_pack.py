"""The shipped models through the engine: the same bytes everywhere, without network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_assets.models.cards import SHIPPED
from tests.build.conftest import ROOT
from tests.build.packs import left_behind, tree

MANIFEST = """
[pack]
name = "tiny"
seed = 5
[[map]]
id = "room"
theme = "dungeon"
size = [16, 16]
require = ["start -> exit"]
[[sound]]
id = "coin"
kind = "coin"
[export]
targets = ["tiled", "web"]
"""
NO_NETWORK = """
import socket
def refuse(*arguments, **values):
    raise OSError("this test has no network")
for name in ("connect", "connect_ex", "bind", "sendto", "listen"):
    setattr(socket.socket, name, refuse)
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
"""


def aigc(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aigc_assets.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a manifest and a build of it: one worker, one thread."""
    folder = tmp_path_factory.mktemp("real")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    (folder / "pack.toml").write_text(MANIFEST)
    done = aigc(folder, "build", "-o", "one", "--jobs", "1", "-q", OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    return folder


def test_other_workers_threads_folder_and_no_network(folder):
    blocked = folder / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(NO_NETWORK)
    probe = subprocess.run(
        [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"],
        env={**os.environ, "PYTHONPATH": str(blocked)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "this test has no network" in probe.stderr
    done = aigc(
        folder, "build", "-o", "far/two", "--jobs", "2", "-q",
        OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2", PYTHONHASHSEED="123",
        PYTHONPATH=os.pathsep.join((str(blocked), str(ROOT))),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert tree(folder / "far" / "two") == tree(folder / "one")
    assert left_behind(folder) == []


def test_again_and_with_another_seed(folder):
    before = tree(folder / "one")
    done = aigc(folder, "build", "-o", "one", "--json")
    assert json.loads(done.stdout)["rebuilt"] == {}
    assert tree(folder / "one") == before
    (folder / "pack.toml").write_text(MANIFEST.replace('kind = "coin"', 'kind = "coin"\nseed = 1'))
    done = aigc(folder, "build", "-o", "one", "--json")
    assert json.loads(done.stdout)["rebuilt"] == {"coin": "seed changed"}
    after = tree(folder / "one")
    changed = {path for path in before if after[path] != before[path] and "/" in path}
    assert changed == {"web/coin.ogg", "preview/coin.wav", "assets/coin.asset"}
    assert aigc(folder, "check", "one").returncode == 0


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing", "card"])
def test_damaged_weights_are_one_clear_error(folder, tmp_path, damage):
    weights = tmp_path / "weights"
    shutil.copytree(SHIPPED, weights)
    path = weights / "map_sagan.safetensors"
    data = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "altered":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "missing":
        path.unlink()
    else:
        (weights / "map_sagan.json").write_text("{}")
    done = aigc(folder, "generate", "map", "--size", "16x16", "-q", "-o", str(tmp_path / "out"),
                AIGC_ASSETS_WEIGHTS=str(weights))  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "map_sagan" in done.stderr and "install the package again" in done.stderr
    assert list((tmp_path / "out").glob("*.tmx")) == []
