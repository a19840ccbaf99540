// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file The JSON that quern_api.describe returns.

#include "Description.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

using namespace quern::runtime;

namespace {

// Three CPUID leaves of 16 bytes.
constexpr size_t kBrandBytes = 48;

/// The processor's own name of itself, "unknown" if it has none.
void readCpuName(char (&name)[kBrandBytes + 1]) {
  strcpy(name, "unknown");
#if defined(__x86_64__)
  unsigned words[kBrandBytes / sizeof(unsigned)];
  for (unsigned leaf = 0; leaf < 3; ++leaf) {
    unsigned *at = words + 4 * leaf;
    if (!__get_cpuid(0x80000002 + leaf, at, at + 1, at + 2, at + 3))
      return;
  }
  memcpy(name, words, kBrandBytes);
  name[kBrandBytes] = 0;
#endif
}

/// Keeps the printable characters that need no escape in JSON, without spaces
/// at either end.
void cleanName(char *name) {
  char *write = name;
  for (const char *read = name; *read; ++read) {
    bool plain = *read >= ' ' && *read < 127 && *read != '"' && *read != '\\';
    if (plain && (*read != ' ' || write != name))
      *write++ = *read;
  }
  while (write != name && write[-1] == ' ')
    --write;
  *write = 0;
}

} // namespace

char *quern::runtime::makeDescription(const char *compiled, const char *isa,
                                      uint32_t threads) {
  char cpu[kBrandBytes + 1];
  readCpuName(cpu);
  cleanName(cpu);
  const char *close = compiled ? strrchr(compiled, '}') : nullptr;
  if (!close)
    return nullptr;
  const char *last = close;
  while (last != compiled && strchr(" \t\r\n", last[-1]))
    --last;
  bool empty = last == compiled || last[-1] == '{';
  size_t size = (last - compiled) + strlen(isa) + sizeof(cpu) + 64;
  char *text = static_cast<char *>(malloc(size));
  if (text)
    snprintf(text, size, "%.*s%s\"isa\":\"%s\",\"threads\":%u,\"cpu\":\"%s\"}",
             int(last - compiled), compiled, empty ? "" : ",", isa, threads,
             cpu);
  return text;
}
