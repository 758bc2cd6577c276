"""Decoder-only Transformer for short tagged texts.

References:
    Vaswani et al., arXiv:1706.03762; rotary positions: Su et al., arXiv:2104.09864; RMSNorm: Zhang
    and Sennrich, arXiv:1910.07467; SwiGLU: Shazeer, arXiv:2002.05202, section 2; query and key
    normalisation: Henry et al., arXiv:2010.04245; logit soft cap: Gemma 2, arXiv:2408.00118,
    section 2. The output projections start at zero, so that every block starts as the identity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_assets.models.transformer_parts import RootMeanSquareNorm
from aigc_assets.ops import (
    NATIVE,
    DecodeWeights,
    declare,
    decode_block,
    gated_silu,
    qk_norm_rotary,
    rms_norm_linear,
)
from aigc_assets.ops.packing import packed


@dataclass(frozen=True)
class DecoderTransformerConfig:
    """Sizes of a `DecoderTransformer`.

    Args:
        vocab_size: Number of tokens V.
        dim: Width D, a multiple of ``2 * num_heads``.
        num_layers: Blocks.
        num_heads: Attention heads.
        hidden: Width of the gated feed-forward layer.
        max_length: Longest sequence in tokens.
        softcap: Logits are squashed into (-softcap, softcap); 0 leaves them as they are.
        num_seen: Number of 32-bit fingerprints of training lines and words in the weights.
        tokenizer_sha256: Of the tokenizer file that the weights belong to; "" for none.
    """

    vocab_size: int = 2048
    dim: int = 160
    num_layers: int = 4
    num_heads: int = 5
    hidden: int = 512
    max_length: int = 256
    softcap: float = 0.0
    num_seen: int = 0
    tokenizer_sha256: str = ""

    @classmethod
    def tiny(cls) -> DecoderTransformerConfig:
        """For tests: trains in seconds."""
        return cls(vocab_size=96, dim=32, num_layers=2, num_heads=2, hidden=64, max_length=64)


class Cache:
    """Keys and values of the tokens seen so far, room for ``max_length`` of them, per block.

    Attributes:
        length: Number of positions that hold something.
        keys: One tensor [B, H, max_length, D / H] per block, made at the first call.
        values: The same.
        weights: Of the blocks as a single token reads them, made when the first one comes; while
            a cache lives, the weights of its model stay what they are.
    """

    def __init__(self, config: DecoderTransformerConfig):
        self.length = 0
        self.max_length = config.max_length
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.weights: list[DecodeWeights] = []

    def repeat(self, count: int) -> None:
        """Repeat every row ``count`` times: many continuations of one prompt."""
        self.keys = [key.repeat_interleave(count, 0) for key in self.keys]
        self.values = [value.repeat_interleave(count, 0) for value in self.values]

    def truncate(self, length: int) -> None:
        """Forget the positions from ``length`` on."""
        self.length = min(self.length, length)

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write new positions [B, H, L, D / H] of a block; return all that it holds then.

        ``length`` stays: it moves when the last block has written.
        """
        if layer == len(self.keys):
            room = (*key.shape[:2], self.max_length, key.shape[3])
            self.keys.append(key.new_zeros(room))
            self.values.append(value.new_zeros(room))
        stop = self.length + key.shape[2]
        self.keys[layer][:, :, self.length : stop] = key
        self.values[layer][:, :, self.length : stop] = value
        return self.keys[layer][:, :, :stop], self.values[layer][:, :, :stop]


def rotary(length: int, head_dim: int) -> Tensor:
    """Cosines and sines of the rotary positions, [2, length, head_dim / 2]."""
    frequency = 1.0 / (1000.0 ** (torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim))
    angle = torch.arange(length, dtype=torch.float64)[:, None] * frequency
    return torch.stack((angle.cos(), angle.sin())).float()


def _narrowest(weight: Tensor) -> Tensor:
    """The same numbers in float16 where that loses nothing, as in weights that were stored so.

    A product with few rows is bound by reading the weight. Training, GPUs and plain torch use it
    as it is.
    """
    if (
        NATIVE.state != "loaded"
        or weight.dtype != torch.float32
        or weight.device.type != "cpu"
        or weight.is_inference()
        or torch.is_grad_enabled()
        or torch.compiler.is_compiling()
        or declare.is_plain_torch()
    ):
        return weight
    return packed(weight, "narrowest", _as_float16_if_exact)


def _as_float16_if_exact(weight: Tensor) -> Tensor:
    narrow = weight.half()
    return narrow if torch.equal(narrow.float(), weight) else weight


class Block(nn.Module):
    """Attention and a gated feed-forward layer, each before a residual sum."""

    def __init__(self, config: DecoderTransformerConfig):
        super().__init__()
        d, h = config.dim, config.num_heads
        if d % (2 * h):
            raise ValueError(f"dim {d} is not a multiple of 2 * num_heads {2 * h}")
        self.num_heads = h
        self.norm_attention = RootMeanSquareNorm(d)
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.norm_query = RootMeanSquareNorm(d // h)
        self.norm_key = RootMeanSquareNorm(d // h)
        self.out = nn.Linear(d, d, bias=False)
        self.norm_gate = RootMeanSquareNorm(d)
        self.gate = nn.Linear(d, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, d, bias=False)
        nn.init.normal_(self.qkv.weight, std=d**-0.5)
        nn.init.normal_(self.gate.weight, std=d**-0.5)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(
        self, x: Tensor, table: Tensor, mask: Tensor | None, cache: Cache | None, layer: int
    ) -> Tensor:
        """One block; x [B, L, D], mask [B, 1, L, L] added to the scores, or None (causal)."""
        batch, length, d = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(batch, length, 3, self.num_heads, -1)
        q, k, v = qk_norm_rotary(qkv, self.norm_query.scale, self.norm_key.scale, table)
        v = v.to(q.dtype)
        causal = mask is None and length > 1
        if cache is not None:
            k, v = cache.extend(layer, k, v)
            if causal and k.shape[2] != length:
                raise ValueError("a filled cache is extended one token at a time")
        if mask is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        else:  # short rows in training: plain products have the faster backward on a CPU
            score = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3) + mask
            y = score.softmax(-1, dtype=torch.float32).to(v.dtype) @ v
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, d))
        return x + self.down(gated_silu(self.gate(self.norm_gate(x)), gate_first=False))

    def step(self, x: Tensor, table: Tensor, cache: Cache, layer: int, positions: Tensor) -> Tensor:
        """The same for one new token of each row: x [B, D], positions [B]."""
        keys, values = cache.keys[layer], cache.values[layer]
        return decode_block(x, keys, values, positions, table, cache.weights[layer])

    def decode_weights(self) -> DecodeWeights:
        """What `step` reads, matrices as narrow as they are without loss."""
        return DecodeWeights(
            self.norm_attention.scale,
            _narrowest(self.qkv.weight),
            _narrowest(self.out.weight),
            self.norm_gate.scale,
            _narrowest(self.gate.weight),
            _narrowest(self.down.weight),
            q_scale=self.norm_query.scale,
            k_scale=self.norm_key.scale,
        )


class DecoderTransformer(nn.Module):
    """Predicts the next token.

    Buffer ``seen`` [num_seen] int32 holds sorted fingerprints of the training lines and of their
    words, so that a pipeline can tell a line that was only copied, or a word that does not exist.
    """

    table: Tensor
    seen: Tensor

    def __init__(self, config: DecoderTransformerConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.dim)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = RootMeanSquareNorm(config.dim)
        table = rotary(config.max_length, config.dim // config.num_heads)
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("seen", torch.zeros(config.num_seen, dtype=torch.int32))
        nn.init.normal_(self.embedding.weight, std=0.05)

    def features(
        self, tokens: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """What the blocks know at each position, [B, L, D]; arguments as in `forward`."""
        start = 0 if cache is None else cache.length
        length = tokens.shape[1]
        if start + length > self.config.max_length:
            raise ValueError(
                f"{start + length} tokens are more than max_length {self.config.max_length}"
            )
        if cache is not None and start > 0 and length == 1 and not torch.is_grad_enabled():
            return self._step(tokens[:, 0], cache)[:, None]
        mask = None
        if documents is not None:
            hidden = (documents[:, None, :, None] != documents[:, None, None, :]).float()
            hidden += torch.ones_like(hidden[:1]).triu(1)
            mask = torch.where(hidden > 0, -torch.inf, 0.0)
            if torch.is_autocast_enabled(tokens.device.type):
                mask = mask.to(torch.get_autocast_dtype(tokens.device.type))
        x = self.embedding(tokens) * math.sqrt(self.config.dim)
        table = self.table[:, start : start + length]
        for layer, block in enumerate(self.blocks):
            x = block(x, table, mask, cache, layer)
        if cache is not None:
            cache.length += length
        return x

    def _step(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Features [B, D] of one new token of each row, [B]."""
        x = F.embedding(tokens, self.embedding.weight) * math.sqrt(self.config.dim)
        table, positions = self.table, torch.full((len(x),), cache.length, device=x.device)
        blocks = cast("list[Block]", list(self.blocks))
        if not cache.weights:
            cache.weights = [block.decode_weights() for block in blocks]
        for layer, block in enumerate(blocks):
            x = block.step(x, table, cache, layer, positions)
        cache.length += 1
        return x

    def head(self, features: Tensor) -> Tensor:
        """Logits [..., V] float32 of features [..., D]."""
        if features.dim() == 3 and features.shape[1] == 1:
            weight = _narrowest(self.embedding.weight)
            rows = rms_norm_linear(features[:, 0], self.norm.scale, weight)
            logits = rows[:, None].float()
        else:
            logits = F.linear(self.norm(features), self.embedding.weight).float()
        cap = self.config.softcap
        return cap * torch.tanh(logits / cap) if cap else logits

    def forward(
        self, tokens: Tensor, documents: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Logits of the next token.

        Args:
            tokens: [B, L] int64.
            documents: [B, L]; a token only looks at tokens with its own number. None: all one.
            cache: Earlier positions; the new ones are added. The first call may hold a whole
                prompt, later ones a single token.

        Returns:
            [B, L, V] float32.

        Raises:
            ValueError: If the sequence is longer than ``max_length``.
        """
        return self.head(self.features(tokens, documents, cache))
