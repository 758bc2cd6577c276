"""Procedural sound effects, drawn at random per kind: training sounds beside the few real ones.

Oscillators with pitch slides and arpeggios, filtered noise, envelopes and formants in the manner of
sfxr, one recipe per kind. These sounds are only ever training data; no pipeline plays them.

References:
    Tomas Pettersson, sfxr (2007), for the parameters worth varying; recipes and code are our own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 22050
Wave = NDArray[np.float64]
Random = np.random.Generator
Recipe = Callable[[Random], Wave]


def make_effect(kind: str, random: Random) -> Wave:
    """One random sound of ``kind``, [N] float64 with peak 0.9, 30 ms to 1.4 s long.

    Raises:
        KeyError: If there is no recipe for ``kind``.
    """
    wave = RECIPES[kind](random)
    fade = min(len(wave) // 4, 110)
    wave[-fade:] *= np.linspace(1, 0, fade)
    wave = wave - wave.mean()
    return np.asarray(0.9 * wave / (np.abs(wave).max() + 1e-9))


def _time(seconds: float) -> Wave:
    return np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _tone(hertz: Wave, shape: str, random: Random) -> Wave:
    """Oscillator at a frequency per sample; band-limited by a sum of sines."""
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    if shape == "sine":
        return np.sin(phase)
    top = float(hertz.max())
    count = int(min(24, max(1, 9500 // top)))
    duty = random.uniform(0.2, 0.5)
    wave = np.zeros_like(hertz)
    for k in range(1, count + 1):
        weight = {
            "square": np.sin(np.pi * k * duty) / k,
            "saw": 1 / k,
            "triangle": (k % 2) * (-1) ** (k // 2) / k**2,
            "bell": 0.55 ** (k - 1),
        }[shape]
        stretch = 1 + 0.004 * (k - 1) ** 2 if shape == "bell" else 1.0
        wave += weight * np.sin(k * stretch * phase)
    return wave


def _noise(n: int, low: Wave | float, high: Wave | float, random: Random) -> Wave:
    """White noise between two edges in Hz that may move, with soft flanks."""
    size, hop = 512, 128
    count = n // hop + 5
    window = np.hanning(size + 1)[:-1]
    source = random.standard_normal(count * hop + size)
    at = np.clip(np.arange(count) * hop, 0, n - 1)
    lows, highs = (np.broadcast_to(np.asarray(x, float), (n,))[at][:, None] for x in (low, high))
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)[None]
    gain = 1 / (1 + (lows / (hertz + 1)) ** 4) / (1 + (hertz / highs) ** 4)
    out = np.zeros(count * hop + size)
    for i in range(count):
        piece = np.fft.irfft(np.fft.rfft(source[i * hop : i * hop + size]) * gain[i])
        out[i * hop : i * hop + size] += piece * window
    return out[size // 2 : size // 2 + n]


def _decay(t: Wave, seconds: float, attack: float = 0.002) -> Wave:
    """Linear attack, then a fall by 60 dB in ``seconds``."""
    return np.minimum(t / attack, 1) * 10 ** (-3 * np.maximum(t - attack, 0) / seconds)


def _bell(t: Wave, peak: float, sharp: float) -> Wave:
    """Rises to 1 at the share ``peak`` of the time and falls to 0 at the end."""
    x = t / t[-1]
    return np.where(x < peak, x / peak, (1 - x) / (1 - peak)).clip(0) ** sharp


def _notes(hertz: list[float], seconds: list[float], shape: str, ring: float,
           random: Random) -> Wave:  # fmt: skip
    """Notes one after the other; each rings on for ``ring`` seconds."""
    starts = np.concatenate([[0], np.cumsum(seconds)])
    out = np.zeros(int((starts[-2] + ring + 0.02) * SAMPLE_RATE) + 2)
    for frequency, start in zip(hertz, starts, strict=False):
        t = _time(ring)
        at = int(start * SAMPLE_RATE)
        note = _tone(np.full(len(t), frequency), shape, random) * _decay(t, ring * 1.2)
        out[at : at + len(note)] += note
    return out[: int(1.4 * SAMPLE_RATE)]


def _coin(r: Random) -> Wave:
    f = r.uniform(700, 1600)
    first = r.uniform(0.04, 0.1)
    shape = str(r.choice(["square", "triangle", "bell", "sine"]))
    ratio = float(r.choice([4 / 3, 3 / 2, 5 / 4, 2.0]))
    t = _time(first + r.uniform(0.15, 0.5))
    hertz = np.where(t < first, f, f * ratio)
    return _tone(hertz, shape, r) * np.where(t < first, 1, _decay(t - first, t[-1] - first + 0.1))


def _ui_click(r: Random) -> Wave:
    t = _time(r.uniform(0.03, 0.14))
    f = r.uniform(400, 2600)
    body = _tone(np.full(len(t), f) * (1 + r.uniform(-0.3, 0.3) * t / t[-1]), "sine", r)
    snap = _noise(len(t), r.uniform(800, 3000), 9000.0, r)
    mix = r.uniform(0, 1)
    length = r.uniform(0.03, 0.12)
    return mix * body * _decay(t, length) + (1 - mix) * snap * _decay(t, length * 0.5, 0.0005)


def _door(r: Random) -> Wave:
    t = _time(r.uniform(0.4, 1.0))
    n = len(t)
    wobble = np.interp(t, np.linspace(0, t[-1], 8), r.uniform(0.6, 1.5, 8))
    creak = _tone(r.uniform(60, 220) * wobble, "saw", r) * _noise(n, 5.0, 60.0, r)
    at = r.uniform(0.0, 0.7) * t[-1]
    late = np.maximum(t - at, 0)
    thud = _noise(n, 40.0, r.uniform(250, 900), r) * _decay(late, r.uniform(0.15, 0.4))
    latch = _noise(n, 1200.0, 6000.0, r) * _decay(late, 0.06)
    started = t >= at
    return r.uniform(0, 0.6) * creak / np.abs(creak).max() * _bell(t, 0.5, 0.7) + started * (
        thud / np.abs(thud).max() + r.uniform(0, 0.5) * latch / np.abs(latch).max()
    )


def _footstep(r: Random) -> Wave:
    t = _time(r.uniform(0.12, 0.35))
    thump = np.sin(2 * np.pi * r.uniform(55, 130) * t) * _decay(t, r.uniform(0.06, 0.15))
    gap = r.uniform(0.04, 0.12)
    grit = _noise(len(t), r.uniform(150, 800), r.uniform(1500, 5000), r)
    step = _decay(t, r.uniform(0.06, 0.18)) + r.uniform(0, 0.8) * (t > gap) * _decay(
        np.maximum(t - gap, 0), r.uniform(0.05, 0.15)
    )
    return r.uniform(0.2, 1) * thump + grit / np.abs(grit).max() * step


def _sword_whoosh(r: Random) -> Wave:
    t = _time(r.uniform(0.15, 0.45))
    arc = _bell(t, r.uniform(0.3, 0.6), 1.0)
    centre = r.uniform(400, 1200) + r.uniform(1500, 5000) * arc
    wave = _noise(len(t), centre * 0.6, centre * 1.6, r) * _bell(t, r.uniform(0.35, 0.65), 1.6)
    wave /= np.abs(wave).max()
    if r.random() < 0.3:
        ring = _tone(np.full(len(t), r.uniform(2000, 5000)), "bell", r)
        wave += r.uniform(0.05, 0.3) * ring * _decay(t, r.uniform(0.1, 0.4))
    return wave


def _hit_impact(r: Random) -> Wave:
    t = _time(r.uniform(0.12, 0.45))
    fall = r.uniform(120, 320) * 10 ** (-t / r.uniform(0.1, 0.4))
    thump = _tone(fall, "sine", r) * _decay(t, r.uniform(0.08, 0.3))
    crack = _noise(len(t), r.uniform(60, 500), r.uniform(1500, 8000), r)
    crack = crack / np.abs(crack).max() * _decay(t, r.uniform(0.05, 0.3), 0.0008)
    return r.uniform(0.1, 1) * thump + crack


def _explosion(r: Random) -> Wave:
    t = _time(r.uniform(0.5, 1.4))
    high = r.uniform(1500, 6000) * 10 ** (-t / r.uniform(0.4, 1.2)) + r.uniform(80, 300)
    wave = _noise(len(t), 25.0, high, r) * _decay(t, t[-1] * r.uniform(0.8, 1.6), 0.004)
    rumble = _noise(len(t), 20.0, 90.0, r) * _decay(t, t[-1], 0.02)
    return wave / np.abs(wave).max() + r.uniform(0.1, 0.8) * rumble / np.abs(rumble).max()


def _gunshot(r: Random) -> Wave:
    t = _time(r.uniform(0.2, 0.8))
    crack = _noise(len(t), 150.0, 10000.0, r) * _decay(t, r.uniform(0.04, 0.12), 0.0005)
    tail = _noise(len(t), 60.0, r.uniform(500, 2500), r) * _decay(t, t[-1], 0.001)
    boom = np.sin(2 * np.pi * r.uniform(60, 140) * t * (1 - 0.3 * t)) * _decay(t, 0.2)
    wave: Wave = crack / np.abs(crack).max() + 0.5 * tail / np.abs(tail).max()
    return wave + r.uniform(0.1, 0.6) * boom


def _laser(r: Random) -> Wave:
    t = _time(r.uniform(0.1, 0.45))
    high, low = r.uniform(1200, 3500), r.uniform(120, 500)
    if r.random() < 0.15:
        high, low = low, high
    hertz = high * (low / high) ** (t / t[-1]) ** r.uniform(0.5, 1.0)
    hertz = hertz * (1 + r.uniform(0, 0.06) * np.sin(2 * np.pi * r.uniform(15, 60) * t))
    shape = str(r.choice(["square", "saw", "sine", "triangle"]))
    return _tone(hertz, shape, r) * _decay(t, t[-1] * r.uniform(0.9, 2.5))


def _powerup(r: Random) -> Wave:
    t = _time(r.uniform(0.3, 0.9))
    start = r.uniform(180, 500)
    climb = r.uniform(1.0, 2.4) * t / t[-1]
    if r.random() < 0.5:
        climb = np.floor(climb * 12 / 4) * 4 / 12  # arpeggio in thirds
    vibrato = 1 + r.uniform(0, 0.04) * np.sin(2 * np.pi * r.uniform(6, 22) * t)
    shape = str(r.choice(["square", "triangle", "saw", "sine"]))
    return _tone(start * 2**climb * vibrato, shape, r) * _decay(t, t[-1] * r.uniform(2, 4), 0.008)


def _pickup(r: Random) -> Wave:
    f = r.uniform(450, 1100)
    steps = [1.0, float(r.choice([5 / 4, 4 / 3, 3 / 2])), float(r.choice([3 / 2, 2.0]))]
    count = int(r.integers(2, 4))
    gap = r.uniform(0.05, 0.1)
    shape = str(r.choice(["triangle", "sine", "bell"]))
    return _notes([f * s for s in steps[:count]], [gap] * count, shape, r.uniform(0.15, 0.4), r)


def _jump(r: Random) -> Wave:
    t = _time(r.uniform(0.14, 0.38))
    start = r.uniform(140, 380)
    hertz = start * (r.uniform(1.8, 3.5) ** (t / t[-1]))
    shape = str(r.choice(["square", "triangle", "sine"]))
    return _tone(hertz, shape, r) * _decay(t, t[-1] * r.uniform(1.5, 4), 0.004)


def _magic(r: Random) -> Wave:
    t = _time(r.uniform(0.6, 1.4))
    base = r.uniform(500, 1100)
    wave = np.zeros_like(t)
    rising = float(r.choice([-0.5, 0.5, 1.0]))
    for step in r.choice([1, 9 / 8, 5 / 4, 3 / 2, 5 / 3, 2, 9 / 4, 5 / 2, 3], 5, replace=False):
        begin = r.uniform(0, 0.4) * t[-1]
        late = np.maximum(t - begin, 0)
        hertz = base * step * 2 ** (rising * t / t[-1])
        trill = 1 + 0.4 * np.sin(2 * np.pi * r.uniform(5, 14) * t + r.uniform(0, 6))
        wave += (t > begin) * _tone(hertz, "sine", r) * _decay(late, t[-1], 0.03) * trill
    shimmer = _noise(len(t), 4000.0, 10000.0, r) * _bell(t, 0.4, 1.0)
    wave /= np.abs(wave).max()
    return wave + r.uniform(0.03, 0.25) * shimmer / np.abs(shimmer).max()


def _fire(r: Random) -> Wave:
    t = _time(r.uniform(0.6, 1.4))
    roar = _noise(len(t), 40.0, r.uniform(300, 1500), r)
    flutter = np.interp(t, np.arange(0, t[-1] + 0.06, 0.05), r.uniform(
        0.3, 1, len(np.arange(0, t[-1] + 0.06, 0.05))))  # fmt: skip
    sparks = np.zeros(len(t))
    for at in r.integers(0, len(t), int(r.uniform(8, 40) * t[-1])):
        length = min(len(t) - at, int(r.integers(40, 300)))
        spark = r.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
        sparks[at : at + length] += spark * r.uniform(0.2, 1)
    swell = _bell(t, r.uniform(0.1, 0.5), r.uniform(0.2, 0.8))
    wave: Wave = roar / np.abs(roar).max() * flutter * swell
    return wave + r.uniform(0.1, 0.5) * sparks / (np.abs(sparks).max() + 1e-9) * swell


def _monster_voice(r: Random) -> Wave:
    t = _time(r.uniform(0.3, 1.3))
    n = len(t)
    contour = np.interp(t, np.linspace(0, t[-1], 5), r.uniform(0.7, 1.3, 5))
    jitter = 1 + 0.06 * _noise(n, 5.0, 60.0, r)
    voice = _tone((r.uniform(50, 170) * contour * jitter).clip(30, 400), "saw", r)
    voice += r.uniform(0.2, 1.2) * _noise(n, 100.0, 4000.0, r)
    spectrum = np.fft.rfft(voice)
    hertz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE)
    gain = np.full(len(hertz), 0.05)
    for centre in (r.uniform(250, 700), r.uniform(700, 1600), r.uniform(1800, 2800)):
        gain += 1 / (1 + ((hertz - centre) / (0.12 * centre)) ** 2)
    growl = 1 + r.uniform(0, 0.8) * np.sin(2 * np.pi * r.uniform(18, 45) * t)
    return np.fft.irfft(spectrum * gain, n) * growl * _bell(t, r.uniform(0.1, 0.4), 0.6)


def _win_jingle(r: Random) -> Wave:
    root = r.uniform(260, 620)
    chord = [1, 5 / 4, 3 / 2, 2, 5 / 2, 3]
    count = int(r.integers(3, 7))
    gap = r.uniform(0.07, 0.15)
    shape = str(r.choice(["square", "triangle", "bell", "saw"]))
    ring = r.uniform(0.25, 0.7)
    return _notes([root * s for s in chord[:count]], [gap] * count, shape, ring, r)


def _lose(r: Random) -> Wave:
    shape = str(r.choice(["square", "triangle", "saw"]))
    if r.random() < 0.4:
        t = _time(r.uniform(0.5, 1.3))
        hertz = r.uniform(400, 800) * 2 ** (-r.uniform(1, 2.5) * t / t[-1])
        hertz = hertz * (1 + 0.04 * np.sin(2 * np.pi * r.uniform(5, 12) * t))
        return _tone(hertz, shape, r) * _decay(t, t[-1] * 3, 0.006)
    root = r.uniform(300, 560)
    steps = [2.0, 5 / 3, 3 / 2, 6 / 5, 1.0][-int(r.integers(3, 6)) :]
    gap = r.uniform(0.12, 0.22)
    return _notes([root * s for s in steps], [gap] * len(steps), shape, r.uniform(0.25, 0.6), r)


def _alert_error(r: Random) -> Wave:
    count = int(r.integers(1, 4))
    on, off = r.uniform(0.08, 0.25), r.uniform(0.03, 0.1)
    low = r.random() < 0.6
    f = r.uniform(90, 260) if low else r.uniform(700, 1800)
    t = _time(min(1.4, count * (on + off)))
    shape = str(r.choice(["square", "saw"]))
    gate = ((t % (on + off)) < on).astype(float)
    gate = np.convolve(gate, np.ones(60) / 60, "same")
    two = float(r.choice([1.0, 1.0, 0.84, 1.06]))
    hertz = f * np.where((t // (on + off)) % 2 == 1, two, 1.0)
    return _tone(hertz, shape, r) * gate


def _engine_mech(r: Random) -> Wave:
    t = _time(r.uniform(0.7, 1.4))
    drift = 1 + r.uniform(-0.3, 0.3) * t / t[-1] + 0.01 * _noise(len(t), 1.0, 20.0, r)
    f = r.uniform(35, 110)
    motor = _tone((f * drift).clip(25, 300), "saw", r)
    motor *= 1 + r.uniform(0, 0.7) * np.sin(2 * np.pi * f / 2 * t)
    hiss = _noise(len(t), 200.0, r.uniform(1500, 5000), r)
    wave: Wave = motor / np.abs(motor).max() + r.uniform(0.1, 0.6) * hiss / np.abs(hiss).max()
    return wave * _bell(t, 0.3, 0.2)


def _cloth_leather(r: Random) -> Wave:
    t = _time(r.uniform(0.15, 0.6))
    count = int(r.integers(3, 9))
    flutter = np.interp(t, np.linspace(0, t[-1], count), r.uniform(0.05, 1, count))
    wave = _noise(len(t), r.uniform(400, 1800), r.uniform(3000, 9000), r) * flutter
    return wave * _bell(t, r.uniform(0.2, 0.6), r.uniform(0.5, 1.2))


RECIPES: dict[str, Recipe] = {
    "coin": _coin,
    "ui_click": _ui_click,
    "door": _door,
    "footstep": _footstep,
    "sword_whoosh": _sword_whoosh,
    "hit_impact": _hit_impact,
    "explosion": _explosion,
    "gunshot": _gunshot,
    "laser": _laser,
    "powerup": _powerup,
    "pickup": _pickup,
    "jump": _jump,
    "magic": _magic,
    "fire": _fire,
    "monster_voice": _monster_voice,
    "win_jingle": _win_jingle,
    "lose": _lose,
    "alert_error": _alert_error,
    "engine_mech": _engine_mech,
    "cloth_leather": _cloth_leather,
}
