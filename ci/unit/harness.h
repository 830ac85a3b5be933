// SPDX-License-Identifier: BSD-2-Clause
// A kernel for host tests: the same partition sources run against it that ship, and reach the world only through it.
//
//   TEST(vmread_reads_the_copy)
//   {
//       world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP] = 0x1000;      // what L1's VMCS holds at the exit
//       world_gpr[GPR_RAX] = VMCS_...;
//       const struct reply *rep = world_exit(ORIGIN_L1, EXIT_VMREAD, 0);   // the route's groups travel, no others
//       CHECK_EQ(rep->verdict, VERDICT_RESUME);
//       CHECK_EQ(world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP], 0x1003);    // the reply's operations were checked and applied
//   }
//
// Like the kernel, it checks every operation against the header's capabilities: what the kernel would refuse fails the test.
// Fields of a request that don't travel are filled with WORLD_POISON.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <caps/addr.h>
#include <caps/cap.h>
#include <caps/exit_reason.h>
#include <caps/info.h>
#include <caps/msg.h>
#include <caps/status.h>

#include "check.h"

#define WORLD_BYTES  (64ull << 20)            // L1's memory: L1-physical 0 up to this
#define WORLD_VMCSS  (VMCS_HANDLE_02 + VMCS02_MAX)
#define WORLD_L2     (VMCS02_MAX - 1u)        // VMCS_HANDLE_L2's: world_vmcs02, for exits of an L2 of another partition's
#define WORLD_POISON 0xa5a5a5a5a5a5a5a5ull
#define WORLD_OPS    4096

// The state of the machine. Everything may be changed by the test; it is as here before each test.
extern uint32_t world_cpu;                                        // 0: the CPU that messages are for
extern uint8_t world_memory[WORLD_BYTES];                         // zero
extern bool world_mapped[WORLD_BYTES / PAGE_BYTES];               // true: EPT01 maps the page
extern uint64_t world_vmcs[WORLD_VMCSS][VMCS_FIELD_COUNT];        // by VMCS handle; zero
extern uint64_t world_gpr[GPR_COUNT];                             // zero
extern uint64_t world_bitmap[VMCS02_MAX][BITMAP_KINDS][512];      // OP_BITMAP's; all ones after OP_VMCS_RESET
// (Under the name that the runtime knows as constant.)
extern struct info world_info __asm__("rt_info_page");            // a CPU like Skylake-X: VMCS shadowing, EPT, VPID, all that L1 is offered
extern uint32_t world_vmcs02, world_root;                         // ORIGIN_L2: what ran; 0, ROOT_NONE
extern uint64_t world_tag;                                        // 0
extern uint64_t world_l2_offset;                                  // 0: what EPT02 adds to an L2-physical address, for ROUTE_TAKEN

// What was applied, in order; from SYS_INVOKE and replies alike.
extern struct op world_op[WORLD_OPS];
extern uint32_t world_ops;
// How often fields were read (fetch, routes) and written for the partition: what a nested exit costs.
extern uint64_t world_vmreads, world_vmwrites;
extern char world_log[256];                                       // the last line
extern uint32_t world_log_lines;

// Called for each operation before it is applied, if set: what isn't STATUS_OK makes SYS_INVOKE return it (nothing applied) or, in a
// reply, ends the test as a fault of the partition.
extern enum status (*world_check_op)(const struct reply *rep, const struct op *op);
// Answers SYS_CALL; not set: FAULTED.
extern enum status (*world_answer_call)(uint32_t index, const uint64_t arg[MSG_ARGS], uint64_t result[MSG_ARGS]);

// Answers SYS_READ_MSR; not set: UNSUPPORTED.
extern enum status (*world_read_msr)(uint32_t msr, uint64_t *value);

// Answers SYS_LOAD; not set: UNSUPPORTED.
extern enum status (*world_load)(uint32_t partition, bool on);

// Pages that the partition has taken (OP_PAGE_TAKE): L1's window doesn't show them; owned_at() does.
bool world_owned(uint64_t gpa1);
uint32_t world_owned_pages(void);

// A pointer to L1's memory, for the test itself.
void *world_at(uint64_t gpa1);
void world_unmap(uint64_t gpa1, uint64_t bytes);

// Sends a message and applies the reply. The result stays valid until the channel's slot is used again (4 messages later).
//   world_exit: the exit must have a route in the header; EXIT_REASON in the VMCS is set to reason. args (MSG_ARGS of them, or NULL) is what
//   a partition before it forwarded.
const struct reply *world_exit(enum msg_origin origin, enum exit_reason reason, const uint64_t *args);
//   world_observe: shows it an exit by its ROUTE_OBSERVE; nothing of the reply is applied.
const struct reply *world_observe(enum msg_origin origin, enum exit_reason reason);
const struct reply *world_init(uint64_t attempt, uint64_t unfinished_cpus);
const struct reply *world_call(uint32_t from, const uint64_t arg[MSG_ARGS]);
const struct reply *world_message(enum msg_kind kind, enum msg_origin origin, const uint64_t *args);
// The message is cut short at the world_cut-th point from now on, 0: at none (points: where world_cut_point() is called, before and behind each
// system call among them). Then the partition gets MSG_INIT, and the message again, which is cut short at the world_cut_again-th point.
extern uint32_t world_cut, world_cut_again;
extern bool world_cut_kills;  // false; true: MSG_KILL instead of the message again
void world_cut_point(void);

// Whether the exit would be routed to the partition now (by the header and the registers).
bool world_routed(enum msg_origin origin, enum exit_reason reason);

// Runs what must panic or be refused by the kernel; true if it did so.
bool world_faults(void (*run)(void));

// Of the operations since the test began: how many with that code, and the last one (NULL: none).
uint32_t world_count(enum op_code code);
const struct op *world_last(enum op_code code);
