// The arithmetic of one window, shared by all kernels that fit a linear colour model in a window: the Matting
// Laplacian, the guided filter and the locally affine map.
//
// Given sums over the n pixels of a window, of the guide colours I and of one channel x,
//
//     M = sum I I^T - (sum I)(sum I)^T / n + ridge Id        (n times the covariance, regularised)
//     c = sum I x   - (sum I)(sum x)   / n
//     a = M^-1 c                                             (3-vector)
//     b = (sum x - a . sum I) / n
//
// M is eliminated without fractions (Bareiss 1968) and not inverted through its adjugate: in a grey window only the
// ridge keeps M from being singular, and the adjugate form takes the difference of large products as its last step,
// where all digits cancel. Here every minor is a difference of two products of accurate numbers, and a window needs
// one division. Since M >= ridge Id, each pivot is at least the ridge; clamping it there only removes rounding error.
#pragma once

#include "common/inline.h"

namespace photostyle {

// The symmetric 3x3 matrix M after elimination. V is double, or a vector of doubles with one window per element.
template <typename V>
struct Factor3 {
  V m11, m12, m13;  // first row of M
  V c22, c23;       // second row after eliminating the first unknown: minors m11 m_ij - m_1i m_1j
  V r1, r2, r3;     // reciprocals of m11, c22 and c22 c33 - c23^2
};

// The factors of M, given its upper triangle with the ridge added, and the ridge.
template <typename V>
PHOTOSTYLE_INLINE Factor3<V> factorise3(V m11, V m12, V m13, V m22, V m23, V m33, V ridge) {
  Factor3<V> f;
  f.m11 = m11 > ridge ? m11 : ridge;
  f.m12 = m12;
  f.m13 = m13;
  const V least2 = f.m11 * ridge;
  V c22 = f.m11 * m22 - m12 * m12;
  f.c22 = c22 > least2 ? c22 : least2;
  f.c23 = f.m11 * m23 - m12 * m13;
  const V c33 = f.m11 * m33 - m13 * m13;
  const V least3 = f.c22 * least2, d = f.c22 * c33 - f.c23 * f.c23;
  const V d3 = d > least3 ? d : least3;
  const V first = f.m11 * f.c22;
  const V all = 1.0 / (first * d3);
  const V rest = all * d3;
  f.r1 = rest * f.c22;
  f.r2 = rest * f.m11;
  f.r3 = all * first;
  return f;
}

// Solves M a = c.
template <typename V>
PHOTOSTYLE_INLINE void solve3(const Factor3<V>& f, V c1, V c2, V c3, V& a1, V& a2, V& a3) {
  const V e2 = f.m11 * c2 - f.m12 * c1;
  const V e3 = f.m11 * c3 - f.m13 * c1;
  a3 = (f.c22 * e3 - f.c23 * e2) * f.r3;
  a2 = (e2 - f.c23 * a3) * f.r2;
  a1 = (c1 - f.m12 * a2 - f.m13 * a3) * f.r1;
}

}  // namespace photostyle
