// One site of each example weighs the values of all that is known: see `_weighed` of arspec/layers/attention.py.
//
// Keys and values are read once, in the order in which caches have them, site after site with all heads of each. How many
// examples there are, and how many threads, changes no bit.

#include <vector>

#include "vectors.h"

constexpr std::int64_t SITES = 8;   // whose values are taken together
constexpr std::int64_t AHEAD = 4;   // sites for which keys are asked of memory before they are needed

// Queries [batch][shared][rows][size], keys [batch][shared][known][size] and values [batch][shared][known][width], whose
// examples, heads and sites are so many numbers apart; what comes of them lies side by side. spread: numbers of keys and values
// from which there are so many threads.
struct AttentionStep {
  std::int64_t batch, shared, rows, known, size, width, query, key, key_head, key_site, value, value_head, value_site, threads,
      spread;
};

// q · k of some heads at one site: `count` sums, of which `rows` share a key.
template <typename T, int count>
static void scores(const AttentionStep& own, const T* q, const T* k, std::int64_t first, T* found) {
  typename Of<T>::Vector sums[count] = {};
  for (int n = 0; n < count; ++n) {
    const T *query = q + (first + n) * own.size, *key = k + (first + n) / own.rows * own.key_head;
    std::int64_t c = 0;
    for (; c + Of<T>::LANES <= own.size; c += Of<T>::LANES) {
      __builtin_prefetch(key + c + AHEAD * own.key_site, 0, 2);
      sums[n] += Of<T>::at(query + c) * Of<T>::at(key + c);
    }
    if (c < own.size) sums[n] += Of<T>::some(query + c, own.size - c) * Of<T>::some(key + c, own.size - c);
  }
  Of<T>::template add_all<count>(sums, found);
}

// Heads of keys from `first` to `end`, of one example: their share of y. room: [known][heads, in whole vectors].
template <typename T>
static void some_heads(const AttentionStep& own, const T* q, const T* k, const T* v, T scale, std::int64_t first, std::int64_t end,
                       std::vector<T>& room, T* y) {
  typedef typename Of<T>::Vector Vector;
  constexpr std::int64_t lanes = Of<T>::LANES;
  const std::int64_t heads = (end - first) * own.rows, across = (heads + lanes - 1) / lanes * lanes, width = own.width;
  q += first * own.rows * own.size, k += first * own.key_head, v += first * own.value_head, y += first * own.rows * width;
  room.assign(own.known * across, T(0));
  for (std::int64_t s = 0; s < own.known; ++s) {
    const T* key = k + s * own.key_site;
    T* found = room.data() + s * across;
    std::int64_t h = 0;
    for (; h + 8 <= heads; h += 8) scores<T, 8>(own, q, key, h, found + h);
    for (; h + 2 <= heads; h += 2) scores<T, 2>(own, q, key, h, found + h);
    for (; h < heads; ++h) scores<T, 1>(own, q, key, h, found + h);
  }
  for (std::int64_t h = 0; h < across; h += lanes) {  // the heads of a vector at once
    T* column = room.data() + h;
    Vector most = Of<T>::at(column), total{};
    for (std::int64_t s = 1; s < own.known; ++s) {
      const Vector score = Of<T>::at(column + s * across);
      most = score > most ? score : most;
    }
    for (std::int64_t s = 0; s < own.known; ++s) {
      const Vector share = decayed((Of<T>::at(column + s * across) - most) * scale);
      std::memcpy(column + s * across, &share, BYTES);
      total += share;
    }
    const Vector whole = Vector{} + T(1);
    for (std::int64_t s = 0; s < own.known; ++s) {
      const Vector share = Of<T>::at(column + s * across) * (whole / total);
      std::memcpy(column + s * across, &share, BYTES);
    }
  }
  std::fill(y, y + heads * width, T(0));
  for (std::int64_t s = 0; s < own.known; s += SITES) {
    const std::int64_t sites = std::min(SITES, own.known - s);
    const T *shares = room.data() + s * across, *values = v + s * own.value_site;
    for (std::int64_t h = 0; h < heads; ++h) {
      const T* value = values + h / own.rows * own.value_head;
      T* to = y + h * width;
      std::int64_t c = 0;
      for (; c + lanes <= width; c += lanes) {
        Vector sum = Of<T>::at(to + c);
        for (std::int64_t n = 0; n < sites; ++n) sum += shares[n * across + h] * Of<T>::at(value + n * own.value_site + c);
        std::memcpy(to + c, &sum, BYTES);
      }
      for (; c < width; ++c)
        for (std::int64_t n = 0; n < sites; ++n) to[c] += shares[n * across + h] * value[n * own.value_site + c];
    }
  }
}

template <typename T>
static void attend(const AttentionStep& own, const T* q, const T* k, const T* v, double scale, T* y) {
  const std::int64_t heads = own.shared * own.rows;
  const std::int64_t numbers = own.batch * own.shared * own.known * (own.size + own.width);
  const std::int64_t threads = numbers > own.spread ? own.threads : 1;
  const std::int64_t parts = std::min(own.shared, (threads + own.batch - 1) / std::max<std::int64_t>(1, own.batch));
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1) if (threads > 1)
  for (std::int64_t each = 0; each < own.batch * parts; ++each) {
    static thread_local std::vector<T> room;
    const std::int64_t b = each / parts, part = each % parts;
    some_heads<T>(own, q + b * own.query, k + b * own.key, v + b * own.value, T(scale), own.shared * part / parts,
                  own.shared * (part + 1) / parts, room, y + b * heads * own.width);
  }
}

extern "C" {
#define ATTEND(NAME, T)                                                                                            \
  void attend_##NAME(const AttentionStep* own, const T* q, const T* k, const T* v, double scale, T* y) {            \
    attend<T>(*own, q, k, v, scale, y);                                                                             \
  }
ATTEND(float32, float)
ATTEND(float64, double)
}
