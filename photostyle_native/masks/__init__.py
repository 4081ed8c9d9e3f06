"""Masks that were given: label images, the palettes they are painted in, and pairs of masks that correspond."""
