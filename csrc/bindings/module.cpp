// The extension module: the CPU kernels, the CUDA kernels if they were built, and what was built.
#include "bindings/kernels.h"
#include "dispatch/cpu_kernels.h"

namespace py = pybind11;

namespace photostyle {

void bind_cuda(py::module_& m);  // bindings/cuda.cpp

namespace {

void bind_cpu(py::module_& m) {
  py::dict kernels;
#define KERNEL(name, Params)                    \
  bind_kernel<Params>(                          \
      kernels, #name,                           \
      [](Params& p, int64_t threads) {          \
        p.threads = static_cast<int>(threads);  \
        return cpu_kernels().name##_scratch(p); \
      },                                        \
      [](const Params& p, int64_t) { cpu_kernels().name(p); });
#define CPU_KERNEL KERNEL
#define CUDA_KERNEL(name, Params)
#include "kernels.def"
  m.attr("kernels") = kernels;
}

}  // namespace
}  // namespace photostyle

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  using namespace photostyle;
  m.doc() = "Native kernels of photostyle_native. Private: use photostyle_native.ops.";
  m.attr("isa") = cpu_kernels().isa;
  m.attr("cuda_status") = PHOTOSTYLE_CUDA_STATUS;
  m.attr("compiler") = PHOTOSTYLE_COMPILER;
#ifdef _OPENMP
  m.attr("openmp") = true;
#else
  m.attr("openmp") = false;
#endif
#if defined(__x86_64__) && defined(__GNUC__)
  m.attr("bfloat16") = static_cast<bool>(__builtin_cpu_supports("avx512bf16"));  // processors with AMX have it, too
#else
  m.attr("bfloat16") = false;
#endif
  bind_cpu(m);
#ifdef PHOTOSTYLE_CUDA
  auto cuda = m.def_submodule("cuda", "The CUDA kernels, with device pointers and a stream.");
  bind_cuda(cuda);
#endif
}
