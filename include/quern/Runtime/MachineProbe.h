/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * \file What this machine can do at most, measured: the roofline that
 * benchmarks compare with. A library of its own (libquern_probe.so), not part
 * of a model.
 *
 * Each function starts `threads` threads (1 to 1024), repeats a short
 * measurement and returns the best; it takes well under a second, besides the
 * first touch of the memory it reads. It uses the widest instructions that the
 * processor has and the operating system enables. 0 means that threads or
 * memory could not be had, or that an argument is out of range.
 */
#ifndef QUERN_RUNTIME_MACHINEPROBE_H
#define QUERN_RUNTIME_MACHINEPROBE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes per second of reading `bytes` of memory in order, each thread its own
 * contiguous share. Choose `bytes` larger than the caches. */
double quern_probe_read_bandwidth(uint32_t threads, size_t bytes);

/* Multiplications and additions per second of 8-bit dot products accumulated in
 * 32 bits: vpdpbusd where there is VNNI, else vpmaddubsw and vpmaddwd (AVX2),
 * else pmaddwd on 16 bits. */
double quern_probe_int8_dot(uint32_t threads);

/* Multiplications and additions per second of bfloat16 pairs accumulated in
 * f32: vdpbf16ps where there is AVX512-BF16, else what f32 does. */
double quern_probe_bf16_dot(uint32_t threads);

/* Multiplications and additions per second of f32: fused where there is FMA. */
double quern_probe_f32_fma(uint32_t threads);

#ifdef __cplusplus
}
#endif

#endif /* QUERN_RUNTIME_MACHINEPROBE_H */
