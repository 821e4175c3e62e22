// What layers do with single rows of channels, a few at a time: see quick.py.
//
// As calls of torch each is three to nine of them, of which each takes longer to begin than to compute. How many rows there
// are changes no bit.

#include "vectors.h"

// Rows [batch][sites][heads][size], of which examples and sites are so many numbers apart; what comes of them lies side by
// side.
struct Rows {
  std::int64_t batch, sites, heads, size, example, site;

  // Where one of all sites begins, of one example after another.
  template <typename T>
  const T* at(const T* x, std::int64_t row) const {
    return x + row / sites * example + row % sites * site;
  }
};

// Each head of a row less its mean, where it is `centred`, over the root of its mean square and epsilon, times gain, and
// bias: [size] or null.
template <typename T>
static void normalise(const Rows& own, const T* x, const T* gain, const T* bias, double epsilon, std::int64_t centred, T* y) {
  typedef typename Of<T>::Vector Vector;
  constexpr std::int64_t lanes = Of<T>::LANES;
  const std::int64_t whole = own.size / lanes * lanes;
  for (std::int64_t each = 0; each < own.batch * own.sites * own.heads; ++each, y += own.size) {
    const T* from = own.at(x, each / own.heads) + each % own.heads * own.size;
    T mean = 0;
    if (centred) mean = Of<T>::sum(from, own.size, [](const Vector& v) { return v; }) / T(own.size);
    const Vector less = Vector{} + mean;
    T squares = Of<T>::sum(from, whole, [&](const Vector& v) { return (v - less) * (v - less); });
    for (std::int64_t n = whole; n < own.size; ++n) squares += (from[n] - mean) * (from[n] - mean);
    const T factor = T(1) / std::sqrt(squares / T(own.size) + T(epsilon));
    if (gain && bias)
      for (std::int64_t n = 0; n < own.size; ++n) y[n] = (from[n] - mean) * factor * gain[n] + bias[n];
    else if (gain)
      for (std::int64_t n = 0; n < own.size; ++n) y[n] = (from[n] - mean) * factor * gain[n];
    else
      for (std::int64_t n = 0; n < own.size; ++n) y[n] = (from[n] - mean) * factor + (bias ? bias[n] : T(0));
  }
}

// Of each head the first `turned` channels turned in pairs: by a row of `turns` [positions][2][turned], the cosines and the
// sines with which the other of a pair enters. The two of a pair are `pair` channels apart. places [sites]: whose rows.
template <typename T>
static void turn(const Rows& own, const T* x, const double* turns, std::int64_t turned, std::int64_t pair,
                 const std::int64_t* places, std::int64_t positions, T* y) {
  for (std::int64_t n = 0; n < own.sites; ++n) {
    const double *cos = turns + places[n] % positions * 2 * turned, *sin = cos + turned;
    for (std::int64_t b = 0; b < own.batch; ++b)
      for (std::int64_t h = 0; h < own.heads; ++h) {
        const T* from = x + b * own.example + n * own.site + h * own.size;
        T* to = y + ((b * own.sites + n) * own.heads + h) * own.size;
        for (std::int64_t first = 0; first < turned; first += 2 * pair)
          for (std::int64_t one = first; one < first + pair; ++one) {
            const std::int64_t other = one + pair;
            const T a = from[one], c = from[other];
            to[one] = a * T(cos[one]) + c * T(sin[one]);
            to[other] = c * T(cos[other]) + a * T(sin[other]);
          }
        std::memcpy(to + turned, from + turned, (own.size - turned) * sizeof(T));
      }
  }
}

// Sums over `heads` places of rows times weight [heads][size], and bias: [size] or null.
template <typename T>
static void window(const Rows& own, const T* x, const T* weight, const T* bias, T* y) {
  for (std::int64_t row = 0; row < own.batch * own.sites; ++row, y += own.size) {
    const T* from = own.at(x, row);
    for (std::int64_t n = 0; n < own.size; ++n) y[n] = from[n] * weight[n];
    for (std::int64_t place = 1; place < own.heads; ++place)
      for (std::int64_t n = 0; n < own.size; ++n) y[n] += from[place * own.size + n] * weight[place * own.size + n];
    if (bias)
      for (std::int64_t n = 0; n < own.size; ++n) y[n] += bias[n];
  }
}

// x σ(x), or where it is `cubic`, x σ(2 √(2/π) (x + 0.044715 x³)): the approximation of a GELU by a tanh.
template <typename T>
static void gate(const Rows& own, const T* x, std::int64_t cubic, T* y) {
  typedef typename Of<T>::Vector Vector;
  const auto gated = [&](const Vector& v) {
    const Vector z = cubic ? v * (v * v * T(0.071354816272600248) + T(1.5957691216057308)) : v, none{};
    const Vector e = decayed(z < none ? z : -z);
    return v * ((z < none ? e : none + T(1)) / (e + T(1)));
  };
  for (std::int64_t row = 0; row < own.batch * own.sites; ++row, y += own.size) {
    const T* from = own.at(x, row);
    for (std::int64_t n = 0; n < own.size; n += Of<T>::LANES) {
      const std::int64_t count = std::min<std::int64_t>(Of<T>::LANES, own.size - n);
      const Vector found = gated(count == Of<T>::LANES ? Of<T>::at(from + n) : Of<T>::some(from + n, count));
      std::memcpy(y + n, &found, count * sizeof(T));
    }
  }
}

// The sum of two rows where it is `added`, or their product.
template <typename T>
static void combine(const Rows& own, const Rows& second, const T* x, const T* other, std::int64_t added, T* __restrict y) {
  for (std::int64_t row = 0; row < own.batch * own.sites; ++row, y += own.size) {
    const T *one = own.at(x, row), *two = second.at(other, row);
    if (added)
      for (std::int64_t n = 0; n < own.size; ++n) y[n] = one[n] + two[n];
    else
      for (std::int64_t n = 0; n < own.size; ++n) y[n] = one[n] * two[n];
  }
}

// Rows go where others are.
template <typename T>
static void put(const Rows& own, const Rows& to, const T* x, T* y) {
  for (std::int64_t row = 0; row < own.batch * own.sites; ++row)
    std::memmove(const_cast<T*>(to.at(y, row)), own.at(x, row), own.size * sizeof(T));
}

extern "C" {
#define ROWS(NAME, T)                                                                                                    \
  void normalise_##NAME(const Rows* own, const T* x, const T* gain, const T* bias, double epsilon, std::int64_t centred, \
                        T* y) {                                                                                          \
    normalise<T>(*own, x, gain, bias, epsilon, centred, y);                                                              \
  }                                                                                                                      \
  void turn_##NAME(const Rows* own, const T* x, const double* turns, std::int64_t turned, std::int64_t pair,                  \
                   const std::int64_t* places, std::int64_t positions, T* y) {                                           \
    turn<T>(*own, x, turns, turned, pair, places, positions, y);                                                      \
  }                                                                                                                      \
  void window_##NAME(const Rows* own, const T* x, const T* weight, const T* bias, T* y) {                               \
    window<T>(*own, x, weight, bias, y);                                                                                \
  }                                                                                                                     \
  void gate_##NAME(const Rows* own, const T* x, std::int64_t cubic, T* y) { gate<T>(*own, x, cubic, y); }              \
  void combine_##NAME(const Rows* own, const Rows* second, const T* x, const T* other, std::int64_t added, T* y) {      \
    combine<T>(*own, *second, x, other, added, y);                                                                      \
  }                                                                                                                     \
  void put_##NAME(const Rows* own, const Rows* to, const T* x, T* y) { put<T>(*own, *to, x, y); }
ROWS(float32, float)
ROWS(float64, double)
}
