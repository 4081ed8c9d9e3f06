// The number of the OpenMP thread that runs, 0 where there is no OpenMP. For the CPU kernels.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

#include "common/simd.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {

PHOTOSTYLE_INLINE int thread_index() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
