// The table of the kernels of one instruction set. Compiled once per level, like the kernels themselves.
#include "dispatch/cpu_kernels.h"

#define PHOTOSTYLE_STRING_(x) #x
#define PHOTOSTYLE_STRING(x) PHOTOSTYLE_STRING_(x)

namespace photostyle {
namespace PHOTOSTYLE_ISA {

void matting_laplacian(const MattingLaplacianParams&);
void masked_gram(const MaskedGramParams&);
void masked_gram_backward(const MaskedGramBackwardParams&);
void local_affine_fit(const LocalAffineFitParams&);
void local_affine_smooth(const LocalAffineSmoothParams&);
void local_affine_upsample(const LocalAffineUpsampleParams&);
void bilateral_slice(const BilateralSliceParams&);
void bilateral_grid_backward(const BilateralGridBackwardParams&);

extern const CpuKernels kernels;
const CpuKernels kernels = {
    PHOTOSTYLE_STRING(PHOTOSTYLE_ISA_NAME),
    matting_laplacian,
    masked_gram,
    masked_gram_backward,
    local_affine_fit,
    local_affine_smooth,
    local_affine_upsample,
    bilateral_slice,
    bilateral_grid_backward,
};

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
