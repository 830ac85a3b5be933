// SPDX-License-Identifier: BSD-2-Clause
// VMCALL as it is: #UD is not caught.
#pragma once

#include "probe.h"

static inline void hypercall_insn(struct registers *r)
{
    __asm__ volatile("vmcall" : "+a"(r->rax), "+b"(r->rbx), "+c"(r->rcx), "+d"(r->rdx), "+S"(r->rsi) : : "memory");
}
