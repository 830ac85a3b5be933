// SPDX-License-Identifier: BSD-2-Clause
// bhctl's reading of records: good ones, and ones that are another version's, damaged, or overwritten while they are read.

#include <stdlib.h>
#include <string.h>

#include "../../../partitions/report/bhctl/command.h"
#include "../../../partitions/report/bhctl/top.h"
#include "check.h"

#define CPUS 2

static struct { struct records records; struct records_cpu cpu[CPUS]; union request_slot ring[2][CPUS][RING_SLOTS]; } region;
static void (*when_read)(uint64_t offset);  // what the kernel does meanwhile
static unsigned reads;

static bool line_of_region(uint64_t offset, uint64_t line[REPORT_LINE / sizeof(uint64_t)])
{
    CHECK(offset % REPORT_LINE == 0);
    if (offset >= sizeof(region))
        return false;
    reads++;
    memcpy(line, (const uint8_t *)&region + offset, REPORT_LINE);
    if (when_read)
        when_read(offset);
    return true;
}

static void log_add(const char *text)
{
    const uint64_t number = region.records.machine.log_head++;
    struct records_line *line = &region.records.log[number % RECORDS_LINES];
    snprintf(line->text, sizeof(line->text), "%s %llu\n", text, (unsigned long long)number);
    line->turn = number + RECORDS_LINES;
}

static void start(void)
{
    struct records_machine *machine = &region.records.machine;
    memset(&region, 0, sizeof(region));
    when_read = NULL;
    region_line = line_of_region;
    *machine = (struct records_machine){ .magic = RECORDS_MAGIC, .abi = CAP_ABI, .bytes = sizeof(region), .version = "1.2", .workload = "kvm",
                                         .cpu_count = CPUS, .partition_count = 2, .hidden_base = 0x1d000000, .hidden_bytes = 16 << 20, .free_pages = 10,
                                         .partition = { { "nestvmx", PARTITION_READY, 0 }, { "report", PARTITION_PARKED, 3 } } };
    for (unsigned i = 0; i < RECORDS_LINES; i++)
        region.records.log[i].turn = i;
}

// Runs a command and gives what it wrote; the caller frees it.
static char *written;
static const char *wrong;
static char why[REGION_WHY];
#define RUN(call)                                     \
    do {                                              \
        size_t bytes;                                 \
        free(written);                                \
        FILE *out = open_memstream(&written, &bytes); \
        wrong = (call);                               \
        fclose(out);                                  \
    } while (0)

static struct records_machine machine;
static void machine_good(void) { CHECK(region_machine(&machine, why) == NULL); }

TEST(what_is_read_lies_anywhere)
{
    uint8_t bytes[200];
    start();
    for (unsigned i = 0; i < sizeof(region); i++)
        ((uint8_t *)&region)[i] = (uint8_t)(i * 7);
    for (unsigned offset = 0; offset < 130; offset++)
        for (size_t count = 0; count < sizeof(bytes); count += 13) {
            memset(bytes, 0, sizeof(bytes));
            CHECK(region_read(offset, bytes, count));
            CHECK(memcmp(bytes, (const uint8_t *)&region + offset, count) == 0 && bytes[count] == 0);
        }
    CHECK(!region_read(sizeof(region) - 4, bytes, 5));
    CHECK(region_read(sizeof(region) - 4, bytes, 4));
}

TEST(a_machine_is_checked)
{
    start();
    machine_good();
    region.records.machine.magic++;
    CHECK(strstr(region_machine(&machine, why), "not Bulkhead's records"));
    start();
    region.records.machine.abi = CAP_ABI + 1;
    char text[80];
    snprintf(text, sizeof(text), "has ABI %u, this bhctl is for ABI %u", CAP_ABI + 1, CAP_ABI);
    CHECK(strstr(region_machine(&machine, why), text));
    static const struct { uint32_t cpus, partitions, bytes; } bad[] = {
        { 0, 2, sizeof(struct records) }, { CPU_MAX + 1, 2, sizeof(region) }, { 0xffffffff, 2, sizeof(region) }, { CPUS + 1, 2, sizeof(region) },
        { CPUS, PARTITION_MAX + 1, sizeof(region) }, { CPUS, 0xffffffff, sizeof(region) }, { CPUS, 2, sizeof(region) - 4096 }, { CPUS, 2, 0 },
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        start();
        region.records.machine.cpu_count = bad[i].cpus;
        region.records.machine.partition_count = bad[i].partitions;
        region.records.machine.bytes = bad[i].bytes;
        CHECK(strstr(region_machine(&machine, why), "another form"));
    }
}

TEST(texts_end_and_are_harmless)
{
    start();
    memset(region.records.machine.version, 'v', RECORDS_NAME);
    memcpy(region.records.machine.workload, "\033[2J\n\xff", 7);
    memset(region.records.machine.partition[0].name, 'n', CAP_NAME);
    machine_good();
    CHECK_EQ(strlen(machine.version), RECORDS_NAME - 1);
    CHECK(strcmp(machine.workload, "?[2J??") == 0);
    CHECK_EQ(strlen(machine.partition[0].name), CAP_NAME - 1);
}

TEST(status)
{
    start();
    region.cpu[0].stats.message[0].count = 5;
    region.cpu[1].stats.message[0].count = 7;
    machine_good();
    RUN(command_status(out, &machine, why));
    CHECK(wrong == NULL);
    CHECK(strstr(written, "nestvmx          ready             0             12\n"));
    CHECK(strstr(written, "report           parked            3              0\n"));
    CHECK(strstr(written, "16384 KiB of L0 at 0x1d000000, 40 KiB of it free\n"));
    CHECK(strstr(written, "DMA         NOT PROTECTED: "));
    machine.vtd_units = 2;
    machine.dma_refused = 3;
    machine.partition[0].state = 77;
    RUN(command_status(out, &machine, why));
    CHECK(strstr(written, "nestvmx          unknown "));
    CHECK(strstr(written, "DMA         protected by 2 VT-d units, 3 requests refused\n"));
    machine.cpu_count = CPU_MAX;  // more than there are
    RUN(command_status(out, &machine, why));
    CHECK(wrong != NULL);
}

TEST(stats_are_sums)
{
    start();
    region.cpu[0].stats.exit[ORIGIN_L1][EXIT_CPUID] = (struct exit_stat){ 1, 20, 3, 4 };
    region.cpu[1].stats.exit[ORIGIN_L1][EXIT_CPUID] = (struct exit_stat){ 10, 200, 30, 40 };
    region.cpu[1].stats.exit[ORIGIN_L2][EXIT_REASON_COUNT - 1] = (struct exit_stat){ 1, 2, 3, ~0ull };
    region.cpu[0].stats.exit[ORIGIN_L2][35] = (struct exit_stat){ 1, 0, 0, 0 };  // no such reason
    region.cpu[1].stats.message[1] = (struct message_stat){ 8, 9 };
    machine_good();
    RUN(command_stats(out, &machine, true, why));
    CHECK(strncmp(written, "{\"cpus\": 2, \"exits\": [{\"origin\": \"L1\", \"reason\": \"CPUID\", \"count\": 11, \"l0_instr\": 220, \"vmreads\": 33, "
                  "\"vmwrites\": 44}, {\"origin\": \"L2\", \"reason\": \"35\"", 150) == 0);
    CHECK(strstr(written, "\"vmwrites\": 18446744073709551615}], \"messages\": [{\"partition\": \"nestvmx\", \"count\": 0, \"instr\": 0}, "
                          "{\"partition\": \"report\", \"count\": 8, \"instr\": 9}]}\n"));
    RUN(command_stats(out, &machine, false, why));
    CHECK(strstr(written, "L1  CPUID                                  11              220           33           44\n"));
}

static uint64_t next_line;

TEST(log_goes_on_where_it_was)
{
    start();
    for (unsigned i = 0; i < 3; i++)
        log_add("line");
    next_line = 0;
    RUN(log_print(out, &next_line, why));
    CHECK(strcmp(written, "line 0\nline 1\nline 2\n") == 0);
    RUN(log_print(out, &next_line, why));
    CHECK(strcmp(written, "") == 0);
    log_add("more");
    RUN(log_print(out, &next_line, why));
    CHECK(strcmp(written, "more 3\n") == 0);
    region.records.machine.log_head = 1;
    RUN(log_print(out, &next_line, why));
    CHECK(wrong != NULL);
}

TEST(log_waits_for_a_line_that_is_being_written)
{
    start();
    log_add("line");
    region.records.machine.log_head++;
    next_line = 0;
    RUN(log_print(out, &next_line, why));
    CHECK(strcmp(written, "line 0\n") == 0);
    CHECK_EQ(next_line, 1);
    region.records.log[1].turn = 2;  // written, not yet printed
    strcpy(region.records.log[1].text, "next\n");
    RUN(log_print(out, &next_line, why));
    CHECK(strcmp(written, "next\n") == 0);
}

TEST(log_says_what_was_overwritten)
{
    start();
    for (unsigned i = 0; i < RECORDS_LINES + 44; i++)
        log_add("line");
    next_line = 0;
    RUN(log_print(out, &next_line, why));
    CHECK(strncmp(written, "(44 lines were overwritten before they could be read)\nline 44\n", 62) == 0);
    CHECK_EQ(next_line, RECORDS_LINES + 44);
}

// With the first line of the log that is read, the ring is overwritten.
static void overwrite(uint64_t offset)
{
    if (offset < offsetof(struct records, log))
        return;
    when_read = NULL;
    for (unsigned i = 0; i < RECORDS_LINES; i++)
        log_add("new");
}

TEST(log_shows_no_line_that_was_overwritten_while_it_was_read)
{
    start();
    for (unsigned i = 0; i < 10; i++)
        log_add("line");
    next_line = 0;
    when_read = overwrite;
    RUN(log_print(out, &next_line, why));
    CHECK(wrong == NULL);
    CHECK(strstr(written, "line") == strstr(written, "lines were overwritten"));
    RUN(log_print(out, &next_line, why));
    CHECK_EQ(next_line, RECORDS_LINES + 10);
}

TEST(log_lines_are_harmless)
{
    start();
    log_add("line");
    memset(region.records.log[0].text, '\033', RECORDS_TEXT);
    next_line = 0;
    RUN(log_print(out, &next_line, why));
    CHECK_EQ(strlen(written), RECORDS_TEXT - 1);
    CHECK(strspn(written, "?") == RECORDS_TEXT - 1);
}

static void event_add(unsigned cpu, uint8_t reason)
{
    struct event_ring *ring = &region.cpu[cpu].events;
    ring->slot[ring->next % EVENT_SLOTS] = (struct event){ .tsc = ring->next, .rip = 0x1000, .reason = reason, .kind = EVENT_MESSAGE, .level = ORIGIN_L2,
                                                           .partition = 1, .status = 0 };
    ring->next++;
}

static struct wanted wanted;
static void parse(int count, char *const *word)
{
    machine_good();
    CHECK(wanted_parse(&wanted, &machine, count, word, why) == NULL);
}
#define WANTED(...) parse((int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)), (char *[]){ __VA_ARGS__ })

static unsigned lines_written(void)
{
    unsigned lines = 0;
    for (const char *c = written; *c; c++)
        lines += *c == '\n';
    return lines;
}

TEST(trace_is_in_order)
{
    start();
    for (unsigned i = 0; i < EVENT_SLOTS + 5; i++)
        event_add(1, EXIT_CPUID);
    WANTED("-n", "3");
    RUN(command_trace(out, &machine, &wanted, why));
    char text[400];
    snprintf(text, sizeof(text), "%14u CPU1 L2 message CPUID rip=0x1000 nestvmx\n", EVENT_SLOTS + 2);
    CHECK(strncmp(written, text, strlen(text)) == 0);
    CHECK_EQ(lines_written(), 3);
}

static void more_events(uint64_t offset)
{
    if (offset > region_cpu(1))
        event_add(1, EXIT_HLT);
}

TEST(trace_shows_no_event_that_was_overwritten_while_it_was_read)
{
    start();
    for (unsigned i = 0; i < EVENT_SLOTS; i++)
        event_add(1, EXIT_CPUID);
    WANTED("-n", "1024");
    when_read = more_events;
    RUN(command_trace(out, &machine, &wanted, why));
    CHECK(wrong == NULL);
    CHECK(strstr(written, "events were overwritten before they could be read"));
    CHECK(strstr(written, "HLT") == NULL);
    // Each line that is read makes an event more: those must not be all that there is to see.
    CHECK(lines_written() > EVENT_SLOTS / 2);
}

TEST(trace_shows_no_event_that_is_being_overwritten)
{
    start();
    for (unsigned i = 0; i < EVENT_SLOTS; i++)
        event_add(1, EXIT_CPUID);
    region.cpu[1].events.slot[0].reason = EXIT_HLT;  // the next one's place
    WANTED("-n", "1024");
    RUN(command_trace(out, &machine, &wanted, why));
    CHECK(wrong == NULL);
    CHECK(strstr(written, "HLT") == NULL);
    CHECK_EQ(lines_written(), 1 + EVENT_SLOTS - 1);
}

TEST(trace_knows_no_event_that_there_is_not)
{
    start();
    event_add(0, 0xff);
    region.cpu[0].events.slot[0].head = ~0ull;
    WANTED("-n", "64");
    RUN(command_trace(out, &machine, &wanted, why));
    CHECK(strcmp(written, "             0 CPU0 15 ? 255 rip=0x1000 1073741823 instr\n") == 0);
    region.cpu[0].events.slot[0].partition = 2;
    RUN(command_trace(out, &machine, &wanted, why));
    CHECK(strstr(written, " report: unknown status"));
}

TEST(filters)
{
    static const struct { char *option, *names; unsigned lines; } row[] = {
        { "--cpu", "0", 1 }, { "--cpu", "1", 2 }, { "--cpu", "1,0", 3 }, { "--level", "L1", 0 }, { "--level", "PAL,L2", 3 }, { "--reason", "HLT", 1 },
        { "--reason", "HLT,CPUID", 3 }, { "--reason", "RDMSR", 0 }, { "--partition", "nestvmx", 3 }, { "--partition", "report", 0 },
    };
    start();
    event_add(0, EXIT_CPUID);
    event_add(1, EXIT_CPUID);
    event_add(1, EXIT_HLT);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        WANTED(row[i].option, row[i].names);
        RUN(command_trace(out, &machine, &wanted, why));
        CHECK(wrong == NULL);
        CHECK_EQ(lines_written(), row[i].lines);
    }
    WANTED("--cpu", "1", "--json", "--reason", "CPUID");
    RUN(command_trace(out, &machine, &wanted, why));
    CHECK_EQ(lines_written(), 1);
    CHECK(written[0] == '{');
}

TEST(a_devices_request_is_of_no_level_and_no_exit_reason)
{
    static const struct { char *option, *names; unsigned lines; } row[] = { { "--cpu", "0", 1 }, { "--level", "L1,L2,PAL", 0 }, { "--reason", "CPUID", 0 } };
    start();
    event_add(0, EXIT_CPUID);
    region.cpu[0].events.slot[0].head = EVENT_HEAD(EVENT_DMA, ORIGIN_L2, EXIT_CPUID);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        WANTED(row[i].option, row[i].names);
        RUN(command_trace(out, &machine, &wanted, why));
        CHECK_EQ(lines_written(), row[i].lines);
    }
}

TEST(bad_options_of_trace)
{
    static char long_name[] = "a name that is longer than any that there could be, by far";
    static char *const row[][2] = { { "-n", "0" }, { "-n", "1025" }, { "-n", "-1" }, { "-n", "1x" }, { "-n", "" }, { "--cpu", "2" }, { "--cpu", "" },
        { "--cpu", "0,,1" }, { "--cpu", "0," }, { "--level", "L3" }, { "--reason", "cpuid" }, { "--reason", "" }, { "--partition", "ept" },
        { "--partition", long_name }, { "--what", "0" }, { "-f", "-n" } };
    start();
    machine_good();
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        CHECK(wanted_parse(&wanted, &machine, 2, row[i], why) != NULL);
    CHECK(wanted_parse(&wanted, &machine, 1, (char *[]){ "--cpu" }, why) != NULL);
}

TEST(top_is_of_a_time)
{
    static struct top before, after;
    start();
    region.cpu[0].stats.exit[ORIGIN_L1][EXIT_CPUID] = (struct exit_stat){ 10, 1000, 20, 5 };
    region.cpu[1].stats.exit[ORIGIN_L2][EXIT_HLT] = (struct exit_stat){ 7, 7, 7, 7 };
    CHECK(top_read(&machine, &before, why));
    region.cpu[1].stats.exit[ORIGIN_L1][EXIT_CPUID] = (struct exit_stat){ 4, 400, 12, 4 };
    region.cpu[0].stats.exit[ORIGIN_L2][EXIT_EPT_VIOLATION] = (struct exit_stat){ 100, 50000, 300, 100 };
    region.cpu[0].stats.message[0] = (struct message_stat){ 6, 60 };
    region.cpu[0].stats.op[OP_EPT_MAP] = 8, region.cpu[1].stats.op[OP_EPT_MAP_RUN] = 2, region.cpu[0].stats.op[OP_EPT_DROP] = 4;
    region.records.machine.partition[1].restarts = 5;
    CHECK(top_read(&machine, &after, why));
    RUN((top_print(out, &machine, &before, &after, 2000), NULL));
    CHECK(strstr(written, "2 CPUs: 52 exits/s\n"));
    CHECK(strstr(written, "\nL2  EPT_VIOLATION                        50          500          3          1\n"
                          "L1  CPUID                                 2          100          3          1\n"));
    CHECK(strstr(written, "HLT") == NULL);
    CHECK(strstr(written, "\nnestvmx                                   3           10          0\n"));
    CHECK(strstr(written, "\nreport                                    0            0          2\n"));
    CHECK(strstr(written, "EPT02       5 fills/s, 0 mappings removed/s, 2 evictions of trees/s\n"));
    RUN((top_print(out, &machine, &before, &after, 0), NULL));  // no time at all
    CHECK(strstr(written, "2 CPUs: 0 exits/s\n"));
    region.records.machine.cpu_count = 0;
    CHECK(!top_read(&machine, &after, why));
}

static struct crash_record *crash_make(void)
{
    struct crash_record *record = &region.records.previous;
    start();
    *record = (struct crash_record){ .magic = CRASH_MAGIC, .bytes = sizeof(*record), .abi = CAP_ABI, .generation = 4, .kind = CRASH_FAULT, .cpu = 1,
                                     .faults = 2, .tsc = 110,
                                     .machine = { .boot_time = 1000000000, .boot_tsc = 10, .version = "1.2", .workload = "kvm", .partition_count = 2 },
                                     .partition = "nestvmx", .text = "vector=14", .rip = 0x401234, .vector = 14, .error = 4, .backtrace_count = 1,
                                     .event_count = 1, .line_count = 1, .backtrace = { 0x405678 } };
    record->request = (struct request){ .sequence = 17, .kind = MSG_EXIT, .origin = ORIGIN_L2, .cpu = 1, .reason = EXIT_CPUID, .groups = GROUPS_RIP | GROUP_GPR };
    record->request.gpr[GPR_CR2] = 0x777;
    record->request.field[0][VMCS_GUEST_RIP] = 0x12345;
    record->request.field[0][VMCS_GUEST_CR3] = 0x999;  // did not travel
    strcpy(record->machine.partition[1].name, "ept");
    record->vmcs[0] = (struct crash_vmcs){ CRASH_VMCS_01, { [VMCS_GUEST_TR_ACCESS_RIGHTS] = 0x89 } };
    record->event[0] = (struct event){ .tsc = 99, .partition = 2, .reason = EXIT_CPUID, .kind = EVENT_EXIT };
    strcpy(record->line[0], "L0 1 error fault\n");
    record->checksum = crash_checksum(record);
    return record;
}

TEST(crash)
{
    start();
    machine_good();
    RUN(command_crash(out, false, why));
    CHECK(wrong == NULL && strcmp(written, "no crash in the boot before this one\n") == 0);
    RUN(command_crash(out, true, why));
    CHECK(wrong != NULL && strcmp(written, "") == 0);
    crash_make();
    RUN(command_crash(out, false, why));
    CHECK(wrong == NULL);
    CHECK(strncmp(written, "fault of a partition (nestvmx) on CPU 1, crash number 4, faults in that run: 2\nvector=14\n", 86) == 0);
    CHECK(strstr(written, "2001-09-09 01:46:40") && strstr(written, "after       100 ticks\n") && strstr(written, "vector 14, error 0x4\n"));
    CHECK(strstr(written, "called from 0x405678\n") && strstr(written, "99 CPU1 L1 CPUID ") && strstr(written, "log:\nL0 1 error fault\n"));
    CHECK(strstr(written, "message     number 17 on CPU 1, EXIT CPUID, attempt 1\nrax=0000000000000000 rcx=0000000000000000 rdx=0000000000000000 "
                          "rbx=0000000000000000\ncr2=0000000000000777 rbp="));
    CHECK(strstr(written, "r15=0000000000000000\n  GUEST_RIP                    0000000000012345\n"));
    CHECK(strstr(written, "VMCS01, L1's:\n  GUEST_TR_ACCESS_RIGHTS       0000000000000089\n"));
    CHECK(strstr(written, "GUEST_CR3") == NULL && strstr(written, "VMCS02") == NULL && strstr(written, " ept"));
    RUN(command_crash(out, true, why));
    CHECK(wrong == NULL && memcmp(written, &region.records.previous, sizeof(region.records.previous)) == 0);
}

TEST(a_crash_that_is_damaged_is_not_shown)
{
    for (unsigned i = 0; i < 7; i++) {
        struct crash_record *record = crash_make();
        machine_good();
        switch (i) {
        case 0: record->rip ^= 1; break;
        case 1: record->bytes--; break;
        case 2: record->backtrace_count = CRASH_BACKTRACE + 1; break;
        case 3: record->event_count = 0xffffffff; break;
        case 4: record->line_count = CRASH_LINES + 1; break;
        case 5: record->abi++; break;
        case 6: record->machine.partition_count = PARTITION_MAX + 1; break;
        }
        if (i != 0)
            record->checksum = crash_checksum(record);
        RUN(command_crash(out, false, why));
        CHECK(wrong != NULL && strstr(wrong, i == 5 ? "this program is for ABI" : "damaged"));
        CHECK(strcmp(written, "") == 0);
    }
}
