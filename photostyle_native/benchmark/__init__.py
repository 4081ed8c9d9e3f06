"""What the kernels and a GPU buy on this machine: jobs, the same jobs done by peers, and honest timings of both.

`photostyle bench` runs it; so do the pytest-benchmark suites in ``bench/`` of the source tree. A *family* is a job (a
module of `cases`), a *case* one size of it with data, and a *way* one implementation: ours or a peer's. Every way is
checked against the others before it is timed, and a way that cannot run here is listed with the reason.
"""
