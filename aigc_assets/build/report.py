"""``index.html``: one page to look at and listen to everything, from the disk, without a server.

The page is ``report.html`` of this folder with the description of the pack put into it; it loads
nothing but the files in ``preview/`` beside it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_assets.build.cache import Cache
from aigc_assets.build.jobs import PREVIEW_FOLDER

_MARK = "/*PACK*/null"


def read_json(cache: Cache, sha256: str) -> Any:
    """A stored JSON document, or None when it is missing."""
    data = cache.get(sha256)
    return None if data is None else json.loads(data)


def render(
    pack: str,
    palette: NDArray[np.uint8],
    assets: Mapping[str, Mapping[str, Any]],
    provenance: Mapping[str, Any],
    files: Mapping[str, Mapping[str, Any]],
    cache: Cache,
) -> bytes:
    """The page of a pack, UTF-8.

    Args:
        pack: Its name.
        palette: Shared colours, [N, 3].
        assets: Entries of the lock file by asset id; ``preview`` names what to show of it.
        provenance: Content of ``provenance.json``.
        files: Files of the pack by relative name.
        cache: Holds the previews.
    """
    shown = []
    for asset_id, entry in assets.items():
        mine = [
            [path, item["bytes"]]
            for path, item in files.items()
            if item["asset"] == asset_id and not path.startswith(f"{PREVIEW_FOLDER}/")
        ]
        shown.append({
            "id": asset_id,
            "kind": entry["kind"],
            "summary": entry["summary"],
            "page": read_json(cache, str(entry["preview"])) or {},
            "provenance": provenance["assets"].get(asset_id, {}),
            "files": mine,
        })  # fmt: skip
    data = {
        "pack": pack,
        "generator": provenance["generator"],
        "palette": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in palette.tolist()],
        "assets": shown,
        "files": len(files),
        "bytes": sum(int(entry["bytes"]) for entry in files.values()),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # Inside <script> only "</" and "<!--" could end the text early.
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _template().replace(_MARK, text, 1).encode()


@functools.cache
def _template() -> str:
    text = (Path(__file__).parent / "report.html").read_text(encoding="utf-8")
    if _MARK not in text:
        raise ValueError("report.html has lost its mark")
    return text
