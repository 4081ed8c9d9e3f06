"""Masks from the user: label images, the palettes that they are painted in, and pairs of masks that correspond."""
