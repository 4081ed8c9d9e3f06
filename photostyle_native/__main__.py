"""`python -m photostyle_native` is `photostyle`."""

from .cli.main import main

raise SystemExit(main())
