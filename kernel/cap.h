// SPDX-License-Identifier: BSD-2-Clause
// Capabilities: the one place that reads a partition's tables once it is loaded.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <caps/cap.h>

enum cap_kind {
    CAP_NOTHING, // needs none
    CAP_RIGHT,   // object: RIGHT_... bits, all needed
    CAP_READ,    // object: VMCS handle, groups: to be read from it
    CAP_WRITE,   // object: VMCS handle, groups: to be written into it
    CAP_VMCS02,  // object: VMCS handle of a VMCS02: the object itself
    CAP_ROOT,    // object: EPT02 root index
    CAP_CALL,    // object: index into the calls
};

// In whose row of the header it is granted.
static inline enum vmcs_kind handle_kind(uint32_t handle)
{
    return handle == VMCS_HANDLE_01 || handle == VMCS_HANDLE_L2 ? VMCS_KIND_01 : handle == VMCS_HANDLE_SHADOW ? VMCS_KIND_SHADOW : VMCS_KIND_02;
}

static inline bool cap_owns_vmcs(const struct partition_header *header, uint32_t handle)
{
    return handle < VMCS_HANDLE_02 || ((header->rights & RIGHT_VMCS02) && handle - VMCS_HANDLE_02 < header->vmcs02_count) ||
           (handle == VMCS_HANDLE_L2 && (header->rights & RIGHT_PAL));
}

// Groups of a VMCS, among those that exist; GROUP_GPR isn't one.
static inline bool cap_covers(uint64_t grant, uint64_t groups) { return (groups & ~(grant & ((1ull << GROUP_COUNT) - 1))) == 0; }

// Groups of a VMCS of that kind, which is the partition's or this CPU's.
static inline bool cap_writes(const struct partition_header *header, enum vmcs_kind kind, uint64_t groups) { return cap_covers(header->vmcs[kind].write, groups); }

// Whether the header grants it.
static inline bool cap_check(const struct partition_header *header, enum cap_kind kind, uint32_t object, uint64_t groups)
{
    switch (kind) {
    case CAP_NOTHING: return true;
    case CAP_RIGHT: return (header->rights & object) == object;
    case CAP_READ: return (cap_owns_vmcs(header, object) || (object == VMCS_HANDLE_L2 && (header->rights & RIGHT_DEBUG))) &&
                          cap_covers(header->vmcs[handle_kind(object)].read, groups);
    case CAP_WRITE: return cap_owns_vmcs(header, object) && cap_writes(header, handle_kind(object), groups);
    case CAP_VMCS02: return object >= VMCS_HANDLE_02 && object != VMCS_HANDLE_L2 && cap_owns_vmcs(header, object);
    case CAP_ROOT: return (header->rights & RIGHT_EPT02) && object < header->root_count;
    case CAP_CALL: return object < CAP_CALLS && header->calls[object][0] != 0;
    }
    return false;
}
