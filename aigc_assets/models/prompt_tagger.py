"""Transformer that says which known word each word of a prompt stands for.

A word enters as the sum of the embeddings of its letter triples, so that misspelt, inflected and
joined words lie near those they come from; attention over the sentence tells apart words that only
their neighbours decide. One known word, or none, comes out per word.

References:
    Vaswani et al., "Attention Is All You Need", arXiv:1706.03762; Bojanowski et al., "Enriching
    Word Vectors with Subword Information", arXiv:1607.04606, section 3.2, the hashed triples.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_assets.models.transformer_parts import RootMeanSquareNorm
from aigc_assets.ops import gated_silu


@dataclass(frozen=True)
class PromptTaggerConfig:
    """Shape of the network.

    Args:
        concepts: Number of known words, among them "none" as number 0.
        kinds: Number of kinds that a whole prompt can be about.
        buckets: Rows of the table of letter triples.
        dim: Width.
        hidden: Width of the gated layer.
        num_layers: Blocks.
        num_heads: Heads of attention.
        words: Longest prompt in words.
        pieces: Triples per word that count.
    """

    concepts: int
    kinds: int
    buckets: int = 4096
    dim: int = 128
    hidden: int = 256
    num_layers: int = 3
    num_heads: int = 4
    words: int = 48
    pieces: int = 20

    @classmethod
    def tiny(cls) -> PromptTaggerConfig:
        """A preset for tests."""
        return cls(concepts=8, kinds=3, buckets=32, dim=16, hidden=16, num_layers=1, num_heads=2,
                   words=8, pieces=6)  # fmt: skip


class PromptTagger(nn.Module):
    """Letter triples of words -> known word per word, and the kind of the whole."""

    def __init__(self, config: PromptTaggerConfig):
        super().__init__()
        self.config = config
        self.triples = nn.Embedding(config.buckets + 1, config.dim, padding_idx=0)
        self.places = nn.Embedding(config.words, config.dim)
        nn.init.normal_(self.places.weight, std=0.1)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.num_layers))
        self.norm = RootMeanSquareNorm(config.dim)
        self.head = nn.Linear(config.dim, config.concepts)
        self.kind = nn.Linear(config.dim, config.kinds)

    def forward(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Read prompts.

        Args:
            pieces: Numbers of `triples_of`, padded with 0, [B, L, pieces] int64; a word of only
                zeros is none.

        Returns:
            Logits of the known word of every word, [B, L, concepts], and of the kind, [B, kinds].
        """
        present = pieces.any(-1)  # [B, L]
        x = self.triples(pieces).sum(2) + self.places.weight[: pieces.shape[1]]
        for block in self.blocks:
            x = block(x, present)
        x = self.norm(x)
        weight = present.to(x.dtype)[..., None]
        whole = (x * weight).sum(1) / weight.sum(1).clamp(min=1)
        return self.head(x), self.kind(whole)


class _Block(nn.Module):
    """Pre-norm attention and a gated layer."""

    def __init__(self, config: PromptTaggerConfig):
        super().__init__()
        self.heads = config.num_heads
        self.before = RootMeanSquareNorm(config.dim)
        self.between = RootMeanSquareNorm(config.dim)
        self.qkv = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim, bias=False)
        self.gate = nn.Linear(config.dim, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.dim, bias=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(self.before(x)).chunk(3, -1)
        )
        mask = (present | ~present.any(1, keepdim=True))[:, None, None]
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        hidden: Tensor = self.down(gated_silu(self.gate(self.between(x))))
        return x + hidden


def triples_of(word: str, config: PromptTaggerConfig) -> list[int]:
    """Numbers of the letter triples of a word, 1..buckets, padded with 0 to ``pieces``."""
    marked = f"<{word}>"
    found = [marked[i : i + 3] for i in range(len(marked) - 2)] + [marked]
    rows = [zlib.crc32(piece.encode()) % config.buckets + 1 for piece in found[: config.pieces]]
    return rows + [0] * (config.pieces - len(rows))


def encode(prompts: Sequence[Sequence[str]], config: PromptTaggerConfig) -> Tensor:
    """Prompts, each a list of words, as the network reads them, [B, L, pieces] int64."""
    longest = max(1, min(config.words, max(map(len, prompts), default=1)))
    empty = [0] * config.pieces
    rows = []
    for prompt in prompts:
        words = [triples_of(word, config) for word in prompt[:longest]]
        rows.append(words + [empty] * (longest - len(words)))
    return torch.tensor(rows, dtype=torch.long)
