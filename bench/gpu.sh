#!/usr/bin/env bash
# Checks and times the package on a machine with an NVIDIA GPU, without a network, in under nine minutes. It builds
# for the GPU, runs the tests on it, runs every kernel under compute-sanitizer, and times every kernel beside its
# peers. A failed step does not stop the next one; the exit status is 0 only if all steps passed.
#
#     bench/gpu.sh [FOLDER]        results go to FOLDER, or to $OUT, or to build/gpu-results
#
# Needs Python 3.11 or newer ($PYTHON, default python3) with torch, the package's other dependencies, pybind11 and pytest.
#
# Without a GPU the same steps are rehearsed: the CUDA code is compiled and runs in emulation (tests/simt), the
# compiler's sanitizers check it, and the CPU is timed with tiny photos, which is not a measurement.
set -uo pipefail
cd "$(dirname "$0")/.."
results=${1:-${OUT:-build/gpu-results}}
python=${PYTHON:-python3}
export python build=build/gpu site=build/gpu/site
export PYTHONSAFEPATH=1 # so that Python imports the package from $site and not from the checkout
mkdir -p "$results"
export PHOTOSTYLE_COMMIT=${PHOTOSTYLE_COMMIT:-$(git describe --always --dirty 2>/dev/null || echo unknown)}
failed=()

step() { # step NAME SECONDS COMMAND...: the output goes to NAME.log, and on failure its end to the terminal too
  local name=$1 limit=$2 start=$SECONDS
  shift 2
  if timeout "$limit" "$@" > "$results/$name.log" 2>&1; then
    echo "$name: passed in $((SECONDS - start)) s"
  else
    echo "$name: FAILED (status $?) after $((SECONDS - start)) s"
    tail -n 25 "$results/$name.log"
    failed+=("$name")
  fi
}

build_for_device() { # build_for_device ARCHITECTURE
  local generator=()
  command -v ninja > /dev/null && generator=(-G Ninja)
  cmake -S . -B "$build" "${generator[@]}" -DWITH_CUDA=ON -DPHOTOSTYLE_STRICT_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$1" \
    -DPython_EXECUTABLE="$(command -v "$python")" -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)" &&
    cmake --build "$build" --parallel "$(nproc)" && rm -rf "$site" && mkdir -p "$site" && cp -r photostyle_native "$site" &&
    rm -f "$site"/photostyle_native/ops/_core*.so && cmake --install "$build" --prefix "$site"
}
export -f build_for_device

if "$python" -c "import torch; raise SystemExit(not torch.cuda.is_available())"; then
  architecture=$("$python" -c "import torch; print('%d%d' % torch.cuda.get_device_capability())")
  "$python" -c "import torch; print(torch.cuda.get_device_name(), torch.__version__)"
  step build 150 bash -c "build_for_device $architecture"
  export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}
  step tests 150 "$python" -m pytest -q -p no:cacheprovider -m kernel -k "cuda and not emulated"
  if command -v compute-sanitizer > /dev/null; then
    only=()
    compute-sanitizer --help 2>&1 | grep -q -- --kernel-regex && only=(--kernel-regex kns=photostyle)
    for tool in memcheck racecheck initcheck synccheck; do
      # Without this setting, torch's cache of freed blocks would hide reads and writes outside a tensor.
      PYTORCH_NO_CUDA_MEMORY_CACHING=1 step "sanitizer-$tool" 90 compute-sanitizer --tool "$tool" "${only[@]}" \
        --error-exitcode 1 "$python" -m pytest -q -p no:cacheprovider tests/ops/test_cuda.py \
        -k "every_kernel_once and cuda and not emulated"
    done
  else
    echo "compute-sanitizer is not here"
    failed+=(sanitizer)
  fi
  # After 150 s no further case is begun, and the cases that were timed are written.
  step bench 200 "$python" -m photostyle_native bench --device cuda --sizes 700,1664 --limit 150 -o "$results"
  step transfer 90 "$python" bench/transfer_timing.py --device cuda -o "$results"
else
  echo "There is no GPU here: this is a rehearsal in emulation, and no figure of it is a measurement."
  step build 200 bash -c "build_for_device 90"
  export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}
  step tests 900 "$python" -m pytest -q -p no:cacheprovider -m kernel -k "emulated or simt"
  step sanitizer-address 600 tests/simt/sanitized "$python" -m pytest -q -p no:cacheprovider tests/ops/test_cuda.py -k "every_kernel_once and emulated"
  step bench 300 "$python" -m photostyle_native bench --device cpu --quick -o "$results"
  step transfer 200 "$python" bench/transfer_timing.py --device cpu --size 96 -o "$results"
fi
cat "$results/bench.log"
[ -f "$results/transfer.md" ] && cat "$results/transfer.md"
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
echo "all steps passed"
