"""What every pipeline returns, and how every pipeline runs its model."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aigc_assets.types import Asset, Provenance
from aigc_assets.types.validation import Scalar

if TYPE_CHECKING:
    from aigc_assets.models.checkpoint import Checkpoint


class Made(NamedTuple):
    """An asset and where it came from."""

    asset: Asset
    provenance: Provenance


@functools.lru_cache(maxsize=8)
def load_model(name: str, *, narrow: bool = False) -> Checkpoint:
    """Load a model once per process and pin torch to one thread and deterministic kernels.

    Args:
        name: A key of `MODELS`.
        narrow: Whether bfloat16 is good enough for what the model makes. It is used where the
            kernels are faster in it, `aigc_assets.ops.preferred_dtype`; else float32.

    The order of a floating-point sum depends on how many threads share it; one thread makes the
    bytes of a pack independent of the machine's settings. Parallelism comes from processes.
    """
    import torch

    from aigc_assets.models import checkpoint
    from aigc_assets.ops import preferred_dtype

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # It would also fill new tensors with NaN, which costs time; the op tests do so instead.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    dtype = preferred_dtype() if narrow else torch.float32
    return checkpoint.load(name, dtype=dtype)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run networks on one thread, whatever a caller has set since the model was loaded.

    The order of sums, and so the bytes, must not depend on threads.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def derive_seed(seed: int, *names: str) -> int:
    """A seed below 2^63 that depends on ``seed`` and ``names`` only (sha256, no platform hash)."""
    text = "\x1f".join([str(seed), *names]).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1


def generator(seed: int) -> np.random.Generator:
    """The random generator of the discrete decisions: counter-based, the same on every platform."""
    return np.random.Generator(np.random.Philox(seed))


def provenance(
    checkpoint: Checkpoint,
    seed: int,
    request: Mapping[str, Scalar],
    operations: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Provenance:
    """Provenance of an asset that ``checkpoint`` made."""
    card = checkpoint.card
    return Provenance(
        kind=str(card["kind"]),
        model=checkpoint.name,
        weights_sha256=checkpoint.sha256,
        seed=seed,
        request=request,
        licences=tuple(card.get("licences", ())),
        attributions=tuple(card.get("attributions", ())),
        operations=operations,
        notes=notes,
    )
