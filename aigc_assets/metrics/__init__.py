"""How good an asset is: functions with a documented range and direction, listed in `METRICS`.

Metrics take plain types or arrays, never torch networks of the generators they judge.
"""

from __future__ import annotations

METRICS: dict[str, tuple[str, str]] = {
    # name: (module, function)
    "distinct_n": ("aigc_assets.metrics.texts", "distinct_n"),
    "copy_rate": ("aigc_assets.metrics.texts", "copy_rate"),
    "bits_per_byte": ("aigc_assets.metrics.texts", "bits_per_byte"),
    "peak_level": ("aigc_assets.metrics.sounds", "peak_level"),
    "dc_offset": ("aigc_assets.metrics.sounds", "dc_offset"),
    "onset_time": ("aigc_assets.metrics.sounds", "onset_time"),
    "end_jump": ("aigc_assets.metrics.sounds", "end_jump"),
    "spectral_centroid": ("aigc_assets.metrics.sounds", "spectral_centroid"),
    "loudness": ("aigc_assets.metrics.sounds", "loudness"),
    "log_spectral_distance": ("aigc_assets.metrics.sounds", "log_spectral_distance"),
    "palette_leaks": ("aigc_assets.metrics.sprites", "palette_leaks"),
    "alpha_errors": ("aigc_assets.metrics.sprites", "alpha_errors"),
    "stray_pixels": ("aigc_assets.metrics.sprites", "stray_pixels"),
    "lone_colours": ("aigc_assets.metrics.sprites", "lone_colours"),
    "loop_seam": ("aigc_assets.metrics.sprites", "loop_seam"),
    "foreign_colours": ("aigc_assets.metrics.sprites", "foreign_colours"),
    "feet_off_pivot": ("aigc_assets.metrics.sprites", "feet_off_pivot"),
    "motion": ("aigc_assets.metrics.animations", "motion"),
    "head_flicker": ("aigc_assets.metrics.animations", "head_flicker"),
    "recognised": ("aigc_assets.metrics.animations", "recognised"),
    "colour_shares": ("aigc_assets.metrics.colour_words", "colour_shares"),
    "copy_share": ("aigc_assets.metrics.likeness", "copy_share"),
    "frechet_distance": ("aigc_assets.metrics.distributions", "frechet_distance"),
    "kernel_distance": ("aigc_assets.metrics.distributions", "kernel_distance"),
    "density_coverage": ("aigc_assets.metrics.distributions", "density_coverage"),
    "tile_pattern_kl": ("aigc_assets.metrics.tilemaps", "tile_pattern_kl"),
    "connected_share": ("aigc_assets.metrics.tilemaps", "connected_share"),
    "solvable_share": ("aigc_assets.metrics.tilemaps", "solvable_share"),
    "start_to_exit_share": ("aigc_assets.metrics.tilemaps", "start_to_exit_share"),
    "window_copy_share": ("aigc_assets.metrics.tilemaps", "window_copy_share"),
    "mean_hamming": ("aigc_assets.metrics.tilemaps", "mean_hamming"),
    "duplicate_share": ("aigc_assets.metrics.tilemaps", "duplicate_share"),
    "jump_difficulty": ("aigc_assets.metrics.jump_difficulty", "jump_difficulty"),
    "repeated_share": ("aigc_assets.metrics.tilemaps", "repeated_share"),
    "spectral_distance": ("aigc_assets.metrics.relief", "spectral_distance"),
    "height_distance": ("aigc_assets.metrics.relief", "height_distance"),
    "slope_distance": ("aigc_assets.metrics.relief", "slope_distance"),
    "coast_dimension": ("aigc_assets.metrics.relief", "coast_dimension"),
    "kind_share": ("aigc_assets.metrics.relief", "kind_share"),
}
