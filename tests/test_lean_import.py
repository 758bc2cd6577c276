"""Importing the package, reading a manifest and asking for help must not load torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import aigc_assets

ROOT = Path(aigc_assets.__file__).resolve().parent.parent
HEAVY = ("torch", "pydantic", "typer", "cv2", "trimesh", "av", "soundfile")


def run(code: str) -> dict:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    text = textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


IMPORT = """
    import json, sys, time
    start = time.process_time()
    import aigc_assets
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "modules": [m for m in sys.modules if "." not in m]}))
"""


def test_import_is_lean():
    found = run(IMPORT)
    assert not set(HEAVY) & set(found["modules"])


def test_import_is_quick():
    """CPU time, the best of five; the figure on an idle machine is in benchmarks."""
    assert min(run(IMPORT)["seconds"] for _ in range(5)) < 0.15


@pytest.mark.parametrize(
    "code",
    [
        "import aigc_assets; aigc_assets.AssetPack",
        "import aigc_assets.exporters",
        "from aigc_assets.build import engine, verify, world",
        "from aigc_assets.build.manifest import json_schema; json_schema()",
        """
        from pathlib import Path
        from aigc_assets.build.manifest import load_manifest
        from aigc_assets.build.graph import plan
        plan(load_manifest(Path("examples/ember_keep/pack.toml"))[0])
        """,
        """
        from aigc_assets.cli import run
        assert run(["--help"]) == 0
        """,
    ],
)
def test_work_without_a_model_loads_no_torch(code, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = "\nimport sys, json; print(); print(json.dumps('torch' in sys.modules))"
    assert run(textwrap.dedent(code) + done) is False


def test_help_loads_neither_numpy_nor_torch():
    code = """
    import json, sys
    from aigc_assets.cli import run
    assert run(["build", "--help"]) == 0
    print()
    print(json.dumps([m for m in ("numpy", "torch", "rich") if m in sys.modules]))
    """
    assert run(code) == []


def test_every_public_name_is_there():
    for name in aigc_assets.__all__:
        assert getattr(aigc_assets, name) is not None
    assert set(aigc_assets.__all__) == set(dir(aigc_assets))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = aigc_assets.nothing
