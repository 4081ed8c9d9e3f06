"""Photographic style transfer with native kernels."""
