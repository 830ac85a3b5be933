// SPDX-License-Identifier: BSD-2-Clause
// The VMX instructions (SDM 3C chapter 31 "VMX Instruction Reference"). bool: VMsucceed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline bool insn_vmxon(uint64_t region)
{
    bool ok;
    __asm__ volatile("vmxon %1" : "=@cca"(ok) : "m"(region) : "memory");
    return ok;
}

static inline void insn_vmxoff(void) { __asm__ volatile("vmxoff" ::: "cc", "memory"); }

static inline bool insn_vmclear(uint64_t region)
{
    bool ok;
    __asm__ volatile("vmclear %1" : "=@cca"(ok) : "m"(region) : "memory");
    return ok;
}

static inline bool insn_vmptrld(uint64_t region)
{
    bool ok;
    __asm__ volatile("vmptrld %1" : "=@cca"(ok) : "m"(region) : "memory");
    return ok;
}

static inline uint64_t insn_vmread(uint64_t encoding)
{
    uint64_t value;
    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(encoding) : "cc", "memory");
    return value;
}

static inline void insn_vmread_to(uint64_t encoding, uint64_t *to)
{
    __asm__ volatile("vmread %1, %0" : "=m"(*to) : "r"(encoding) : "cc", "memory");
}

// The same into a structure, whose address comes back as one of which the compiler knows nothing: it stays in that register.
static inline __attribute__((always_inline)) void *insn_vmread_into(uint64_t encoding, void *structure, uint64_t offset)
{
    __asm__ volatile("vmread %1, %c2(%0)" : "+r"(structure) : "r"(encoding), "i"(offset) : "cc", "memory");
    return structure;
}

static inline void insn_vmwrite(uint64_t encoding, uint64_t value)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(encoding), "rm"(value) : "cc", "memory");
}

// From where the value lies: read once.
static inline void insn_vmwrite_from(uint64_t encoding, const uint64_t *from)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(encoding), "m"(*from) : "cc", "memory");
}

struct invept_descriptor { uint64_t eptp, zero; };
enum { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };

static inline bool insn_invept(uint64_t type, uint64_t eptp)
{
    struct invept_descriptor descriptor = { eptp, 0 };
    bool ok;
    __asm__ volatile("invept %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"(type) : "memory");
    return ok;
}

struct invvpid_descriptor { uint64_t vpid, linear; };
enum { INVVPID_ADDRESS = 0, INVVPID_SINGLE = 1, INVVPID_ALL = 2 };

static inline bool insn_invvpid(uint64_t type, uint16_t vpid, uint64_t linear)
{
    struct invvpid_descriptor descriptor = { vpid, linear };
    bool ok;
    __asm__ volatile("invvpid %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"(type) : "memory");
    return ok;
}
