"""The tokeniser and the prior of pixel art: codes, rounding, filling in."""

from __future__ import annotations

import pytest
import torch

from aigc_assets.models.fsq_vae import FsqVae, FsqVaeConfig, Known
from aigc_assets.models.sprite_maskgit import (
    COVERS,
    SIZES,
    Condition,
    SpriteMaskgit,
    SpriteMaskgitConfig,
    covers,
    sizes,
)
from aigc_assets.models.sprite_sampling import Wish, bend, draw_tries, pick_seeds


def tokeniser(seed: int = 0) -> FsqVae:
    torch.manual_seed(seed)
    return FsqVae(FsqVaeConfig.tiny()).eval()


def prior(seed: int = 0) -> SpriteMaskgit:
    torch.manual_seed(seed)
    network = SpriteMaskgit(SpriteMaskgitConfig.tiny()).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    return network


def condition(network: SpriteMaskgit, count: int) -> Condition:
    config = network.config
    side = config.side
    return network.unknown(Condition(
        torch.zeros(count, dtype=torch.long), torch.zeros(count, dtype=torch.long),
        torch.zeros(count, 3, dtype=torch.long), torch.zeros(count, 2, dtype=torch.long),
        torch.zeros(count, 3, dtype=torch.long), torch.zeros(count, side, side, dtype=torch.long),
    ))  # fmt: skip


def test_every_code_has_a_vector_and_every_vector_its_code() -> None:
    network = tokeniser()
    coarse, fine = network.config.codes
    codes = torch.stack(torch.meshgrid(torch.arange(coarse), torch.arange(fine), indexing="ij"))
    vectors = network.vectors(codes[None])
    assert torch.equal(network.number(vectors)[0], codes)
    assert len(torch.unique(vectors.flatten(2)[0].T, dim=0)) == coarse * fine
    assert vectors.abs().max() <= 1


def test_rounding_reaches_every_level_and_passes_the_gradient() -> None:
    network = tokeniser()
    channels = len(network.config.coarse) + len(network.config.fine)
    latent = torch.linspace(-6, 6, 400).repeat(1, channels, 1, 1).requires_grad_()
    quantized = network.quantize(latent)
    for channel, level in enumerate(network.config.coarse + network.config.fine):
        assert len(torch.unique(quantized[0, channel].detach())) == level
    quantized.sum().backward()
    middle = latent.grad[0, :, 0, 180:220]
    assert (middle > 0).all()


def test_a_code_touches_only_what_is_near() -> None:
    network = tokeniser()
    codes = torch.zeros(1, 2, 16, 16, dtype=torch.long)
    changed = codes.clone()
    changed[:, :, 0, 0] = 1
    with torch.no_grad():
        difference = (network.decode(codes) != network.decode(changed)).any(1)[0]
    assert difference[:8, :8].any()
    assert not difference[40:, 40:].any()


def test_what_is_known_stays_and_the_rest_is_drawn_in_colours_of_the_palette() -> None:
    network, source = tokeniser(), torch.Generator().manual_seed(2)
    classes = network.config.classes
    pixels = torch.randint(0, 3, (3, 16, 16), generator=source)
    hidden = torch.rand(3, 16, 16, generator=source) < 0.6
    palette = torch.tensor([True, True, True, False, True, False]).expand(3, classes)
    codes = network.encode(pixels)

    def run(seed: int, rounds: int) -> torch.Tensor:
        known = Known(torch.where(hidden, classes, pixels), palette)
        return network.draw(codes, known, torch.Generator().manual_seed(seed), rounds=rounds)

    for rounds in (1, 5):
        drawn = run(1, rounds)
        assert torch.equal(drawn[~hidden], pixels[~hidden])
        assert set(drawn[hidden].tolist()) == {0, 1, 2, 4}
        assert torch.equal(drawn, run(1, rounds))
        assert not torch.equal(drawn, run(2, rounds))


def test_codes_that_do_not_count_change_nothing_and_those_that_do_change_something() -> None:
    network, source = tokeniser(), torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 6, (1, 16, 16), generator=source)
    codes = network.encode(pixels)
    other = codes.clone()
    other[:, 1] = (other[:, 1] + 1) % network.config.codes[1]
    hidden, palette = torch.full_like(pixels, 6), network.palettes(pixels)
    none = torch.zeros(1, 4, 4, dtype=torch.bool)
    with torch.no_grad():
        for fine, same in ((none, True), (None, False)):
            known = Known(hidden, palette, fine=fine)
            two = [network.paint(network.vectors(c), known) for c in (codes, other)]
            assert torch.equal(*two) == same


def test_details_tell_the_decoder_what_codes_leave_open() -> None:
    network, source = tokeniser(), torch.Generator().manual_seed(4)
    pixels = torch.randint(0, 6, (2, 16, 16), generator=source)
    codes, details = network.encode(pixels), network.details(pixels)
    assert details.shape == (2, 8, 8)
    assert 0 <= int(details.min()) <= int(details.max()) < network.config.details
    hidden, palette = torch.full_like(pixels, 6), network.palettes(pixels)

    def paint(told: torch.Tensor | None) -> torch.Tensor:
        return network.paint(network.vectors(codes), Known(hidden, palette, details=told))

    other = (details + 1) % network.config.details
    unknown = torch.full_like(details, network.config.details)
    with torch.no_grad():
        assert not torch.equal(paint(details), paint(other))
        assert not torch.equal(paint(details), paint(unknown))
        assert torch.allclose(paint(unknown), paint(None), atol=1e-5)
        some = torch.where(torch.arange(8) < 4, details, unknown)
        far = torch.where(torch.arange(8) < 4, details, other)
        mixed = torch.where(torch.arange(8) < 4, some, unknown)
        assert torch.equal(paint(some), paint(mixed))
        assert not torch.equal(paint(some), paint(far))


def test_the_decoder_trained_on_latents_draws_as_from_their_codes() -> None:
    network, source = tokeniser(), torch.Generator().manual_seed(5)
    pixels = torch.randint(0, 6, (2, 16, 16), generator=source)
    details = network.details(pixels)
    known = Known(torch.full_like(pixels, 6), network.palettes(pixels), details=details)
    with torch.no_grad():
        trained, codes = network(pixels, known)
        drawn = network.paint(network.vectors(codes), known)
    assert torch.allclose(trained, drawn, atol=1e-4)


def test_a_palette_is_what_a_picture_shows() -> None:
    network = tokeniser()
    pixels = torch.full((1, 8, 8), 3)
    pixels[0, 2, 2] = 5
    assert network.palettes(pixels).tolist() == [[True, False, False, True, False, True]]
    logits = network.decode(torch.zeros(1, 2, 2, 2, dtype=torch.long), network.palettes(pixels))
    assert set(logits.argmax(1).unique().tolist()) <= {0, 3, 5}


def test_known_codes_stay_and_hidden_ones_are_filled() -> None:
    network = prior()
    source = torch.Generator().manual_seed(1)
    blank = torch.tensor(network.config.codes)[:, None, None]
    codes = torch.stack([torch.randint(n, (3, 4, 4), generator=source)
                         for n in network.config.codes], 1)  # fmt: skip
    hidden = torch.rand(3, 1, 4, 4, generator=source) < 0.6
    start = torch.where(hidden, blank, codes)
    filled, typical = network.fill(start, condition(network, 3), source)
    assert torch.equal(filled[~hidden.expand_as(filled)], codes[~hidden.expand_as(codes)])
    assert (filled < blank).all()
    assert (typical < 0).all()


def test_a_hidden_coarse_code_hides_the_fine_one() -> None:
    network = prior()
    codes = torch.ones(1, 2, 4, 4, dtype=torch.long)
    codes[0, 0, 2, 1] = network.config.codes[0]
    many = {int(network.fill(codes, condition(network, 1),
                             torch.Generator().manual_seed(s))[0][0, 1, 2, 1])
            for s in range(30)}  # fmt: skip
    assert len(many) > 1


def test_drawing_depends_on_seed_and_nothing_else() -> None:
    network, codes = prior(), tokeniser()
    network.seed_images.copy_(torch.randint(0, 6, network.seed_images.shape))
    wishes = [Wish(0, 0, (0, 2, 2)), Wish(1, 1, (2, 2, 2), (0, 1))]

    def run(seed: int) -> torch.Tensor:
        pictures, _ = draw_tries(codes, network, wishes, torch.Generator().manual_seed(seed),
                                 tries=3)  # fmt: skip
        return torch.from_numpy(pictures)

    first = run(5)
    assert first.shape == (2, 3, 16, 16)
    assert torch.equal(first, run(5))
    assert not torch.equal(first, run(6))
    assert first.max() < codes.config.classes


def test_seeds_are_of_the_wanted_kind_and_subclass() -> None:
    network = prior()
    network.seed_labels.copy_(
        torch.tensor([[0, 0, 0, 2, 2, 0], [1, 1, 2, 2, 2, 1], [1, 0, 2, 2, 2, 2]])
    )
    source = torch.Generator().manual_seed(0)
    rows = pick_seeds(network, [Wish(1, 1, (2, 2, 2))] * 40, source)
    assert (rows == 1).float().mean() > 0.9
    rows = pick_seeds(network, [Wish(1, 2, (2, 2, 2))] * 60, source)
    assert set(rows.tolist()) == {1, 2}


def test_a_name_decides_which_seed_is_taken() -> None:
    network = prior()
    network.seed_labels.copy_(
        torch.tensor([[0, 0, 1, 2, 2, 0], [0, 0, 0, 1, 2, 1], [0, 1, 0, 2, 2, 2]])
    )
    source = torch.Generator().manual_seed(0)
    wish = Wish(0, 2, (2, 2, 2), names=(0,))
    assert set(pick_seeds(network, [wish] * 40, source).tolist()) == {1, 2}
    both = Wish(0, 2, (2, 2, 2), names=(0, 1))
    rows = pick_seeds(network, [both] * 90, source).bincount(minlength=3)
    assert rows[1] > max(rows[0], rows[2]) > 0


def test_bending_keeps_the_size_about_and_changes_the_outline() -> None:
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    solid = ((x - 15.5) ** 2 / 60 + (y - 22) ** 2 / 90 < 1)[None].expand(20, 32, 32)
    bent = bend(solid.long(), torch.Generator().manual_seed(0))
    area = (bent > 0).sum((1, 2)) / solid.sum((1, 2))
    assert ((area > 0.6) & (area < 1.5)).all()
    assert len({picture.numpy().tobytes() for picture in bent}) == 20
    still = bend(solid.long(), torch.Generator().manual_seed(0), 0.0) > 0
    assert (still ^ solid).float().mean() < 0.01


@pytest.mark.parametrize("width", [4, 17, 32])
def test_cover_and_size_are_steps(width: int) -> None:
    solid = torch.zeros(1, 32, 32, dtype=torch.bool)
    solid[:, 8:, :width] = True
    cover = covers(solid)
    assert cover.shape == (1, 8, 8)
    assert (cover[0, :2] == 0).all()
    assert (cover[0, 2:, : width // 4] == COVERS - 1).all()
    step = sizes(solid)[0].tolist()
    assert step[0] == width * SIZES // 33
    assert step[2] == SIZES - 1
