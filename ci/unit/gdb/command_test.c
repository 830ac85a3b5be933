// SPDX-License-Identifier: BSD-2-Clause
// gdb's commands: what they do, and that nothing that comes, whatever it is, reaches beyond the partition that stands still.
#include "command.h"

#include <stdio.h>
#include <string.h>

#include <caps/layout.h>

#include "check.h"
#include "fake_debugged.h"

static struct debug_stop at;
static struct watches watches;
static struct request req;
static const struct command command = { &at, &req, &watches };
static char text[PACKET_TEXT + 1];
static enum next next;

static const char *packet(const char *packet)
{
    snprintf(text, sizeof(text), "%s", packet);
    next = command_do(&command, text);
    return text;
}

static void says(const char *question, const char *answer)
{
    const char *got = packet(question);
    if (strcmp(got, answer) != 0)
        printf("# %s: %s, not %s\n", question, got, answer);
    CHECK(strcmp(got, answer) == 0 && next == NEXT_STAY);
}

TEST(registers_are_gdbs_i386_x86_64)
{
    for (unsigned i = 0; i < GPR_COUNT; i++)
        at.gpr[i] = 0x1100 + i;
    at.rip = 0x401234;
    at.rsp = 0x40010000;
    at.rflags = 0x246;
    at.cs = 0x2b;
    at.ss = 0x33;
    const char *got = packet("g");
    CHECK_EQ(strlen(got), 2 * (17 * 8 + 3 * 4));
    CHECK(strncmp(got, "0011000000000000" "0311000000000000" "0111000000000000" "0211000000000000", 64) == 0);  // RAX, RBX, RCX, RDX
    CHECK(strncmp(got + 7 * 16, "0000014000000000", 16) == 0 && strncmp(got + 16 * 16, "3412400000000000" "46020000" "2b000000" "33000000", 40) == 0);
}

TEST(registers_change_but_for_what_the_kernel_decides)
{
    at.rflags = 0x202;
    at.cs = 0x2b;
    says("P0=8877665544332211", "OK");
    CHECK_EQ(at.gpr[GPR_RAX], 0x1122334455667788);
    says("P10=0010400000000000", "OK");
    CHECK_EQ(at.rip, 0x401000);
    says("P10=0000000000800000", "E01");  // 1 << 47
    says("P10=0000000000000080", "E01");
    CHECK_EQ(at.rip, 0x401000);
    for (unsigned i = 0x11; i < 0x100; i++) {  // neither flags nor segments, nor what there isn't
        char number[40];
        snprintf(number, sizeof(number), "P%x=0000000000000000", i);
        says(number, "E01");
    }
    CHECK(at.rflags == 0x202 && at.cs == 0x2b);
    says("P0=12345", "E01");
    says("P0", "E01");
    says("P", "E01");
    says("Pffffffffffffffff=0000000000000000", "E01");
}

TEST(memory_is_the_partitions_and_nothing_else)
{
    fake_debugged_load();
    fake_image.word[PAGE_BYTES / 8] = 0x8877665544332211;
    fake_image.word[2 * PAGE_BYTES / 8 - 1] = 0xee00000000000000;
    says("m401000,8", "1122334455667788");
    says("m401003,2", "4455");
    says("m401fff,4", "ee");  // what there is
    says("m402000,1", "E01");
    says("m3fffff,4", "E01");
    says("m401000,0", "E01");
    says("mffffffffffffffff,8", "E01");
    says("mffff800000000000,8", "E01");
    says("m", "E01");
    packet("m400000,ffffffffffffffff");
    CHECK_EQ(strlen(text), PACKET_TEXT);
    says("M401001,2:cccd", "OK");
    CHECK_EQ(fake_image.word[PAGE_BYTES / 8], 0x8877665544cdcc11);
    says("M401000,2:aa", "E01");
    says("M401000,2:zz", "E01");
    says("M401fff,2:0102", "E01");
    says("M0,1:00", "E01");
    says("M", "OK");  // no byte
    says("Mffff800000000000,1:00", "E01");
    says("m30000000,1", "00");
    says("M30000000,1:ff", "E01");  // a request, which the kernel writes
    fake_debugged_check();
}

TEST(watchpoints_take_the_four_debug_registers)
{
    says("Z0,400000,1", "");  // gdb's own
    says("z0,400000,1", "");
    says("Z1,400000,1", "");
    says("Z", "");
    says("Z2,400008,8", "OK");
    says("Z3,400004,4", "OK");
    says("Z4,400001,1", "OK");
    says("Z2,400001,1", "OK");
    says("Z2,400010,8", "E01");
    CHECK(watches.address[0] == 0x400008 && watches.address[1] == 0x400004 && watches.address[2] == 0x400001 && watches.address[3] == 0x400001);
    CHECK_EQ(watches.how, 0x55 | 0x9ull << 16 | 0xfull << 20 | 0x3ull << 24 | 0x1ull << 28);
    says("z4,400001,1", "OK");
    CHECK_EQ(watches.how, 0x45 | 0x9ull << 16 | 0xfull << 20 | 0x1ull << 28);
    says("Z2,400002,2", "OK");
    CHECK_EQ(watches.how, 0x55 | 0x9ull << 16 | 0xfull << 20 | 0x5ull << 24 | 0x1ull << 28);
    says("z2,400001,1", "OK");
    says("z2,400008,8", "OK");
    says("z3,400004,4", "OK");
    says("z2,400002,2", "OK");
    says("z2,400002,2", "OK");
    CHECK_EQ(watches.how, 0);
}

TEST(what_cant_be_watched_is_refused)
{
    static const char *const bad[] = { "Z2,400001,2", "Z2,400004,8", "Z2,400000,3", "Z2,400000,0", "Z2,400000,10", "Z5,400000,1", "Zff,400000,1",
        "Z2,ffff800000000000,8", "Z2,10000000000,8", "Z2,400000,ffffffffffffffff", "Z2", "Z2,", "Z2,8", "Z2,8000000000000000,8" };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        says(bad[i], "E01");
    CHECK_EQ(watches.how, 0);
}

TEST(how_the_partition_goes_on)
{
    static const struct { const char *text; enum next next; } row[] = { { "c", NEXT_CONTINUE }, { "c400000", NEXT_CONTINUE }, { "s", NEXT_STEP },
        { "S05", NEXT_STEP }, { "C0b", NEXT_DELIVER }, { "D", NEXT_LEAVE }, { "D;1", NEXT_LEAVE }, { "k", NEXT_LEAVE }, { "?", NEXT_STAY }, { "", NEXT_STAY },
        { "vCont?", NEXT_STAY } };
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        packet(row[i].text);
        CHECK_EQ(next, row[i].next);
    }
    says("?", "S05");
    says("vCont?", "");
    says("qSupported:multiprocess+", "");
    says("!", "");
    packet("Z2,400008,8");
    packet("Z4,400009,1");
    command_stopped(&command, SIGNAL_TRAP, 1, text);
    CHECK(strcmp(text, "T05watch:0000000000400008;") == 0);
    command_stopped(&command, SIGNAL_TRAP, 2, text);
    CHECK(strcmp(text, "T05watch:0000000000400009;") == 0);
    command_stopped(&command, SIGNAL_TRAP, 0, text);
    CHECK(strcmp(text, "S05") == 0);
    command_stopped(&command, SIGNAL_SEGV, 0, text);
    CHECK(strcmp(text, "S0b") == 0);
}
