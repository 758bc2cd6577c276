"""One worker process: reads a job per line from standard input, answers a line per job.

``python -m aigc_assets.build.worker`` is started by the executor, never by hand. Results travel
through the cache; only hashes travel through the pipe, as JSON. The worker ends when its standard
input ends, so that nothing outlives a build that was killed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from aigc_assets import types
from aigc_assets.build.cache import Cache, Record
from aigc_assets.build.stages import stage, summarise
from aigc_assets.errors import AigcError, GenerationError
from aigc_assets.types import Asset, AssetPack, Provenance, kind_of


class Inputs:
    """The assets that a job reads, loaded from the cache when asked for."""

    def __init__(self, cache: Cache, contents: Mapping[str, list[str]]):
        self._cache = cache
        self._contents = contents

    @property
    def ids(self) -> list[str]:
        """Ids of the assets."""
        return list(self._contents)

    def asset(self, asset_id: str) -> Asset:
        """One asset."""
        loaded: Asset = self._load(asset_id, 0)
        return loaded

    def assets(self) -> dict[str, Asset]:
        """All assets by id."""
        return {asset_id: self.asset(asset_id) for asset_id in self._contents}

    def pack(self, name: str, palette: str) -> AssetPack:
        """All assets with their provenance as a pack."""
        provenance: dict[str, Provenance] = {i: self._load(i, 1) for i in self._contents}
        return AssetPack(name, colours(palette), self.assets(), provenance)

    def _load(self, asset_id: str, which: int) -> Any:
        data = self._cache.get(self._contents[asset_id][which])
        if data is None:
            raise GenerationError(
                "its stored result was damaged while the build ran",
                where=asset_id,
                remedy="run the build again",
            )
        return types.load(data)


def colours(palette: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Colours [N, 3] from their hex digits."""
    return np.frombuffer(bytes.fromhex(palette), dtype=np.uint8).reshape(-1, 3)


def make(payload: Mapping[str, Any], asset_id: str, inputs: Inputs) -> tuple[dict[str, bytes], str]:
    """Generate an asset: its archive and its provenance."""
    function = stage(payload["stage"])
    made = function(
        payload["request"], colours(payload["palette"]), payload["seed"], inputs.assets()
    )
    if kind_of(made.asset) != payload["kind"]:
        raise TypeError(f"{payload['stage']} made a {kind_of(made.asset)}")
    files = {"asset": types.dump(made.asset), "provenance": types.dump(made.provenance)}
    return files, summarise(made.asset)


def export(
    payload: Mapping[str, Any], asset_id: str, inputs: Inputs
) -> tuple[dict[str, bytes], str]:
    """Export an asset in one format."""
    from aigc_assets.exporters import export_asset

    pack = None
    if payload["pack"]:
        pack = inputs.pack(payload["pack_name"], payload["palette"])
    return export_asset(inputs.asset(asset_id), asset_id, payload["format"], pack), ""


def check(
    payload: Mapping[str, Any], asset_id: str, inputs: Inputs
) -> tuple[dict[str, bytes], str]:
    """Check that the assets hold together; ``problems.json`` lists what does not."""
    from aigc_assets.build.checks import check_assets

    problems = check_assets(inputs.pack(payload["pack_name"], payload["palette"]))
    return {"problems.json": json.dumps(problems, ensure_ascii=False).encode()}, ""


def preview(
    payload: Mapping[str, Any], asset_id: str, inputs: Inputs
) -> tuple[dict[str, bytes], str]:
    """Pictures and sounds for the page of the report, and ``preview.json`` that describes them."""
    from aigc_assets.build.preview import preview_asset

    pack = None
    if "pack_name" in payload:
        pack = inputs.pack(payload["pack_name"], payload["palette"])
    return preview_asset(inputs.asset(asset_id), asset_id, pack), ""


ACTIONS: dict[str, Callable[[Mapping[str, Any], str, Inputs], tuple[dict[str, bytes], str]]] = {
    "make": make,
    "export": export,
    "check": check,
    "preview": preview,
}


def run_job(message: Mapping[str, Any], cache: Cache) -> Record:
    """Run one job and store what it made.

    Raises:
        AigcError: What went wrong, in words for the user.
    """
    inputs = Inputs(cache, message["inputs"])
    files, summary = ACTIONS[message["action"]](message["payload"], message["asset"], inputs)
    record = Record({name: cache.put(data) for name, data in sorted(files.items())}, summary)
    cache.remember(message["key"], record)
    return record


def _answer(message: Mapping[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        record = run_job(message, Cache(Path(message["root"])))
    except AigcError as error:
        if "AIGC_ASSETS_DEBUG" in os.environ:
            traceback.print_exc()
        name = type(error).__name__
        return {"error": [name, error.message, error.where, error.remedy]}
    except MemoryError:
        return {"crash": "out of memory"}
    except Exception as error:
        if "AIGC_ASSETS_DEBUG" in os.environ:
            traceback.print_exc()
        return {"crash": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    seconds = time.perf_counter() - started
    return {"files": record.files, "summary": record.summary, "seconds": seconds}


def _die_with_parent() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _read(lines: TextIO, found: list[str], ready: threading.Semaphore) -> None:
    for line in lines:
        found.append(line)
        ready.release()
    # The build is over or dead: stop in the middle of whatever runs; nothing half-written counts.
    os._exit(0)


def main() -> None:
    """Serve jobs until standard input ends."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Answers go out on a private copy of standard output; a library that prints cannot disturb it.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    found: list[str] = []
    ready = threading.Semaphore(0)
    threading.Thread(target=_read, args=(sys.stdin, found, ready), daemon=True).start()
    for module in os.environ.get("AIGC_ASSETS_WORKER_IMPORTS", "").split():
        importlib.import_module(module)
    while True:
        ready.acquire()
        answers.write(json.dumps(_answer(json.loads(found.pop(0)))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
