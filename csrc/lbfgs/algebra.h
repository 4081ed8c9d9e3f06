// What the step of lbfgs/params.h does between its two passes over the pairs: decisions, and the products with H in
// the basis of the pairs. It is the same on the CPU, where one thread calls it, and in a CUDA block.
#pragma once

#include <cmath>
#include <cstdint>

#include "common/inline.h"
#include "common/integers.h"
#include "lbfgs/params.h"

// A CUDA block can wait for its threads, and the host cannot.
#ifdef __CUDACC__
#define PHOTOSTYLE_TEAM_INLINE static __device__ __forceinline__
#else
#define PHOTOSTYLE_TEAM_INLINE PHOTOSTYLE_INLINE
#endif

namespace photostyle {

// The sums over all elements that concern the new vectors alone.
enum LbfgsSum { kSumG, kMaxG, kSY, kYY, kSG, kYG, kLbfgsSums };

// The scratch of the algebra, in doubles; what the second pass reads comes first.
struct LbfgsScratch {
  double* weights;  // [2 used]: change = shrink (sum_i weights_i basis_i - scale g), and shrink is in them already
  double* scale;    // [1]
  double* flags;    // [2]: better; the slot of the new pair, or -1
  double* with_y;   // [2 used]: the products of the basis' rows with y
  double* with_g;   // [2 used]
  double* sums;     // [kLbfgsSums]
  double* p;        // [used]
  double* q;        // [used]
};

// The number of doubles that make_lbfgs_scratch divides.
PHOTOSTYLE_INLINE int64_t lbfgs_scratch_size(int64_t used) { return 8 * used + 3 + kLbfgsSums; }

PHOTOSTYLE_INLINE LbfgsScratch make_lbfgs_scratch(double* at, int64_t used) {
  LbfgsScratch s;
  s.weights = at;
  s.scale = s.weights + 2 * used;
  s.flags = s.scale + 1;
  s.with_y = s.flags + 2;
  s.with_g = s.with_y + 2 * used;
  s.sums = s.with_g + 2 * used;
  s.p = s.sums + kLbfgsSums;
  s.q = s.p + used;
  return s;
}

// All threads of a team call this. `Team::each(n, f)` shares the indices 0 to n - 1 among them, and ends when all are
// done; `Team::one(f)` lets one thread call f, and ends when that has.
template <typename Team>
PHOTOSTYLE_TEAM_INLINE void lbfgs_algebra(const LbfgsParams& params, const LbfgsScratch& s, const Team& team) {
  double* numbers = static_cast<double*>(params.numbers);
  double* products = static_cast<double*>(params.products);
  const int64_t used = params.used, row = 2 * params.history;

  team.one([&] {
    const double loss = *static_cast<const double*>(params.loss), best = numbers[kBest];
    const bool first = best == HUGE_VAL;
    const double rise = first ? best : (params.divergence - 1) * fabs(best);
    const bool finite = s.sums[kSumG] - s.sums[kSumG] == 0;
    const bool good = loss <= best + rise && finite;
    const bool better = good && loss < best;
    const bool accepted = good && numbers[kGood] != 0 && s.sums[kSY] > kLbfgsCurvature * s.sums[kYY];
    if (better) numbers[kBest] = loss;
    numbers[kGood] = good;
    s.flags[0] = better;
    s.flags[1] = accepted ? static_cast<double>(static_cast<int64_t>(numbers[kPairs]) % used) : -1.0;
    numbers[kPairs] += accepted;
  });

  // The new pair takes its place among the products.
  const int64_t slot = static_cast<int64_t>(s.flags[1]);
  if (slot >= 0) {
    team.one([&] {
      s.with_y[2 * slot] = s.sums[kSY];
      s.with_y[2 * slot + 1] = s.sums[kYY];
      s.with_g[2 * slot] = s.sums[kSG];
      s.with_g[2 * slot + 1] = s.sums[kYG];
    });
    team.each(used, [&](int64_t i) {
      products[2 * i * row + 2 * slot + 1] = s.with_y[2 * i];
      products[(2 * i + 1) * row + 2 * slot + 1] = s.with_y[2 * i + 1];
      products[(2 * slot + 1) * row + 2 * i + 1] = s.with_y[2 * i + 1];
    });
  }

  const int64_t pairs = static_cast<int64_t>(numbers[kPairs]), kept = least(pairs, used);
  const int64_t oldest = pairs - kept;
  const auto place = [&](int64_t i) { return (oldest + i) % used; };
  const auto sy = [&](int64_t i, int64_t j) { return products[2 * place(i) * row + 2 * place(j) + 1]; };
  const auto yy = [&](int64_t i, int64_t j) { return products[(2 * place(i) + 1) * row + 2 * place(j) + 1]; };
  const double gamma = kept ? sy(kept - 1, kept - 1) / yy(kept - 1, kept - 1) : 0.0;

  // p = R^-1 S^T g
  team.each(kept, [&](int64_t i) { s.p[i] = s.with_g[2 * place(i)]; });
  for (int64_t j = kept - 1; j >= 0; --j) {
    const double solved = s.p[j] / sy(j, j);
    team.each(j, [&](int64_t i) { s.p[i] -= sy(i, j) * solved; });
    team.one([&] { s.p[j] = solved; });
  }
  // q = R^-T (D p + gamma (Y^T Y p - Y^T g))
  team.each(kept, [&](int64_t i) {
    double sum = -s.with_g[2 * place(i) + 1];
    for (int64_t j = 0; j < kept; ++j) sum += yy(i, j) * s.p[j];
    s.q[i] = sy(i, i) * s.p[i] + gamma * sum;
  });
  for (int64_t j = 0; j < kept; ++j) {
    const double solved = s.q[j] / sy(j, j);
    team.each(kept - 1 - j, [&](int64_t i) { s.q[j + 1 + i] -= sy(j, j + 1 + i) * solved; });
    team.one([&] { s.q[j] = solved; });
  }

  const double shrink = numbers[kShrink], length = params.lr * shrink;
  team.each(2 * used, [&](int64_t i) { s.weights[i] = 0.0; });
  team.each(kept, [&](int64_t i) {
    s.weights[2 * place(i)] = -length * s.q[i];
    s.weights[2 * place(i) + 1] = length * gamma * s.p[i];
  });
  team.one([&] {
    const double largest = s.sums[kMaxG] > 1e-30 ? s.sums[kMaxG] : 1e-30;
    *s.scale = kept ? length * gamma : shrink * params.first_step / largest;
    if (numbers[kGood] == 0) {
      numbers[kPairs] = 0.0;
      numbers[kShrink] = shrink / 2;
      numbers[kResets] += 1.0;
    }
  });
}

}  // namespace photostyle
