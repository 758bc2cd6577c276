"""``python -m aigc_assets.training``: retrain one or all of the shipped models.

Needs no install: run it from the working tree. Ends with one JSON line of held-out metrics.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from aigc_assets.errors import AigcError
from aigc_assets.training import TASKS, YARDSTICKS
from aigc_assets.training.packing import read, task_class
from aigc_assets.training.trainer import Run, pick_device, train


def main(argv: list[str] | None = None) -> int:
    """Parse the arguments, train, return the exit code."""
    parser = argparse.ArgumentParser("python -m aigc_assets.training", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--all", action="store_true", help="retrain every shipped model")
    which.add_argument(
        "--only", choices=[*TASKS, *YARDSTICKS], help="retrain the models of one kind"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that `data pack` made")
    parser.add_argument("--out", type=Path, default=Path("runs/latest"), help="logs and weights")
    parser.add_argument("--minutes-each", type=float, default=20.0, help="budget per kind")
    parser.add_argument("--clock", default="wall", choices=["wall", "cpu"],
                        help="what the minutes are of: cpu is fair on a busy machine")  # fmt: skip
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--precision", default="bf16", choices=["bf16", "fp32"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument("--save-every", type=float, default=180.0, help="seconds per checkpoint")
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    results = {}
    try:
        for kind in list(TASKS) if args.all else [args.only]:
            torch.manual_seed(args.seed)
            task_of_kind = task_class(kind)
            arrays, info = read(args.data, getattr(task_of_kind, "reads", kind))
            run = Run(
                pick_device(args.device),
                args.minutes_each,
                args.seed,
                args.out,
                args.precision,
                args.steps,
                args.clock,
            )
            task = task_of_kind(arrays, info, run)
            results[kind] = train(task, info, run, save_every=args.save_every)
    except AigcError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
