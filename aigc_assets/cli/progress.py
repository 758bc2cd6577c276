"""Progress on standard error: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from aigc_assets.build.executor import Progress, Watcher
from aigc_assets.build.graph import Job

_VERBS = {"make": "make", "export": "export", "check": "check", "preview": "show"}


@contextlib.contextmanager
def shown(quiet: bool) -> Iterator[Watcher | None]:
    """Something to hand to the engine as ``watch``."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bar() as watch:
            yield watch
    else:
        yield _line


def duration(seconds: float) -> str:
    """``8 s`` or ``2 min 5 s``."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def _name(job: Job) -> str:
    what = f"{_VERBS[job.action]} {job.asset or 'the pack'}"
    return f"{what} as {job.payload['format']}" if job.action == "export" else what


def _line(progress: Progress) -> None:
    outcome = progress.outcome
    if outcome is not None and not outcome.cached and outcome.job.action != "preview":
        left = f", about {duration(progress.seconds_left)} left" if progress.seconds_left else ""
        counted = f"[{progress.done}/{progress.total}{left}]"
        print(f"{_name(outcome.job)}: {outcome.seconds:.1f} s {counted}", file=sys.stderr)


@contextlib.contextmanager
def _bar() -> Iterator[Watcher]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(bar_width=30),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("start", total=None, left="")
        running: dict[str, str] = {}

        def watch(progress: Progress) -> None:
            if progress.started is not None:
                running[progress.started.name] = _name(progress.started)
            if progress.outcome is not None:
                running.pop(progress.outcome.job.name, None)
            bar.update(
                task,
                total=progress.total,
                completed=progress.done,
                left=f"about {duration(progress.seconds_left)} left",
                description=", ".join(running.values())[:60],
            )

        yield watch
