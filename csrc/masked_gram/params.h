// Masked Gram matrices (Luan et al. 2017, eq. 5, with the masks squared as in the authors' released code):
//
//     G_k = sum_p m_k(p)^2 F(:,p) F(:,p)^T
//     dF(:,p) = sum_k m_k(p)^2 (D_k + D_k^T) F(:,p)      for the upstream gradient D
//
// No product of a mask and the features is formed beyond a block that fits the cache. Pixels whose mask is zero are
// skipped, so masks that do not overlap cost together what a single one does.
//
// Features are float, double or bfloat16; sums are float (double for double). The launchers allocate nothing, and
// results do not depend on the number of threads.
//
// With channels_last, which exists on CUDA for features of two bytes, the features and their gradient lie in memory
// as [batch, pixels, channels] instead. The channels are then a multiple of 8, both arrays are aligned to 16 bytes,
// and the loaded code is for compute capability 8.0 or newer (common/loaded_code.h). Such products are always of full
// accuracy, whatever tf32 says.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/feature_type.h"
#include "common/fields.h"

namespace photostyle {

struct MaskedGramParams {
  const void* features = nullptr;  // [batch, channels, pixels], FeatureType
  const void* masks = nullptr;     // [mask_batch, masks, pixels], float (double with double features)
  void* gram = nullptr;            // [batch, masks, channels, channels], type of the masks
  std::byte* scratch = nullptr;    // masked_gram_scratch() bytes, 64-byte aligned
  int64_t batch = 0;
  int64_t mask_batch = 0;  // batch, or 1: the same masks for all
  int64_t masks_count = 0;
  int64_t channels = 0;
  int64_t pixels = 0;
  FeatureType type = FeatureType::kFloat;
  bool tf32 = false;           // CUDA: round float features to TF32 instead of keeping float's accuracy
  bool channels_last = false;  // CUDA: the features' memory is [batch, pixels, channels]
  int threads = 1;

  PHOTOSTYLE_FIELDS(features, masks, gram, batch, mask_batch, masks_count, channels, pixels, type, tf32,
                    channels_last)
};

struct MaskedGramBackwardParams {
  const void* features = nullptr;  // [batch, channels, pixels], FeatureType
  const void* masks = nullptr;     // [mask_batch, masks, pixels], float (double with double features)
  const void* upstream = nullptr;  // [batch, masks, channels, channels], D, type of the masks
  void* grad = nullptr;            // [batch, channels, pixels], FeatureType
  std::byte* scratch = nullptr;    // masked_gram_backward_scratch() bytes, 64-byte aligned
  int64_t batch = 0;
  int64_t mask_batch = 0;
  int64_t masks_count = 0;
  int64_t channels = 0;
  int64_t pixels = 0;
  FeatureType type = FeatureType::kFloat;
  bool tf32 = false;           // CUDA: round float features to TF32 instead of keeping float's accuracy
  bool channels_last = false;  // CUDA: the features' memory is [batch, pixels, channels]
  int threads = 1;

  PHOTOSTYLE_FIELDS(features, masks, upstream, grad, batch, mask_batch, masks_count, channels, pixels, type, tf32,
                    channels_last)
};

// The style term, CUDA only: the distance of every scaled Gram matrix to its target, and its gradient in G.
//
//     loss[b] = sum_k w_k sum_ij (s_k G_k,ij - T_k,ij)^2        upstream_k,ij = 2 w_k s_k (s_k G_k,ij - T_k,ij)
//
// G itself is not written; `upstream` is what the backward pass takes.
struct MaskedGramLossParams {
  const void* features = nullptr;  // [batch, channels, pixels], FeatureType
  const void* masks = nullptr;     // [mask_batch, masks, pixels], float (double with double features)
  const void* targets = nullptr;   // [target_batch, masks, channels, channels], T, type of the masks
  const void* scales = nullptr;    // [masks], s, type of the masks
  const void* weights = nullptr;   // [masks], w, type of the masks
  double* loss = nullptr;          // [batch]
  void* upstream = nullptr;        // [batch, masks, channels, channels], type of the masks
  std::byte* scratch = nullptr;    // masked_gram_loss_scratch() bytes, aligned to 256
  int64_t batch = 0;
  int64_t mask_batch = 0;    // batch, or 1: the same masks for all
  int64_t target_batch = 0;  // batch, or 1
  int64_t masks_count = 0;
  int64_t channels = 0;
  int64_t pixels = 0;
  FeatureType type = FeatureType::kFloat;
  bool tf32 = false;
  bool channels_last = false;

  PHOTOSTYLE_FIELDS(features, masks, targets, scales, weights, loss, upstream, batch, mask_batch, target_batch,
                    masks_count, channels, pixels, type, tf32, channels_last)
};

}  // namespace photostyle
