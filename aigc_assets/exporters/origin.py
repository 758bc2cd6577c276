"""Where an asset comes from, as properties that travel inside the exported file.

References:
    IPTC NewsCodes, "Digital Source Type".
"""

from __future__ import annotations

from aigc_assets.types import AssetPack
from aigc_assets.types.validation import Scalar

_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def origin(pack: AssetPack | None, name: str) -> dict[str, Scalar]:
    """Properties ``aigc_*`` of the asset ``name``; none at all without a pack.

    ``aigc_source_type`` is the mark for machines: made by a trained model, or by rules alone.

    Args:
        pack: The pack that is exported, if there is one.
        name: Id of the asset in it.
    """
    if pack is None:
        return {}
    found: dict[str, Scalar] = {"aigc_pack": pack.name, "aigc_asset": name}
    made = pack.provenance.get(name)
    if made is not None:
        trained = bool(made.weights_sha256)
        source = "trainedAlgorithmicMedia" if trained else "algorithmicMedia"
        found |= {
            "aigc_source_type": _SOURCE_TYPE + source,
            "aigc_model": made.model,
            "aigc_seed": made.seed,
        }
        if made.weights_sha256:
            found["aigc_weights_sha256"] = made.weights_sha256
        if made.licences:
            found["aigc_licences"] = ", ".join(made.licences)
        if made.attributions:
            found["aigc_attributions"] = "; ".join(made.attributions)
    return found
