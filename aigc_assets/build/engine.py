"""Builds a pack: plan, generate, check, export, report, lock.

`build` is what the command line runs. Nothing is published before everything has been made and
checked, so a build that fails leaves the outputs of the last one as they were.
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
from aigc_assets.build.graph import Content, Job, Node, closure, key_of, parts, plan, reason
from aigc_assets.build.manifest import Manifest
from aigc_assets.build.provenance import attribution_text, provenance_table
from aigc_assets.build.publish import FORMAT, Published, claimed, publish, read_lock
from aigc_assets.errors import BudgetError, CheckError, GenerationError
from aigc_assets.exporters import FORMATS, TARGETS
from aigc_assets.pipelines.made import derive_seed

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


@dataclasses.dataclass(frozen=True)
class Row:
    """An asset in the table at the end of a build.

    ``reason`` says why it was made again, "" when it was not.
    """

    id: str
    kind: str
    summary: str
    seconds: float
    files: int
    reason: str


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

    @property
    def index(self) -> Path:
        """The page that shows everything."""
        return self.out / INDEX_NAME

    @property
    def rebuilt(self) -> dict[str, str]:
        """Why each asset was made again, by id."""
        return {row.id: row.reason for row in self.rows if row.reason}


def pack_palette(manifest: Manifest, colours: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The colours of the pack: those of its palette file, or made from its seed, [N, 3]."""
    if colours is not None:
        return colours
    from aigc_assets.pipelines.palettes import make_palette

    assert isinstance(manifest.pack.palette, int)
    return make_palette(manifest.pack.palette, derive_seed(manifest.pack.seed, "palette"))


def make_jobs(
    nodes: Mapping[str, Node], palette: NDArray[np.uint8], stage_table: Mapping[str, str]
) -> list[Job]:
    """One job per asset."""
    engine = stages.generation_fingerprint()
    weights = {kind: stages.weights_of(kind) for kind in {node.kind for node in nodes.values()}}
    painted = palette.tobytes().hex()
    return [
        Job(
            f"make:{node.id}",
            "make",
            node.id,
            node.kind,
            {
                "kind": node.kind,
                "stage": stage_table[node.kind],
                "request": dict(node.request),
                "seed": node.seed,
                "palette": painted if node.kind in stages.PAINTED else "",
                "weights": weights[node.kind],
                "engine": engine,
            },
            node.deps,
        )
        for node in nodes.values()
    ]


def export_job(node: Node, format: str, pack_name: str, palette: NDArray[np.uint8]) -> Job:
    """The job that exports an asset in one format."""
    payload: dict[str, Any] = {
        "format": format,
        "name": node.id,
        "pack": FORMATS[format].needs_pack,
        "engine": stages.export_fingerprint(),
    }
    inputs: tuple[str, ...] = (node.id,)
    if FORMATS[format].needs_pack:
        payload |= {"pack_name": pack_name, "palette": palette.tobytes().hex()}
        inputs = (node.id, *node.deps)
    name = f"export:{node.id}:{format}"
    return Job(name, "export", node.id, node.kind, payload, inputs, FORMATS[format].needs_pack)


def formats_of(kind: str, targets: list[str]) -> dict[str, list[str]]:
    """The targets that want each format of a kind."""
    wanted: dict[str, list[str]] = {}
    for target in targets:
        for name in TARGETS[target]:
            if kind in FORMATS[name].kinds:
                wanted.setdefault(name, []).append(target)
    return wanted


class _Plan:
    """The jobs of a build."""

    def __init__(self, manifest: Manifest, colours: NDArray[np.uint8] | None, options: Options):
        self.manifest = manifest
        self.options = options
        self.palette = pack_palette(manifest, colours)
        self.all_nodes = plan(manifest)
        self.nodes = closure(self.all_nodes, options.only) if options.only else self.all_nodes
        self.makes = make_jobs(self.nodes, self.palette, options.stages)
        self.exports: dict[str, list[str]] = {}
        """Folders that take the files of each export job."""
        self.later: list[Job] = []
        name = manifest.pack.name
        for node in self.nodes.values():
            wanted = formats_of(node.kind, manifest.export.targets)
            folders = {name: list(targets) for name, targets in wanted.items()}
            if node.kind == "cutscene":  # the page plays the same film
                folders.setdefault("mp4", []).append("preview")
            for format, targets in folders.items():
                job = export_job(node, format, name, self.palette)
                self.later.append(job)
                self.exports[job.name] = targets
            payload = {"name": node.id, "engine": stages.check_fingerprint()}
            self.later.append(
                Job(f"preview:{node.id}", "preview", node.id, node.kind, payload, (node.id,))
            )

    def check_job(self, ids: tuple[str, ...]) -> Job:
        """The check of these assets together."""
        payload = {
            "pack_name": self.manifest.pack.name,
            "palette": self.palette.tobytes().hex(),
            "engine": stages.check_fingerprint(),
        }
        return Job("check", "check", "", "", payload, ids)

    @property
    def jobs(self) -> list[Job]:
        """All jobs but the check."""
        return [*self.makes, *self.later]


def forecast(
    manifest: Manifest, colours: NDArray[np.uint8] | None, out: Path, options: Options
) -> Forecast:
    """What `build` would do, without doing any of it."""
    cache = Cache(out / ".aigc", create=False)
    return _forecast(_Plan(manifest, colours, options), cache, out)


def _forecast(plan_: _Plan, cache: Cache, out: Path) -> Forecast:
    old = read_lock(out)["assets"]
    contents: dict[str, Content] = {}
    todo: list[Job] = []
    rebuild: dict[str, str] = {}
    kept = []
    jobs = [*plan_.jobs, plan_.check_job(tuple(plan_.nodes))]
    for job in jobs:
        unknown = [name for name in job.inputs if name not in contents]
        record = None
        if not unknown:
            job_parts = parts(job, contents)
            record = cache.record(key_of(job_parts))
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
    workers = plan_.options.jobs or default_jobs()
    return Forecast(
        rebuild,
        tuple(kept),
        len(todo),
        estimate.build_seconds(todo, workers),
        sum(estimate.kilobytes(job) for job in jobs) / 1000,
    )


def build(
    manifest: Manifest,
    colours: NDArray[np.uint8] | None,
    out: Path,
    options: Options | None = None,
    watch: Watcher | None = None,
) -> Result:
    """Build a pack into ``out``.

    Args:
        manifest: What to make.
        colours: Colours [N, 3] of the palette file, None when ``palette`` is a number.
        out: Output folder; created when missing.
        options: How to build.
        watch: Told about the progress.

    Raises:
        AigcError: One of its kinds; outputs of earlier builds are intact then.
    """
    started = time.monotonic()
    options = options or Options()
    plan_ = _Plan(manifest, colours, options)
    with claimed(out) as cache:
        _check_budget(plan_, cache, out)
        old = read_lock(out)
        workers = options.jobs or default_jobs()
        executor = Executor(cache, workers, estimate.seconds, watch)
        contents: dict[str, Content] = {}
        known = _known(plan_, cache, old, contents)
        check = plan_.check_job((*plan_.nodes, *known))
        outcomes = executor.run([*plan_.jobs, check], contents)
        estimate.learn(outcomes.values())
        problems = report.read_json(cache, outcomes["check"].record.files["problems.json"])
        if problems:
            more = f" [and {len(problems) - 1} more]" if problems[1:] else ""
            raise CheckError(
                f"the pack does not hold together: {problems[0]}{more}",
                where=str(out),
                remedy="nothing was published; change the seed of the asset it names",
            )
        rows = _rows(plan_, outcomes, old)
        published = _publish(plan_, cache, out, outcomes, contents, known, old)
        cache.prune()
    return Result(out, tuple(rows), published, time.monotonic() - started, workers)


def _check_budget(plan_: _Plan, cache: Cache, out: Path) -> None:
    table, options = plan_.manifest.pack, plan_.options
    seconds = options.max_seconds if options.max_seconds is not None else table.max_seconds
    megabytes = options.max_mb if options.max_mb is not None else table.max_mb
    if seconds is None and megabytes is None:
        return
    expected = _forecast(plan_, cache, out)
    if seconds is not None and expected.jobs and expected.seconds > seconds:
        raise BudgetError(
            f"the build would take about {expected.seconds:.0f} s, the limit is {seconds:g} s",
            where="max_seconds",
            remedy="raise the limit, use more --jobs, or build a part of it with --only ID",
        )
    if megabytes is not None and expected.megabytes > megabytes:
        raise BudgetError(
            f"the pack would be about {expected.megabytes:.0f} MB, the limit is {megabytes:g} MB",
            where="max_mb",
            remedy="raise the limit or ask for fewer targets, shorter or smaller assets",
        )


def _known(
    plan_: _Plan, cache: Cache, old: Mapping[str, Any], contents: dict[str, Content]
) -> tuple[str, ...]:
    """With ``only``: the other assets of the last build, as they were then; adds to contents."""
    found = []
    for asset_id in plan_.all_nodes:
        entry = old["assets"].get(asset_id)
        if asset_id in plan_.nodes or entry is None:
            continue
        content = Content(entry["content"], entry["provenance"])
        if cache.get(content.asset) is not None and cache.get(content.provenance) is not None:
            contents[asset_id] = content
            found.append(asset_id)
    return tuple(found)


def _rows(plan_: _Plan, outcomes: Mapping[str, Outcome], old: Mapping[str, Any]) -> list[Row]:
    rows = []
    for node in plan_.all_nodes.values():
        made = outcomes.get(f"make:{node.id}")
        if made is None:
            continue
        mine = [o for o in outcomes.values() if o.job.asset == node.id]
        why = ""
        if not made.cached:
            entry = old["assets"].get(node.id)
            why = reason(entry["parts"] if entry else None, made.parts)
        files = sum(
            len(o.record.files) * len(plan_.exports[o.job.name])
            for o in mine
            if o.job.action == "export"
        )
        seconds = sum(o.seconds for o in mine)
        rows.append(Row(node.id, node.kind, made.record.summary, seconds, files, why))
    order = list(aigc_kinds())
    return sorted(rows, key=lambda row: order.index(row.kind))


def aigc_kinds() -> tuple[str, ...]:
    """Kinds in the order in which people are shown them."""
    from aigc_assets.build.manifest import KINDS

    return KINDS


def _publish(
    plan_: _Plan,
    cache: Cache,
    out: Path,
    outcomes: Mapping[str, Outcome],
    contents: Mapping[str, Content],
    known: tuple[str, ...],
    old: Mapping[str, Any],
) -> Published:
    files: dict[str, dict[str, Any]] = {}

    def add(path: str, sha256: str, asset: str, format: str) -> None:
        present = files.get(path)
        if present is not None and present["sha256"] != sha256:
            raise GenerationError(
                f"two exports write different bytes to {path}: {present['format']} and {format}",
                where=asset,
                remedy="please report it",
            )
        data = cache.get(sha256)
        size = len(data) if data is not None else 0
        files.setdefault(path, {"sha256": sha256, "bytes": size, "asset": asset, "format": format})

    for outcome in outcomes.values():
        job, record = outcome.job, outcome.record
        if job.action == "export":
            for folder in plan_.exports[job.name]:
                for name, sha256 in record.files.items():
                    add(f"{folder}/{name}", sha256, job.asset, str(job.payload["format"]))
        elif job.action == "preview":
            for name, sha256 in record.files.items():
                if name != preview.DESCRIPTION:
                    add(f"preview/{name}", sha256, job.asset, "preview")
    carried = {
        path: dict(entry)
        for path, entry in old["files"].items()
        if entry.get("asset") in known and path not in files
    }
    files |= carried
    assets: dict[str, dict[str, Any]] = {}
    for asset_id, node in plan_.all_nodes.items():
        made = outcomes.get(f"make:{asset_id}")
        if made is not None:
            assets[asset_id] = {
                "kind": node.kind,
                "summary": made.record.summary,
                "content": contents[asset_id].asset,
                "provenance": contents[asset_id].provenance,
                "preview": outcomes[f"preview:{asset_id}"].record.files[preview.DESCRIPTION],
                "key": made.key,
                "parts": dict(made.parts),
            }
        elif asset_id in known:
            assets[asset_id] = dict(old["assets"][asset_id])
    files = dict(sorted(files.items()))
    records: dict[str, types.Provenance] = {}
    for asset_id, entry in assets.items():
        data = cache.get(entry["provenance"])
        if data is not None:
            records[asset_id] = types.load(data)
    made_from = {asset_id: list(plan_.all_nodes[asset_id].deps) for asset_id in assets}
    name = plan_.manifest.pack.name
    table = provenance_table(name, records, made_from, files)
    extra = {
        PROVENANCE_NAME: dump_json(table),
        ATTRIBUTION_NAME: attribution_text(name, records).encode(),
    }
    page = report.render(name, plan_.palette, assets, table, files, cache)
    extra[INDEX_NAME] = page
    for path, data in extra.items():
        files[path] = {"sha256": cache.put(data), "bytes": len(data), "asset": "", "format": "pack"}
    lock = {
        "format": FORMAT,
        "version": aigc_assets.__version__,
        "pack": name,
        "palette": plan_.palette.tobytes().hex(),
        "assets": assets,
        "files": files,
    }
    return publish(
        out,
        cache,
        {path: str(entry["sha256"]) for path, entry in files.items() if path not in carried},
        lock,
        force=plan_.options.force,
        keep=frozenset(carried),
    )
