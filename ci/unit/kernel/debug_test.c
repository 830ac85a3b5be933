// SPDX-License-Identifier: BSD-2-Clause
// A partition that has stopped for the debugger goes on with what the partition itself can write into its frame: nothing of it may be more than ring 3's.
#include "../check.h"
#include "cr.h"
#include "fault.h"
#include "ipc.h"
#include "partition.h"
#include "upcall.h"

// The debug registers of this machine are its own business.
static uint64_t fake_dr[4], fake_dr6, fake_dr7;
static void fake_dr_write(const uint64_t address[4]) { for (unsigned i = 0; i < 4; i++) fake_dr[i] = address[i]; }
static void fake_dr_read(uint64_t address[4]) { for (unsigned i = 0; i < 4; i++) address[i] = fake_dr[i]; }
#define dr_write(address) fake_dr_write(address)
#define dr_read(address)  fake_dr_read(address)
#define dr6_read()        fake_dr6
#define dr6_write(value)  ((void)(fake_dr6 = (value)))
#define dr7_read()        fake_dr7
#define dr7_write(value)  ((void)(fake_dr7 = (value)))
#include "../../../kernel/debug.c"

static struct boot_info info;
const struct boot_info *boot_info = &info;
static struct partition debugged, debugger;
static struct channel channel;
static struct cpu cpu;
static struct answer given;
static enum status answered;
static struct trap_frame went_on;
static unsigned goes, faults;

struct partition *partition_at(uint32_t index) { return index == 0 ? &debugged : &debugger; }
enum status ipc_send(struct cpu *on, struct partition *partition, const struct message *message, struct answer *answer)
{
    CHECK(on == &cpu && partition == &debugger && message->kind == MSG_CALL && message->from == debugged.index);
    CHECK_EQ(fake_dr7, DR7_RESET);  // the debugger isn't watched
    *answer = given;
    return answered;
}
int64_t upcall_resume(struct trap_frame *frame, uint64_t *rsp0)
{
    CHECK(rsp0 == cpu_rsp0(&cpu));
    went_on = *frame;
    goes++;
    return 7;
}
void fault_trap(const struct partition *partition, const struct cpu *on, unsigned vector, uint64_t error, uint64_t cr2, const struct trap_frame *frame)
{
    CHECK(partition == &debugged && on == &cpu && vector == 13 && error == 5 && cr2 == 6 && frame->vector == 13);
    faults++;
}
_Noreturn void upcall_return(int64_t end, uint64_t rsp0) { (void)end, (void)rsp0; __builtin_trap(); }
_Noreturn void trap_resume(struct trap_frame *frame) { (void)frame; __builtin_trap(); }

static struct partition_cpu *start(void)
{
    struct trap_frame frame = { .vector = 13, .error = 5, .rip = 0x401000, .cs = 0, .rflags = ~0ull, .rsp = ~0ull, .ss = 0, .gpr[GPR_CR2] = 6 };
    debugged = (struct partition){ .index = 0, .debugged = true, .cpu[0].channel = &channel };
    debugger = (struct partition){ .index = 1 };
    info.debugger = 1;
    __builtin_memcpy(&channel.out.outbox.stop, &frame, sizeof(frame));
    given = (struct answer){ .arg = { DEBUG_GO } };
    answered = STATUS_OK;
    goes = faults = 0;
    return &debugged.cpu[0];
}

static void set_rip(uint64_t rip) { channel.out.outbox.stop.rip = rip; }

TEST(a_tampered_frame_leads_to_ring_3_only)
{
    struct partition_cpu *slot = start();
    CHECK_EQ(debug_stopped(&cpu, &debugged, slot), 7);
    CHECK(goes == 1 && faults == 0 && went_on.cs == (SELECTOR_USER_CS | 3) && went_on.ss == (SELECTOR_USER_SS | 3));
    CHECK_EQ(went_on.rflags, RFLAGS_STATUS | RFLAGS_TF | RFLAGS_DF | RFLAGS_FIXED);  // no IF, IOPL, NT, RF, VM, AC
    CHECK_EQ(slot->steps, 1);
    channel.out.outbox.stop.rflags = 0;
    CHECK_EQ(debug_stopped(&cpu, &debugged, slot), 7);
    CHECK(went_on.rflags == RFLAGS_FIXED && slot->steps == 0);
}

TEST(an_address_that_isnt_ring_3s_is_the_fault_that_it_was)
{
    static const uint64_t bad[] = { USER_END, USER_END + 1, 0xffff800000000000, 0xffffffff80000000, ~0ull };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct partition_cpu *slot = start();
        set_rip(bad[i]);
        CHECK_EQ(debug_stopped(&cpu, &debugged, slot), UPCALL_FAULTED);
        CHECK(goes == 0 && faults == 1);
    }
    struct partition_cpu *slot = start();
    set_rip(USER_END - 1);
    CHECK_EQ(debug_stopped(&cpu, &debugged, slot), 7);
}

TEST(without_the_debuggers_word_it_has_faulted)
{
    struct partition_cpu *slot = start();
    given.arg[0] = DEBUG_GO + 1;
    CHECK_EQ(debug_stopped(&cpu, &debugged, slot), UPCALL_FAULTED);
    slot = start();
    answered = STATUS_FAULTED;
    CHECK_EQ(debug_stopped(&cpu, &debugged, slot), UPCALL_FAULTED);
    CHECK(goes == 0 && faults == 1);
}

TEST(watches_are_of_data_below_the_window)
{
    struct partition_cpu *slot = start();
    given = (struct answer){ .arg = { DEBUG_GO, 0x500000, WINDOW_BASE, 0xffffffff80001000, WINDOW_BASE - 8, ~0ull } };
    CHECK_EQ(debug_stopped(&cpu, &debugged, slot), 7);
    CHECK(fake_dr[0] == 0x500000 && fake_dr[1] == 0 && fake_dr[2] == 0 && fake_dr[3] == WINDOW_BASE - 8);
    CHECK_EQ(fake_dr7, DR7_RESET | 0xffff0055 | 0x11110000);
    for (unsigned i = 0; i < 4; i++)
        CHECK((fake_dr7 >> (16 + 4 * i) & 3) != 0 && (fake_dr7 >> (16 + 4 * i) & 3) != 2 && !(fake_dr7 >> (2 * i + 1) & 1));  // not of fetches or ports, none global
    CHECK(!(fake_dr7 & 1u << 13));  // GD
    given = (struct answer){ .arg = { DEBUG_GO } };
    CHECK_EQ(debug_stopped(&cpu, &debugged, slot), 7);
    CHECK_EQ(fake_dr7 & 0xff, 0);
}
