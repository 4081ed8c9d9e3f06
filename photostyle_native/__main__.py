"""The entry point of `python -m photostyle_native`, which is the same program as `photostyle`."""

from .cli.main import main

raise SystemExit(main())
