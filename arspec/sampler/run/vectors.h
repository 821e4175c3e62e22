// How many bytes a vector has on the processor that this is compiled for.

#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

// As many numbers as a vector holds.
template <typename T>
struct Of {
  typedef T Vector __attribute__((vector_size(BYTES)));
  static constexpr int LANES = BYTES / sizeof(T);

  static Vector at(const T* from) {
    Vector found;
    std::memcpy(&found, from, BYTES);
    return found;
  }
};
