// SPDX-License-Identifier: BSD-2-Clause
// bhctl: asks the Bulkhead below this Linux what it is and does (docs/bhctl.md).

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>

#include <caps/cpuid.h>

#include "call_insn.h"
#include "command.h"

#define FOLLOW_NANOSECONDS 200000000L
#define TRACE_DEFAULT      64u

static int fail(const char *text)
{
    fprintf(stderr, "bhctl: %s\n", text);
    return 1;
}

static int usage(void)
{
    fputs("usage: bhctl COMMAND\n"
          "  status          version, workload, CPUs, memory, partitions\n"
          "  log [-f]        Bulkhead's log, as far back as it is kept; -f: and what comes\n"
          "  stats [--json]  exits and messages: how many, and what they cost\n"
          "  crash           the record of a crash in the boot before this one\n"
          "  trace [-n N]    the last N exits of each CPU (64)\n", stderr);
    return 2;
}

static bool line_by_port(uint64_t offset, uint64_t line[REPORT_LINE / sizeof(uint64_t)])
{
    return insn_in_call(HYPERCALL_REPORT_READ, offset, line) == REPORT_LINE;
}

// Finds Bulkhead and its partition report. NULL, or else why not.
static const char *find(struct records_machine *machine, char why[REGION_WHY])
{
    uint64_t line[REPORT_LINE / sizeof(uint64_t)] = { 0 };
    const struct cpuid id = insn_cpuid(CPUID_BULKHEAD);
    if (!(insn_cpuid(1).ecx >> 31 & 1) || id.ebx != CPUID_BULKHEAD_EBX || id.ecx != CPUID_BULKHEAD_ECX || id.edx != CPUID_BULKHEAD_EDX ||
        id.eax < CPUID_BULKHEAD_INFO)
        return "this machine does not run on Bulkhead";
    const uint32_t abi = insn_cpuid(CPUID_BULKHEAD_INFO).eax;
    if (abi != CAP_ABI) {
        snprintf(why, REGION_WHY, "the Bulkhead that runs has ABI %u, this bhctl is for ABI %u", abi, CAP_ABI);
        return why;
    }
    if (ioperm(HYPERCALL_PORT, 4, 1) != 0) {
        snprintf(why, REGION_WHY, errno == EPERM ? "only root may ask Bulkhead (I/O port 0x%x: CAP_SYS_RAWIO)" : "I/O port 0x%x can't be had",
                 HYPERCALL_PORT);
        return why;
    }
    if (insn_in_call(HYPERCALL_REPORT_READ, 0, line) != REPORT_LINE)
        return "the partition report is not loaded: it must be among the workload's partitions in bulkhead.conf";
    region_line = line_by_port;
    return region_machine(machine, why);
}

static const char *show_log(bool follow, char why[REGION_WHY])
{
    uint64_t next = 0;
    for (;;) {
        const char *wrong = log_print(stdout, &next, why);
        if (wrong || !follow)
            return wrong;
        if (ferror(stdout))
            return "can't write";
        const struct timespec pause = { .tv_nsec = FOLLOW_NANOSECONDS };
        nanosleep(&pause, NULL);
    }
}

int main(int argc, char **argv)
{
    struct records_machine machine;
    char why[REGION_WHY];
    const char *command = argc > 1 ? argv[1] : "", *option = argc > 2 ? argv[2] : "", *wrong;
    uint32_t count = TRACE_DEFAULT;
    const bool plain = argc == 2, follow = argc == 3 && strcmp(option, "-f") == 0, json = argc == 3 && strcmp(option, "--json") == 0;
    const bool counted = argc == 4 && strcmp(option, "-n") == 0;
    const bool is_log = strcmp(command, "log") == 0, is_stats = strcmp(command, "stats") == 0, is_trace = strcmp(command, "trace") == 0;
    const bool is_status = strcmp(command, "status") == 0, is_crash = strcmp(command, "crash") == 0;
    if (!(plain && (is_status || is_crash || is_log || is_stats || is_trace)) && !(follow && is_log) && !(json && is_stats) && !(counted && is_trace))
        return usage();
    if (counted) {
        char *end;
        errno = 0;
        const unsigned long n = strtoul(argv[3], &end, 10);
        if (errno || *end || end == argv[3] || argv[3][0] == '-' || n == 0 || n > EVENT_SLOTS) {
            fprintf(stderr, "bhctl: -n needs a number from 1 to %u\n", EVENT_SLOTS);
            return 2;
        }
        count = (uint32_t)n;
    }
    wrong = find(&machine, why);
    if (!wrong)
        wrong = is_status ? command_status(stdout, &machine, why)
              : is_stats  ? command_stats(stdout, &machine, json, why)
              : is_crash  ? command_crash(stdout, &machine, why)
              : is_trace  ? command_trace(stdout, &machine, count, why)
                          : show_log(follow, why);
    if (!wrong && fflush(stdout) != 0)
        wrong = "can't write";
    return wrong ? fail(wrong) : 0;
}
