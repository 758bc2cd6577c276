"""The engine with small stages: what is made, when, and what survives mistakes and accidents."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aigc_assets.build import engine
from aigc_assets.build.executor import Progress
from aigc_assets.build.manifest import parse_manifest
from aigc_assets.build.publish import claimed
from aigc_assets.build.stages import licences_of
from aigc_assets.build.verify import explain_file, inspect_pack
from aigc_assets.errors import (
    BudgetError,
    CheckError,
    GenerationError,
    OutputError,
    PolicyError,
    UsageError,
)
from tests import samples
from tests.build.conftest import ROOT
from tests.build.packs import build, document, left_behind, tree
from tests.build.small_stages import STAGES

ALL = {"keep", "mira", "warden", "coin_1", "coin_2", "gate", "opening"}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed build with one worker; tests must not change it."""
    os.environ["PYTHONPATH"] = str(ROOT)
    out = tmp_path_factory.mktemp("reference") / "out"
    build(document(), out, jobs=1)
    return out


def test_bytes_do_not_depend_on_which_job_ends_first(tmp_path, monkeypatch):
    # The two formats of a character share its picture, and its entry names one of them.
    values = document(export={"targets": ["godot"]})
    for first in ("godot", "aseprite"):
        monkeypatch.setattr(
            engine.estimate,
            "seconds",
            lambda job, first=first: 9.0 if job.payload.get("format") == first else 1.0,
        )
        build(values, tmp_path / first, jobs=1)
    assert tree(tmp_path / "godot") == tree(tmp_path / "aseprite")


@pytest.fixture
def copy(reference: Path, tmp_path: Path) -> Path:
    """A built folder that a test may change."""
    out = tmp_path / "out"
    subprocess.run(["cp", "-a", str(reference), str(out)], check=True)
    return out


def test_everything_is_there(reference):
    found = set(tree(reference))
    assert {"tiled/keep.tmx", "film/opening.mp4", "film/coin_1.wav", "yarn/gate.yarn"} <= found
    assert {"index.html", "provenance.json", "pack.lock.json", "ATTRIBUTION.md"} <= found
    lock = json.loads((reference / "pack.lock.json").read_text())
    assert set(lock["assets"]) == ALL
    hashes = tree(reference)
    assert {p: e["sha256"] for p, e in lock["files"].items()} == {
        p: sha for p, sha in hashes.items() if p != "pack.lock.json"
    }
    assert left_behind(reference) == []
    assert inspect_pack(reference).problems == ()


def test_nothing_says_when_or_where(reference):
    home = str(reference.parent).encode()
    for path in tree(reference):
        data = (reference / path).read_bytes()
        assert home not in data, path
        if not path.endswith((".mp4", ".png", ".wav", ".glb")):
            assert time.strftime("%Y-%m-%d").encode() not in data, path


def test_every_file_can_be_explained(reference):
    for path in tree(reference):
        if path.count("/"):
            found = explain_file(reference / path)
            assert found["unchanged"]
            assert found["asset"] in ALL
            assert found["provenance"]["digital_source_type"].startswith("http://cv.iptc.org/")
    scene = explain_file(reference / "film" / "opening.mp4")["provenance"]
    assert "keep" in scene["made_from"]
    with pytest.raises(UsageError):
        explain_file(Path(__file__))


def test_a_second_run_makes_nothing(copy):
    before = {path: (copy / path).stat().st_mtime_ns for path in tree(copy)}
    seen: list[Progress] = []
    options = engine.Options(stages=STAGES, jobs=2)
    result = engine.build(parse_manifest(document()), samples.PALETTE, copy, options, seen.append)
    assert result.rebuilt == {}
    assert result.published.written == ()
    assert all(p.outcome is not None and p.outcome.cached for p in seen)
    assert before == {path: (copy / path).stat().st_mtime_ns for path in tree(copy)}


def test_jobs_threads_and_folders_do_not_matter(reference, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.chdir(tmp_path)
    build(document(), Path("another"), jobs=2)
    assert tree(tmp_path / "another") == tree(reference)


def test_a_changed_line_rebuilds_its_dependents(copy):
    values = document()
    values["dialogue"][0]["text"] = {"gate_01": "Halt!"}
    result = build(values, copy)
    assert set(result.rebuilt) == {"gate", "opening"}
    assert result.rebuilt["gate"] == "request changed (texts)"
    assert result.rebuilt["opening"] == "dependency gate changed"
    touched = {path for path in result.published.written if "/" in path}
    assert "assets/gate.asset" in touched
    assert {p.split("/")[1].split(".")[0].split("_")[0] for p in touched} == {"gate", "opening"}


def test_a_changed_seed_rebuilds_its_dependents(copy):
    values = document()
    values["sound"][0]["seed"] = 5
    result = build(values, copy)
    assert set(result.rebuilt) == {"coin_1", "coin_2", "opening"}
    assert result.rebuilt["coin_1"] == "seed changed"


def test_equal_content_stops_a_rebuild(copy):
    """The small map does not look at its theme: it is made again and comes out the same."""
    values = document()
    values["map"][0]["theme"] = "cave"
    result = build(values, copy)
    assert result.rebuilt == {"keep": "request changed (theme)"}
    assert [p for p in result.published.written if p.startswith(("film/", "tiled/"))] == []


def test_a_changed_pack_seed_rebuilds_everything_and_back_nothing(copy, reference):
    values = document(pack={"name": "small", "seed": 4, "palette": 8})
    assert set(build(values, copy).rebuilt) == ALL
    assert tree(copy) != tree(reference)
    assert build(document(), copy).rebuilt == {}, "results of earlier builds are kept"
    assert tree(copy) == tree(reference)


def test_files_that_are_not_wanted_any_more_go(copy):
    values = document(export={"targets": ["yarn"]})
    (copy / "tiled" / "notes.txt").write_text("mine")
    with (copy / "film" / "opening.srt").open("a") as handle:
        handle.write("edited")
    result = build(values, copy)
    assert "tiled/keep.tmx" in result.published.removed
    assert result.published.kept == ("film/opening.srt",)
    assert sorted(p.name for p in (copy / "tiled").iterdir()) == ["notes.txt"]
    assert sorted(p.name for p in (copy / "film").iterdir()) == ["opening.srt"]


def test_edited_files_are_not_overwritten(copy, reference):
    (copy / "yarn" / "gate.yarn").write_text("my own words")
    values = document()
    values["dialogue"][0]["text"] = {"gate_01": "Halt!"}
    before = tree(copy)
    with pytest.raises(OutputError, match=r"yarn/gate\.yarn") as caught:
        build(values, copy)
    assert "--force" in str(caught.value)
    assert tree(copy) == before
    build(values, copy, force=True)
    assert "Halt!" in (copy / "yarn" / "gate.yarn").read_text()


def test_a_deleted_output_comes_back(copy, reference):
    (copy / "film" / "opening.mp4").unlink()
    result = build(document(), copy)
    assert result.published.written == ("film/opening.mp4",)
    assert result.rebuilt == {}
    assert tree(copy) == tree(reference)


def test_only_one_asset(copy):
    values = document()
    values["dialogue"][0]["seed"] = 9
    values["map"][0]["seed"] = 9
    result = build(values, copy, only=("gate",))
    assert set(result.rebuilt) == {"gate"}
    assert {row.id for row in result.rows} == {"gate"}
    lock = json.loads((copy / "pack.lock.json").read_text())
    assert set(lock["assets"]) == ALL
    assert inspect_pack(copy).files == len(lock["files"])
    assert set(build(values, copy).rebuilt) == {"keep", "opening"}
    with pytest.raises(UsageError, match='did you mean "gate"'):
        build(values, copy, only=("gat",))


def test_a_damaged_store_is_repaired(copy, reference):
    objects = sorted((copy / ".aigc" / "objects").glob("*/*"))
    for path in objects[::2]:
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    for path in sorted((copy / ".aigc" / "keys").glob("*/*"))[::3]:
        path.write_bytes(b"{")
    build(document(), copy)
    assert tree(copy) == tree(reference)
    assert inspect_pack(copy).problems == ()


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00", b'{"format": 1, "files": [], "assets": 3}'])
def test_a_damaged_lock_file_is_replaced(copy, reference, data):
    (copy / "pack.lock.json").write_bytes(data)
    build(document(), copy)
    assert tree(copy) == tree(reference)


def test_check_finds_what_was_tampered_with(copy):
    path = copy / "tiled" / "keep.tmx"
    path.write_bytes(path.read_bytes() + b" ")
    (copy / "yarn" / "gate.yarn").unlink()
    table = json.loads((copy / "provenance.json").read_text())
    del table["files"]["film/coin_1.wav"]
    (copy / "provenance.json").write_text(json.dumps(table))
    problems = inspect_pack(copy).problems
    assert "tiled/keep.tmx: changed since it was built" in problems
    assert "yarn/gate.yarn: missing" in problems
    assert any(p.startswith("film/coin_1.wav: provenance.json") for p in problems)


def test_a_pack_that_was_copied_without_its_store_can_be_checked(copy):
    subprocess.run(["rm", "-r", str(copy / ".aigc")], check=True)
    assert inspect_pack(copy).problems == ()
    (copy / "assets" / "keep.asset").write_bytes(b"PK")
    problems = inspect_pack(copy).problems
    assert any("keep: its archive is missing or damaged" in p for p in problems)


def test_an_incoherent_pack_is_not_published(copy, reference):
    """Colours outside the pack palette: the check refuses, the outputs stay."""
    before = tree(copy)
    with pytest.raises(CheckError, match="palette"):
        engine.build(
            parse_manifest(document()),
            samples.PALETTE[:3],
            copy,
            engine.Options(stages=STAGES, jobs=1),
        )
    assert tree(copy) == before == tree(reference)
    assert left_behind(copy) == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("kill", ["keep", "killed by signal 9", "--jobs 1"]),
        ("refuse", ["keep: theme", "no such thing", "ask for less"]),
        ("bug", ["keep", "internal error: ZeroDivisionError: a bug in two lines"]),
    ],
)
def test_a_failing_worker_is_one_clear_error(copy, reference, monkeypatch, what, words):
    monkeypatch.setenv("SMALL_STAGES", what)
    values = document()
    values["map"][0]["seed"] = 1
    with pytest.raises(GenerationError) as caught:
        build(values, copy)
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    assert tree(copy) == tree(reference)
    assert left_behind(copy) == []


def test_a_library_that_prints_does_no_harm(tmp_path, reference, monkeypatch):
    monkeypatch.setenv("SMALL_STAGES", "print")
    build(document(), tmp_path / "out")
    assert tree(tmp_path / "out") == tree(reference)


def test_budgets_refuse_before_work(tmp_path):
    for limit in ({"max_seconds": 0.1}, {"max_mb": 0.01}):
        with pytest.raises(BudgetError) as caught:
            build(document(), tmp_path / "out", **limit)
        assert caught.value.exit_code == 3
    assert not (tmp_path / "out").exists()
    values = document(pack={"name": "small", "seed": 3, "palette": 8, "max_seconds": 0.1})
    with pytest.raises(BudgetError):
        build(values, tmp_path / "out")


def test_a_built_pack_is_within_any_time(copy):
    build(document(), copy, max_seconds=0.001)


def test_licences_that_are_not_allowed(tmp_path):
    pack = {"name": "small", "seed": 3, "palette": 8, "licences": ["CC0-1.0"]}
    with pytest.raises(PolicyError, match="which makes every") as caught:
        build(document(pack=pack), tmp_path / "out")
    assert caught.value.exit_code == 4
    assert not (tmp_path / "out").exists()
    every = sorted({x for kind in STAGES for some in licences_of(kind).values() for x in some})
    build(document(pack={**pack, "licences": every}), tmp_path / "out")


def test_a_forecast_touches_nothing(tmp_path, copy):
    manifest = parse_manifest(document())
    options = engine.Options(stages=STAGES)
    expected = engine.forecast(manifest, samples.PALETTE, tmp_path / "new", options)
    assert set(expected.rebuild) == ALL
    assert expected.seconds > 1
    assert not (tmp_path / "new").exists()
    again = engine.forecast(manifest, samples.PALETTE, copy, options)
    assert (again.rebuild, again.jobs, set(again.kept)) == ({}, 0, ALL)
    values = document()
    values["dialogue"][0]["text"] = {"gate_01": "Halt!"}
    part = engine.forecast(parse_manifest(values), samples.PALETTE, copy, options)
    assert dict(part.rebuild) == {
        "gate": "request changed (texts)",
        "opening": "made from gate",
    }


def test_two_builds_in_one_folder(copy):
    with claimed(copy), pytest.raises(OutputError, match="another build"):
        build(document(), copy)


def test_a_path_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught:
        build(document(), tmp_path / "file" / "out")
    assert "-o" in str(caught.value)


def test_a_folder_where_a_file_must_be(tmp_path):
    (tmp_path / "out" / "tiled" / "keep.tmx").mkdir(parents=True)
    with pytest.raises(OutputError, match="folder"):
        build(document(), tmp_path / "out")
    assert not (tmp_path / "out" / "film").exists()


DRIVER = """
import resource, signal, sys
from pathlib import Path
from tests.build.packs import build, document
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored below a background job
values = document()
if len(sys.argv) > 2 and sys.argv[2] == "small-files":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
    values["map"][0]["seed"] = 1
try:
    build(values, Path(sys.argv[1]), jobs=2)
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(1)
except KeyboardInterrupt:
    sys.exit(130)
"""


def drive(out: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(out), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **env},
    )


@pytest.mark.parametrize("limit", [400, 3000])
def test_a_full_disk_leaves_the_last_build(copy, reference, limit):
    """A limit on the size of files stands for a full disk: writing fails half-way."""
    process = drive(copy, "small-files", str(limit))
    said = process.communicate(timeout=250)[0]
    assert process.returncode == 1, said
    assert said.startswith("OutputError")
    assert len(said.strip().splitlines()) == 1
    assert tree(copy) == tree(reference)
    assert left_behind(copy) == []


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 200 kB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_really_full_and_one_that_is_read_only(small_disk):
    with pytest.raises(OutputError, match="No space left") as caught:
        build(document(), small_disk / "out")
    assert "free some space" in str(caught.value)
    assert tree(small_disk / "out") == {}
    assert left_behind(small_disk / "out") == []
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutputError, match="Read-only") as caught:
        build(document(), small_disk / "out")
    assert "-o" in str(caught.value)


def test_interrupted_builds_end_at_once_and_go_on(tmp_path, reference):
    out = tmp_path / "out"
    process = drive(out, SMALL_STAGES="sleep20")
    wait_for(lambda: (out / ".aigc" / "keys").is_dir() and any((out / ".aigc").glob("keys/*/*")))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130
    assert left_behind(out) == []
    build(document(), out)
    assert tree(out) == tree(reference)


def wait_for(ready, seconds: float = 250.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_at_any_moment_and_run_again(tmp_path, reference):
    """Ten builds killed after more and more has been done; then one that is left alone."""
    out = tmp_path / "out"
    done = len(list((reference / ".aigc").rglob("*"))) + len(tree(reference))
    killed = 0
    for part in range(10):
        wanted = done * (part + 1) // 11
        process = drive(out)

        def far(process=process, wanted=wanted) -> bool:
            try:
                count = sum(1 for _ in out.rglob("*"))
            except FileNotFoundError:  # a folder went away while it was being read
                count = 0
            return process.poll() is not None or count >= wanted

        wait_for(far)
        killed += process.poll() is None
        process.kill()
        process.communicate()
    assert killed >= 5
    build(document(), out)
    assert tree(out) == tree(reference)
    assert left_behind(out) == []
    assert tree(out / ".aigc" / "objects").keys() == tree(reference / ".aigc" / "objects").keys()


def test_killed_while_publishing_another_manifest(copy, reference, monkeypatch):
    """Half of the files are new, the lock file is old: the next build knows both as its own."""
    values = document()
    values["map"][0]["seed"] = 1
    renames = 0
    rename = Path.replace

    def dies_half_way(self: Path, target: Path) -> Path:
        nonlocal renames
        if ".aigc" not in Path(target).parts:
            renames += 1
            if renames > 4:
                raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", dies_half_way)
    with pytest.raises(KeyboardInterrupt):
        build(values, copy)
    monkeypatch.setattr(Path, "replace", rename)
    assert tree(copy) != tree(reference)
    build(document(), copy)
    assert tree(copy) == tree(reference)
    assert left_behind(copy) == []
