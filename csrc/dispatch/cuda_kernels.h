// The CUDA launchers, one per kernel of X.h, and the scratch that each needs.
//
// Parameters are those of the CPU kernels with device pointers in them; `threads` means nothing here. A launcher
// allocates nothing, never synchronises and reads nothing back, so every call can be captured in a CUDA graph. Two
// runs give the same bits: sums have a fixed order, and there are no floating-point atomics.
#pragma once

#include <cuda_runtime.h>

#include "bilateral_grid/params.h"
#include "local_affine/params.h"
#include "masked_gram/params.h"
#include "matting_laplacian/params.h"

namespace photostyle {
namespace cuda {

// Bytes of device memory, aligned to 256, that a call may use while it runs.
size_t matting_laplacian_scratch(const MattingLaplacianParams&);
size_t masked_gram_scratch(const MaskedGramParams&);
size_t masked_gram_loss_scratch(const MaskedGramLossParams&);
size_t masked_gram_backward_scratch(const MaskedGramBackwardParams&);
size_t local_affine_fit_scratch(const LocalAffineFitParams&);
size_t local_affine_smooth_scratch(const LocalAffineSmoothParams&);
size_t local_affine_upsample_scratch(const LocalAffineUpsampleParams&);
size_t bilateral_slice_scratch(const BilateralSliceParams&);
size_t bilateral_grid_backward_scratch(const BilateralGridBackwardParams&);

cudaError_t matting_laplacian(const MattingLaplacianParams&, cudaStream_t);
cudaError_t masked_gram(const MaskedGramParams&, cudaStream_t);
cudaError_t masked_gram_loss(const MaskedGramLossParams&, cudaStream_t);
cudaError_t masked_gram_backward(const MaskedGramBackwardParams&, cudaStream_t);
cudaError_t local_affine_fit(const LocalAffineFitParams&, cudaStream_t);
cudaError_t local_affine_smooth(const LocalAffineSmoothParams&, cudaStream_t);
cudaError_t local_affine_upsample(const LocalAffineUpsampleParams&, cudaStream_t);
cudaError_t bilateral_slice(const BilateralSliceParams&, cudaStream_t);
cudaError_t bilateral_grid_backward(const BilateralGridBackwardParams&, cudaStream_t);

}  // namespace cuda
}  // namespace photostyle
