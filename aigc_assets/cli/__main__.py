"""``python -m aigc_assets.cli``."""

from aigc_assets.cli import main

main()
