// Steps of a selective state space, of all channels of some examples: see `advance` of arspec/layers/selective_scan.py.
//
// Each vector of channels goes through its states once, which are read and written once; as calls of torch, states are gone
// through six times. How many examples there are, and how many threads, changes no bit.

#include "vectors.h"

// Channels lie side by side, in whole vectors. Of an example how far it is from the next one: x and the step [channels], what is
// fed and what is read [states], and its rows before and after: what it gives [channels], and the states [states, channels].
// And how far the first four are from those of the next of several sites, which are gone through one after another.
struct SelectiveStep {
  std::int64_t batch, sites, states, channels, x, step, fed, read, x_site, step_site, fed_site, read_site, before, after, threads;
};

constexpr std::int64_t TOGETHER = 8;  // vectors of channels that go through their states together

// y: what each site gives [batch][sites][channels], or null where the row after says it.
template <typename T>
static void take_steps(const SelectiveStep& own, const T* x, const T* step, const T* bias, const T* a, const T* fed,
                       const T* read, const T* skip, const T* before, T* after, T* y) {
  typedef typename Of<T>::Vector Vector;
  constexpr std::int64_t lanes = Of<T>::LANES;
  const std::int64_t vectors = own.channels / lanes, blocks = (vectors + TOGETHER - 1) / TOGETHER;
#pragma omp parallel for num_threads(own.threads) schedule(static) if (own.threads > 1)
  for (std::int64_t each = 0; each < own.batch * blocks; ++each) {
    const std::int64_t b = each / blocks, first = each % blocks * TOGETHER, count = std::min(TOGETHER, vectors - first);
    const T* earlier = before + b * own.before;
    T* later = after + b * own.after;
    for (std::int64_t site = 0; site < own.sites; ++site, earlier = later) {
      const T *from = x + b * own.x + site * own.x_site, *steps = step + b * own.step + site * own.step_site;
      const T *in_weights = fed + b * own.fed + site * own.fed_site, *out_weights = read + b * own.read + site * own.read_site;
      Vector much[TOGETHER], in[TOGETHER], sums[TOGETHER] = {};
      for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t c = (first + k) * lanes;
        much[k] = softplus(Of<T>::at(steps + c) + Of<T>::at(bias + c));
        in[k] = much[k] * Of<T>::at(from + c);
      }
      for (std::int64_t n = 0; n < own.states; ++n) {
        const T in_weight = in_weights[n], out_weight = out_weights[n];
        for (std::int64_t k = 0; k < count; ++k) {
          const std::int64_t at = n * own.channels + (first + k) * lanes, place = own.channels + at;
          __builtin_prefetch(earlier + place + own.channels, 0, 2);  // the next state's
          const Vector state = decayed(much[k] * Of<T>::at(a + at)) * Of<T>::at(earlier + place) + in_weight * in[k];
          std::memcpy(later + place, &state, BYTES);
          sums[k] += out_weight * state;
        }
      }
      for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t c = (first + k) * lanes;
        if (skip) sums[k] += Of<T>::at(skip + c) * Of<T>::at(from + c);
        std::memcpy(later + c, &sums[k], BYTES);
        if (y) std::memcpy(y + (b * own.sites + site) * own.channels + c, &sums[k], BYTES);
      }
    }
  }
}

extern "C" {
#define SELECTIVE_STEP(NAME, T)                                                                                         \
  void selective_step_##NAME(const SelectiveStep* own, const T* x, const T* step, const T* bias, const T* a, const T* fed, \
                             const T* read, const T* skip, const T* before, T* after, T* y) {                            \
    take_steps<T>(*own, x, step, bias, a, fed, read, skip, before, after, y);                                            \
  }
SELECTIVE_STEP(float32, float)
SELECTIVE_STEP(float64, double)
}
