"""From a request to an asset: the only room where tensors become assets.

One file per kind with ``generate_<kind>(request, ...) -> Made``. Every pipeline is a pure function
of its request: same request, same machine, same bytes, whatever the thread count.
"""

from aigc_assets.pipelines.made import Made

__all__ = ["Made"]
