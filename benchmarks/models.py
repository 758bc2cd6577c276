"""Shipped models end to end: with the fused ops, and with every op in plain torch.

``python -m benchmarks.models [--threads N] [--only character] [--json PATH]``

``eager`` is the same network with its ops in plain torch, ``compile`` that network under
`torch.compile`, both in the dtype of the row; ``ours`` runs the fused ops. What is timed is what a
build runs: a part of a sprite sheet, a map, a window of a map with pins, a landscape, a sound, one
token of the candidates of a line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from aigc_assets.models import checkpoint
from aigc_assets.models.decoder_transformer import Cache
from aigc_assets.ops import declare, preferred_dtype
from benchmarks import character_models, ops, timing
from benchmarks.cases import Case

Run = Callable[[], Any]
NARROW = (
    "character_cvae", "crowd_gan", "doll_cvae", "map_maskgit", "map_sagan", "relief_gan",
    "sprite_fsq_vae", "sprite_maskgit",
)  # fmt: skip
"""Models that a build runs in `ops.preferred_dtype`; it runs the others in float32."""


def cases(device: str) -> Iterator[Case]:
    """Every shipped model in float32 and in bfloat16, those of small characters as a build does."""
    for dtype in (torch.float32, torch.bfloat16):
        for make in (character, tilemap, refiner, tokens, relief, sound, dialogue):
            yield make(dtype, device)
    if device == "cpu":  # small networks, whose cost is that of calling them
        for row in character_models.rows():
            dtype = built_in(row.model)
            call = row.call(_load(row.model, dtype, device), torch.Generator().manual_seed(1))
            yield _case(f"{row.model}: {row.part}", row.shape, dtype, call)


def built_in(model: str) -> torch.dtype:
    """The dtype in which a build on this machine runs a model."""
    return preferred_dtype() if model in NARROW else torch.float32


def character(dtype: torch.dtype, device: str) -> Case:
    """Eight frames of a sprite sheet, as pictures of slots."""
    network = _load("character_cvae", dtype, device)
    generator = torch.Generator().manual_seed(1)
    items = [int(torch.randint(n, (), generator=generator)) for n in network.config.items]
    attributes = torch.tensor(items, device=device).expand(8, -1)
    z, pose = network.anchors[:1].expand(8, -1), torch.arange(8, device=device)

    def draw() -> Tensor:
        return network.decode(z, attributes, pose)

    return _case("character_cvae: sprite decoder", "8 frames of 64x48", dtype, draw)


def tilemap(dtype: torch.dtype, device: str) -> Case:
    """The draft of one map of 32x32 tiles."""
    network = _load("map_sagan", dtype, device).draft
    inputs = _to(network.example_inputs(1, torch.Generator().manual_seed(1)), dtype, device)

    def draw() -> Tensor:
        return network(*inputs)

    return _case("map_sagan: draft", "1 map of 40x40", dtype, draw)


def refiner(dtype: torch.dtype, device: str) -> Case:
    """One of the passes that refine a map of 32x32 tiles."""
    network = _load("map_sagan", dtype, device).fine
    generator = torch.Generator().manual_seed(1)
    cells = torch.randint(5, (1, 4, 20, 20), generator=generator)
    tiles = torch.nn.functional.one_hot(cells, 5).permute(0, 4, 1, 2, 3).flatten(1, 2).float()
    inputs = _to((tiles, torch.ones(1, 4, 20, 20), torch.tensor([0])), dtype, device)

    def look() -> Tensor:
        return network(*inputs)

    return _case("map_sagan: pass of a refiner", "1 map of 40x40", dtype, look)


def tokens(dtype: torch.dtype, device: str) -> Case:
    """One round of filling in a window whose ring is known."""
    network = _load("map_maskgit", dtype, device)
    side = network.config.window
    cells = torch.full((1, side, side), network.config.mask, device=device)
    cells[:, [0, -1]] = cells[:, :, [0, -1]] = 0
    label = torch.zeros(1, dtype=torch.int64, device=device)

    def judge() -> Tensor:
        return network(cells, label, label)

    return _case("map_maskgit: round", f"1 window of {side}x{side}", dtype, judge)


def relief(dtype: torch.dtype, device: str) -> Case:
    """The heights of a small landscape."""
    network = _load("relief_gan", dtype, device)
    outline, noise = network.example_inputs(1, torch.Generator().manual_seed(1))
    inputs = _to((outline.repeat(1, 1, 2, 2), noise.repeat(1, 1, 2, 2)), dtype, device)
    side = inputs[0].shape[-1] * 8

    def draw() -> Tensor:
        return network(*inputs)

    return _case("relief_gan: generator", f"1 relief of {side}x{side}", dtype, draw)


def sound(dtype: torch.dtype, device: str) -> Case:
    """The decoder on one sound of 1.49 s."""
    network = _load("sound_vae", dtype, device)
    z = network.component_mean[:1, 0].contiguous()
    kind, seconds = torch.zeros(1, dtype=torch.int64, device=device), z.new_ones(1)

    def draw() -> Any:
        return tuple(network.decode(z, kind, seconds))

    return _case("sound_vae: decoder", "1 sound of 1.49 s", dtype, draw, tolerance=0.3)


def dialogue(dtype: torch.dtype, device: str) -> Case:
    """The next token of ten candidates after 100 tokens."""
    network = _load("dialogue_transformer", dtype, device)
    generator = torch.Generator().manual_seed(1)
    vocabulary = network.config.vocab_size
    prompt = torch.randint(vocabulary, (10, 100), generator=generator).to(device)
    last = prompt[:, -1:]
    caches: dict[str, Cache] = {}
    for name in ("ours", "plain"):
        caches[name] = Cache(network.config)
        network(prompt, cache=caches[name])

    def ours() -> Tensor:
        caches["ours"].truncate(100)
        return network(last, cache=caches["ours"])

    def plain() -> Tensor:
        """One token as a whole row is run: products, and torch's fused attention."""
        cache = caches["plain"]
        x = network.embedding(last) * network.config.dim**0.5
        table = network.table[:, 100:101]
        cache.truncate(100)
        for layer, block in enumerate(network.blocks):
            x = block(x, table, None, cache, layer)
        return network.head(x)

    return _case("dialogue_transformer: step", "10 rows, 100 before", dtype, ours, plain)


def _load(name: str, dtype: torch.dtype, device: str) -> Any:
    return checkpoint.load(name, device=device, dtype=dtype).network


def _to(values: Any, dtype: torch.dtype, device: str) -> list[Tensor]:
    return [v.to(device, dtype if v.is_floating_point() else v.dtype) for v in values]


def _case(
    name: str, shape: str, dtype: torch.dtype, ours: Run, plain: Run | None = None,
    tolerance: float = 0.0,
) -> Case:  # fmt: skip
    run = plain or ours

    @torch.inference_mode()
    def eager() -> Any:
        with declare.plain_torch():
            return run()

    compiled = torch.compile(run, dynamic=False)

    @torch.inference_mode()
    def compiled_plain() -> Any:
        with declare.plain_torch():
            return compiled()

    if not tolerance:
        tolerance = 1e-4 if dtype == torch.float32 else 0.1
    return Case(name, shape, dtype, eager, torch.inference_mode()(ours), {},
                {"eager": compiled_plain}, tolerance=tolerance, headline=True)  # fmt: skip


def run(options: timing.Options) -> dict[str, Any]:
    """Compare every model."""
    rows = []
    for case in cases(options.device):
        if options.only in case.op:
            row = ops.row(case, ops.measure(case, options), {})
            rows.append(row[: ops.COLUMNS.index("x rewrite")])
            print("  ".join(timing.text_of(c) for c in rows[-1]), file=sys.stderr, flush=True)
            torch._dynamo.reset()
    drop = ops.COLUMNS.index("rewrite")
    rows = [[*row[:drop], *row[drop + 1 :]] for row in rows]
    columns = [c for c in ops.COLUMNS[: ops.COLUMNS.index("x rewrite")] if c != "rewrite"]
    plural = "s" if options.threads > 1 else ""
    title = f"Models on {options.device}, {options.threads} thread{plural}: µs per call"
    command = f"python -m benchmarks.models --device {options.device} --threads {options.threads}"
    found = timing.result(title, command, options, columns, rows)
    op, dtype = (columns.index(name) for name in ("op", "dtype"))
    found["built"] = [i for i, row in enumerate(rows) if _is_built(row[op], row[dtype])]
    return found


def _is_built(op: str, dtype: str) -> bool:
    """Whether a row shows a network in the dtype in which a build runs it."""
    return dtype == str(built_in(op.split(":")[0])).removeprefix("torch.")


if __name__ == "__main__":
    sys.exit(timing.main(sys.argv[1:], "models"))
