// SPDX-License-Identifier: BSD-2-Clause
// bulkhead.conf: global settings, and the workloads to choose from. docs/boot.md has the reference.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <caps/loadable.h>

#include "../boot_info.h"

#define CONF_BYTES      (64u << 10)
#define CONF_WORKLOADS  16
#define CONF_NAME       RECORDS_NAME
#define CONF_PATH       256
#define CONF_OPTIONS    1024
#define CONF_ERROR_TEXT 200

struct conf_inject {
    char name[CAP_NAME];           // the partition's
    uint32_t partition;            // and which of the workload's it is
    struct boot_inject faults;
};

struct conf_workload {
    char name[CONF_NAME];
    unsigned line;                 // of its [workload NAME]
    unsigned seen;                 // which keys it had
    unsigned partition_count;
    char partition[BOOT_PARTITIONS][CAP_NAME];
    char next[CONF_PATH];
    char options[CONF_OPTIONS];    // "" where there are none
    bool nested;                   // it starts on another Bulkhead, too
    unsigned inject_line, inject_count;
    struct conf_inject inject[BOOT_PARTITIONS];
    unsigned injectable_line, injectable_count;
    char injectable_name[BOOT_PARTITIONS][CAP_NAME];
    uint32_t injectable;           // bit n: partition n is one of these
    unsigned loadable_line, loadable_count;
    char loadable_name[BOOT_PARTITIONS][CAP_NAME];
    uint32_t loadable;             // bit n: partition n is one of these: they follow those of `partitions`
    unsigned debug_line;
    char debug_name[CAP_NAME];
    uint32_t debug;                // index + 1 of the partition that gdb is to debug; 0: none
    bool debug_secrets;            // even if it holds secrets
};

enum conf_dma { CONF_DMA_PROTECT, CONF_DMA_OFF, CONF_DMA_REQUIRE };

struct conf {
    unsigned seen;                 // which global keys there were
    char chosen[CONF_NAME];        // default =, "" where there is none
    unsigned chosen_line;
    bool require;
    bool panic_resets;             // panic = reset, not halt
    uint32_t console;              // CONSOLE_...
    uint32_t log_level;            // enum log_level
    enum conf_dma dma;
    uint64_t memory;               // bytes, multiple of 2 MiB
    bool has_load_key;
    uint8_t load_key[LOAD_KEY_BYTES];  // whose signature lets a partition be loaded
    uint64_t watchdog;             // ticks of the time-stamp counter, 0: no watchdog
    unsigned workload_count;
    struct conf_workload workload[CONF_WORKLOADS];
};

// Parses bytes of text, which need not end in NUL. Returns false with error = "bulkhead.conf:LINE: what" for the first error; conf then
// holds what the other lines say: enough to obey `require = yes`, and to boot a workload's next (if that isn't "") without Bulkhead.
bool conf_parse(struct conf *conf, const char *text, size_t bytes, char error[CONF_ERROR_TEXT]);

// The workload that load options (UCS-2, bytes long, anything at all in it) or else the default choose. NULL with error where there is no such one.
const struct conf_workload *conf_choose(const struct conf *conf, const uint16_t *options, size_t bytes, char error[CONF_ERROR_TEXT]);
