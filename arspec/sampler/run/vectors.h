// Vectors as the processor has them that this is compiled for.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

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

  static Vector some(const T* from, std::int64_t count) {  // and zeros behind them
    T room[LANES] = {};
    std::memcpy(room, from, count * sizeof(T));
    return at(room);
  }

  // Each of `count` numbers, up to LANES / `times`, so many times, one after another, and zeros behind them.
  template <int times, int... lane>
  static Vector repeated(const T* from, std::int64_t count, std::integer_sequence<int, lane...>) {
    const Vector found = some(from, count);
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(found, found, (lane / times)...);
#else
    Vector each;
    for (int n = 0; n < LANES; ++n) each[n] = found[n / times];
    return each;
#endif
  }

  // Each half of the lanes that are `d` apart, added to the other: of a in the first, of b in the second.
  template <int d, int... lane>
  static Vector folded(const Vector& a, const Vector& b, std::integer_sequence<int, lane...>) {
#if defined(__clang__) || __GNUC__ >= 12
    return __builtin_shufflevector(a, b, ((lane / d % 2 ? LANES - d : 0) + lane)...) +
           __builtin_shufflevector(a, b, ((lane / d % 2 ? LANES : d) + lane)...);
#else
    Vector found;
    for (int n = 0; n < LANES; ++n) {
      const Vector& from = n / d % 2 ? b : a;
      const int first = n - n / d % 2 * d;
      found[n] = from[first] + from[first + d];
    }
    return found;
#endif
  }

  // The sums of the lanes of `count` vectors, a power of two up to LANES. The same lanes are added first, however many there
  // are.
  template <int count, int d = LANES / 2>
  static void add_lanes(Vector* v, T* sums) {
    if constexpr (d > 0) {
      constexpr auto lanes = std::make_integer_sequence<int, LANES>();
      constexpr int left = std::max(1, count * d / LANES);
      for (int n = 0; n < left; ++n) v[n] = folded<d>(v[n], v[n + left < 2 * count * d / LANES ? n + left : n], lanes);
      add_lanes<count, d / 2>(v, sums);
    } else {
      for (int n = 0; n < count; ++n) sums[n] = v[0][n * (LANES / count)];
    }
  }

  template <int count>
  static void add_all(Vector* v, T* sums) {
    constexpr int taken = count >= LANES ? LANES : count >= 8 ? 8 : count >= 4 ? 4 : count >= 2 ? 2 : 1;
    add_lanes<taken>(v, sums);
    if constexpr (count > taken) add_all<count - taken>(v + taken, sums + taken);
  }

  // The sum of a function of numbers that lie side by side, which is 0 of 0.
  template <typename F>
  static T sum(const T* from, std::int64_t count, F of) {
    Vector sums[4] = {};
    std::int64_t n = 0;
    for (; n + 4 * LANES <= count; n += 4 * LANES)
      for (int k = 0; k < 4; ++k) sums[k] += of(at(from + n + k * LANES));
    for (; n + LANES <= count; n += LANES) sums[0] += of(at(from + n));
    if (n < count) sums[0] += of(some(from + n, count - n));
    Vector all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    T found;
    add_all<1>(&all, &found);
    return found;
  }
};

// exp of numbers up to 0; of floats with an error of two units in the last place, and no result below the least normal one.
inline Of<float>::Vector decayed(Of<float>::Vector x) {
  typedef std::int32_t Whole __attribute__((vector_size(BYTES)));
  const Of<float>::Vector least = Of<float>::Vector{} - 87.0f, shift = Of<float>::Vector{} + 12583039.0f;  // 1.5 · 2^23 + 127
  x = x < least ? least : x;
  const Of<float>::Vector moved = x * 1.44269504f + shift;  // its last bits are those of the exponent of a power of two
  const Of<float>::Vector n = moved - shift, r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Of<float>::Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;  // Cephes, expf
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  Whole bits;
  std::memcpy(&bits, &moved, BYTES);
  bits <<= 23;
  Of<float>::Vector power;
  std::memcpy(&power, &bits, BYTES);
  return p * power;  // a product, so that what is no number stays none
}

inline Of<double>::Vector decayed(Of<double>::Vector x) {
  for (int lane = 0; lane < Of<double>::LANES; ++lane) x[lane] = std::exp(x[lane]);
  return x;
}

// log(1 + e^x), and x itself above 20, as torch has it; of floats with an error of a few units in the last place.
inline Of<float>::Vector softplus(const Of<float>::Vector& x) {
  typedef Of<float>::Vector Vector;
  const Vector t = decayed(x < 0.0f ? x : -x), u = t + 1.0f, none{};
  const Vector half = u > 1.41421356f ? none + 0.5f : none + 1.0f, f = u * half - 1.0f, z = f * f;  // log(u), u from 1 to 2
  Vector p = f * 7.0376836292e-2f - 1.1514610310e-1f;  // Cephes, logf
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const Vector halved = u > 1.41421356f ? none + 1.0f : none;
  const Vector logarithm = f + (halved * 0.693147181f + (f * z * p - 0.5f * z)) + (t - (u - 1.0f)) / u;
  const Vector found = (x > 0.0f ? x : none) + logarithm;
  return x > 20.0f ? x : found;
}

inline Of<double>::Vector softplus(Of<double>::Vector x) {
  for (int lane = 0; lane < Of<double>::LANES; ++lane) x[lane] = x[lane] > 20 ? x[lane] : std::log1p(std::exp(x[lane]));
  return x;
}
