"""The benchmark: how long this package and its peers take for the same jobs on this machine.

`photostyle bench` runs it, and so do the pytest-benchmark suites in ``bench/`` of the source tree. A *family* is a
job (see the modules of `cases`), a *case* is the job at one size with its data, and a *way* is one implementation:
this package's, whose name starts with "ours", or a peer's. The ways' results are checked before they are timed, and a
way that cannot run is listed with the reason.
"""
