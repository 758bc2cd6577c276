// What the resampling kernels ask of a vector beyond vector.h: some of its lanes, and its order.
#pragma once

#include "vector.h"

namespace aigc_assets::fir {
namespace {

// Lanes [begin, end) of a vector, where both may lie outside of it.
template <class V>
struct Lanes {
  int begin, end;
  AIGC_INLINE Lanes(int64_t first, int64_t last)
      : begin(first < 0 ? 0 : static_cast<int>(first < V::width ? first : V::width)),
        end(last < 0 ? 0 : static_cast<int>(last < V::width ? last : V::width)) {}
};

// Zero in all other lanes, whose memory is not touched.
template <class V, class T>
AIGC_INLINE V load(const T* from, Lanes<V> lanes) {
  typename V::value_type values[V::width];
  for (int i = 0; i < V::width; ++i) {
    values[i] = i >= lanes.begin && i < lanes.end ? widen(from[i]) : 0;
  }
  return V::load(values);
}

template <class V, class T>
AIGC_INLINE void store(V v, T* to, Lanes<V> lanes) {
  T values[V::width];
  v.store(values);
  for (int i = lanes.begin; i < lanes.end; ++i) to[i] = values[i];
}

// e0 o0 e1 o1 ..., in two vectors; and back.
template <class V>
AIGC_INLINE void interleave(V even, V odd, V* low, V* high) {
  static_assert(V::width == 1);
  *low = even;
  *high = odd;
}

template <class V>
AIGC_INLINE void deinterleave(V low, V high, V* even, V* odd) {
  static_assert(V::width == 1);
  *even = low;
  *odd = high;
}

#if defined(AIGC_TARGET_AVX512)

AIGC_INLINE __mmask16 mask_of(Lanes<Vector> lanes) {
  return static_cast<__mmask16>((1u << lanes.end) -
                                (lanes.begin < lanes.end ? 1u << lanes.begin : 1u << lanes.end));
}

AIGC_INLINE Vector load(const float* from, Lanes<Vector> lanes) {
  return _mm512_maskz_loadu_ps(mask_of(lanes), from);
}
AIGC_INLINE Vector load(const float16* from, Lanes<Vector> lanes) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask_of(lanes), from));
}
AIGC_INLINE Vector load(const bfloat16* from, Lanes<Vector> lanes) {
  const __m256i bits = _mm256_maskz_loadu_epi16(mask_of(lanes), from);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
AIGC_INLINE void store(Vector v, float* to, Lanes<Vector> lanes) {
  _mm512_mask_storeu_ps(to, mask_of(lanes), v.v);
}

AIGC_INLINE void interleave(Vector even, Vector odd, Vector* low, Vector* high) {
  const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
  *low = _mm512_permutex2var_ps(even.v, first, odd.v);
  *high = _mm512_permutex2var_ps(even.v, second, odd.v);
}

AIGC_INLINE void deinterleave(Vector low, Vector high, Vector* even, Vector* odd) {
  const __m512i evens =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
  *even = _mm512_permutex2var_ps(low.v, evens, high.v);
  *odd = _mm512_permutex2var_ps(low.v, odds, high.v);
}

#elif defined(AIGC_TARGET_AVX2)

AIGC_INLINE __m256i mask_of(Lanes<Vector> lanes) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i before = _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes.begin), lane);
  return _mm256_andnot_si256(before, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes.end), lane));
}

AIGC_INLINE Vector load(const float* from, Lanes<Vector> lanes) {
  return _mm256_maskload_ps(from, mask_of(lanes));
}
AIGC_INLINE void store(Vector v, float* to, Lanes<Vector> lanes) {
  _mm256_maskstore_ps(to, mask_of(lanes), v.v);
}

AIGC_INLINE void interleave(Vector even, Vector odd, Vector* low, Vector* high) {
  const __m256 first = _mm256_unpacklo_ps(even.v, odd.v),
               second = _mm256_unpackhi_ps(even.v, odd.v);
  *low = _mm256_permute2f128_ps(first, second, 0x20);
  *high = _mm256_permute2f128_ps(first, second, 0x31);
}

AIGC_INLINE void deinterleave(Vector low, Vector high, Vector* even, Vector* odd) {
  // 0 2 | 8 10 | 4 6 | 12 14: pairs of each half in turn.
  const __m256 evens = _mm256_shuffle_ps(low.v, high.v, 0x88);
  const __m256 odds = _mm256_shuffle_ps(low.v, high.v, 0xdd);
  *even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(evens), 0xd8));
  *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(odds), 0xd8));
}

#endif

// Numbers at + k for every lane, k from -reach to reach; `at` is the beginning of a line of the
// cache. What was just written is read as it was written and shifted in registers: a read with an
// offset would have to wait until all before it has left for the cache.
template <int k, class V>
AIGC_INLINE V shifted(const typename V::value_type* at) {
#if defined(AIGC_TARGET_AVX512)
  if constexpr (V::width == 16) {
    constexpr int from = k < 0 ? -16 : 0;
    const __m512i low = _mm512_load_si512(at + from), high = _mm512_load_si512(at + from + 16);
    return Vector(_mm512_castsi512_ps(_mm512_alignr_epi32(high, low, (k - from) % 16)));
  }
#endif
  return V::load(at + k);
}
template <int reach, class V>
AIGC_INLINE void around(const typename V::value_type* at, V (&near)[2 * reach + 1]) {
  if constexpr (reach == 2) near[0] = shifted<-2, V>(at), near[4] = shifted<2, V>(at);
  if constexpr (reach >= 1)
    near[reach - 1] = shifted<-1, V>(at), near[reach + 1] = shifted<1, V>(at);
  near[reach] = V::load(at);
}

// A whole vector, past the caches where that is asked for and the target can: then `to` is the
// beginning of a line of the cache.
template <class V, class T>
AIGC_INLINE void put_whole(V v, T* to, bool past_caches) {
#if defined(AIGC_TARGET_AVX512)
  if constexpr (std::is_same_v<T, float>) {
    if (past_caches) return _mm512_stream_ps(to, v.v);
  }
#endif
  (void)past_caches;
  v.store(to);
}

// After the last of them, so that other threads see what went past the caches.
AIGC_INLINE void publish(bool past_caches) {
#if defined(AIGC_TARGET_AVX512)
  if (past_caches) _mm_sfence();
#endif
  (void)past_caches;
}

// Twice V::width numbers that lie side by side in memory, as two vectors in the order that is cheap
// for their format. What is done to every number alike need not know which that is.
template <class V, class T>
struct Pair {
  static constexpr int width = 2 * V::width;
  V a, b;

  // e0 o0 e1 o1 ..
  static AIGC_INLINE Pair woven(V even, V odd) {
    Pair pair;
    interleave(even, odd, &pair.a, &pair.b);
    return pair;
  }
  // The first `count` numbers and zeros after them; `count` may be more than there is room for.
  static AIGC_INLINE Pair load(const T* from, int64_t count) {
    if (count >= width) return {V::load(from), V::load(from + V::width)};
    return {fir::load(from, Lanes<V>(0, count)),
            fir::load(from + V::width, Lanes<V>(0, count - V::width))};
  }
  AIGC_INLINE void store(T* to, int64_t count, bool past_caches) const {
    if (count >= width) {
      put_whole(a, to, past_caches);
      put_whole(b, to + V::width, past_caches);
    } else {
      fir::store(a, to, Lanes<V>(0, count));
      fir::store(b, to + V::width, Lanes<V>(0, count - V::width));
    }
  }
};

#if defined(AIGC_TARGET_AVX512)

// Of two bytes each: the even numbers and the odd ones, which are the halves of words of four.
template <class T>
  requires(sizeof(T) == 2)
struct Pair<Vector, T> {
  static constexpr int width = 32;
  Vector a, b;

  static AIGC_INLINE Pair woven(Vector even, Vector odd) { return {even, odd}; }
  static AIGC_INLINE Pair load(const T* from, int64_t count) {
    if (count >= width) return parts(_mm512_loadu_si512(from));
    return parts(_mm512_maskz_loadu_epi16((1u << count) - 1u, from));
  }
  AIGC_INLINE void store(T* to, int64_t count, bool past_caches) const {
    const __m512i words = together();
    if (count < width) {
      _mm512_mask_storeu_epi16(to, (1u << count) - 1u, words);
    } else if (past_caches) {
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to), words);
    } else {
      _mm512_storeu_si512(to, words);
    }
  }

 private:
  static AIGC_INLINE Pair parts(__m512i words) {
    if constexpr (std::is_same_v<T, bfloat16>) {
      return {Vector(_mm512_castsi512_ps(_mm512_slli_epi32(words, 16))),
              Vector(_mm512_castsi512_ps(
                  _mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xffff0000u)))))};
    } else {
      return {Vector(_mm512_cvtph_ps(_mm512_cvtepi32_epi16(words))),
              Vector(_mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(words, 16))))};
    }
  }
  // Rounded to the nearest, ties to even, in the upper half; a NaN stays one.
  static AIGC_INLINE __m512i rounded(Vector v) {
    const __m512i bits = _mm512_castps_si512(v.v);
    const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    __m512i up = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
    up = _mm512_mask_add_epi32(up, odd, up, _mm512_set1_epi32(1));
    const __mmask16 nan = _mm512_cmp_ps_mask(v.v, v.v, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000));
  }
  AIGC_INLINE __m512i together() const {
    if constexpr (std::is_same_v<T, bfloat16>) {
      return _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(rounded(a), 16), rounded(b));
    } else {
      constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
      const __m512i even = _mm512_cvtepu16_epi32(_mm512_cvtps_ph(a.v, nearest));
      const __m512i odd = _mm512_cvtepu16_epi32(_mm512_cvtps_ph(b.v, nearest));
      return _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
    }
  }
};

#endif

// As many numbers side by side as fill one access to memory, as one vector or as a Pair.
template <class V, class T>
struct Block {
  static constexpr bool paired = V::width == 16 && sizeof(T) == 2;
  static constexpr int vectors = paired ? 2 : 1;
  static constexpr int width = vectors * V::width;
  V v[vectors];

  static AIGC_INLINE Block zeros() {
    Block block;
    for (int n = 0; n < vectors; ++n) block.v[n] = V(0.0);
    return block;
  }
  static AIGC_INLINE Block load(const T* from, int64_t count) {
    if constexpr (paired) {
      const auto pair = Pair<V, T>::load(from, count);
      return {pair.a, pair.b};
    } else {
      return {count >= width ? V::load(from) : fir::load(from, Lanes<V>(0, count))};
    }
  }
  // What is added to those that `load` gives.
  static AIGC_INLINE Block numbers(const typename V::value_type* from, int64_t count) {
    const V low = fir::load(from, Lanes<V>(0, count));
    if constexpr (paired) {
      Block block;
      deinterleave(low, fir::load(from + V::width, Lanes<V>(0, count - V::width)), &block.v[0],
                   &block.v[1]);
      return block;
    } else {
      return {low};
    }
  }
  AIGC_INLINE void store(T* to, int64_t count, bool past_caches) const {
    if constexpr (paired) {
      Pair<V, T>{v[0], v[1]}.store(to, count, past_caches);
    } else if (count >= width) {
      put_whole(v[0], to, past_caches);
    } else {
      fir::store(v[0], to, Lanes<V>(0, count));
    }
  }
};

}  // namespace
}  // namespace aigc_assets::fir
