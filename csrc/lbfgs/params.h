// A step of L-BFGS without line search, whose every decision is made where the data is. With loss f and gradient g at
// x, the last step s and the difference y = g - g' of the gradients, and m pairs (s_i, y_i) kept from before:
//
//     finite   = the sum of g is finite
//     good     = f <= best + (divergence - 1) abs(best), and finite       (true while there is no best)
//     better   = good and f < best                                        then best = f, best_x = x
//     accepted = good, the last step was good, and s.y > 1e-10 y.y        then (s, y) replaces the oldest pair
//     change   = -shrink H g                                              H from the pairs kept now
//     change   = -shrink g first_step / max abs(g)                        while there are none
//
// where, with S and Y the kept pairs as columns from the oldest on, D the diagonal and R the upper triangle of S^T Y,
// and gamma = s.y / y.y of the newest pair,
//
//     H = lr (gamma + [S, gamma Y] [[R^-T (D + gamma Y^T Y) R^-1, -R^-T], [-R^-1, 0]] [S, gamma Y]^T)
//
// If the step is not good, all pairs are dropped, shrink is halved and resets is raised by one. The caller moves x by
// `change`, or back to best_x if the step was not good.
//
// Pairs and vectors have the type of x. Products of vectors are summed in that type over at most 128 elements, and
// then in double; all else of size m is double. The launchers allocate nothing, and results do not depend on the
// number of threads.
//
// Source: Liu, Nocedal, On the limited memory BFGS method for large scale optimization (1989); H in the compact form
// of Byrd, Nocedal, Schnabel, Representations of quasi-Newton matrices (1994), Theorem 2.3.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/fields.h"

namespace photostyle {

// The places in LbfgsParams::numbers.
enum LbfgsNumber { kBest, kResets, kShrink, kPairs, kGood, kLbfgsNumbers };

constexpr double kLbfgsCurvature = 1e-10;  // a pair with s.y at most this times y.y shows no curvature

struct LbfgsParams {
  const void* loss = nullptr;      // [1] double
  const void* x = nullptr;         // [size] float or double, like the following
  const void* gradient = nullptr;  // [size]
  void* basis = nullptr;           // [2 history, pitch]: s_i in row 2 i, y_i in row 2 i + 1
  void* products = nullptr;        // [2 history, 2 history] double: the products of the basis' rows with its odd rows
  void* numbers = nullptr;        // [5] double, LbfgsNumber; kPairs counts the pairs accepted since they were dropped
  void* last_change = nullptr;    // [size]: s; afterwards the new change
  void* last_gradient = nullptr;  // [size]: g'; afterwards g
  void* best_x = nullptr;         // [size]
  std::byte* scratch = nullptr;   // lbfgs_step_scratch() bytes, 64-byte aligned
  int64_t size = 0;
  int64_t pitch = 0;
  int64_t history = 0;  // pairs that the basis can hold
  int64_t used = 0;     // pairs that may be kept, at most history
  double lr = 1.0;
  double first_step = 0.0;
  double divergence = 0.0;
  bool is_double = false;
  int threads = 1;

  PHOTOSTYLE_FIELDS(loss, x, gradient, basis, products, numbers, last_change, last_gradient, best_x, size, pitch,
                    history, used, lr, first_step, divergence, is_double)
};

}  // namespace photostyle
