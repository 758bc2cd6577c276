"""What holds for every network of `MODELS`; a new entry is enrolled by its line in the table.

A network is tested in its ``tiny`` preset. `INPUTS` says how to call it: small inputs, drawn from a
seeded generator, for the arguments of ``forward``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aigc_assets.errors import WeightsError
from aigc_assets.models import MODELS, checkpoint
from aigc_assets.models.spectral_frames import BANDS, Frames
from aigc_assets.models.sprite_maskgit import Condition

Inputs = Callable[[Any, torch.Generator], tuple[Any, ...]]


def map_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    return checkpoint.build("map_sagan", config_values_of(config)).example_inputs(2, source)


def token_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    cells = torch.randint(config.outside + 1, (2, 12, 10), generator=source)
    return cells, torch.arange(2) % config.themes, torch.tensor([0, config.shares])


def character_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    slots = torch.randint(config.classes, (2, config.height, config.width), generator=source)
    attributes = torch.stack(
        [torch.randint(n, (2,), generator=source) for n in config.items], dim=1
    )
    return slots, attributes, torch.tensor([0, 1]), torch.randn(2, config.latent, generator=source)


def sound_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    frames = Frames(
        torch.rand(2, BANDS, 16, generator=source) * 60 - 70,
        torch.rand(2, BANDS, 16, generator=source),
        torch.rand(2, 4, 16, generator=source) * 60 - 70,
        torch.rand(2, 2, 16, generator=source),
    )
    return frames, torch.tensor([0, len(config.classes) - 1]), torch.tensor([0.1, 0.15])


def dialogue_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    return (torch.randint(config.vocab_size, (2, 12), generator=source),)


def relief_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    outline = torch.rand(2, 2, 4, 4, generator=source)
    return outline, torch.randn(2, config.channels, 4, 4, generator=source)


def prompt_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    pieces = torch.randint(1, config.buckets + 1, (2, 5, config.pieces), generator=source)
    pieces[1, 3:] = 0
    return (pieces,)


def upscaler_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    lab = torch.rand(2, 3, 5, 4, generator=source)
    alpha = (torch.rand(2, 1, 5, 4, generator=source) < 0.7).float()
    return (torch.cat([lab * alpha, alpha], 1),)


def palette_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    colours = torch.rand(2, config.parts, 3, generator=source)
    known = torch.ones(2, config.parts)
    known[:, 0] = 0
    return colours, known, torch.zeros(2, dtype=torch.long), colours[:, :1] + 0.1


def mixer_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    items = torch.stack([torch.randint(n, (2, 2), generator=source) for n in config.items], dim=1)
    share = torch.rand(2, len(config.items), 1, generator=source)
    return items, torch.cat([share, 1 - share], 2), torch.tensor([0, 1])


def pose_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    frame = torch.randint(5, (2, 8, 8), generator=source)
    return frame, torch.rand(2, 5, 3, generator=source), torch.tensor([0, config.poses - 1])


def pixel_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    return (torch.randint(config.classes, (2, config.side, config.side), generator=source),)


def code_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    side = config.side
    codes = torch.stack([torch.randint(n + 1, (2, side, side), generator=source)
                         for n in config.codes], 1)  # fmt: skip

    def some(count: int, *shape: int) -> Tensor:
        return torch.randint(count + 1, (2, *shape), generator=source)

    return codes, Condition(
        some(len(config.kinds)), some(len(config.subclasses)), some(len(config.words), 3),
        some(len(config.colours), 2), some(6, 3), some(4, side, side),
    )  # fmt: skip


def crowd_inputs(config: Any, source: torch.Generator) -> tuple[Any, ...]:
    return (
        torch.randn(2, config.latent, generator=source),
        torch.tensor([0, 1]),
        torch.randn(2, config.code, generator=source),
        4 * torch.randn(2, 32, 32, generator=source),
        torch.rand(2, config.slots, generator=source),
    )


INPUTS: dict[str, Inputs] = {
    "palette_mdn": palette_inputs,
    "sprite_upscaler": upscaler_inputs,
    "sprite_fsq_vae": pixel_inputs,
    "sprite_maskgit": code_inputs,
    "map_sagan": map_inputs,
    "relief_gan": relief_inputs,
    "map_maskgit": token_inputs,
    "character_cvae": character_inputs,
    "people16_mixer": mixer_inputs,
    "creatures16_mixer": mixer_inputs,
    "beasts16_mixer": mixer_inputs,
    "poses16_decoder": pose_inputs,
    "doll_cvae": character_inputs,
    "prompt_tagger": prompt_inputs,
    "crowd_gan": crowd_inputs,
    "sound_vae": sound_inputs,
    "dialogue_transformer": dialogue_inputs,
}
every_model = pytest.mark.parametrize("name", list(MODELS))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(name: str, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return checkpoint.build(name, "tiny").eval()


def call(name: str, network: Any) -> list[Tensor]:
    """All tensors that ``forward`` returns for the inputs of the model."""
    inputs = INPUTS[name](network.config, torch.Generator().manual_seed(7))
    output = network(*inputs)
    return [output] if isinstance(output, Tensor) else list(output)


def awake(network: nn.Module) -> nn.Module:
    """Layers that start at zero pass no gradient to those before them: move every parameter."""
    source = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=source) * 0.05)
    return network


def config_values(network: Any) -> dict[str, Any]:
    """The config as a card holds it, after a trip through JSON."""
    return config_values_of(network.config)


def config_values_of(config: Any) -> dict[str, Any]:
    values = json.loads(json.dumps(dataclasses.asdict(config)))
    assert isinstance(values, dict)
    return values


def same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)


@pytest.fixture
def saved(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the tiny network as the only shipped weights."""
    network = tiny(name)
    checkpoint.save(name, network, {"config": config_values(network)}, tmp_path, half=False)
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path))
    return tmp_path


def test_every_model_has_inputs():
    assert set(INPUTS) == set(MODELS)


@every_model
def test_tiny_is_small_and_built_from_its_config(name: str):
    network = tiny(name)
    assert 0 < sum(p.numel() for p in network.parameters()) < 200_000
    again = checkpoint.build(name, config_values(network))
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    assert {key: value.shape for key, value in again.state_dict().items()} == shapes


@every_model
def test_outputs_are_finite(name: str):
    with torch.no_grad():
        outputs = call(name, awake(tiny(name)))
    assert outputs
    for output in outputs:
        assert torch.isfinite(output).all()


@every_model
def test_gradients_are_finite_and_reach_the_parameters(name: str):
    network = awake(tiny(name).train())
    outputs = call(name, network)
    source = torch.Generator().manual_seed(9)
    loss = sum((o.float() * torch.randn(o.shape, generator=source)).mean() for o in outputs)
    loss.backward()
    reached = [p for p in network.parameters() if p.grad is not None]
    for parameter in reached:
        assert torch.isfinite(parameter.grad).all()
    # Heads that forward leaves to the loss, and inputs that a small example misses, may stay out.
    moved = sum(p.numel() for p in reached if p.grad.abs().sum() > 0)
    assert moved > 0.7 * sum(p.numel() for p in network.parameters())


@every_model
def test_same_seed_same_network_same_output(name: str):
    one, two, other = tiny(name, 3), tiny(name, 3), tiny(name, 4)
    state = two.state_dict()
    assert all(same(value, state[key]) for key, value in one.state_dict().items())
    with torch.no_grad():
        first, second = call(name, one), call(name, two)
    assert all(same(a, b) for a, b in zip(first, second, strict=True))
    state = other.state_dict()
    assert not all(same(value, state[key]) for key, value in one.state_dict().items())


@every_model
def test_saved_and_loaded_bit_for_bit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    network = awake(tiny(name))
    sha256 = checkpoint.save(
        name, network, {"config": config_values(network)}, tmp_path, half=False
    )
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path))
    loaded = checkpoint.load(name)
    assert loaded.sha256 == sha256 == loaded.card["sha256"]
    assert not loaded.network.training
    assert not any(p.requires_grad for p in loaded.network.parameters())
    state = loaded.network.state_dict()
    assert all(same(value, state[key]) for key, value in network.state_dict().items())
    with torch.no_grad():
        before, after = call(name, network), call(name, loaded.network)
    assert all(same(a, b) for a, b in zip(before, after, strict=True))


@every_model
def test_half_precision_only_rounds(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    network = awake(tiny(name))
    checkpoint.save(name, network, {"config": config_values(network)}, tmp_path)
    monkeypatch.setenv("AIGC_ASSETS_WEIGHTS", str(tmp_path))
    state = checkpoint.load(name).network.state_dict()
    for key, value in network.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert same(expected, state[key])


@every_model
def test_saving_twice_gives_equal_bytes(name: str, tmp_path: Path):
    for folder in ("a", "b"):
        network = tiny(name)
        checkpoint.save(name, network, {"config": config_values(network)}, tmp_path / folder)
    for suffix in ("safetensors", "json"):
        one, two = (tmp_path / f / f"{name}.{suffix}" for f in "ab")
        assert one.read_bytes() == two.read_bytes()
    assert not list(tmp_path.rglob("*.part"))


@every_model
@pytest.mark.parametrize("harm", ["truncated", "altered", "empty", "missing", "longer"])
def test_damaged_weights(name: str, harm: str, saved: Path):
    path = saved / f"{name}.safetensors"
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        middle = len(data) // 2
        path.write_bytes(
            {
                "truncated": data[:middle],
                "altered": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
                "empty": b"",
                "longer": data + b"\0",
            }[harm]
        )
    with pytest.raises(WeightsError) as caught:
        checkpoint.load(name)
    assert str(path) in str(caught.value)
    assert caught.value.remedy


@every_model
@pytest.mark.parametrize("text", [None, b"", b"[]", b"{}", b"\xff\xfe", b'{"sha256": "0"}'])
def test_damaged_cards(name: str, text: bytes | None, saved: Path):
    path = saved / f"{name}.json"
    path.unlink() if text is None else path.write_bytes(text)
    with pytest.raises(WeightsError) as caught:
        checkpoint.load(name)
    assert str(path) in str(caught.value)


@every_model
def test_weights_that_do_not_fit_the_card(name: str, saved: Path):
    other = nn.Linear(2, 2)
    data = {f"x.{key}": value for key, value in other.state_dict().items()}
    from safetensors.torch import save

    blob = save(data)
    (saved / f"{name}.safetensors").write_bytes(blob)
    card = json.loads((saved / f"{name}.json").read_bytes())
    card["sha256"] = hashlib.sha256(blob).hexdigest()
    (saved / f"{name}.json").write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="do not fit"):
        checkpoint.load(name)


@every_model
def test_an_unknown_setting_in_the_card(name: str, saved: Path):
    card = json.loads((saved / f"{name}.json").read_bytes())
    card["config"]["no_such_setting"] = 1
    (saved / f"{name}.json").write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="do not fit"):
        checkpoint.load(name)
