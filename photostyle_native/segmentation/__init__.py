"""Masks that are found in the photos themselves; `automatic` chooses how."""
