// The Matting Laplacian's product and the guided filter on CUDA, for any radius, type and number of channels and all
// in double precision (any_radius.cu). The contract is that of matting_laplacian/params.h and kernels.def. The
// launcher in radius1.cu, whose kernel serves the most common case, calls this for all others.
#pragma once

#include <cuda_runtime.h>

#include "matting_laplacian/params.h"

namespace photostyle {
namespace cuda {

size_t window_filter_scratch(const MattingLaplacianParams&);
cudaError_t window_filter(const MattingLaplacianParams&, cudaStream_t);

}  // namespace cuda
}  // namespace photostyle
