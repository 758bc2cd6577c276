"""The one trainer: a time budget, mixed precision, checkpoints, held-out metrics, a model card.

A `Task` knows its data, networks and losses; the trainer knows time, files and devices. A run that
was stopped goes on from its last checkpoint. Every file is written whole or not at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from aigc_assets.errors import DataError
from aigc_assets.models import MODELS, checkpoint

Metrics = dict[str, dict[str, float]]

_TOLD = ("vocabulary", "limits", "notes", "command", "own_drawings")
"""What cards take over from the description of the data."""
METRICS_NOTE = (
    "value of the shipped weights, of a floor (real against real) and of a naive baseline"
)


class Task(Protocol):
    """What a kind of asset brings to the trainer."""

    kind: ClassVar[str]
    """Its key in `TASKS`; the kind of asset stands in `MODELS`."""
    models: ClassVar[tuple[str, ...]]
    """Names in `MODELS` of the networks that are shipped."""
    step_limit: ClassVar[int | None]
    """Steps after which held-out metrics get worse again, however much time is left; or None."""

    @staticmethod
    def pack(sources: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Read the source folders; return arrays and a JSON-able description for training.

        The description has ``sources``: a list of {folder, licence, attribution, used_for}.
        """
        ...

    def __init__(self, data: dict[str, np.ndarray], info: dict[str, Any], run: Run): ...

    def step(self, progress: float) -> dict[str, float]:
        """One optimiser step at ``progress`` in [0, 1) of the budget; returns losses to log."""
        ...

    def modules(self) -> dict[str, nn.Module]:
        """Everything with state (networks, EMA copies), for checkpoints."""
        ...

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """All optimisers, for checkpoints."""
        ...

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """Per name of ``models``: the network to ship and the values of its config."""
        ...

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Held-out metrics: {metric: {"model": x, "floor": y, "baseline": z}}."""
        ...

    def watch(self) -> Metrics:
        """The same while training goes on, of validation data where there are any."""
        ...

    def preview(self, path: Path) -> None:
        """Write samples that a person can look at or read (a PNG or text file at ``path``.*)."""
        ...


@dataclasses.dataclass
class Run:
    """How to train: where, how long, how precisely.

    Args:
        device: ``cpu`` or ``cuda``.
        minutes: Time budget.
        seed: Seed of weights and batches.
        out: Folder for the log, checkpoints, previews and finished weights.
        precision: ``bf16`` runs convolutions and products under autocast, ``fp32`` does not.
        steps: Stop after this many steps even when time is left; None for no limit.
        clock: What ``minutes`` are minutes of: ``wall``, or ``cpu`` for the processor time of the
            process, all its threads together, so that a busy machine costs a run nothing.
    """

    device: str
    minutes: float
    seed: int
    out: Path
    precision: str = "bf16"
    steps: int | None = None
    clock: str = "wall"

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)
        """Draws batches and noise on the CPU, so that every device sees the same data."""

    def now(self) -> float:
        """Seconds of the clock that ``minutes`` are counted by."""
        return time.process_time() if self.clock == "cpu" else time.monotonic()

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Mixed precision as asked for; losses and softmax stay fp32 by autocast's own rules."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device, torch.bfloat16)

    def indices(self, size: int, batch: int) -> Tensor:
        """``batch`` random indices below ``size``, with replacement, on the CPU."""
        return torch.randint(size, (batch,), generator=self.generator)


def pick_device(name: str) -> str:
    """Resolve ``auto`` to ``cuda`` where there is one, else ``cpu``."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


class Ema:
    """Exponential moving average of a network, with the warm-up min(decay, (1 + n) / (10 + n))."""

    def __init__(self, network: nn.Module, decay: float = 0.999):
        import copy

        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self.count = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards the present weights; buffers are copied."""
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        for average, weight in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(weight, 1 - decay)
        for copied, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            copied.copy_(buffer)


class AveragedTask:
    """What most tasks share: one network, its moving average, which is shipped, and one optimiser.

    The first of ``models`` is the network. A task of this shape sets the attributes and brings the
    rest of `Task`.

    Attributes:
        config: Dataclass of the sizes of the network.
        network: The one that learns.
        ema: Its average.
        optimizer: Of all its parameters.
    """

    models: ClassVar[tuple[str, ...]]
    step_limit: ClassVar[int | None] = None
    config: Any
    network: nn.Module
    ema: Ema
    optimizer: torch.optim.Optimizer

    def modules(self) -> dict[str, nn.Module]:
        """Network and its average."""
        return {"network": self.network, "ema": self.ema.network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimiser."""
        return {"adam": self.optimizer}

    def shipped(self) -> dict[str, tuple[nn.Module, dict[str, Any]]]:
        """The averaged network."""
        return {self.models[0]: (self.ema.network, dataclasses.asdict(self.config))}

    def evaluate(self) -> Metrics:
        """Held-out metrics."""
        raise NotImplementedError

    def watch(self) -> Metrics:
        """`evaluate`: for tasks without validation data, by whose numbers nothing is chosen."""
        return self.evaluate()


def cosine(progress: float, high: float, low: float, warmup: float = 0.02) -> float:
    """Learning rate at ``progress``: linear warm-up, then half a cosine down to ``low``."""
    if progress < warmup:
        return high * (progress + 1e-3) / (warmup + 1e-3)
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of all parameter groups, times their own ``scale`` if they have one."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("scale", 1.0)


def train(task: Task, info: dict[str, Any], run: Run, *, log_every: float = 15.0,
          save_every: float = 180.0) -> dict[str, Any]:  # fmt: skip
    """Train ``task`` for the time of ``run``; ship weights and cards into ``run.out / "weights"``.

    Every ``save_every`` seconds a checkpoint, samples and metrics are written; the time that takes
    is not counted. Until it is done a task is judged by its ``watch``, so that nobody chooses by
    what is held out. Ctrl-C ends the step and writes a checkpoint first, a second one does not.

    Returns:
        The held-out metrics, as they stand in the cards.

    Raises:
        KeyboardInterrupt: If it was interrupted; the same call then goes on.
        DataError: If a loss is no longer finite.
    """
    run.out.mkdir(parents=True, exist_ok=True)
    step, spent = resume(task, run)
    started = run.now() - spent
    logged = saved = run.now()
    budget = run.minutes * 60
    losses: dict[str, float] = {}
    with (run.out / f"{task.kind}.log").open("a") as log:

        def say(text: str) -> None:
            print(text, flush=True)
            print(text, file=log, flush=True)

        say(f"{task.kind}: {run.minutes:g} {run.clock} min on {run.device}, {run.precision}, "
            f"{torch.get_num_threads()} threads, from step {step}")  # fmt: skip
        with _patient() as interrupted:
            while True:
                now = run.now()
                progress = _progress(task, run, step, (now - started) / budget)
                if progress >= 1 or now - started >= budget:
                    break
                if interrupted:
                    _checkpoint(task, run, step, now - started)
                    say(f"{task.kind}: stopped at {progress:.0%}; run it again to go on")
                    raise KeyboardInterrupt
                for key, value in task.step(min(progress, 0.9999)).items():
                    losses[key] = 0.95 * losses.get(key, value) + 0.05 * value
                step += 1
                if not all(math.isfinite(value) for value in losses.values()):
                    raise DataError(f"training diverged at step {step}: {losses}", where=task.kind)
                if now - logged > log_every:
                    logged = now
                    shown = " ".join(f"{key} {value:.4f}" for key, value in losses.items())
                    share = max(progress, (now - started) / budget)
                    left = (now - started) / 60 * (1 / share - 1)
                    say(f"{task.kind} step {step} {(now - started) / 60:.1f} min, {left:.1f} left "
                        f"{shown}")  # fmt: skip
                if now - saved > save_every:
                    _checkpoint(task, run, step, now - started)
                    task.preview(run.out / f"{task.kind}_{step:06d}")
                    seen = _judge(task, run, task.watch)
                    say(json.dumps({"kind": task.kind, "steps": step, "metrics": seen}))
                    saved = run.now()
                    started += saved - now  # looking at samples is not training
        minutes = (run.now() - started) / 60
        _checkpoint(task, run, step, minutes * 60)
        task.preview(run.out / f"{task.kind}_final")
        metrics = _judge(task, run, task.evaluate)
        say(json.dumps({"kind": task.kind, "steps": step, "metrics": metrics}))
    for name, (network, config) in task.shipped().items():
        card = _card(name, task, info, run, step, minutes, metrics, network, config)
        checkpoint.save(name, network, card, run.out / "weights")
    return metrics


@contextlib.contextmanager
def _patient() -> Iterator[list[int]]:
    """A first Ctrl-C is only put down in the list; signals belong to the main thread alone."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)


def _judge(task: Task, run: Run, look: Callable[[], Metrics]) -> Metrics:
    """Metrics now; the random numbers of the training go on as if nobody had looked."""
    state = run.generator.get_state()
    with torch.random.fork_rng():
        metrics = look()
    run.generator.set_state(state)
    return metrics


def _progress(task: Task, run: Run, step: int, clock: float) -> float:
    """How much of the run is done: by steps when they are given, else by what ends it first."""
    if run.steps is not None:
        return step / run.steps
    return max(clock, step / task.step_limit) if task.step_limit else clock


def _card(
    name: str,
    task: Task,
    info: dict[str, Any],
    run: Run,
    step: int,
    minutes: float,
    metrics: dict[str, Any],
    network: nn.Module,
    config: dict[str, Any],
) -> dict[str, Any]:
    sources = info.get("sources", [])
    return {
        "kind": MODELS[name].kind,
        "config": config,
        "parameters": sum(p.numel() for p in network.parameters()),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": f"python -m aigc_assets.training --only {task.kind} --data DIR "
        f"--minutes-each {run.minutes:g} --seed {run.seed}"
        + (f" --steps {run.steps}" if run.steps is not None else "")
        + (f" --clock {run.clock}" if run.clock != "wall" else ""),
        "training": {
            "steps": step,
            "minutes": round(minutes, 1),
            **({"clock": run.clock} if run.clock != "wall" else {}),
            "device": run.device,
            "precision": run.precision,
            "threads": torch.get_num_threads(),
            "seed": run.seed,
            "torch": torch.__version__.split("+")[0],
        },
        "data": sources,
        "licences": sorted({str(s["licence"]) for s in sources}),
        "attributions": sorted({str(s["attribution"]) for s in sources if s.get("attribution")}),
        "metrics": metrics,
        "metrics_note": METRICS_NOTE,
        **{key: info[key] for key in _TOLD if key in info},
    }


def _checkpoint(task: Task, run: Run, step: int, spent: float) -> None:
    tensors: dict[str, Tensor] = {}
    for name, module in task.modules().items():
        for key, value in module.state_dict().items():
            tensors[f"module/{name}/{key}"] = value.detach().cpu().clone().contiguous()
    plain: dict[str, Any] = {}
    for name, optimizer in task.optimizers().items():
        plain[name] = [
            {k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups
        ]
        for i, state in optimizer.state_dict()["state"].items():
            for key, value in state.items():
                tensors[f"optimizer/{name}/{i}/{key}"] = torch.as_tensor(value).cpu().contiguous()
    tensors["generator"] = run.generator.get_state()
    meta = {"step": str(step), "spent": str(spent)}
    part = run.out / f".{task.kind}.checkpoint.part"
    try:
        part.write_bytes(save(tensors, meta))
        part.replace(run.out / f"{task.kind}.checkpoint.safetensors")
    finally:
        part.unlink(missing_ok=True)


def resume(task: Task, run: Run) -> tuple[int, float]:
    """Put ``task`` where its checkpoint in ``run.out`` left it, if there is one.

    Returns:
        Steps and seconds that were trained.
    """
    path = run.out / f"{task.kind}.checkpoint.safetensors"
    if not path.exists():
        return 0, 0.0
    from safetensors import safe_open

    with safe_open(path, "pt") as opened:
        meta = opened.metadata()
    tensors = load_file(path)
    for name, module in task.modules().items():
        prefix = f"module/{name}/"
        state = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        module.load_state_dict(state)
    for name, optimizer in task.optimizers().items():
        for i, key, value in _entries(tensors, f"optimizer/{name}/"):
            # Writing into state_dict()["state"] would copy; the live state is keyed by parameter.
            parameter = [p for g in optimizer.param_groups for p in g["params"]][i]
            if value.shape == parameter.shape and value.dim():
                # Fused optimisers walk through memory: the strides must be those of the parameter.
                value = torch.zeros_like(parameter, dtype=value.dtype).copy_(value)
            optimizer.state[parameter][key] = value
    for value in vars(task).values():
        if isinstance(value, Ema):
            value.count = int(meta["step"])  # else the warm-up would forget the average
    run.generator.set_state(tensors["generator"])
    return int(meta["step"]), float(meta["spent"])


def _entries(tensors: dict[str, Tensor], prefix: str) -> Iterator[tuple[int, str, Tensor]]:
    for name, value in tensors.items():
        if name.startswith(prefix):
            index, key = name[len(prefix) :].split("/", 1)
            yield int(index), key, value
