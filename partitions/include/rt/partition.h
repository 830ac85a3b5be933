// SPDX-License-Identifier: BSD-2-Clause
// What a partition is to the runtime: one header of capabilities and one function that answers messages.
//
//   const struct partition_header header PARTITION_SECTION = {
//       PARTITION("hello"),
//       .rights = RIGHT_LOG,
//       .vmcs[VMCS_KIND_01] = { .read = GROUPS_EXIT | GROUPS_RIP, .write = GROUP_RIP },
//       .routes = { ROUTE_KEYS(L1, VMCALL, GROUPS_EXIT | GROUPS_RIP | GROUP_GPR, FIRST, LAST) },
//   };
#pragma once

#include <caps/cap.h>
#include <caps/exit_reason.h>
#include <caps/msg.h>
#include <caps/status.h>

// The linker script puts the header first in the image.
#define PARTITION_SECTION __attribute__((section(".header"), used))

// The part of the header that the runtime knows. Every row of the route table counts: rows that aren't named are ROUTE_NONE.
#define PARTITION(text)                                       \
    .magic = CAP_MAGIC, .abi = CAP_ABI,                       \
    .bytes = sizeof(struct partition_header), .name = (text), \
    .entry = (uint64_t)(uintptr_t)rt_entry,                   \
    .fixup_first = (uint64_t)(uintptr_t)rt_fixup_first,       \
    .fixup_last = (uint64_t)(uintptr_t)rt_fixup_last,         \
    .fixup_resume = (uint64_t)(uintptr_t)rt_fixup_resume,     \
    .hang = (uint64_t)(uintptr_t)rt_hang,                     \
    .state_bytes = (uint64_t)(uintptr_t)rt_state_bytes,       \
    .route_count = CAP_ROUTES

// One row of .routes: every exit with that origin (L1, L2) and reason (name as in exit_reason.def).
//   route_groups  field groups that travel with the message
#define ROUTE(route_origin, route_reason, route_groups) \
    { .kind = ROUTE_EXIT, .origin = ORIGIN_##route_origin, .reason = EXIT_##route_reason, .groups = (route_groups) }
// The same with fields of the shadow VMCS in bank 1, where VMCS shadowing is on.
#define ROUTE_WITH_SHADOW(route_origin, route_reason, route_groups, route_shadow)                              \
    { .kind = ROUTE_EXIT, .origin = ORIGIN_##route_origin, .reason = EXIT_##route_reason, .groups = (route_groups), \
      .groups_shadow = (route_shadow) }
// The same for a partition that gets only what those with a lower priority forward (ROUTE: 0).
#define ROUTE_AFTER(route_origin, route_reason, route_groups, route_shadow, route_priority)                    \
    { .kind = ROUTE_EXIT, .origin = ORIGIN_##route_origin, .reason = EXIT_##route_reason, .groups = (route_groups), \
      .groups_shadow = (route_shadow), .priority = (route_priority) }
// Only where the key lies in key_first..key_last: RAX for VMCALL, EAX for CPUID, ECX for RDMSR and WRMSR; IO of L1: both are HYPERCALL_PORT; IO of L2: the ports.
#define ROUTE_KEYS(route_origin, route_reason, route_groups, key_first, key_last)                               \
    { .kind = ROUTE_RANGE, .origin = ORIGIN_##route_origin, .reason = EXIT_##route_reason, .groups = (route_groups), \
      .first = (key_first), .last = (key_last) }
// A VMX instruction of L1, only while it is in VMX operation. Who else has the route, with a higher priority, answers in this one's place if it can't.
#define ROUTE_VMX(route_reason, route_groups, route_priority) \
    { .kind = ROUTE_IN_VMX, .origin = ORIGIN_L1, .reason = EXIT_##route_reason, .groups = (route_groups), .priority = (route_priority) }
// Every exit with that origin, before it is handled: the message has REQUEST_OBSERVED, and what the reply says changes nothing.
#define OBSERVE(route_origin, route_groups) \
    { .kind = ROUTE_OBSERVE, .origin = ORIGIN_##route_origin, .groups = (route_groups) }

// What a partition implements. Called for every message, on a fresh stack; nothing but static data and the state region lives longer.
//   req: the message; the kernel has filled just the groups that the route names
//   rep: the answer to fill: sequence, op_count = 0, set = 0, status = STATUS_OK are there already, verdict is VERDICT_RESUME for
//        an exit, VERDICT_L1 for a failed entry, VERDICT_RETURN for the others; everything else is left from an earlier message
// When it returns the runtime hands the reply to the kernel.
void partition_message(const struct request *req, struct reply *rep);

// Made by crt0.S, guest_access.S and partition.ld for the header; nobody calls them.
extern const char rt_entry[], rt_hang[], rt_fixup_first[], rt_fixup_last[], rt_fixup_resume[], rt_state_bytes[];
