// The Matting Laplacian's product and the guided filter on CUDA for any radius, types and number of channels, in
// double precision throughout (matting_laplacian/any_radius.cu). Same contract as matting_laplacian/params.h and
// dispatch/cuda_kernels.h; the kernels in the .cu files that serve one common case call this for all others.
#pragma once

#include <cuda_runtime.h>

#include "matting_laplacian/params.h"

namespace photostyle {
namespace cuda {

size_t window_filter_scratch(const MattingLaplacianParams&);
cudaError_t window_filter(const MattingLaplacianParams&, cudaStream_t);

}  // namespace cuda
}  // namespace photostyle
