// The backward pass of masked_gram/params.h for features with channels last (rows_backward.cu).
#pragma once

#include <cuda_runtime.h>

#include "masked_gram/params.h"

namespace photostyle {
namespace cuda {

size_t rows_backward_scratch(const MaskedGramBackwardParams&);
cudaError_t rows_backward(const MaskedGramBackwardParams&, cudaStream_t);

}  // namespace cuda
}  // namespace photostyle
