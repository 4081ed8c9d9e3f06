// The CPU kernels of one instruction set, and the choice among them.
//
// Every */cpu.cpp file is compiled once per level (x86-64-v2, v3, v4; one level elsewhere) with PHOTOSTYLE_ISA set to
// the level's name, which is also the namespace its functions live in. Two rules keep the levels apart: everything
// but the entry points has internal linkage, and the files use no library templates. A template instantiated at two
// levels would be merged by the linker, and an old machine could be handed the copy with new instructions.
#pragma once

#include "bilateral_grid/params.h"
#include "local_affine/params.h"
#include "masked_gram/params.h"
#include "matting_laplacian/params.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#ifndef PHOTOSTYLE_INLINE
#define PHOTOSTYLE_INLINE static inline __attribute__((always_inline))
#endif

namespace photostyle {

struct CpuKernels {
  const char* isa;
  void (*matting_laplacian)(const MattingLaplacianParams&);
  void (*masked_gram)(const MaskedGramParams&);
  void (*masked_gram_backward)(const MaskedGramBackwardParams&);
  void (*local_affine_fit)(const LocalAffineFitParams&);
  void (*local_affine_smooth)(const LocalAffineSmoothParams&);
  void (*local_affine_upsample)(const LocalAffineUpsampleParams&);
  void (*bilateral_slice)(const BilateralSliceParams&);
  void (*bilateral_grid_backward)(const BilateralGridBackwardParams&);
};

// The best level this processor runs; PHOTOSTYLE_ISA in the environment may ask for a lower one (dispatch/cpu_dispatch.cpp).
const CpuKernels& cpu_kernels();

PHOTOSTYLE_INLINE int thread_index() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

}  // namespace photostyle
