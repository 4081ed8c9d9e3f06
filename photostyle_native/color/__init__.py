"""Colour transfer between two photos (`linear`, `transport`), and its storage for use on other photos (`look`)."""
