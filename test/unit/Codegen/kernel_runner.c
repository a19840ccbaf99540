/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * \file Calls a kernel of a shared object as a file says: what an emulator runs
 * where the processor of the tests cannot.
 *
 *   kernel_runner LIBRARY KERNEL CALLS RESULTS
 *
 * CALLS holds 64-bit numbers in the byte order of both machines: how many calls
 * there are; for each, how many arguments it has; for each of these 0 and a
 * number, or 1, a size and as many bytes, which the kernel gets the address of.
 * RESULTS receives the bytes of all of these as the kernel left them.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { kMaxArguments = 16, kAlignment = 64 };

/* All arguments are 64 bits wide: a kernel ignores those that it lacks. */
typedef void Kernel(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                    int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                    int64_t, int64_t, int64_t, int64_t);

static void fail(const char *what) {
  fprintf(stderr, "kernel_runner: %s\n", what);
  exit(1);
}

static int64_t readNumber(FILE *file) {
  int64_t number;
  if (fread(&number, sizeof(number), 1, file) != 1)
    fail("the calls are cut short");
  return number;
}

static void *readBytes(FILE *file, size_t size) {
  size_t room = (size / kAlignment + 1) * kAlignment;
  void *bytes = aligned_alloc(kAlignment, room);
  if (!bytes || fread(bytes, 1, size, file) != size)
    fail("the calls are cut short");
  return bytes;
}

static void callOnce(Kernel *kernel, FILE *calls, FILE *results) {
  int64_t a[kMaxArguments] = {0}, sizes[kMaxArguments] = {0};
  int64_t count = readNumber(calls);
  if (count < 0 || count > kMaxArguments)
    fail("a call has too many arguments");
  for (int64_t i = 0; i < count; ++i) {
    int64_t isBytes = readNumber(calls);
    a[i] = readNumber(calls);
    if (!isBytes)
      continue;
    sizes[i] = a[i];
    a[i] = (int64_t)(intptr_t)readBytes(calls, (size_t)sizes[i]);
  }
  kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10],
         a[11], a[12], a[13], a[14], a[15]);
  for (int64_t i = 0; i < count; ++i) {
    if (sizes[i] == 0)
      continue;
    void *bytes = (void *)(intptr_t)a[i];
    if (fwrite(bytes, 1, (size_t)sizes[i], results) != (size_t)sizes[i])
      fail("the results cannot be written");
    free(bytes);
  }
}

int main(int count, char **arguments) {
  if (count != 5)
    fail("expects LIBRARY KERNEL CALLS RESULTS");
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (!library)
    fail(dlerror());
  Kernel *kernel;
  *(void **)&kernel = dlsym(library, arguments[2]);
  FILE *calls = fopen(arguments[3], "rb"), *results = fopen(arguments[4], "wb");
  if (!kernel || !calls || !results)
    fail("the kernel or a file cannot be opened");
  for (int64_t left = readNumber(calls); left > 0; --left)
    callOnce(kernel, calls, results);
  return fclose(results) == 0 ? 0 : 1;
}
