"""The entry point of `python -m photostyle_native`, which is the same program as `photostyle`."""

from .cli.start import main

raise SystemExit(main())
