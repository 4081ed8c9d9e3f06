"""The version, in a file of its own: the build reads it from here, and nothing needs to be imported for it."""

__version__ = "0.1.0"
