// The arithmetic of one 3x3 window of the Matting Laplacian on a GPU (matting_laplacian/radius1.cu).
//
// A window has nine pixels, so a channel of guide or x has eight components in it besides its mean. They are taken
// first along each row of three pixels (l, c, r), and then across the means mu of the three rows, of which two form a
// pair and the third is single:
//
//     row    a = r - l        b = (l + r - 2 c) / sqrt 3                  for each of the three rows
//     pair   e = sqrt 3 (mu_second - mu_first)
//     single q = 2 mu_single - mu_first - mu_second
//
// Twice the window's covariance, times nine, is the sum of products of components without further weights. With F the
// 3x8 components of the guide in window w and X the 8 of a channel of x,
//
//     slope_w = (F F^T + 2 eps Id)^-1 F X        residual_w = X - F^T slope_w
//     out     = 1/2 sum_w (the transposed map from pixels to components) residual_w
//
// Components are differences of neighbouring pixels, so no large numbers cancel. F F^T is singular to within eps, so
// it is summed and eliminated in double; everything else is float. The guide's channels are taken as (G, R - G, B -
// G), which only changes the rounding: most of a photo's contrast is in G, and the weak directions keep more digits.
#pragma once

#include <cuda_runtime.h>

namespace photostyle {
namespace cuda {

constexpr float kRoot3 = 1.7320508f, kInvRoot3 = 0.57735027f;

// The pixels of one row that a lane's windows cover.
template <int C>
struct Pixels {
  float left[3 + C], mid[3 + C], right[3 + C];
};

// The components along one row.
template <int C>
struct Row {
  float a[3 + C], b[3 + C];
};

// Sums of products of components: of the guide with itself, and with each channel of x.
template <int C>
struct Moments {
  double guide[6];  // 00 01 02 11 12 22
  float cross[C][3];
};

template <int N>
__device__ __forceinline__ void to_green_and_differences(float (&v)[N]) {
  const float red = v[0], green = v[1], blue = v[2];
  v[0] = green;
  v[1] = red - green;
  v[2] = blue - green;
}

// sums += products of the components f
template <int C>
__device__ __forceinline__ void add_products(const float (&f)[3 + C], Moments<C>& sums) {
  const double g[3] = {f[0], f[1], f[2]};
#pragma unroll
  for (int i = 0, k = 0; i < 3; ++i)
#pragma unroll
    for (int j = i; j < 3; ++j, ++k) sums.guide[k] = fma(g[i], g[j], sums.guide[k]);
#pragma unroll
  for (int c = 0; c < C; ++c)
#pragma unroll
    for (int i = 0; i < 3; ++i) sums.cross[c][i] = fmaf(f[i], f[3 + c], sums.cross[c][i]);
}

template <int C>
__device__ __forceinline__ Moments<C> operator+(const Moments<C>& m, const Moments<C>& n) {
  Moments<C> sum;
#pragma unroll
  for (int k = 0; k < 6; ++k) sum.guide[k] = m.guide[k] + n.guide[k];
#pragma unroll
  for (int c = 0; c < C; ++c)
#pragma unroll
    for (int i = 0; i < 3; ++i) sum.cross[c][i] = m.cross[c][i] + n.cross[c][i];
  return sum;
}

// The components and moments of a row of pixels, with `ridge` in the moments, and its middle pixels.
template <int C>
__device__ __forceinline__ void take_row(Pixels<C> v, double ridge, float (&mid)[3 + C], Row<C>& row, Moments<C>& m) {
  to_green_and_differences(v.left);
  to_green_and_differences(v.mid);
  to_green_and_differences(v.right);
#pragma unroll
  for (int k = 0; k < 3 + C; ++k) {
    const float from_left = v.mid[k] - v.left[k], to_right = v.right[k] - v.mid[k];
    row.a[k] = from_left + to_right;
    row.b[k] = fmaf(kInvRoot3, to_right, -kInvRoot3 * from_left);
    mid[k] = v.mid[k];
  }
  m = {};
  // T T^T for the map T from (R, G, B) to (G, R - G, B - G).
  m.guide[0] = m.guide[4] = ridge;
  m.guide[1] = m.guide[2] = -ridge;
  m.guide[3] = m.guide[5] = 2 * ridge;
  add_products<C>(row.b, m);
  add_products<C>(row.a, m);
}

__device__ __forceinline__ float reciprocal(float x) { return __fdividef(1.0f, x); }

// slope = scale (F F^T + ridge)^-1 F X. Without rounding no pivot is less than `least`, the ridge.
template <int C>
__device__ __forceinline__ void solve(const Moments<C>& m, float scale, float least, float (&slope)[C][3]) {
  const double m11 = m.guide[0], m12 = m.guide[1], m13 = m.guide[2];
  const float r1 = reciprocal(static_cast<float>(m11));
  const double rough = r1, inverse = rough * fma(-m11, rough, 2.0);  // to 1e-14
  const double l21 = m12 * inverse, l31 = m13 * inverse;
  const double c22 = fma(-l21, m12, m.guide[3]), c23 = fma(-l21, m13, m.guide[4]), c33 = fma(-l31, m13, m.guide[5]);
  const float r2 = reciprocal(fmaxf(static_cast<float>(c22), least));
  const float minor = static_cast<float>(fma(c22, c33, -c23 * c23));
  const float s3 = scale * reciprocal(fmaxf(minor * r2, least)), s2 = scale * r2, s1 = scale * r1;
  const float f21 = static_cast<float>(l21), f31 = static_cast<float>(l31), f32 = static_cast<float>(c23) * r2;
#pragma unroll
  for (int c = 0; c < C; ++c) {
    const float v1 = m.cross[c][0], v2 = fmaf(-f21, v1, m.cross[c][1]);
    const float v3 = fmaf(-f32, v2, fmaf(-f31, v1, m.cross[c][2]));
    slope[c][2] = v3 * s3;
    slope[c][1] = fmaf(-f32, slope[c][2], v2 * s2);
    slope[c][0] = fmaf(-f21, slope[c][1], fmaf(-f31, slope[c][2], v1 * s1));
  }
}

// x - slope . f
template <int N>
__device__ __forceinline__ float residual(float x, const float (&slope)[3], const float (&f)[N]) {
  return fmaf(-slope[2], f[2], fmaf(-slope[1], f[1], fmaf(-slope[0], f[0], x)));
}

// Computes the slopes of a window. Its pair of rows has the moments `shared` and the step `pair`; its single row has
// the moments `own`, and `step` is the step between it and the pair. `rest` is the residual of q,
// which is taken downwards: lower rows minus upper rows.
template <int C>
__device__ __forceinline__ void fit_window(const Moments<C>& shared, const Moments<C>& own,
                                           const float (&pair)[3 + C], const float (&step)[3 + C], float live,
                                           float least, float (&slope)[C][3], float (&rest)[C]) {
  float q[3 + C];
#pragma unroll
  for (int k = 0; k < 3 + C; ++k) q[k] = fmaf(2 * kInvRoot3, step[k], kInvRoot3 * pair[k]);
  Moments<C> window = shared + own;
  add_products<C>(q, window);
  solve(window, live, least, slope);
#pragma unroll
  for (int c = 0; c < C; ++c) rest[c] = residual(live * q[3 + c], slope[c], q);
}

}  // namespace cuda
}  // namespace photostyle
