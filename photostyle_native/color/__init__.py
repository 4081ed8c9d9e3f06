"""Colours moved from one photo to another (`linear`, `transport`), and kept to be applied again (`look`)."""
