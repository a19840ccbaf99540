// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// \file How many processors this process may use.

#include "Processors.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

using namespace quern::runtime;

namespace {

/// Reads the first line of a small file; false if there is none.
bool readLine(const char *path, char *line, int size) {
  FILE *file = fopen(path, "re");
  if (!file)
    return false;
  bool found = fgets(line, size, file) != nullptr;
  fclose(file);
  return found;
}

uint32_t wholeProcessors(long long quota, long long period) {
  if (quota <= 0 || period <= 0)
    return UINT32_MAX;
  long long whole = (quota - 1) / period + 1;
  return whole < UINT32_MAX ? uint32_t(whole) : UINT32_MAX;
}

/// cpu.max of version 2: "max 100000" or "150000 100000".
uint32_t quotaOfGroup2(const char *folder) {
  char path[PATH_MAX], line[128];
  long long quota, period;
  if (snprintf(path, sizeof(path), "%s/cpu.max", folder) >= PATH_MAX ||
      !readLine(path, line, sizeof(line)) ||
      sscanf(line, "%lld %lld", &quota, &period) != 2)
    return UINT32_MAX;
  return wholeProcessors(quota, period);
}

/// cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us of version 1.
uint32_t quotaOfGroup1(const char *folder) {
  char path[PATH_MAX], line[128];
  if (snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder) >= PATH_MAX ||
      !readLine(path, line, sizeof(line)))
    return UINT32_MAX;
  long long quota = atoll(line);
  if (snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder) >=
          PATH_MAX ||
      !readLine(path, line, sizeof(line)))
    return UINT32_MAX;
  return wholeProcessors(quota, atoll(line));
}

/// The least quota of `group` and the groups above it. A container often sees
/// its own group as the root while /proc names it from outside: then the inner
/// folders do not exist, and the root is what counts.
uint32_t leastQuota(const char *root, const char *mount, const char *group,
                    uint32_t (*quotaOfGroup)(const char *folder)) {
  char folder[PATH_MAX];
  int base = snprintf(folder, sizeof(folder), "%s%s", root, mount);
  if (snprintf(folder + base, sizeof(folder) - base, "%s", group) >=
      int(sizeof(folder)) - base)
    return UINT32_MAX;
  uint32_t least = UINT32_MAX;
  for (;;) {
    uint32_t quota = quotaOfGroup(folder);
    least = quota < least ? quota : least;
    char *slash = strrchr(folder + base, '/');
    if (!slash)
      return least;
    *slash = 0;
  }
}

/// Whether the comma-separated `list` has the item "cpu".
bool hasCpuController(const char *list) {
  for (const char *item = list; item; item = strchr(item, ',')) {
    item += *item == ',';
    if (strncmp(item, "cpu", 3) == 0 && (item[3] == ',' || item[3] == 0))
      return true;
  }
  return false;
}

/// The quota that one line of /proc/self/cgroup, "id:controllers:group", leads
/// to. The line is cut in pieces.
uint32_t quotaOfLine(const char *root, char *line) {
  line[strcspn(line, "\n")] = 0;
  char *controllers = strchr(line, ':');
  char *group = controllers ? strchr(controllers + 1, ':') : nullptr;
  if (!group)
    return UINT32_MAX;
  *group++ = 0;
  ++controllers;
  if (*controllers == 0)
    return leastQuota(root, "/sys/fs/cgroup", group, quotaOfGroup2);
  if (!hasCpuController(controllers))
    return UINT32_MAX;
  return leastQuota(root, "/sys/fs/cgroup/cpu", group, quotaOfGroup1);
}

/// The size of the affinity mask. The kernel refuses a set smaller than its
/// own, so the size is searched for.
uint32_t affinityCount() {
  for (int processors = 1024; processors <= 1 << 16; processors *= 2) {
    cpu_set_t *set = CPU_ALLOC(processors);
    if (!set)
      return 1;
    size_t bytes = CPU_ALLOC_SIZE(processors);
    int result = sched_getaffinity(0, bytes, set);
    int count = result == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0)
      return uint32_t(count);
  }
  return 1;
}

} // namespace

uint32_t quern::runtime::cgroupQuota(const char *root) {
  char path[PATH_MAX];
  snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
  FILE *file = fopen(path, "re");
  if (!file)
    return UINT32_MAX;
  uint32_t least = UINT32_MAX;
  char line[PATH_MAX];
  while (fgets(line, sizeof(line), file)) {
    uint32_t quota = quotaOfLine(root, line);
    least = quota < least ? quota : least;
  }
  fclose(file);
  return least;
}

uint32_t quern::runtime::availableProcessors() {
  uint32_t affinity = affinityCount();
  uint32_t quota = cgroupQuota("");
  return quota < affinity ? quota : affinity;
}
