"""Build the CUDA kernels for the emulated device: python tests/simt/build.py FOLDER [--address] [--selftest]

The same csrc/*/*.cu files, compiled as plain C++ against the names in this folder, become the Python module
`photostyle_simt`. Every access to memory is watched for races (races.cpp), or, with --address, AddressSanitizer and
UndefinedBehaviorSanitizer watch it; the interpreter must then be started with libasan preloaded. With --selftest the
module holds no kernels but those that test the emulation.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
CSRC = HERE.parent.parent / "csrc"
PLAIN = ["-std=c++17", "-O1", "-g1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-Wall", "-Wextra"]
# min() and friends are defined for all files; CUDA's pragmas mean nothing to a C++ compiler.
PLAIN += ["-Wno-unknown-pragmas", "-Wno-unused-function", "-U_FORTIFY_SOURCE"]
ADDRESS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
RACES = ["-fsanitize=thread", "--param=tsan-instrument-func-entry-exit=0"]


def compiler() -> str | None:
    """The C++ compiler, $CXX or g++; None if there is none."""
    return shutil.which(os.environ.get("CXX", "g++"))


def build(folder: Path, address: bool = False, selftest: bool = False) -> Path:
    """Compile what has changed and link; returns the folder to put on sys.path."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # tests in several processes build it once
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(folder, address, selftest)


def _build(folder: Path, address: bool, selftest: bool) -> Path:
    import pybind11

    cxx = compiler()
    if cxx is None:
        raise RuntimeError("the emulated CUDA device needs a C++ compiler ($CXX or g++)")
    includes = [f"-I{p}" for p in (HERE, CSRC, pybind11.get_include(), sysconfig.get_paths()["include"])]
    watched, unwatched = (ADDRESS, ADDRESS) if address else (RACES, [])
    sources = [(HERE / "selftest.cu", watched)]
    sources += [(HERE / f"{name}.cpp", [*unwatched, "-O2"]) for name in ("simt", "races")]
    sources += [(HERE / "module.cpp", ["-DSIMT_SELFTEST_ONLY"] if selftest else [])]
    if not selftest:
        sources += [(path, watched) for path in sorted(CSRC.glob("*/*.cu"))]
        sources += [(CSRC / "bindings" / "cuda.cpp", unwatched)]
    headers = [p for root in (HERE, CSRC) for p in root.rglob("*") if p.suffix in (".h", ".cuh", ".def")]
    newest_header = max(p.stat().st_mtime for p in headers)

    def compile_one(job: tuple[Path, list[str]]) -> Path:
        source, flags = job
        target = folder / f"{source.parent.name}-{source.stem}.o"  # families have files of the same name
        if not target.exists() or target.stat().st_mtime < max(newest_header, source.stat().st_mtime):
            command = [cxx, *PLAIN, *flags, *includes, "-x", "c++", "-c", str(source), "-o", str(target)]
            subprocess.run(command, check=True)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    library = folder / f"photostyle_simt{sysconfig.get_config_var('EXT_SUFFIX')}"
    if library.exists() and library.stat().st_mtime >= max(o.stat().st_mtime for o in objects):
        return folder
    fresh = folder / "photostyle_simt.new"
    link = [cxx, "-shared", *(ADDRESS if address else []), *map(str, objects), "-o", str(fresh)]
    subprocess.run(link, check=True)
    fresh.replace(library)
    return folder


if __name__ == "__main__":
    try:
        print(build(Path(sys.argv[1]), "--address" in sys.argv[2:], "--selftest" in sys.argv[2:]))
    except subprocess.CalledProcessError as error:  # the compiler has said what is wrong
        sys.exit(error.returncode)
