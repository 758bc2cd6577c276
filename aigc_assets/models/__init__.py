"""Network architectures, one paper per file; `MODELS` is the only place that names them.

A model file holds a config dataclass with a ``tiny`` preset (for tests) and the module, which is
built from that config alone. `aigc_assets.models.checkpoint` loads and saves them.
"""

from __future__ import annotations

from typing import NamedTuple


class ModelEntry(NamedTuple):
    """Where a model lives: kind of asset, module, names of the network and config classes."""

    kind: str
    module: str
    network: str
    config: str


MODELS: dict[str, ModelEntry] = {
    # name: ModelEntry(kind, module, network class, config class)
    "character_cvae": ModelEntry(
        "character", "aigc_assets.models.slot_cvae", "SlotCvae", "SlotCvaeConfig"
    ),
    "sprite_upscaler": ModelEntry(
        "character",
        "aigc_assets.models.dynamic_upsampling",
        "DynamicUpsampling",
        "DynamicUpsamplingConfig",
    ),
    "palette_mdn": ModelEntry(
        "character",
        "aigc_assets.models.mixture_density",
        "MixtureDensity",
        "MixtureDensityConfig",
    ),
    "people16_mixer": ModelEntry(
        "character", "aigc_assets.models.slot_mixer", "SlotMixer", "SlotMixerConfig"
    ),
    "creatures16_mixer": ModelEntry(
        "character", "aigc_assets.models.slot_mixer", "SlotMixer", "SlotMixerConfig"
    ),
    "beasts16_mixer": ModelEntry(
        "character", "aigc_assets.models.slot_mixer", "SlotMixer", "SlotMixerConfig"
    ),
    "poses16_decoder": ModelEntry(
        "character", "aigc_assets.models.pose_decoder", "PoseDecoder", "PoseDecoderConfig"
    ),
    "prompt_tagger": ModelEntry(
        "character", "aigc_assets.models.prompt_tagger", "PromptTagger", "PromptTaggerConfig"
    ),
    "doll_cvae": ModelEntry(
        "character", "aigc_assets.models.slot_cvae", "SlotCvae", "SlotCvaeConfig"
    ),
    "crowd_gan": ModelEntry(
        "character", "aigc_assets.models.slot_gan", "SlotGenerator", "SlotGanConfig"
    ),
    "map_sagan": ModelEntry("map", "aigc_assets.models.map_refiner", "MapGan", "MapGanConfig"),
    "relief_gan": ModelEntry(
        "terrain", "aigc_assets.models.relief_gan", "ReliefGenerator", "ReliefConfig"
    ),
    "map_maskgit": ModelEntry(
        "map", "aigc_assets.models.map_maskgit", "MapMaskgit", "MapMaskgitConfig"
    ),
    "sprite_fsq_vae": ModelEntry(
        "character", "aigc_assets.models.fsq_vae", "FsqVae", "FsqVaeConfig"
    ),
    "sprite_maskgit": ModelEntry(
        "character",
        "aigc_assets.models.sprite_maskgit",
        "SpriteMaskgit",
        "SpriteMaskgitConfig",
    ),
    "sound_vae": ModelEntry(
        "sound", "aigc_assets.models.spectral_vae", "SpectralVae", "SpectralVaeConfig"
    ),
    "dialogue_transformer": ModelEntry(
        "dialogue",
        "aigc_assets.models.decoder_transformer",
        "DecoderTransformer",
        "DecoderTransformerConfig",
    ),
}
