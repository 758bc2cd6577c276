"""Sheets: put together, taken apart, compressed and mended."""
