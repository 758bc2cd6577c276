"""Tensor operations: a plain-torch reference each, overridden by fused native kernels where built."""
