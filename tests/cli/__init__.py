"""A package, because color-matcher puts a script cli.py beside pytest, which would be found before a plain folder."""
