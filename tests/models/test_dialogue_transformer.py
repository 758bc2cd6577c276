"""The decoder transformer: what it may see, what its cache keeps, that it learns."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
import torch.nn.functional as F

from aigc_assets.models import checkpoint
from aigc_assets.models.decoder_transformer import (
    Cache,
    DecoderTransformer,
    DecoderTransformerConfig,
)
from aigc_assets.models.dialogue_tags import ACTS, FOLLOWS, SLOTS, Vocabulary, special_tokens
from aigc_assets.ops import rms_norm_linear

CONFIG = DecoderTransformerConfig.tiny()


@pytest.fixture
def network() -> DecoderTransformer:
    torch.manual_seed(3)
    made = DecoderTransformer(CONFIG)
    for block in made.blocks:  # as if trained: the projections start at zero
        torch.nn.init.normal_(block.out.weight, std=0.1)
        torch.nn.init.normal_(block.down.weight, std=0.1)
    return made.eval()


def tokens(rows: int, length: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(CONFIG.vocab_size, (rows, length), generator=generator)


@torch.no_grad()
def test_no_look_ahead(network):
    first = tokens(2, 12)
    second = first.clone()
    second[:, 7:] = tokens(2, 5, seed=1)
    a, b = network(first), network(second)
    assert torch.equal(a[:, :7], b[:, :7])
    assert not torch.allclose(a[:, 7:], b[:, 7:])


@torch.no_grad()
def test_packed_documents_do_not_see_each_other(network):
    left, right = tokens(1, 6), tokens(1, 5, seed=1)
    numbers = torch.tensor([[0] * 6 + [1] * 5])
    packed = network(torch.cat((left, right), 1), numbers)
    # Rotary positions are relative, so a document means the same anywhere in a row.
    torch.testing.assert_close(packed[:, :6], network(left), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(packed[:, 6:], network(right), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_cache_gives_what_the_whole_row_gives(network):
    row = tokens(1, 10)
    cache = Cache(CONFIG)
    parts = [network(row[:, :4], cache=cache)]
    cache.repeat(3)
    parts = [parts[0].repeat(3, 1, 1)]
    parts += [network(row[:, i : i + 1].repeat(3, 1), cache=cache) for i in range(4, 10)]
    torch.testing.assert_close(
        torch.cat(parts, 1), network(row).repeat(3, 1, 1), atol=1e-4, rtol=1e-4
    )


@torch.no_grad()
def test_narrow_weights_change_no_byte_and_follow_the_parameters(network):
    weight = network.embedding.weight
    features = torch.randn(3, 1, CONFIG.dim, generator=torch.Generator().manual_seed(0))
    for change in (lambda: None, lambda: weight.copy_(weight.half()), lambda: weight.mul_(1.1)):
        change()
        expected = rms_norm_linear(features[:, 0], network.norm.scale, weight)
        assert torch.equal(network.head(features)[:, 0], expected)


@torch.no_grad()
@pytest.mark.native
def test_a_step_reads_narrow_weights_where_they_are_exact(network):
    """Those of one layer are not, and stay as wide as they are."""
    for parameter in network.parameters():
        parameter.copy_(parameter.half())
    network.blocks[-1].out.weight.mul_(1.1)
    narrow, wide = Cache(CONFIG), Cache(CONFIG)
    wide.weights = [block.decode_weights().stored_as(torch.float32) for block in network.blocks]
    row = tokens(2, 5)
    for cache in (narrow, wide):
        network(row[:, :4], cache=cache)
    assert torch.equal(network(row[:, 4:], cache=narrow), network(row[:, 4:], cache=wide))
    assert [weights.qkv.dtype for weights in narrow.weights] == [torch.float16] * CONFIG.num_layers
    assert narrow.weights[-1].out.dtype == torch.float32


def test_starts_as_the_identity_and_stays_below_the_soft_cap():
    made = DecoderTransformer(dataclasses.replace(CONFIG, softcap=0.1))
    row = tokens(1, 5)
    x = made.embedding(row) * CONFIG.dim**0.5
    torch.testing.assert_close(made.features(row), x)
    assert made(row).abs().max() <= 0.1


def test_overfits_one_batch():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    made = DecoderTransformer(CONFIG)
    batch = tokens(3, 16)
    optimizer = torch.optim.AdamW(made.parameters(), lr=2e-2)
    losses = []
    for _ in range(80):
        logits = made(batch[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 3.5 and losses[-1] < 0.1


def test_gradients_are_finite_and_reach_everything(network):
    loss = F.cross_entropy(network(tokens(2, 8)).flatten(0, 1), tokens(2, 8, 1).flatten())
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_too_long_a_row_is_refused(network):
    with pytest.raises(ValueError, match="max_length"):
        network(tokens(1, CONFIG.max_length + 1))


def test_width_must_suit_the_heads():
    with pytest.raises(ValueError, match="num_heads"):
        DecoderTransformer(dataclasses.replace(CONFIG, dim=30))


def test_saves_and_loads(tmp_path, monkeypatch, network):
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path))
    card = {"config": dataclasses.asdict(CONFIG), "kind": "dialogue"}
    checkpoint.save("dialogue_transformer", network, card, tmp_path, half=False)
    loaded = checkpoint.load("dialogue_transformer").network
    with torch.no_grad():
        assert torch.equal(loaded(tokens(2, 9)), network(tokens(2, 9)))


def test_every_act_can_be_answered():
    assert set(FOLLOWS) == set(ACTS) == {act for after in FOLLOWS.values() for act in after}


def tokenizer_text(pieces: list[str]) -> str:
    special = special_tokens()
    added = [{"id": i, "content": token} for i, token in enumerate(special)]
    vocab = {piece.replace(" ", "\u0120"): len(special) + i for i, piece in enumerate(pieces)}
    return json.dumps({"model": {"vocab": vocab}, "added_tokens": added})


def test_vocabulary_spaces_slots():
    vocabulary = Vocabulary(tokenizer_text(["The", " sleeps", ".", ","]))
    line = ["The", "<item>", " sleeps", ",", "<name>", "."]
    assert vocabulary.decode(vocabulary.ids[t] for t in line) == "The <item> sleeps, <name>."
    assert vocabulary.decode([vocabulary.ids["<name>"], vocabulary.ids[","]]) == "<name>,"
    assert vocabulary.first_text == vocabulary.ids[SLOTS[0]] == min(vocabulary.slots)


def test_vocabulary_refuses_what_is_none():
    for text in ("", "[]", "{}", '{"model": {"vocab": {"a": 1}}, "added_tokens": []}'):
        with pytest.raises(ValueError, match="tokenizer"):
            Vocabulary(text)
