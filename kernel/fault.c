// SPDX-License-Identifier: BSD-2-Clause
// Records of partitions' faults.

#include "fault.h"

#include <stddef.h>

#include <caps/exit_reason.h>

#include "event.h"
#include "ipc.h"
#include "log.h"

#define BACKTRACE 12

static const char *kind_name(unsigned kind)
{
    static const char *const name[] = { [MSG_INIT] = "INIT", [MSG_EXIT] = "EXIT", [MSG_ENTRY_FAILED] = "ENTRY_FAILED", [MSG_CALL] = "CALL",
                                        [MSG_KILL] = "KILL" };
    return kind < sizeof(name) / sizeof(name[0]) ? name[kind] : "?";
}

// Return addresses by frame pointers, within this CPU's stack of the partition.
static void backtrace(const struct partition *partition, const struct cpu *cpu, uint64_t rip, uint64_t frame)
{
    char text[BACKTRACE * 11 + 1];
    uint64_t top = STACK_BASE + (cpu->index + 1ull) * STACK_STRIDE;
    unsigned used = log_format(text, sizeof(text), "%lx", (unsigned long)rip);
    for (unsigned i = 1; i < BACKTRACE && frame >= top - STACK_BYTES && frame <= top - 16 && frame % 8 == 0; i++) {
        const uint64_t *next = space_peek(&partition->space, frame), *address = space_peek(&partition->space, frame + 8);
        if (next == NULL || address == NULL)
            break;
        used += log_format(text + used, (unsigned)sizeof(text) - used, ",%lx", (unsigned long)*address & 0xffffffff);
        if (*next <= frame)
            break;
        frame = *next;
    }
    log_line(LOG_ERROR, "fault partition=%s backtrace=%s", partition->name, text);
}

static void record(const struct partition *partition, const struct cpu *cpu, int vector, uint64_t rip, uint64_t cr2, const char *cause)
{
    const struct partition_cpu *slot = &partition->cpu[cpu->index];
    const struct message *message = slot->message;
    const char *reason = message->kind == MSG_EXIT || message->kind == MSG_KILL ? exit_reason_name(cpu->reason & EXIT_REASON_BASIC) : NULL;
    struct event *event = event_new(cpu_table[cpu->index], EVENT_FAULT);
    event->rip = rip;
    event->partition = (uint8_t)(partition->index + 1);
    log_line(LOG_ERROR, "fault partition=%s vector=%d rip=0x%lx cr2=0x%lx sequence=%u kind=%s reason=%s attempt=%u cause=%s", partition->name,
             vector, (unsigned long)rip, (unsigned long)cr2, slot->sequence, kind_name(message->kind), reason != NULL ? reason : "-",
             slot->attempt, cause);
}

void fault_trap(const struct partition *partition, const struct cpu *cpu, unsigned vector, uint64_t error, uint64_t cr2,
                const struct trap_frame *frame)
{
    record(partition, cpu, (int)vector, frame->rip, cr2, "exception");
    log_line(LOG_ERROR, "fault partition=%s error=0x%lx rsp=0x%lx rax=0x%lx rcx=0x%lx rdx=0x%lx rbx=0x%lx rsi=0x%lx rdi=0x%lx r8=0x%lx",
             partition->name, (unsigned long)error, (unsigned long)frame->rsp, (unsigned long)frame->gpr[GPR_RAX],
             (unsigned long)frame->gpr[GPR_RCX], (unsigned long)frame->gpr[GPR_RDX], (unsigned long)frame->gpr[GPR_RBX],
             (unsigned long)frame->gpr[GPR_RSI], (unsigned long)frame->gpr[GPR_RDI], (unsigned long)frame->gpr[GPR_R8]);
    backtrace(partition, cpu, frame->rip, frame->gpr[GPR_RBP]);
}

void fault_syscall(const struct partition *partition, const struct cpu *cpu, uint64_t number, enum status status,
                   const struct syscall_frame *frame)
{
    char cause[80];
    log_format(cause, sizeof(cause), "system call %lu: %s", (unsigned long)number, status_text(status));
    record(partition, cpu, -1, frame->rip, 0, cause);
    backtrace(partition, cpu, frame->rip, frame->rbp);
}

void fault_reply(const struct partition *partition, const struct cpu *cpu, const struct batch *batch, const struct reply *reply,
                 enum status status)
{
    static const char *const name[OP_COUNT] = {
#define OP(op, right, needs) #op,
#include <caps/op.def>
#undef OP
    };
    char cause[128];
    if (batch == NULL) {
        log_format(cause, sizeof(cause), "verdict %u: %s", reply->verdict, status_text(status));
    } else {
        const struct op *op = &reply->op[batch->failed_op < OP_MAX ? batch->failed_op : 0];
        log_format(cause, sizeof(cause), "operation %u %s object=%u a=0x%x b=0x%lx: %s", batch->failed_op,
                   op->code < OP_COUNT ? name[op->code] : "?", op->object, op->a, (unsigned long)op->b, status_text(status));
    }
    record(partition, cpu, -1, 0, 0, cause);
}
