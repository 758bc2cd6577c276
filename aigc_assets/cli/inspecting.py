"""``check``, ``explain``, ``doctor`` and ``schema``: they look and write nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from aigc_assets.cli.options import Json


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of a built pack.")] = Path("build"),
    as_json: Json = False,
) -> None:
    """Check a built pack: files, provenance, proofs of the maps, coherence of the kinds."""
    from aigc_assets.build.verify import inspect_pack

    found = inspect_pack(folder)
    if as_json:
        value = {
            "ok": not found.problems,
            "files": found.files,
            "assets": found.assets,
            "problems": list(found.problems),
        }
        print(json.dumps(value, ensure_ascii=False))
    else:
        for problem in found.problems:
            print(f"problem: {problem}")
        counted = f"{found.files} files, {found.assets} assets"
        print(f"{counted}: {len(found.problems)} problems" if found.problems else f"{counted}: ok")
    if found.problems:
        raise typer.Exit(1)


def explain(
    file: Annotated[Path, typer.Argument(help="A file of a built pack.")],
    as_json: Json = False,
) -> None:
    """Say where a file came from: asset, model, seed, request, licences."""
    from aigc_assets.build.verify import explain_file

    found = explain_file(file)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    source = found.pop("provenance")
    found["unchanged"] = "yes" if found["unchanged"] else "no, it was edited after the build"
    for key, value in {**found, **source}.items():
        print(f"{key.replace('_', ' ')}: {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} = {v}" for k, v in value.items())
    if isinstance(value, list):
        return "; ".join(str(item) for item in value) if value else "none"
    return str(value) if value not in ("", None) else "none"


def doctor(as_json: Json = False) -> None:
    """Say what this installation can do: versions, kernels, weights, optional parts."""
    from aigc_assets.build.doctor import diagnose

    found = diagnose()
    if as_json:
        print(json.dumps(found, ensure_ascii=False, default=str))
    else:
        _show_doctor(found)
    if found["problems"]:
        raise typer.Exit(1)


def _show_doctor(found: dict[str, Any]) -> None:
    print(f"aigc_assets {found['aigc_assets']}, Python {found['python']}, {found['platform']}")
    packages = ", ".join(f"{k} {v or 'missing'}" for k, v in found["packages"].items())
    print(f"packages: {packages}")
    print(f"cores: {found['cores']}")
    for name, devices in sorted(found["kernels"].items()):
        states = [
            f"{device} {state['backend']} ({state['why']})"
            if isinstance(state, dict)
            else str(state)
            for device, state in (devices.items() if isinstance(devices, dict) else [("", devices)])
        ]
        print(f"kernel {name}: {', '.join(states)}")
    print(f"weights: {found['weights']['folder']}")
    for name, entry in found["weights"]["models"].items():
        size = f"{entry['bytes'] / 1e6:.1f} MB"
        print(f"  {name} ({entry['kind']}, {size}): {entry['state']}")
    for name, entry in found["optional"].items():
        print(f"optional {name}: {entry['version'] or 'not installed'} ({entry['for']})")
    print(f"network: {found['network']}")
    for problem in found["problems"]:
        print(f"problem: {problem}")
    if not found["problems"]:
        print("all is well")


def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of the manifest, for editors."""
    from aigc_assets.build.manifest import json_schema

    print(json.dumps(json_schema(), indent=None if as_json else 1, ensure_ascii=False))
