// One step of a selective state space, of all channels of some examples: see `advance` of arspec/layers/selective_scan.py.
//
// Each vector of channels goes through its states once, which are read and written once; as calls of torch, states are gone
// through six times. How many examples there are, and how many threads, changes no bit.

#include <cmath>

#include "vectors.h"

// Channels lie side by side, in whole vectors. Of an example how far it is from the next one: x and the step after its
// softplus [channels], what is fed and what is read [states], and the states, before and after [states, channels].
struct SelectiveStep {
  std::int64_t batch, states, channels, x, step, fed, read, before, after, threads;
};

constexpr std::int64_t SOON = 8;  // vectors for which earlier states are asked of memory before they are needed

// exp of numbers up to 0; of floats with an error of two units in the last place, and no result below the least normal one.
static Of<float>::Vector decayed(Of<float>::Vector x) {
  typedef std::int32_t Whole __attribute__((vector_size(BYTES)));
  const Of<float>::Vector least = Of<float>::Vector{} - 87.0f, shift = Of<float>::Vector{} + 12582912.0f;  // 1.5 · 2^23
  x = x < least ? least : x;
  const Of<float>::Vector moved = x * 1.44269504f + shift;  // its last bits are the whole number of halvings
  const Of<float>::Vector n = moved - shift, r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Of<float>::Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;  // Cephes, expf
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  Whole bits, exponent;
  std::memcpy(&bits, &p, BYTES);
  std::memcpy(&exponent, &moved, BYTES);
  bits += exponent << 23;
  std::memcpy(&p, &bits, BYTES);
  return p;
}

static Of<double>::Vector decayed(Of<double>::Vector x) {
  for (int lane = 0; lane < Of<double>::LANES; ++lane) x[lane] = std::exp(x[lane]);
  return x;
}

template <typename T>
static void take_step(const SelectiveStep& own, const T* x, const T* step, const T* a, const T* fed, const T* read,
                      const T* skip, const T* before, T* after, T* y) {
  typedef typename Of<T>::Vector Vector;
  constexpr std::int64_t lanes = Of<T>::LANES;
  const std::int64_t blocks = own.channels / lanes;
#pragma omp parallel for num_threads(own.threads) schedule(static) if (own.threads > 1)
  for (std::int64_t each = 0; each < own.batch * blocks; ++each) {
    const std::int64_t b = each / blocks, c = each % blocks * lanes;
    const Vector given = Of<T>::at(x + b * own.x + c), much = Of<T>::at(step + b * own.step + c), in = much * given;
    Vector sum{};
    for (std::int64_t n = 0; n < own.states; ++n) {
      const std::int64_t at = n * own.channels + c;
      const T* earlier = before + b * own.before + at;
      __builtin_prefetch(earlier + SOON * lanes);
      const Vector state = decayed(much * Of<T>::at(a + at)) * Of<T>::at(earlier) + fed[b * own.fed + n] * in;
      std::memcpy(after + b * own.after + at, &state, BYTES);
      sum += read[b * own.read + n] * state;
    }
    if (skip) sum += Of<T>::at(skip + c) * given;
    std::memcpy(y + b * own.channels + c, &sum, BYTES);
  }
}

extern "C" {
#define SELECTIVE_STEP(NAME, T)                                                                                          \
  void selective_step_##NAME(const SelectiveStep* own, const T* x, const T* step, const T* a, const T* fed, const T* read, \
                             const T* skip, const T* before, T* after, T* y) {                                             \
    take_step<T>(*own, x, step, a, fed, read, skip, before, after, y);                                                     \
  }
SELECTIVE_STEP(float32, float)
SELECTIVE_STEP(float64, double)
}
