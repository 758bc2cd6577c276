"""Builds a pack: plan, generate, check, export, report, lock.

`build` and `run` are what the command line calls. Nothing is published before everything has been
made and checked, so a build that fails leaves the outputs of the last one as they were.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aigc_assets
from aigc_assets import types
from aigc_assets.build import estimate, preview, report, stages
from aigc_assets.build.cache import Cache, dump_json
from aigc_assets.build.executor import Executor, Outcome, Watcher, default_jobs
from aigc_assets.build.graph import Content, Job, key_of, parts, reason
from aigc_assets.build.jobs import PREVIEW_FOLDER, Plan, manifest_plan
from aigc_assets.build.manifest import Manifest
from aigc_assets.build.provenance import attribution_text, credit_files, provenance_table
from aigc_assets.build.publish import (
    ASSETS_FOLDER,
    FORMAT,
    Published,
    claimed,
    publish,
    read_lock,
    with_ids,
)
from aigc_assets.exporters.unity import folder_meta
from aigc_assets.errors import BudgetError, CheckError, GenerationError, PolicyError

INDEX_NAME = "index.html"
PROVENANCE_NAME = "provenance.json"
ATTRIBUTION_NAME = "ATTRIBUTION.md"


@dataclasses.dataclass(frozen=True)
class Options:
    """How to build.

    Args:
        jobs: Worker processes; None for one per core.
        force: Overwrite outputs that somebody edited.
        only: Ids to build (with what they are made from); empty for the whole manifest.
        max_seconds: Refuse a build that would take longer; overrides the manifest.
        max_mb: Refuse a pack that would be larger, in megabytes; overrides the manifest.
        stages: The function of each kind, see `aigc_assets.build.stages.STAGES`.
    """

    jobs: int | None = None
    force: bool = False
    only: tuple[str, ...] = ()
    max_seconds: float | None = None
    max_mb: float | None = None
    stages: Mapping[str, str] = dataclasses.field(default_factory=lambda: dict(stages.STAGES))

    @property
    def workers(self) -> int:
        """Worker processes to use."""
        return self.jobs or default_jobs()


@dataclasses.dataclass(frozen=True)
class Row:
    """An asset in the table at the end of a build.

    ``reason`` says why it was made again, "" when it was not; ``notes`` are those of its
    provenance, such as words of a prompt that nothing knows.
    """

    id: str
    kind: str
    summary: str
    seconds: float
    files: int
    reason: str
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What a build would do: assets to make with their reasons, expected seconds and megabytes."""

    rebuild: Mapping[str, str]
    kept: tuple[str, ...]
    jobs: int
    seconds: float
    megabytes: float


@dataclasses.dataclass(frozen=True)
class Result:
    """What a build did."""

    out: Path
    rows: tuple[Row, ...]
    published: Published
    seconds: float
    workers: int
    page: bool

    @property
    def index(self) -> Path | None:
        """The page that shows everything, where one was asked for."""
        return self.out / INDEX_NAME if self.page else None

    @property
    def rebuilt(self) -> dict[str, str]:
        """Why each asset was made again, by id."""
        return {row.id: row.reason for row in self.rows if row.reason}


def forecast(
    manifest: Manifest, colours: NDArray[np.uint8] | None, out: Path, options: Options
) -> Forecast:
    """What `build` would do, without doing any of it."""
    goal = manifest_plan(manifest, colours, options.only, options.stages)
    return foresee(goal, out, options)


def build(
    manifest: Manifest,
    colours: NDArray[np.uint8] | None,
    out: Path,
    options: Options | None = None,
    watch: Watcher | None = None,
) -> Result:
    """Build the pack of a manifest into ``out``.

    Args:
        manifest: What to make.
        colours: Colours [N, 3] of the palette file, None when ``palette`` is a number.
        out: Output folder; created when missing.
        options: How to build.
        watch: Told about the progress.

    Raises:
        AigcError: One of its kinds; outputs of earlier builds are intact then.
    """
    options = options or Options()
    goal = manifest_plan(manifest, colours, options.only, options.stages)
    table = manifest.pack
    if table.licences is not None:
        _check_licences(goal, tuple(table.licences))
    limits = dataclasses.replace(
        options,
        max_seconds=table.max_seconds if options.max_seconds is None else options.max_seconds,
        max_mb=table.max_mb if options.max_mb is None else options.max_mb,
    )
    return run(goal, out, limits, watch)


def run(goal: Plan, out: Path, options: Options, watch: Watcher | None = None) -> Result:
    """Carry out a plan; see `build`."""
    started = time.monotonic()
    if options.max_seconds is not None or options.max_mb is not None:
        _check_budget(foresee(goal, out, options), options)
    jobs = goal.jobs()
    with claimed(out) as cache:
        old = read_lock(out)
        contents: dict[str, Content] = {}
        others = _others(goal, cache, old, contents)
        check = goal.check((*goal.nodes, *_unaffected(goal, others, old)))
        executor = Executor(cache, options.workers, estimate.seconds, watch)
        outcomes = executor.run([*jobs, check], contents)
        estimate.learn(outcomes.values())
        problems = report.read_json(cache, outcomes["check"].record.files["problems.json"])
        if problems:
            more = f" [and {len(problems) - 1} more]" if problems[1:] else ""
            raise CheckError(
                f"the pack does not hold together: {problems[0]}{more}",
                where=str(out),
                remedy="nothing was published; change the seed of the asset it names",
            )
        rows = _rows(goal, cache, outcomes, old)
        published = _publish(goal, cache, out, options.force, outcomes, contents, others, old)
        cache.prune()
    seconds = time.monotonic() - started
    return Result(out, tuple(rows), published, seconds, options.workers, goal.page)


def foresee(goal: Plan, out: Path, options: Options) -> Forecast:
    """What `run` would do, without doing any of it."""
    cache = Cache(out / ".aigc", create=False)
    old = read_lock(out)["assets"]
    contents: dict[str, Content] = {}
    todo: list[Job] = []
    rebuild: dict[str, str] = {}
    kept = []
    jobs = [*goal.jobs(), goal.check(tuple(goal.nodes))]
    for job in jobs:
        unknown = [name for name in job.inputs if name not in contents]
        job_parts = {} if unknown else parts(job, contents)
        record = None if unknown else cache.record(key_of(job_parts))
        if record is None:
            todo.append(job)
        if job.action != "make":
            continue
        if record is not None:
            contents[job.asset] = Content(record.files["asset"], record.files["provenance"])
            kept.append(job.asset)
        elif unknown:
            rebuild[job.asset] = "made from " + ", ".join(unknown)
        else:
            entry = old.get(job.asset)
            rebuild[job.asset] = reason(entry["parts"] if entry else None, job_parts)
    seconds = estimate.build_seconds(todo, options.workers)
    megabytes = sum(estimate.kilobytes(job) for job in jobs) / 1000
    return Forecast(rebuild, tuple(kept), len(todo), seconds, megabytes)


def _check_licences(goal: Plan, allowed: tuple[str, ...]) -> None:
    for kind in sorted({node.kind for node in goal.nodes.values()}):
        for model, licences in stages.licences_of(kind).items():
            stray = [licence for licence in licences if licence not in allowed]
            if stray:
                raise PolicyError(
                    f"{model}, which makes every {kind}, learnt from data under {stray[0]}",
                    where='[pack], key "licences"',
                    remedy=f"allow it ({', '.join(stray)}), or leave out what needs this model",
                )


def _check_budget(expected: Forecast, options: Options) -> None:
    seconds, megabytes = options.max_seconds, options.max_mb
    if seconds is not None and expected.jobs and expected.seconds > seconds:
        raise BudgetError(
            f"the build would take about {expected.seconds:.0f} s, the limit is {seconds:g} s",
            where="max_seconds",
            remedy="raise the limit, use more --jobs, or build a part of it with --only ID",
        )
    if megabytes is not None and expected.megabytes > megabytes:
        raise BudgetError(
            f"the pack would be about {expected.megabytes:.1f} MB, the limit is {megabytes:g} MB",
            where="max_mb",
            remedy="raise the limit or ask for fewer targets, shorter or smaller assets",
        )


def _others(
    goal: Plan, cache: Cache, old: Mapping[str, Any], contents: dict[str, Content]
) -> tuple[str, ...]:
    """Assets of the last build that stay as they were then; adds them to ``contents``."""
    found = []
    for asset_id, entry in old["assets"].items():
        if asset_id in goal.nodes or not (goal.accumulate or asset_id in goal.declared):
            continue
        content = Content(entry["content"], entry["provenance"])
        if cache.get(content.asset) is not None and cache.get(content.provenance) is not None:
            contents[asset_id] = content
            found.append(asset_id)
    return tuple(found)


def _unaffected(goal: Plan, others: tuple[str, ...], old: Mapping[str, Any]) -> list[str]:
    """Those of the others that are not made from what is built now; the rest may be out of date."""
    if not goal.page:
        return []
    affected = set(goal.nodes)
    for asset_id in others:  # in the order of the lock file: after what they are made from
        if affected & set(old["assets"][asset_id]["made_from"]):
            affected.add(asset_id)
    return [asset_id for asset_id in others if asset_id not in affected]


def _rows(
    goal: Plan, cache: Cache, outcomes: Mapping[str, Outcome], old: Mapping[str, Any]
) -> list[Row]:
    by_asset: dict[str, list[Outcome]] = {}
    for outcome in outcomes.values():
        by_asset.setdefault(outcome.job.asset, []).append(outcome)
    rows = []
    for node in goal.nodes.values():
        made = outcomes[f"make:{node.id}"]
        why = ""
        if not made.cached:
            entry = old["assets"].get(node.id)
            why = reason(entry["parts"] if entry else None, made.parts)
        files = 0
        for outcome in by_asset[node.id]:
            if outcome.job.action == "export":
                folders = goal.folders[node.id][outcome.job.payload["format"]]
                files += len(outcome.record.files) * len(folders)
        seconds = sum(outcome.seconds for outcome in by_asset[node.id])
        data = cache.get(made.record.files["provenance"])
        record: types.Provenance | None = None if data is None else types.load(data)
        notes = record.notes if record else ()
        rows.append(Row(node.id, node.kind, made.record.summary, seconds, files, why, notes))
    order = list(stages.STAGES)
    return sorted(rows, key=lambda row: order.index(row.kind))


def _publish(
    goal: Plan,
    cache: Cache,
    out: Path,
    force: bool,
    outcomes: Mapping[str, Outcome],
    contents: Mapping[str, Content],
    others: tuple[str, ...],
    old: Mapping[str, Any],
) -> Published:
    files = _files(goal, cache, outcomes)
    for path, entry in files.items():
        if path.endswith(".meta") and (data := cache.get(entry["sha256"])) is not None:
            data = with_ids(out / path, data)
            entry |= {"sha256": cache.put(data), "bytes": len(data)}
    carried = {
        path: dict(entry)
        for path, entry in old["files"].items()
        if entry.get("asset") in others and path not in files
    }
    assets: dict[str, dict[str, Any]] = {
        asset_id: dict(old["assets"][asset_id]) for asset_id in others
    }
    for asset_id, node in goal.nodes.items():
        made = outcomes[f"make:{asset_id}"]
        shown = outcomes.get(f"preview:{asset_id}")
        assets[asset_id] = {
            "kind": node.kind,
            "summary": made.record.summary,
            "content": contents[asset_id].asset,
            "provenance": contents[asset_id].provenance,
            "preview": shown.record.files[preview.DESCRIPTION] if shown else "",
            "palette": goal.palette_hex,
            "made_from": list(node.deps),
            "key": made.key,
            "parts": dict(made.parts),
        }
    order = {asset_id: i for i, asset_id in enumerate(goal.declared)}
    assets = dict(sorted(assets.items(), key=lambda x: (order.get(x[0], -1), x[0])))
    records: dict[str, types.Provenance] = {}
    for asset_id, entry in assets.items():
        data = cache.get(entry["provenance"])
        if data is not None:
            records[asset_id] = types.load(data)
    made_from = {asset_id: list(entry["made_from"]) for asset_id, entry in assets.items()}
    if goal.page:  # the plain assets, for other tools and for a check of a pack that was copied
        for asset_id in goal.nodes:
            sha256 = contents[asset_id].asset
            size = cache.path(sha256).stat().st_size
            entry = {"sha256": sha256, "bytes": size, "asset": asset_id, "format": "asset"}
            files[f"{ASSETS_FOLDER}/{asset_id}.asset"] = entry
    every = dict(sorted({**files, **carried}.items()))
    table = provenance_table(goal.name, records, made_from, every)
    extra = {
        PROVENANCE_NAME: dump_json(table),
        ATTRIBUTION_NAME: attribution_text(goal.name, records).encode(),
    }
    extra |= credit_files(records)
    if any(path.startswith("unity/") for path in every):
        meta = folder_meta(goal.name, "unity")
        extra["unity.meta"] = with_ids(out / "unity.meta", meta)
    if goal.page:
        extra[INDEX_NAME] = report.render(goal.name, goal.palette, assets, table, every, cache)
    for path, data in extra.items():
        entry = {"sha256": cache.put(data), "bytes": len(data), "asset": "", "format": "pack"}
        files[path] = every[path] = entry
    lock = {
        "format": FORMAT,
        "version": aigc_assets.__version__,
        "pack": goal.name,
        "coherent": goal.page,
        "assets": assets,
        "files": every,
    }
    wanted = {path: str(entry["sha256"]) for path, entry in files.items()}
    return publish(out, cache, wanted, lock, force=force, keep=frozenset(carried))


def _files(goal: Plan, cache: Cache, outcomes: Mapping[str, Outcome]) -> dict[str, dict[str, Any]]:
    """Entries of the lock file for what the jobs wrote, by relative name."""
    files: dict[str, dict[str, Any]] = {}

    def add(path: str, sha256: str, asset: str, format: str) -> None:
        present = files.get(path)
        if present is not None and present["sha256"] != sha256:
            raise GenerationError(
                f"two exports write different bytes to {path}: {present['format']} and {format}",
                where=asset,
                remedy="please report it",
            )
        size = cache.path(sha256).stat().st_size
        files.setdefault(path, {"sha256": sha256, "bytes": size, "asset": asset, "format": format})

    for outcome in outcomes.values():
        job = outcome.job
        for name, sha256 in outcome.record.files.items():
            if job.action == "export":
                format = str(job.payload["format"])
                for folder in goal.folders[job.asset][format]:
                    add(f"{folder}/{name}" if folder else name, sha256, job.asset, format)
            elif job.action == "preview" and name != preview.DESCRIPTION:
                add(f"{PREVIEW_FOLDER}/{name}", sha256, job.asset, "preview")
    return files
