import subprocess
import sys

import numpy as np

from aigc_assets.pipelines.made import derive_seed, generator


def test_seed_depends_on_every_part_and_fits_the_lock_file():
    seeds = {derive_seed(s, *n) for s in (0, 1) for n in ((), ("a",), ("a", "b"), ("ab",))}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_generator_is_the_same_in_another_process():
    here = generator(derive_seed(7, "map", "keep")).integers(0, 2**62, 4)
    code = (
        "from aigc_assets.pipelines.made import derive_seed, generator;"
        "print(*generator(derive_seed(7, 'map', 'keep')).integers(0, 2**62, 4))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert np.array_equal(here, [int(part) for part in out.stdout.split()])
