"""Training: data packing, one trainer, one task per kind of asset.

``python -m aigc_assets.training --all --data DIR --minutes-each N --device auto`` retrains every
shipped model from the arrays that ``aigc-assets data pack`` makes. It needs torch, numpy,
safetensors, tokenizers and OpenCV only.
"""

from __future__ import annotations

TASKS: dict[str, tuple[str, str]] = {
    # kind: (module, class); the order is the order of --all
    "map": ("aigc_assets.training.maps.grids", "MapTask"),
    "terrain": ("aigc_assets.training.maps.relief", "ReliefTask"),
    "map_tokens": ("aigc_assets.training.maps.tokens", "MapTokensTask"),
    "character": ("aigc_assets.training.characters.size64.people", "CharacterTask"),
    "upscaling": ("aigc_assets.training.characters.upscaling", "UpscalingTask"),
    "palette": ("aigc_assets.training.characters.palette_colours", "PaletteTask"),
    "people16": ("aigc_assets.training.characters.size16.tiny_people", "TinyPeopleTask"),
    "creatures16": ("aigc_assets.training.characters.size16.tiny_creatures", "TinyCreaturesTask"),
    "beasts16": ("aigc_assets.training.characters.size16.tiny_beasts", "TinyBeastsTask"),
    "poses16": ("aigc_assets.training.characters.size16.tiny_poses", "TinyPosesTask"),
    "doll": ("aigc_assets.training.characters.size32.dolls", "DollTask"),
    "prompt": ("aigc_assets.training.characters.words.prompts", "PromptTask"),
    "sprite": ("aigc_assets.training.characters.size32.sprite_tokens", "SpriteTokensTask"),
    "sprite_prior": ("aigc_assets.training.characters.size32.sprite_prior", "SpritePriorTask"),
    "crowd": ("aigc_assets.training.characters.size32.crowds", "CrowdTask"),
    "sound": ("aigc_assets.training.sounds.effects", "SoundTask"),
    "dialogue": ("aigc_assets.training.dialogue.writing", "DialogueTask"),
}

YARDSTICKS: dict[str, tuple[str, str]] = {
    "dcgan": ("aigc_assets.training.characters.dcgan", "DcganTask"),
    "dcgan16": ("aigc_assets.training.characters.dcgan", "Dcgan16Task"),
    "dcgan16_beasts": ("aigc_assets.training.characters.dcgan", "Dcgan16BeastsTask"),
    "dcgan64": ("aigc_assets.training.characters.dcgan", "Dcgan64Task"),
}
"""What newer models are measured against: trained by ``--only``, shipped by nobody."""
