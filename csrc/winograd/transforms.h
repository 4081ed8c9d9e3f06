// The one-dimensional transforms of F(4, 3) with the points 0, 1, -1, 2, -2 and infinity (Lavin, Gray 2016), of
// numbers or of vectors. The two-dimensional ones are these on columns and then on rows.
#pragma once

#include "common/inline.h"

namespace photostyle {
namespace PHOTOSTYLE_ISA {

// Bt d: 6 inputs.
template <typename V>
PHOTOSTYLE_INLINE void transform_input(const V (&d)[6], V (&v)[6]) {
  const V even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];
  const V even2 = d[4] - d[2], odd2 = 2 * (d[3] - d[1]);
  v[0] = 4 * (d[0] - d[2]) + even2;
  v[1] = even + odd;
  v[2] = even - odd;
  v[3] = even2 + odd2;
  v[4] = even2 - odd2;
  v[5] = 4 * (d[1] - d[3]) + (d[5] - d[3]);
}

// At m: 4 outputs of 6 products.
template <typename V>
PHOTOSTYLE_INLINE void transform_output(const V (&m)[6], V (&y)[4]) {
  const V sum = m[1] + m[2], difference = m[1] - m[2];
  const V sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum + sum2;
  y[1] = difference + 2 * difference2;
  y[2] = sum + 4 * sum2;
  y[3] = difference + 8 * difference2 + m[5];
}

}  // namespace PHOTOSTYLE_ISA
}  // namespace photostyle
