"""How long a job takes and how much it writes, before it runs.

The constants were measured on one core of a laptop-class machine; what this machine really needed
is remembered in the user's cache folder and replaces them. Losing that file costs nothing.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from aigc_assets.build.executor import Outcome
from aigc_assets.build.graph import Job

START_SECONDS = 3.0
"""A worker loads torch and its first model."""

_SECONDS: dict[str, float] = {
    "make:map": 1.5, "make:terrain": 0.6, "make:character": 0.5, "make:sound": 0.1, "make:dialogue": 1.2,
    "make:cutscene": 0.2, "export:mp4": 11.0, "export:glb": 0.5, "export:heightmap": 0.3, "export:splat": 0.3, "export:tiled": 0.2,
    "export:godot": 0.2, "check": 1.5, "preview": 0.1,
}  # fmt: skip
_KILOBYTES: dict[str, float] = {
    "export:mp4": 1100, "export:glb": 270, "export:wav": 60, "preview:map": 120, "preview:terrain": 150, "export:heightmap": 500, "export:splat": 60,
    "preview:sound": 60, "preview:character": 60,
}  # fmt: skip


def label(job: Job) -> str:
    """What jobs of equal cost have in common."""
    if job.action == "make":
        return f"make:{job.kind}"
    if job.action == "export":
        return f"export:{job.payload['format']}"
    return job.action


def seconds(job: Job) -> float:
    """Expected seconds of a job on one core."""
    name = label(job)
    return _history().get(name, _SECONDS.get(name, 0.1)) * max(0.05, job.size)


def kilobytes(job: Job) -> float:
    """Expected size of the files that a job adds to the pack."""
    name = f"preview:{job.kind}" if job.action == "preview" else label(job)
    return _KILOBYTES.get(name, 10.0 if job.action in ("export", "preview") else 0.0) * job.size


def build_seconds(jobs: Iterable[Job], workers: int) -> float:
    """Expected seconds of these jobs together: the longest chain, or all shared by the workers."""
    todo = list(jobs)
    if not todo:
        return 0.0
    makes = {job.asset: job for job in todo if job.action == "make"}

    @functools.cache
    def chain(name: str) -> float:
        job = makes[name]
        return seconds(job) + max((chain(i) for i in job.inputs if i in makes), default=0.0)

    longest = 0.0
    for job in todo:
        before = max((chain(i) for i in job.inputs if i in makes), default=0.0)
        longest = max(longest, before + seconds(job))
    start = START_SECONDS if makes else 0.5
    return start + max(longest, sum(map(seconds, todo)) / workers)


def learn(outcomes: Iterable[Outcome]) -> None:
    """Remember how long the jobs of a finished build took; failing to do so is no error."""
    totals: dict[str, list[float]] = {}
    for outcome in outcomes:
        if not outcome.cached:
            seconds = outcome.seconds / max(0.05, outcome.job.size)
            totals.setdefault(label(outcome.job), []).append(seconds)
    if not totals:
        return
    history = dict(_history())
    for name, times in totals.items():
        mean = sum(times) / len(times)
        history[name] = round(0.5 * history.get(name, mean) + 0.5 * mean, 3)
    with contextlib.suppress(OSError):
        path = _history_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(history, indent=1, sort_keys=True), encoding="utf-8")
    _history.cache_clear()


def _history_path() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(folder) / "aigc_assets" / "seconds.json"


@functools.cache
def _history() -> Mapping[str, float]:
    try:
        values = json.loads(_history_path().read_bytes())
        return {str(k): min(3600.0, max(0.001, float(v))) for k, v in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
