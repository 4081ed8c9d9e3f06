// The types in which features of a network come.
#pragma once

namespace photostyle {

enum class FeatureType : int { kFloat = 0, kDouble = 1, kBFloat16 = 2, kHalf = 3 };  // kHalf: CUDA only

}  // namespace photostyle
