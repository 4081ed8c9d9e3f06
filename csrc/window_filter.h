// The Matting Laplacian's product and the guided filter on CUDA for any radius, types and number of channels, in
// double precision throughout (window_filter_cuda.cu). Same contract as matting_laplacian.h and cuda_kernels.h; the
// kernels in *_cuda.cu that serve one common case call this for all others.
#pragma once

#include <cuda_runtime.h>

#include "matting_laplacian.h"

namespace photostyle {
namespace cuda {

size_t window_filter_scratch(const MattingLaplacianParams&);
cudaError_t window_filter(const MattingLaplacianParams&, cudaStream_t);

}  // namespace cuda
}  // namespace photostyle
