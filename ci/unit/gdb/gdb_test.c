// SPDX-License-Identifier: BSD-2-Clause
// The debugger: when it stops the debugged partition, what it tells gdb then, and how that one goes on.
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <caps/debug.h>
#include <caps/exit_reason.h>
#include <caps/layout.h>

#include "fake_debugged.h"
#include "fake_line.h"
#include "harness.h"

#define INT3 0xcc
#define INT3_ERROR 0x1a
#define TF 0x100
enum { DE = 0, DB = 1, UD = 6, GP = 13, PF = 14 };

static struct debug_stop *stop_of(uint32_t cpu) { return &fake_channel[cpu].out.outbox.stop; }

// An exception on that CPU: what the kernel would do then.
static const struct reply *trap(uint32_t cpu, uint64_t vector, uint64_t error, uint64_t rip, uint64_t dr6)
{
    static const uint64_t none[MSG_ARGS];
    struct debug_stop *stop = stop_of(cpu);
    stop->vector = vector;
    stop->error = error;
    stop->rip = rip;
    stop->dr6 = dr6;
    world_cpu = cpu;
    return world_call(1, none);
}

static void look(uint32_t cpu)
{
    world_cpu = cpu;
    world_observe(ORIGIN_L2, EXIT_CPUID);
}

// gdb attaches, and lets it run.
static void attach(void)
{
    fake_debugged_load();
    fake_line_give("+$");
    look(0);
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], INT3);
    fake_line_give("?#3f$c#63");
    CHECK_EQ(trap(0, GP, INT3_ERROR, FAKE_ENTRY, 0)->arg[0], DEBUG_GO);
    CHECK(strcmp(fake_sent, "+$S05#b8+") == 0);
    CHECK(fake_image.byte[FAKE_ENTRY - IMAGE_BASE] == 0x90 && stop_of(0)->rip == FAKE_ENTRY);
    fake_line_give("");
}

TEST(says_whom_it_debugs)
{
    fake_debugged_load();
    CHECK_EQ(world_init(0, 0)->status, STATUS_OK);
    CHECK(strcmp(world_log, "debugs patient") == 0);
}

TEST(nobody_on_the_line_is_no_hindrance)
{
    fake_debugged_load();
    fake_line_give("");
    look(0);
    look(1);
    fake_line_give("++noise");
    look(1);
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], 0x90);
    CHECK_EQ(trap(0, PF, 4, IMAGE_BASE, 0)->arg[0], DEBUG_DELIVER);
    CHECK_EQ(trap(1, UD, 0, IMAGE_BASE, 0)->arg[0], DEBUG_DELIVER);
    fake_image.byte[0x900] = INT3;  // of its own
    CHECK_EQ(trap(1, GP, INT3_ERROR, IMAGE_BASE + 0x900, 0)->arg[0], DEBUG_DELIVER);
    CHECK_EQ(fake_sent[0], 0);
}

// L1 goes on at each of its exits.
TEST(a_line_that_never_ends_is_no_hindrance)
{
    attach();
    fake_line_give_for_ever('+');
    for (unsigned i = 0; i < 10; i++)
        look(i % 2);
    CHECK(fake_line_left() >= FAKE_LINE - 10 * 64);
    fake_line_give_for_ever(0xff);
    look(0);
    CHECK(fake_line_left() >= FAKE_LINE - 64);
    fake_line_break();
    for (unsigned i = 0; i < 10; i++)
        look(i % 2);
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], 0x90);
}

TEST(ctrl_c_stops_at_the_next_message)
{
    attach();
    fake_line_give("\3");
    look(1);
    look(0);
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], INT3);
    fake_line_give("$g#67$D#44");
    CHECK_EQ(trap(1, GP, INT3_ERROR, FAKE_ENTRY, 0)->arg[0], DEBUG_GO);
    CHECK(strncmp(fake_sent, "$S02#b5+$", 9) == 0 && stop_of(1)->rip == FAKE_ENTRY);
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], 0x90);
    CHECK_EQ(trap(0, GP, INT3_ERROR, FAKE_ENTRY, 0)->arg[0], DEBUG_GO);  // it came there, too: nothing is there any more
    CHECK_EQ(trap(0, PF, 4, IMAGE_BASE, 0)->arg[0], DEBUG_DELIVER);      // detached
}

TEST(a_reload_takes_nothing_away)
{
    attach();
    fake_line_give("\3");
    look(0);
    fake_debugged_load();
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], 0x90);
    fake_line_give("\3");
    look(1);
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], INT3);
}

TEST(gdbs_breakpoints_stop_behind_them)
{
    attach();
    fake_image.byte[0x900] = INT3;
    fake_line_give("$c#63");
    CHECK_EQ(trap(1, GP, INT3_ERROR, IMAGE_BASE + 0x900, 0)->arg[0], DEBUG_GO);
    CHECK(strcmp(fake_sent, "$S05#b8+") == 0 && stop_of(1)->rip == IMAGE_BASE + 0x901);
    fake_line_give("");
    fake_image.byte[0x900] = 0x90;
    CHECK_EQ(trap(0, GP, INT3_ERROR, IMAGE_BASE + 0x900, 0)->arg[0], DEBUG_GO);
    CHECK(fake_sent[0] == 0 && stop_of(0)->rip == IMAGE_BASE + 0x900);
}

TEST(a_step_is_one_cpus)
{
    attach();
    fake_image.byte[0x900] = INT3;
    fake_line_give("$s#73");
    CHECK_EQ(trap(1, GP, INT3_ERROR, IMAGE_BASE + 0x900, 0)->arg[0], DEBUG_GO);
    CHECK(stop_of(1)->rflags & TF);
    fake_line_give("\3");
    look(0);  // it isn't this one's turn
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], 0x90);
    fake_line_give("$c#63");
    CHECK_EQ(trap(1, DB, 0, IMAGE_BASE + 0x903, 0x4000)->arg[0], DEBUG_GO);
    CHECK(strcmp(fake_sent, "$S05#b8+") == 0 && !(stop_of(1)->rflags & TF));
    fake_line_give("");
    CHECK_EQ(trap(0, DB, 0, IMAGE_BASE + 0x903, 0x4000)->arg[0], DEBUG_GO);  // nobody's step
    CHECK_EQ(fake_sent[0], 0);
}

TEST(a_step_out_of_the_message_ends_at_the_next_one)
{
    attach();
    fake_image.byte[0x900] = INT3;
    fake_image.byte[0x901] = 0x0f, fake_image.byte[0x902] = 0x34;  // SYSENTER
    fake_line_give("$s#73");
    stop_of(0)->gpr[GPR_RAX] = 0;  // SYS_REPLY
    CHECK_EQ(trap(0, GP, INT3_ERROR, IMAGE_BASE + 0x900, 0)->arg[0], DEBUG_GO);
    CHECK(!(stop_of(0)->rflags & TF) && fake_image.byte[FAKE_ENTRY - IMAGE_BASE] == INT3);
    fake_line_give("$s#73");
    CHECK_EQ(trap(1, GP, INT3_ERROR, FAKE_ENTRY, 0)->arg[0], DEBUG_GO);
    CHECK(stop_of(1)->rflags & TF);
    fake_line_give("");
    look(1);  // cut short meanwhile: an exit of that CPU
    CHECK_EQ(fake_image.byte[FAKE_ENTRY - IMAGE_BASE], INT3);
    fake_line_give("$c#63");
    CHECK_EQ(trap(0, GP, INT3_ERROR, FAKE_ENTRY, 0)->arg[0], DEBUG_GO);
}

TEST(a_step_into_another_system_call_is_one)
{
    attach();
    fake_image.byte[0x900] = INT3;
    fake_image.byte[0x901] = 0x0f, fake_image.byte[0x902] = 0x34;
    fake_line_give("$s#73");
    stop_of(0)->gpr[GPR_RAX] = 2;
    CHECK_EQ(trap(0, GP, INT3_ERROR, IMAGE_BASE + 0x900, 0)->arg[0], DEBUG_GO);
    CHECK(stop_of(0)->rflags & TF && fake_image.byte[FAKE_ENTRY - IMAGE_BASE] == 0x90);
}

TEST(watchpoints_go_to_the_kernel)
{
    attach();
    fake_image.byte[0x900] = INT3;
    fake_line_give("");
    fake_line_packet("Z2,401008,8");
    fake_line_packet("c");
    const struct reply *rep = trap(1, GP, INT3_ERROR, IMAGE_BASE + 0x900, 0);
    CHECK(rep->arg[1] == FAKE_DATA + 8 && rep->arg[1 + DEBUG_WATCHES] == (1 | 9 << 16));
    fake_line_give("");
    fake_line_packet("D");
    rep = trap(0, DB, 0, IMAGE_BASE + 0x800, 1);
    CHECK(strncmp(fake_sent, "$T05watch:0000000000401008;#", 28) == 0);
    CHECK(rep->arg[0] == DEBUG_GO && rep->arg[1 + DEBUG_WATCHES] == 0);
}

TEST(faults_are_seen_first)
{
    static const struct { uint64_t vector; const char *answer; } row[] = { { PF, "$S0b" }, { GP, "$S0b" }, { UD, "$S04" }, { DE, "$S08" } };
    attach();
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        fake_line_give("");
        fake_line_packet(i % 2 ? "C0b" : "c");
        CHECK_EQ(trap(0, row[i].vector, 0, IMAGE_BASE + 0x900, 0)->arg[0], i % 2 ? DEBUG_DELIVER : DEBUG_GO);
        CHECK(strncmp(fake_sent, row[i].answer, 4) == 0);
    }
    fake_line_give("");
    fake_line_packet("D");
    CHECK_EQ(trap(0, PF, 0, IMAGE_BASE + 0x900, 0)->arg[0], DEBUG_DELIVER);
}

TEST(fields_of_vmcss)
{
    char text[40];
    attach();
    fake_image.byte[0x900] = INT3;
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP] = 0x1234;
    world_vmcs[VMCS_HANDLE_SHADOW][VMCS_GUEST_RIP] = 0x55;
    world_vmcs[VMCS_HANDLE_02 + WORLD_L2][VMCS_GUEST_RIP] = 0x77;
    fake_line_give("");
    for (unsigned kind = 0; kind < 4; kind++) {
        snprintf(text, sizeof(text), "B%x,%x", kind, VMCS_GUEST_RIP);
        fake_line_packet(text);
    }
    snprintf(text, sizeof(text), "B0,%x", VMCS_FIELD_COUNT);
    fake_line_packet(text);
    snprintf(text, sizeof(text), "B0,%x", VMCS_HOST_RIP);  // the kernel's
    fake_line_packet(text);
    fake_line_packet("Bffffffff,0");
    fake_line_packet("B0,ffffffffffffffff");
    fake_line_packet("c");
    CHECK_EQ(trap(0, GP, INT3_ERROR, IMAGE_BASE + 0x900, 0)->arg[0], DEBUG_GO);
    CHECK(strstr(fake_sent, "+$3412000000000000#") && strstr(fake_sent, "+$5500000000000000#") && strstr(fake_sent, "+$7700000000000000#"));
    unsigned refused = 0;
    for (const char *at = fake_sent; (at = strstr(at, "+$E01#")) != NULL; at++)
        refused++;
    CHECK_EQ(refused, 5);
}

static void wait_for_gdb(void) { trap(0, GP, INT3_ERROR, FAKE_ENTRY, 0); }

TEST(bad_packets_are_refused_and_wait)
{
    fake_debugged_load();
    fake_line_give("+$");
    look(0);
    fake_line_give("g#66$g#zz$X#58\3\3+");
    CHECK(world_faults(wait_for_gdb));
    CHECK(strcmp(fake_sent, "--+$#00") == 0);
}

static uint64_t random_below(uint64_t limit)
{
    static uint64_t random = 88172645463325252ull;
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    return random % limit;
}

// Packets with a right sum of what is nearly a command, and bytes between them that may begin another.
static void give_noise(void)
{
    static const char *const start[] = { "m401", "M401", "m40000", "M40000", "Z2,401", "z2,401", "Z3,4010", "Z4,", "P", "P10=", "P10=00000000000", "P8=",
                                         "B", "g", "?", "G", "v", "c", "s", "C0b", "D" };
    static const char letters[] = "0123456789abcdef0123456789abcdef0123456789abcdef,,:;=#$-+\3PqvX";
    char text[48];
    fake_line_give("$");
    for (unsigned packets = 0; packets < 30; packets++) {
        size_t length = (size_t)snprintf(text, sizeof(text), "%s", start[random_below(sizeof(start) / sizeof(start[0]))]);
        for (uint64_t more = random_below(20); more > 0; more--)
            text[length++] = letters[random_below(sizeof(letters) - 1)];
        text[length] = 0;
        if (random_below(4) == 0)
            fake_line_add(text);
        else
            fake_line_packet(text);
    }
}

static uint32_t trapped;  // CPU
static unsigned went_on;

static void trap_in_noise(void)
{
    const struct reply *rep = trap(trapped, GP, INT3_ERROR, FAKE_ENTRY, 0);
    CHECK(rep->arg[0] == DEBUG_GO || rep->arg[0] == DEBUG_DELIVER);
    CHECK((rep->arg[1 + DEBUG_WATCHES] & ~0xffff0055ull) == 0);
    for (unsigned i = 0; i < DEBUG_WATCHES; i++)
        CHECK(rep->arg[1 + i] < WINDOW_BASE);
    if (rep->arg[0] == DEBUG_GO)
        CHECK(stop_of(trapped)->rip < 1ull << 47);
    went_on++;
}

// What gdb's side may send, in and out of a stop. The sanitizers look on.
TEST(noise_changes_nothing_that_it_must_not)
{
    unsigned answers = 0, waits = 0;
    attach();
    for (unsigned i = 0; i < 500; i++) {
        fake_debugged_load();
        fake_line_give("");
        look(trapped);  // who had the line has ended
        fake_debugged_load();
        give_noise();
        look(i % 2);
        look(!(i % 2));
        trapped = i % 2;
        waits += world_faults(trap_in_noise);
        fake_debugged_check();
        for (const char *at = fake_sent; (at = strchr(at, '$')) != NULL; at++)
            answers++;
    }
    CHECK(answers > 1000 && went_on > 100 && went_on + waits == 500);
}
