// SPDX-License-Identifier: BSD-2-Clause
// Debugging a partition.
#include "debug.h"

#include "cr.h"
#include "descriptor.h"
#include "fault.h"
#include "inject.h"
#include "ipc.h"
#include "memory.h"
#include "spinlock.h"
#include "upcall.h"

#define DR6_HITS   15ull
// SDM 3B 18.2.4 "Debug Control Register (DR7)": local, of any length, for writes or reads and writes. Below the window, where the kernel accesses nothing.
#define DR7_CHOICE 0xffff0055ull
#define DR7_DATA   0x11110000ull

// Another CPU's upcall may begin while they change.
static struct spinlock watched_lock;
static uint64_t watched[DEBUG_WATCHES], watched_how;

static void arm(void)
{
    spinlock_acquire(&watched_lock);
    dr_write(watched);
    dr6_write(DR6_RESET);
    dr7_write(DR7_RESET | watched_how);
    spinlock_release(&watched_lock);
}

void debug_begin(struct debug_guest *guest)
{
    dr_read(guest->address);
    guest->dr6 = dr6_read();
    arm();
}

void debug_end(struct partition_cpu *slot, const struct debug_guest *guest)
{
    slot->steps = 0;
    dr7_write(DR7_RESET);
    dr_write(guest->address);
    dr6_write(guest->dr6);
}

// DR6 of a #DB: of the watches only those that are armed, the others' bits mean nothing (SDM 3B 18.2.3 "Debug Status Register (DR6)").
static uint64_t what_hit(void)
{
    const uint64_t dr6 = dr6_read(), dr7 = dr7_read();
    uint64_t armed = 0;
    for (unsigned i = 0; i < DEBUG_WATCHES; i++)
        armed |= (dr7 >> 2 * i & 1) << i;
    return (dr6 & ~DR6_HITS) | (dr6 & armed);
}

bool debug_trap(struct cpu *cpu, const struct partition *partition, unsigned vector, uint64_t cr2, struct trap_frame *frame)
{
    struct debug_stop *stop = &partition->cpu[cpu->index].channel->out.outbox.stop;
    uint64_t dr6 = vector == VECTOR_DB ? what_hit() : 0;
    if (!partition->debugged && !(dr6 & DR6_HITS))
        return false;
    dr6_write(DR6_RESET);
    if (!partition->debugged)  // called by the one that is: the address is another there
        trap_resume(frame);
    memory_copy(stop, frame, sizeof(*frame));
    stop->gpr[GPR_CR2] = cr2;
    stop->dr6 = dr6;
    upcall_return(UPCALL_STOPPED, cpu->tss.rsp0);
}
_Static_assert(sizeof(struct trap_frame) == offsetof(struct debug_stop, dr6), "the same registers in the same order");

int64_t debug_stopped(struct cpu *cpu, struct partition *partition, struct partition_cpu *slot)
{
    static const uint64_t none[MSG_ARGS];
    const struct message message = { .kind = MSG_CALL, .origin = (uint8_t)cpu->level, .from = partition->index, .arg = none };
    struct answer answer;
    struct trap_frame frame;
    dr7_write(DR7_RESET);
    bool answered = ipc_send(cpu, partition_at(boot_info->debugger), &message, &answer) == STATUS_OK;
    memory_copy(&frame, &slot->channel->out.outbox.stop, sizeof(frame));  // the partition runs on other CPUs: it is read once
    if (!answered || answer.arg[0] != DEBUG_GO || frame.rip >= USER_END) {
        fault_trap(partition, cpu, (unsigned)frame.vector, frame.error, frame.gpr[GPR_CR2], &frame);
        return UPCALL_FAULTED;
    }
    spinlock_acquire(&watched_lock);
    for (unsigned i = 0; i < DEBUG_WATCHES; i++)
        watched[i] = answer.arg[1 + i] < WINDOW_BASE ? answer.arg[1 + i] : 0;
    watched_how = (answer.arg[1 + DEBUG_WATCHES] & DR7_CHOICE) | DR7_DATA;
    spinlock_release(&watched_lock);
    arm();
    frame.cs = SELECTOR_USER_CS | 3;
    frame.ss = SELECTOR_USER_SS | 3;
    frame.rflags = (frame.rflags & (RFLAGS_STATUS | RFLAGS_TF | RFLAGS_DF)) | RFLAGS_FIXED;
    slot->steps = (frame.rflags & RFLAGS_TF) != 0;
    return upcall_resume(&frame, cpu_rsp0(cpu));
}
