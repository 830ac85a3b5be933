// SPDX-License-Identifier: BSD-2-Clause
// Replies, and the harness' own check of them.

#include <rt/call.h>
#include <rt/reply.h>

#include "harness.h"
#include "subject.h"

static void advance(const struct request *req, struct reply *rep) { reply_advance_rip(req, rep); }

TEST(reply_advances_rip)
{
    subject_answer = advance;
    world_vmcs[0][VMCS_GUEST_RIP] = 0xffffffffull;
    world_vmcs[0][VMCS_EXIT_INSTRUCTION_LENGTH] = 2;
    world_vmcs[0][VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xa09b;  // 64-bit code
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_CPUID, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_vmcs[0][VMCS_GUEST_RIP], 0x100000001ull);
    CHECK_EQ(world_vmwrites, 1);
}

TEST(reply_advances_rip_as_the_cpu_would)
{
    subject_answer = advance;
    world_vmcs[0][VMCS_GUEST_RIP] = 0xffffffffull;
    world_vmcs[0][VMCS_EXIT_INSTRUCTION_LENGTH] = 2;
    world_vmcs[0][VMCS_GUEST_CS_ACCESS_RIGHTS] = 0xc09b;  // 32-bit code
    world_vmcs[0][VMCS_GUEST_INTERRUPTIBILITY] = 0xb;     // STI, MOV SS, NMI
    world_vmcs[0][VMCS_GUEST_RFLAGS] = 0x102;             // TF
    world_exit(ORIGIN_L1, EXIT_INVD, NULL);
    CHECK_EQ(world_vmcs[0][VMCS_GUEST_RIP], 1);
    CHECK_EQ(world_vmcs[0][VMCS_GUEST_INTERRUPTIBILITY], 8);
    CHECK_EQ(world_vmcs[0][VMCS_GUEST_PENDING_DEBUG], 0x4000);
}

static void inject(const struct request *req, struct reply *rep)
{
    reply_exception_error(rep, request_handle(req), VECTOR_GP, 0x18);
}

TEST(reply_injects_an_exception)
{
    subject_answer = inject;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK_EQ(world_vmcs[0][VMCS_ENTRY_INTR_INFO], 0x80000b0d);
    CHECK_EQ(world_vmcs[0][VMCS_ENTRY_EXCEPTION_ERROR], 0x18);
    CHECK_EQ(world_vmcs[0][VMCS_ENTRY_INSTRUCTION_LENGTH], 0);
}

static void set_rax(const struct request *req, struct reply *rep)
{
    (void)req;
    reply_gpr(rep, GPR_RAX, 77);
    reply_gpr(rep, GPR_CR2, 0x5000);
}

TEST(reply_changes_only_the_registers_it_names)
{
    subject_answer = set_rax;
    world_gpr[GPR_R15] = 15;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK_EQ(world_gpr[GPR_RAX], 77);
    CHECK_EQ(world_gpr[GPR_R15], 15);
    CHECK_EQ(world_gpr[GPR_CR2], 0x5000);
}

static void look(const struct request *req, struct reply *rep)
{
    (void)rep;
    CHECK_EQ(req->field[0][VMCS_GUEST_RSP], 0x22);
    CHECK_EQ(req->field[0][VMCS_GUEST_CR0], WORLD_POISON);
    CHECK_EQ(req->gpr[GPR_RCX], 0x33);
}

TEST(request_holds_the_route_s_groups_only)
{
    subject_answer = look;
    world_vmcs[0][VMCS_GUEST_CR0] = 0x11;
    world_vmcs[0][VMCS_GUEST_RSP] = 0x22;
    world_gpr[GPR_RCX] = 0x33;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
}

TEST(route_takes_its_keys_only)
{
    CHECK(!world_routed(ORIGIN_L1, EXIT_VMREAD));
    world_gpr[GPR_RAX] = 21;
    CHECK(!world_routed(ORIGIN_L1, EXIT_VMCALL));
    world_gpr[GPR_RAX] = 20;
    CHECK(world_routed(ORIGIN_L1, EXIT_VMCALL));
}

static enum status one_msr(uint32_t msr, uint64_t *value)
{
    *value = 0x99;
    return msr == 0x10 ? STATUS_OK : STATUS_UNSUPPORTED;
}

static void invoke_and_fetch(const struct request *req, struct reply *rep)
{
    reply_write(rep, VMCS_HANDLE_01, VMCS_GUEST_RIP, 0x1234);
    CHECK_EQ(rt_invoke(), STATUS_OK);
    CHECK_EQ(rep->op_count, 0);
    CHECK_EQ(req->field[0][VMCS_GUEST_CR3], WORLD_POISON);
    CHECK_EQ(rt_fetch(VMCS_HANDLE_01, GROUPS_CR, 0), STATUS_OK);
    CHECK_EQ(req->field[0][VMCS_GUEST_CR3], 0x7000);
    uint64_t arg[MSG_ARGS] = { 1 }, result[MSG_ARGS];
    CHECK_EQ(rt_call(0, arg, result), STATUS_FAULTED);
    CHECK_EQ(result[0], 0);
    uint64_t value = 0;
    CHECK_EQ(rt_read_msr(0x10, &value), STATUS_OK);
    CHECK_EQ(value, 0x99);
    CHECK_EQ(rt_read_msr(0x11, &value), STATUS_UNSUPPORTED);
    CHECK_EQ(value, 0);
}

TEST(calls_reach_the_kernel)
{
    world_vmcs[0][VMCS_GUEST_CR3] = 0x7000;
    subject_answer = invoke_and_fetch;
    world_read_msr = one_msr;
    world_exit(ORIGIN_L1, EXIT_CPUID, NULL);
    CHECK_EQ(world_vmcs[0][VMCS_GUEST_RIP], 0x1234);
}

static void write_host(const struct request *req, struct reply *rep) { (void)req; reply_write(rep, VMCS_HANDLE_01, VMCS_HOST_RIP, 0); }
static void write_info(const struct request *req, struct reply *rep) { (void)req; reply_write(rep, VMCS_HANDLE_01, VMCS_EXIT_REASON, 0); }
static void write_02(const struct request *req, struct reply *rep) { (void)req; reply_write(rep, VMCS_HANDLE_02, VMCS_GUEST_RIP, 0); }
static void create(const struct request *req, struct reply *rep) { (void)req; reply_op(rep, OP_EPT_CREATE, 0, 0, 0, 0); }
static void too_many(const struct request *req, struct reply *rep)
{
    (void)req;
    for (unsigned i = 0; i <= OP_MAX; i++)
        reply_write(rep, VMCS_HANDLE_01, VMCS_GUEST_RIP, i);
}
static void send(void) { world_exit(ORIGIN_L1, EXIT_CPUID, NULL); }

TEST(harness_refuses_what_the_header_does_not_grant)
{
    void (*const forbidden[])(const struct request *, struct reply *) = { write_host, write_info, write_02, create, too_many };
    for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        subject_answer = forbidden[i];
        CHECK(world_faults(send));
    }
    CHECK_EQ(world_ops, 0);
}

static void write_controls(const struct request *req, struct reply *rep)
{
    (void)req;
    reply_write(rep, VMCS_HANDLE_01, VMCS_PROC_CONTROLS, 0);
}
static void resume_init(const struct request *req, struct reply *rep) { (void)req; reply_resume(rep); }
static void init(void) { world_init(0, 0); }

TEST(harness_refuses_controls_of_l1_and_wrong_verdicts)
{
    subject_answer = write_controls;
    CHECK(world_faults(send));
    subject_answer = resume_init;
    CHECK(world_faults(init));
}
