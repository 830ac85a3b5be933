// SPDX-License-Identifier: BSD-2-Clause
// Hypercall numbers. Generated from hypercall.def.
#pragma once

enum hypercall {
#define HYPERCALL(name, number, who, text) HYPERCALL_##name = number,
#include <caps/hypercall.def>
#undef HYPERCALL
};
