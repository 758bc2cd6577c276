"""Tensor operations: a plain-torch reference each, overridden by native kernels where built."""
