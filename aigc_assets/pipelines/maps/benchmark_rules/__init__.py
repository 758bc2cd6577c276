"""Rule sets of a public benchmark of generators: small games with measured quality and control.

Each set follows the public problem definition of the PCG Benchmark: which cells there are, what a
good content is, and which numbers control it. `generate_for_benchmark` gives the content itself,
`generate_preset` the same as a playable `Tilemap`, which `to_pcg_benchmark` turns back.

The benchmark takes the content most like all others away until no two are alike; what is left is
the share of diverse ones. Seeds in a row are spread over what there is, so a hundred of them are
more diverse than a hundred seeds at random.

References:
    Khalifa et al., "The Procedural Content Generation Benchmark", arXiv:2503.21474.
"""

from aigc_assets.pipelines.maps.benchmark_rules.contents import (
    PRESETS,
    Preset,
    generate_for_benchmark,
)
from aigc_assets.pipelines.maps.benchmark_rules.encoding import to_pcg_benchmark
from aigc_assets.pipelines.maps.benchmark_rules.levels import generate_preset

__all__ = [
    "PRESETS",
    "Preset",
    "generate_for_benchmark",
    "generate_preset",
    "to_pcg_benchmark",
]
