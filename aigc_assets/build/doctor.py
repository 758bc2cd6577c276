"""What this installation can do, and what is wrong with it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from typing import Any

import aigc_assets
from aigc_assets.errors import WeightsError
from aigc_assets.models import MODELS
from aigc_assets.models.cards import read_card, weights_folder

_NEEDED = ("torch", "numpy", "safetensors", "pydantic", "typer", "rich", "opencv-python-headless",
           "trimesh", "soundfile", "av", "tokenizers")  # fmt: skip
_OPTIONAL = {"OpenTimelineIO": "film: editable timelines (.otio); pip install 'aigc_assets[film]'"}


def diagnose() -> dict[str, Any]:
    """Versions, native kernels, weights, optional parts; ``problems`` is empty when all is well."""
    problems: list[str] = []
    packages = {}
    for name in _NEEDED:
        packages[name] = _version(name)
        if packages[name] is None and not (
            name == "opencv-python-headless" and importlib.util.find_spec("cv2")
        ):
            problems.append(f"the package {name} is missing: pip install {name}")
    models = {}
    for name, entry in MODELS.items():
        models[name] = _weights(name)
        models[name]["kind"] = entry.kind
        if models[name]["state"] != "verified":
            problems.append(f"weights of {name}: {models[name]['state']}")
    return {
        "aigc_assets": aigc_assets.__version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "packages": packages,
        "kernels": _kernels(problems),
        "weights": {"folder": str(weights_folder()), "models": models},
        "optional": {
            name: {"version": _version(name), "for": text} for name, text in _OPTIONAL.items()
        },
        "network": "not used",
        "problems": problems,
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _weights(name: str) -> dict[str, Any]:
    try:
        card = read_card(name)
        data = (weights_folder() / f"{name}.safetensors").read_bytes()
    except (WeightsError, OSError) as error:
        reason = error.message if isinstance(error, WeightsError) else error.strerror
        return {"state": f"missing ({reason})", "bytes": 0}
    state = "verified"
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        state = "truncated or altered; install the package again"
    return {"state": state, "bytes": len(data), "date": card.get("date", ""),
            "licences": card.get("licences", [])}  # fmt: skip


def _kernels(problems: list[str]) -> dict[str, Any]:
    try:
        from aigc_assets import ops

        return dict(ops.report())
    except (ImportError, OSError, RuntimeError) as error:
        problems.append(f"native kernels: {' '.join(str(error).split())}")
        return {"all": "broken"}
