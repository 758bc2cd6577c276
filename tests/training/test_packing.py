"""Packing of every kind: equal bytes, small, readable, and one clear error when it cannot be."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aigc_assets.errors import DataError
from aigc_assets.training import TASKS, packing
from aigc_assets.training.packing import pack, read
from tests.training.small_sources import WRITERS

every_kind = pytest.mark.parametrize("kind", list(TASKS))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sources")
    for write in WRITERS.values():
        write(root)
    return root


@pytest.fixture(scope="module")
def packed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packed")
    pack(sources, out)
    return out


def test_every_kind_has_sources():
    assert set(WRITERS) == set(TASKS)


@every_kind
def test_packing_is_byte_stable(kind: str, sources: Path, packed: Path, tmp_path: Path):
    pack(sources, tmp_path, [kind])
    assert {path.name for path in tmp_path.iterdir()} == {f"{kind}.npz", f"{kind}.json"}
    for suffix in ("npz", "json"):
        one, two = (folder / f"{kind}.{suffix}" for folder in (packed, tmp_path))
        assert one.read_bytes() == two.read_bytes()


@every_kind
def test_what_is_packed_can_be_read(kind: str, packed: Path):
    arrays, info = read(packed, kind)
    assert arrays
    assert all(array.dtype != object and array.size for array in arrays.values())
    for source in info["sources"]:
        assert {"folder", "licence", "used_for"} <= set(source)
    with zipfile.ZipFile(packed / f"{kind}.npz") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@every_kind
def test_packed_data_knows_no_machine(kind: str, sources: Path, packed: Path):
    text = (packed / f"{kind}.json").read_text(encoding="utf-8")
    assert str(sources) not in text
    json.loads(text)


@every_kind
def test_missing_sources(kind: str, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        pack(tmp_path / "empty", tmp_path / "out", [kind])
    assert caught.value.where
    assert not list((tmp_path / "out").iterdir())


def test_no_such_folder(tmp_path: Path):
    with pytest.raises(DataError, match="no such folder"):
        pack(tmp_path / "nowhere", tmp_path / "out")


def test_too_much(monkeypatch: pytest.MonkeyPatch, sources: Path, tmp_path: Path):
    monkeypatch.setattr(packing, "LIMIT_BYTES", 1000)
    with pytest.raises(DataError, match="limit"):
        pack(sources, tmp_path, ["sound"])


@pytest.mark.parametrize("harm", ["no folder", "no json", "bad json", "empty", "truncated", "text"])
def test_damaged_packed_data(harm: str, packed: Path, tmp_path: Path):
    for suffix in ("npz", "json"):
        (tmp_path / f"sound.{suffix}").write_bytes((packed / f"sound.{suffix}").read_bytes())
    npz = tmp_path / "sound.npz"
    folder = tmp_path
    if harm == "no folder":
        folder = tmp_path / "nowhere"
    elif harm == "no json":
        (tmp_path / "sound.json").unlink()
    elif harm == "bad json":
        (tmp_path / "sound.json").write_text("{")
    else:
        data = {"empty": b"", "truncated": npz.read_bytes()[:1000], "text": b"not a zip"}[harm]
        npz.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(folder, "sound")
    assert str(caught.value.where).endswith("sound.npz")
    assert "data pack" in str(caught.value.remedy)


def test_a_pickle_is_not_read(tmp_path: Path):
    np.savez(tmp_path / "sound.npz", audio=np.array([{"a": 1}], dtype=object))
    (tmp_path / "sound.json").write_text("{}")
    with pytest.raises(DataError):
        read(tmp_path, "sound")
