"""Runs jobs in worker processes: what is ready first, long chains before short ones.

Results do not depend on how many workers there are or how many threads the machine offers: every
worker computes with one thread, and every job is a pure function of its parts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aigc_assets
from aigc_assets import errors
from aigc_assets.build.cache import Cache, Record
from aigc_assets.build.graph import Content, Job, key_of, parts
from aigc_assets.errors import AigcError, GenerationError

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        job: The job.
        key: Its cache key.
        parts: What the key was made from.
        record: What it made.
        cached: Whether the result was already there.
        seconds: Time it took, 0 when it was already there.
    """

    job: Job
    key: str
    parts: Mapping[str, Any]
    record: Record
    cached: bool
    seconds: float


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a build stands; ``outcome`` is what has just finished, None when a job has started."""

    started: Job | None
    outcome: Outcome | None
    done: int
    total: int
    seconds_left: float


Watcher = Callable[[Progress], None]


def default_jobs() -> int:
    """Workers to use when nobody says: one per usable core, at most 8 to bound the memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(8, cores or 1))


class _Worker:
    """A worker process with the thread that reads its answers."""

    def __init__(self, answers: queue.Queue[tuple[_Worker, str | None]]):
        env = {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, "1"), "PYTHONHASHSEED": "0"}
        root = str(Path(aigc_assets.__file__).resolve().parent.parent)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (root, env.get("PYTHONPATH", ""))))
        env["PYTHONIOENCODING"] = "utf-8"
        # -P: a file of the user's folder must not shadow a module of ours.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "aigc_assets.build.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if "AIGC_ASSETS_DEBUG" in os.environ else subprocess.PIPE,
            env=env,
        )
        self.job: Job | None = None
        self.last_words: deque[bytes] = deque(maxlen=20)
        threading.Thread(target=self._listen, args=(answers,), daemon=True).start()
        if self.process.stderr is not None:
            threading.Thread(target=self._drain, daemon=True).start()

    def send(self, job: Job, message: Mapping[str, Any]) -> None:
        """Give it a job."""
        self.job = job
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # its death is reported by the listener
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _listen(self, answers: queue.Queue[tuple[_Worker, str | None]]) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            for line in self.process.stdout:
                answers.put((self, line.decode("utf-8")))
        answers.put((self, None))

    def _drain(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(ValueError, OSError):
            for line in self.process.stderr:
                self.last_words.append(line)


class Executor:
    """Runs jobs against a cache.

    Args:
        cache: Where results lie and are put.
        workers: Processes at most; 1 or more.
        estimate: Expected seconds of a job.
        watch: Told about every start and finish.
    """

    def __init__(
        self,
        cache: Cache,
        workers: int,
        estimate: Callable[[Job], float],
        watch: Watcher | None = None,
    ):
        self._cache = cache
        self._limit = workers
        self._estimate = estimate
        self._watch = watch or (lambda progress: None)
        self._answers: queue.Queue[tuple[_Worker, str | None]] = queue.Queue()
        self._workers: list[_Worker] = []

    def run(self, jobs: Sequence[Job], contents: dict[str, Content]) -> dict[str, Outcome]:
        """Run all jobs; add to ``contents`` what they make.

        Args:
            jobs: Any order. An input that no job makes must be in ``contents``.
            contents: Known assets by id; extended.

        Returns:
            Outcomes by job name, in the order of ``jobs`` whichever finished first: what is made
            from them must not depend on chance.

        Raises:
            AigcError: The first error of a job; other results so far stay in the cache.
        """
        try:
            return self._run(jobs, contents)
        finally:
            for worker in self._workers:
                worker.kill()
            self._workers.clear()

    def _run(self, jobs: Sequence[Job], contents: dict[str, Content]) -> dict[str, Outcome]:
        urgency = self._urgency(jobs)
        waiting = sorted(jobs, key=lambda job: -urgency[job.name])
        ready: list[tuple[Job, str, dict[str, Any]]] = []
        running: dict[str, tuple[str, dict[str, Any], float]] = {}
        outcomes: dict[str, Outcome] = {}
        spent = expected = 0.0

        def left() -> float:
            """Seconds left, by the estimates and how true they have been so far."""
            now = time.monotonic()
            todo = sum(self._estimate(job) for job in waiting)
            todo += sum(self._estimate(job) for job, _, _ in ready)
            pace = min(4.0, max(0.25, (spent + 1) / (expected + 1)))
            longest = 0.0
            for name, (_, _, started) in running.items():
                rest = max(0.0, self._estimate(by_name[name]) * pace - (now - started))
                todo += rest / pace
                longest = max(longest, rest)
            return max(longest, todo * pace / self._limit)

        def report(started: Job | None, outcome: Outcome | None) -> None:
            self._watch(Progress(started, outcome, len(outcomes), len(jobs), left()))

        def finish(outcome: Outcome) -> None:
            outcomes[outcome.job.name] = outcome
            if outcome.job.action == "make":
                files = outcome.record.files
                contents[outcome.job.asset] = Content(files["asset"], files["provenance"])
            report(None, outcome)

        by_name = {job.name: job for job in jobs}
        while len(outcomes) < len(jobs):
            moved = True
            while moved:  # a cached result may make others ready at once
                moved = False
                for job in list(waiting):
                    if any(name not in contents for name in job.inputs):
                        continue
                    waiting.remove(job)
                    job_parts = parts(job, contents)
                    key = key_of(job_parts)
                    record = self._cache.record(key)
                    if record is None:
                        ready.append((job, key, job_parts))
                    else:
                        finish(Outcome(job, key, job_parts, record, True, 0.0))
                        moved = True
            ready.sort(key=lambda item: -urgency[item[0].name])
            while ready:
                worker = self._idle_worker()
                if worker is None:
                    break
                job, key, job_parts = ready.pop(0)
                running[job.name] = (key, job_parts, time.monotonic())
                known = {n: [contents[n].asset, contents[n].provenance] for n in job.inputs}
                worker.send(job, {
                    "action": job.action, "asset": job.asset, "payload": dict(job.payload),
                    "inputs": known, "key": key, "root": str(self._cache.root),
                })  # fmt: skip
                report(job, None)
            if not running:
                if len(outcomes) == len(jobs):
                    break
                lost = ", ".join(job.name for job in waiting)
                raise GenerationError(f"these jobs wait for assets that nobody makes: {lost}")
            worker, line = self._answers.get()
            answered = worker.job
            worker.job = None
            if answered is None:
                self._workers.remove(worker)
                worker.kill()
                continue
            answer = self._understand(worker, answered, line)
            key, job_parts, _ = running.pop(answered.name)
            record = Record(answer["files"], answer["summary"])
            spent += float(answer["seconds"])
            expected += self._estimate(answered)
            finish(Outcome(answered, key, job_parts, record, False, float(answer["seconds"])))
        return {job.name: outcomes[job.name] for job in jobs}

    def _idle_worker(self) -> _Worker | None:
        for worker in self._workers:
            if worker.job is None:
                return worker
        if len(self._workers) < self._limit:
            self._workers.append(_Worker(self._answers))
            return self._workers[-1]
        return None

    def _urgency(self, jobs: Sequence[Job]) -> dict[str, float]:
        """Length of the longest chain of jobs that starts with each job, in seconds."""
        users: dict[str, list[Job]] = {}
        for job in jobs:
            for name in job.inputs:
                users.setdefault(name, []).append(job)
        found: dict[str, float] = {}

        def length(job: Job) -> float:
            if job.name not in found:
                after = users.get(job.asset, ()) if job.action == "make" else ()
                found[job.name] = self._estimate(job) + max(map(length, after), default=0.0)
            return found[job.name]

        for job in jobs:
            length(job)
        return found

    def _understand(self, worker: _Worker, job: Job, line: str | None) -> dict[str, Any]:
        """The answer of a worker, or the error that it stands for."""
        what = f"{job.asset or 'the pack'} ({job.name.partition(':')[0]})"
        if line is None:
            code = worker.process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            said = b" ".join(worker.last_words).decode(errors="replace").split()
            text = f": {' '.join(said)[-200:]}" if said else ""
            remedy = "it may have run out of memory: free some or use --jobs 1"
            raise GenerationError(f"the worker that ran it {how}{text}", where=what, remedy=remedy)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            name, message, where, remedy = answer["error"]
            kind = getattr(errors, name, GenerationError)
            if not (isinstance(kind, type) and issubclass(kind, AigcError)):
                kind = GenerationError
            place = f"{job.asset}: {where}" if where and job.asset else where or job.asset or None
            raise kind(message, where=place, remedy=remedy)
        if "crash" in answer:
            raise GenerationError(
                f"internal error: {answer['crash']}",
                where=what,
                remedy="please report it; AIGC_ASSETS_DEBUG=1 shows where it happened",
            )
        return answer
