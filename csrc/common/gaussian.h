// The Gaussian weights of bilateral filters as powers of two, for the CPU and the CUDA kernels.
#pragma once

#include "common/inline.h"

namespace photostyle {

// The factor k with 2^(k d^2) = exp(-d^2 / (2 sigma^2)).
PHOTOSTYLE_INLINE double exp2_scale(double sigma) { return -1.4426950408889634074 / (2.0 * sigma * sigma); }

}  // namespace photostyle
