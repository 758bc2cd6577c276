"""The spectral VAE: shapes, sampling, and independence of batch and neighbours."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from aigc_assets.models.spectral_frames import BANDS, HOP_LENGTH, SAMPLE_RATE, Frames
from aigc_assets.models.spectral_vae import STRIDE, SpectralVae, SpectralVaeConfig


@pytest.fixture(scope="module")
def network() -> SpectralVae:
    torch.manual_seed(0)
    made = SpectralVae(SpectralVaeConfig.tiny()).eval().requires_grad_(False)
    made.component_mean.normal_()
    made.component_std.uniform_(0.1, 0.4)
    made.component_seconds.copy_(torch.tensor([[0.1, 0.3], [0.2, 0.2], [0.25, 0.1]]))
    return made


def measured(batch: int, frames: int) -> Frames:
    return Frames(
        torch.rand(batch, BANDS, frames) * 60 - 80,
        torch.rand(batch, BANDS, frames),
        torch.rand(batch, 4, frames) * 60 - 80,
        torch.rand(batch, 2, frames),
    )


def random(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_shapes(network: SpectralVae):
    kind, seconds = torch.tensor([0, 2]), torch.tensor([0.2, 0.35])
    posterior = network.encode(measured(2, 32), kind, seconds)
    assert posterior.mean.shape == posterior.log_variance.shape == (2, 4, 8)
    frames = network(measured(2, 32), kind, seconds)
    assert frames.level.shape == frames.noisiness.shape == (2, BANDS, 32)
    assert frames.envelope.shape == (2, 4, 32)
    assert frames.pitch.shape == (2, 2, 32)
    for share in (frames.noisiness, frames.pitch[:, 1]):
        assert share.min() >= 0
        assert share.max() <= 1


def test_noise_hides_its_pitch(network: SpectralVae):
    kind, seconds = torch.tensor([0]), torch.tensor([0.2])
    frames = measured(1, 32)
    frames.pitch[:, 1] = 0.1
    other = frames._replace(pitch=torch.stack([frames.pitch[:, 0] + 1, frames.pitch[:, 1]], 1))
    one, two = (network.encode(x, kind, seconds).mean for x in (frames, other))
    assert torch.equal(one, two)


def test_frames_must_fill_latents(network: SpectralVae):
    with pytest.raises(ValueError, match="multiple of 4"):
        network.encode(measured(1, 30), torch.tensor([0]), torch.tensor([0.2]))


def test_kind_and_duration_matter():
    torch.manual_seed(1)
    network = SpectralVae(SpectralVaeConfig.tiny())
    z = torch.randn(1, 4, 4)

    def decode(kind: int, seconds: float) -> torch.Tensor:
        return network.decode(z, torch.tensor([kind]), torch.tensor([seconds])).level

    assert not torch.equal(decode(0, 0.3), decode(1, 0.3))
    assert not torch.equal(decode(0, 0.3), decode(0, 0.1))


def test_no_leak_within_a_batch(network: SpectralVae):
    z = torch.randn(3, 4, 6)
    kind, seconds = torch.tensor([0, 1, 2]), torch.tensor([0.1, 0.3, 0.4])
    together = network.decode(z, kind, seconds).level
    alone = network.decode(z[1:2], kind[1:2], seconds[1:2]).level
    assert torch.allclose(together[1:2], alone, atol=1e-3)


@pytest.mark.parametrize("seconds", [None, 0.02, 0.2, 0.5, 3.0, 10.0])
@pytest.mark.parametrize("loop", [False, True])
def test_draw_covers_the_duration(network: SpectralVae, seconds: float | None, loop: bool):
    drawn = network.draw(0, seconds, random(), loop=loop)
    assert torch.isfinite(drawn.z).all()
    assert drawn.z.shape[1] * STRIDE * HOP_LENGTH >= drawn.seconds * SAMPLE_RATE
    if seconds is not None:
        assert drawn.seconds == seconds


def test_draw_is_random_by_its_source_only(network: SpectralVae):
    assert torch.equal(network.draw(1, None, random(7)).z, network.draw(1, None, random(7)).z)
    different = {network.draw(1, 0.2, random(seed)).z.sum().item() for seed in range(8)}
    assert len(different) == 8


def test_draw_respects_weights(network: SpectralVae):
    network = SpectralVae(network.config)
    network.component_mean[0, 0] = 5.0
    network.component_mean[0, 1] = -5.0
    network.component_weight[0] = torch.tensor([0.0, 1.0])
    drawn = [network.draw(0, None, random(seed)).z.mean().item() for seed in range(10)]
    assert max(drawn) < -3


def test_duration_prefers_components_of_that_length(network: SpectralVae):
    network = SpectralVae(network.config)
    network.component_seconds[0] = torch.tensor([0.1, 1.0])
    network.component_mean[0, 0] = 3.0
    network.component_mean[0, 1] = -3.0
    network.component_std.zero_()
    long = [network.draw(0, 1.0, random(seed)).z.mean().item() < 0 for seed in range(60)]
    short = [network.draw(0, 0.1, random(seed)).z.mean().item() < 0 for seed in range(60)]
    assert sum(long) > 45
    assert sum(short) < 15


def test_config_survives_json():
    config = SpectralVaeConfig.tiny()
    values = {**dataclasses.asdict(config), "classes": list(config.classes)}
    assert SpectralVaeConfig(**values) == config
