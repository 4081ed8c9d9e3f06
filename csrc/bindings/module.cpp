// The extension module: the CPU kernels, the CUDA kernels if they were built, and what was built.
#include "bindings/kernels.h"

#include "dispatch/cpu_kernels.h"

namespace py = pybind11;

namespace photostyle {
namespace {

struct Cpu {
  template <typename Params>
  static Params with(Params p, int64_t threads) {
    p.threads = static_cast<int>(threads);
    return p;
  }

  static size_t scratch(const MattingLaplacianParams& p, int64_t n) { return matting_laplacian_scratch(with(p, n)); }
  static size_t scratch(const MaskedGramParams& p, int64_t n) { return masked_gram_scratch(with(p, n)); }
  static size_t scratch(const MaskedGramBackwardParams& p, int64_t n) {
    return masked_gram_backward_scratch(with(p, n));
  }
  static size_t scratch(const LocalAffineFitParams& p, int64_t n) { return local_affine_fit_scratch(with(p, n)); }
  static size_t scratch(const LocalAffineSmoothParams& p, int64_t n) {
    return local_affine_smooth_scratch(with(p, n));
  }
  static size_t scratch(const LocalAffineUpsampleParams& p, int64_t n) {
    return local_affine_upsample_scratch(with(p, n));
  }
  static size_t scratch(const BilateralSliceParams& p, int64_t n) { return bilateral_slice_scratch(with(p, n)); }
  static size_t scratch(const BilateralGridBackwardParams& p, int64_t n) {
    return bilateral_grid_backward_scratch(with(p, n));
  }

  static void run(const MattingLaplacianParams& p, int64_t n) { cpu_kernels().matting_laplacian(with(p, n)); }
  static void run(const MaskedGramParams& p, int64_t n) { cpu_kernels().masked_gram(with(p, n)); }
  static void run(const MaskedGramBackwardParams& p, int64_t n) { cpu_kernels().masked_gram_backward(with(p, n)); }
  static void run(const LocalAffineFitParams& p, int64_t n) { cpu_kernels().local_affine_fit(with(p, n)); }
  static void run(const LocalAffineSmoothParams& p, int64_t n) { cpu_kernels().local_affine_smooth(with(p, n)); }
  static void run(const LocalAffineUpsampleParams& p, int64_t n) { cpu_kernels().local_affine_upsample(with(p, n)); }
  static void run(const BilateralSliceParams& p, int64_t n) { cpu_kernels().bilateral_slice(with(p, n)); }
  static void run(const BilateralGridBackwardParams& p, int64_t n) {
    cpu_kernels().bilateral_grid_backward(with(p, n));
  }
};

}  // namespace

void bind_cuda(py::module_& m);  // bindings/cuda.cpp

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
  bind_kernels<Cpu>(m);
#ifdef PHOTOSTYLE_CUDA
  auto cuda = m.def_submodule("cuda", "The CUDA kernels, with device pointers and a stream.");
  bind_cuda(cuda);
#endif
}
