// SPDX-License-Identifier: BSD-2-Clause
// Records of partitions' faults: in the log, and for the next boot.

#include "fault.h"

#include <stddef.h>

#include <caps/exit_reason.h>

#include "crash.h"
#include "event.h"
#include "inject.h"
#include "ipc.h"
#include "log.h"

static void record(const struct cpu *cpu, const struct crash_scene *scene, const char *cause)
{
    const struct partition *partition = scene->partition;
    const struct partition_cpu *slot = &partition->cpu[cpu->index];
    const struct message *message = slot->message;
    const char *reason = message->kind == MSG_EXIT || message->kind == MSG_KILL ? exit_reason_name(cpu->reason & EXIT_REASON_BASIC) : NULL;
    struct event *event = event_new(cpu_table[cpu->index], EVENT_FAULT, 0);
    event->rip = scene->rip;
    event->outcome = (uint8_t)(STATUS_FAULTED << 4 | (partition->index + 1));
    char text[RECORDS_TEXT];
    log_format(text, sizeof(text), "partition=%s vector=%d rip=0x%lx cr2=0x%lx sequence=%u kind=%s reason=%s attempt=%u cause=%s", partition->name,
               (int)scene->vector, scene->rip, scene->cr2, slot->sequence, msg_kind_name(message->kind), reason != NULL ? reason : "-", slot->attempt, cause);
    log_line(LOG_ERROR, "fault %s", text);
    crash_write(scene, text);
}

void fault_trap(const struct partition *partition, const struct cpu *cpu, unsigned vector, uint64_t error, uint64_t cr2,
                const struct trap_frame *frame)
{
    const struct crash_scene scene = { .kind = CRASH_FAULT, .partition = partition, .vector = vector, .error = error, .cr2 = cr2, .rip = frame->rip,
                                       .rsp = frame->rsp, .rflags = frame->rflags, .frame = frame->gpr[GPR_RBP],
                                       .gpr = records->machine.channels[partition->index] != 0 ? frame->gpr : NULL };
    record(cpu, &scene, vector == VECTOR_NMI ? "no reply in time" : "exception");
}

void fault_syscall(const struct partition *partition, const struct cpu *cpu, uint64_t number, enum status status,
                   const struct syscall_frame *frame)
{
    const struct crash_scene scene = { .kind = CRASH_FAULT, .partition = partition, .vector = CRASH_NO_VECTOR, .rip = frame->rip, .rsp = frame->rsp,
                                       .frame = frame->rbp };
    char cause[80];
    log_format(cause, sizeof(cause), "system call %lu: %s", number, status_text(status));
    record(cpu, &scene, cause);
}

void fault_reply(const struct partition *partition, const struct cpu *cpu, const struct batch *batch, const struct reply *reply,
                 enum status status)
{
    char cause[128];
    if (batch == NULL) {
        log_format(cause, sizeof(cause), "verdict %u: %s", reply->verdict, status_text(status));
    } else {
        const struct op *op = &reply->op[batch->failed_op < OP_MAX ? batch->failed_op : 0];
        log_format(cause, sizeof(cause), "operation %u %s object=%u a=0x%x b=0x%lx: %s", batch->failed_op, op_name(op->code), op->object, op->a, op->b,
                   status_text(status));
    }
    const struct crash_scene scene = { .kind = CRASH_FAULT, .partition = partition, .vector = CRASH_NO_VECTOR };
    record(cpu, &scene, cause);
}
