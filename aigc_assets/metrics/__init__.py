"""How good an asset is: functions with a documented range and direction, listed in `METRICS`.

Metrics take plain types or arrays, never torch networks of the generators they judge.
"""

from __future__ import annotations

METRICS: dict[str, tuple[str, str]] = {
    # name: (module, function)
}
