// SPDX-License-Identifier: BSD-2-Clause
// The kernel and a workload's partitions: read, checked, and put into hidden memory.
#pragma once

#include <stdbool.h>

#include "conf.h"
#include "elf_kernel.h"
#include "file.h"
#include "memory.h"

struct load {
    struct file kernel_file;
    struct elf_kernel kernel;
    unsigned partition_count;
    uint32_t debugger;  // index of the partition that debugs another
    struct file partition[BOOT_PARTITIONS];
    struct boot_partition image[BOOT_PARTITIONS];
};

// Reads all files of the workload and checks them. False after one line on the console, with nothing held.
bool load_read(struct load *load, const struct conf_workload *workload);

// Puts everything into hidden memory and fills in the kernel's and the partitions' places. False: not enough memory there.
bool load_place(const struct load *load, struct memory *memory, struct boot_info *info);

void load_free(struct load *load);
