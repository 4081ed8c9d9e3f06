// The CUDA kernels' bindings. tests/simt compiles this file too, for its emulated device.
#include <stdexcept>
#include <string>

#include "bindings/kernels.h"
#include "dispatch/cuda_kernels.h"

namespace py = pybind11;

namespace photostyle {
namespace {

void check(cudaError_t error, const char* kernel) {
  if (error != cudaSuccess)
    throw std::runtime_error(std::string("photostyle: the CUDA kernel ") + kernel +
                             " failed to launch: " + cudaGetErrorString(error));
}

cudaStream_t stream(int64_t handle) { return reinterpret_cast<cudaStream_t>(handle); }

struct Cuda {
  static size_t scratch(const MattingLaplacianParams& p, int64_t) { return cuda::matting_laplacian_scratch(p); }
  static size_t scratch(const MaskedGramParams& p, int64_t) { return cuda::masked_gram_scratch(p); }
  static size_t scratch(const MaskedGramLossParams& p, int64_t) { return cuda::masked_gram_loss_scratch(p); }
  static size_t scratch(const MaskedGramBackwardParams& p, int64_t) { return cuda::masked_gram_backward_scratch(p); }
  static size_t scratch(const LocalAffineFitParams& p, int64_t) { return cuda::local_affine_fit_scratch(p); }
  static size_t scratch(const LocalAffineSmoothParams& p, int64_t) { return cuda::local_affine_smooth_scratch(p); }
  static size_t scratch(const LocalAffineUpsampleParams& p, int64_t) {
    return cuda::local_affine_upsample_scratch(p);
  }
  static size_t scratch(const BilateralSliceParams& p, int64_t) { return cuda::bilateral_slice_scratch(p); }
  static size_t scratch(const BilateralGridBackwardParams& p, int64_t) {
    return cuda::bilateral_grid_backward_scratch(p);
  }

  static void run(const MattingLaplacianParams& p, int64_t h) {
    check(cuda::matting_laplacian(p, stream(h)), "matting_laplacian");
  }
  static void run(const MaskedGramParams& p, int64_t h) { check(cuda::masked_gram(p, stream(h)), "masked_gram"); }
  static void run(const MaskedGramLossParams& p, int64_t h) {
    check(cuda::masked_gram_loss(p, stream(h)), "masked_gram_loss");
  }
  static void run(const MaskedGramBackwardParams& p, int64_t h) {
    check(cuda::masked_gram_backward(p, stream(h)), "masked_gram_backward");
  }
  static void run(const LocalAffineFitParams& p, int64_t h) {
    check(cuda::local_affine_fit(p, stream(h)), "local_affine_fit");
  }
  static void run(const LocalAffineSmoothParams& p, int64_t h) {
    check(cuda::local_affine_smooth(p, stream(h)), "local_affine_smooth");
  }
  static void run(const LocalAffineUpsampleParams& p, int64_t h) {
    check(cuda::local_affine_upsample(p, stream(h)), "local_affine_upsample");
  }
  static void run(const BilateralSliceParams& p, int64_t h) {
    check(cuda::bilateral_slice(p, stream(h)), "bilateral_slice");
  }
  static void run(const BilateralGridBackwardParams& p, int64_t h) {
    check(cuda::bilateral_grid_backward(p, stream(h)), "bilateral_grid_backward");
  }
};

}  // namespace

void bind_cuda(py::module_& m) {
  bind_kernels<Cuda>(m);
  m.def("masked_gram_loss_scratch", &Bindings<Cuda>::gram_scratch<MaskedGramLossParams>);
  m.def("masked_gram_loss", &Bindings<Cuda>::gram_loss);
}

}  // namespace photostyle
