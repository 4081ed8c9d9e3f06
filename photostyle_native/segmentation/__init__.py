"""Regions found in the photos themselves, for transfers without masks; `automatic` has the table of sources."""
