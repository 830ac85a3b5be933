// SPDX-License-Identifier: BSD-2-Clause
// The channels of all CPUs, where the kernel maps them.
#pragma once

#include <caps/ring.h>

union channel_place {
    struct channel channel;
    uint8_t stride[CHANNEL_STRIDE];
};
extern union channel_place rt_channel[CPU_MAX];  // placed by partition.ld
