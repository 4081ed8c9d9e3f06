"""`python -m photostyle_native` is `photostyle`."""

from .cli import main

raise SystemExit(main())
