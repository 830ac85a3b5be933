// SPDX-License-Identifier: BSD-2-Clause
// bhctl: asks the Bulkhead below this Linux what it is and does (docs/bhctl.md).

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <time.h>
#include <unistd.h>

#include <caps/cpuid.h>
#include <caps/inject.h>

#include "call_insn.h"
#include "command.h"
#include "inject.h"
#include "load.h"
#include "top.h"

#define FOLLOW_NANOSECONDS 200000000L
#define TOP_SECONDS        2u
#define TOP_MOST           3600u
#define CLEAR              "\033[H\033[J"

static int fail(const char *text)
{
    fprintf(stderr, "bhctl: %s\n", text);
    return 1;
}

static int usage(void)
{
    fputs("usage: bhctl COMMAND\n"
          "  status               version, workload, CPUs, memory, partitions\n"
          "  log [-f]             Bulkhead's log, as far back as it is kept; -f: and what comes\n"
          "  stats [--json]       exits and messages: how many, and what they cost\n"
          "  top [-d S] [-n N]    the same by the second, every S seconds (2), N times\n"
          "  crash [--raw]        the record of a crash in the boot before this one; --raw: as it is, for a file\n"
          "  trace [-n N] [-f]    the last N events of each CPU (64): exits, messages, faults; -f: and what comes\n"
          "        [--json]       one JSON object a line\n"
          "        [--fields]     and what travelled with each message, as far as it is still there\n"
          "        [--cpu A,B] [--level A,B] [--reason A,B] [--partition A,B]   only these\n"
          "  inject PARTITION --at N --kind ud|pf|bad-reply|hang [--instruction N]\n"
          "                       a fault in its N-th message from now on, where the workload's configuration lets it\n"
          "  load FILE [SIGFILE]  starts the partition whose file that is, where the workload's configuration lets it; SIGFILE: its\n"
          "                       signature (FILE.sig), as ./bulkhead sign makes it\n"
          "  unload PARTITION     ends it, and leaves nothing of it\n", stderr);
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

static uint64_t milliseconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static const char *show_top(struct records_machine *machine, uint32_t seconds, uint32_t rounds, char why[REGION_WHY])
{
    static struct top before, after;
    uint64_t start = milliseconds_now();
    why[0] = '\0';
    for (uint32_t round = 0; top_read(machine, &before, why) && (rounds == 0 || round < rounds); round++) {
        const struct timespec pause = { .tv_sec = (time_t)seconds };
        nanosleep(&pause, NULL);
        if (!top_read(machine, &after, why))
            break;
        const uint64_t end = milliseconds_now();
        fputs(isatty(STDOUT_FILENO) ? CLEAR : round > 0 ? "\n" : "", stdout);
        top_print(stdout, machine, &before, &after, (uint32_t)(end - start));
        if (fflush(stdout) != 0)
            return "can't write";
        start = end;
        if (round + 1 == rounds)
            return NULL;
    }
    return why[0] ? why : "the statistics can't be read";
}

// A number of seconds or rounds from the words of `top`. false: they are others.
static bool top_options(int count, char **word, uint32_t *seconds, uint32_t *rounds)
{
    *seconds = TOP_SECONDS;
    *rounds = 0;
    for (int i = 0; i < count; i += 2) {
        char *end;
        const bool is_delay = strcmp(word[i], "-d") == 0;
        const unsigned long value = i + 1 < count ? strtoul(word[i + 1], &end, 10) : 0;
        if ((!is_delay && strcmp(word[i], "-n") != 0) || value == 0 || value > TOP_MOST || *end || word[i + 1][0] == '-')
            return false;
        *(is_delay ? seconds : rounds) = (uint32_t)value;
    }
    return true;
}

static const char *inject(const struct fault *fault, const struct records_machine *machine, char why[REGION_WHY])
{
    const uint64_t answer = insn_in_call_with(HYPERCALL_REPORT_INJECT, fault->partition, fault->kind, fault->number, fault->instruction);
    const char *wrong = fault_refused(fault, machine, answer, why);
    if (!wrong)
        printf("%s gets the fault %s in message %u from now on\n", machine->partition[fault->partition].name, inject_kind_name(fault->kind), fault->number);
    return wrong;
}

// Room of so many bytes filled with a file of fewer. -1: it can't be read, or is larger.
static ssize_t read_file(const char *path, uint8_t *room, size_t most, char why[REGION_WHY])
{
    FILE *file = fopen(path, "rb");
    const size_t bytes = file ? fread(room, 1, most, file) : 0;
    const bool whole = file && !ferror(file) && bytes > 0 && bytes < most;
    if (!file || ferror(file))
        snprintf(why, REGION_WHY, "can't read %.80s: %s", path, strerror(errno));
    else if (!whole)
        snprintf(why, REGION_WHY, "%.80s is %s", path, bytes == 0 ? "empty" : "too large");
    if (file)
        fclose(file);
    return whole ? (ssize_t)bytes : -1;
}

// On one CPU: verify keeps apart what comes on several.
static bool stay_on_this_cpu(void)
{
    const int cpu = sched_getcpu();
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu >= 0)
        CPU_SET((size_t)cpu, &set);
    return cpu >= 0 && sched_setaffinity(0, sizeof(set), &set) == 0;
}

static const char *load(const char *path, const char *signature_path, const struct records_machine *machine, char why[REGION_WHY])
{
    static uint8_t room[LOAD_FILE_MAX + 1], der[LOAD_SIGNATURE_MAX];
    static char beside[4096];
    uint64_t signature[SIGNATURE_WORDS];
    uint32_t partition;
    const ssize_t bytes = read_file(path, room, sizeof(room), why);
    if (bytes < 0)
        return why;
    snprintf(beside, sizeof(beside), "%s.sig", path);
    const ssize_t der_bytes = read_file(signature_path ? signature_path : beside, der, sizeof(der), why);
    if (der_bytes < 0)
        return why;
    const char *wrong = load_signature(der, (size_t)der_bytes, signature);
    if (!wrong && !stay_on_this_cpu())
        wrong = "can't stay on one CPU";
    if (!wrong)
        wrong = load_file(insn_in_call_block, room, (size_t)bytes, signature, &partition, why);
    if (!wrong)
        printf("%s is loaded\n", partition < machine->partition_count ? machine->partition[partition].name : "it");
    return wrong;
}

static const char *unload(const char *name, char why[REGION_WHY])
{
    const char *wrong = load_end(insn_in_call_block, name, why);
    if (!wrong)
        printf("%s is unloaded\n", name);
    return wrong;
}

int main(int argc, char **argv)
{
    struct records_machine machine;
    struct wanted wanted;
    struct fault fault;
    char why[REGION_WHY];
    uint32_t seconds = 0, rounds = 0;
    const char *command = argc > 1 ? argv[1] : "", *option = argc > 2 ? argv[2] : "", *wrong;
    const bool plain = argc == 2, follow = argc == 3 && strcmp(option, "-f") == 0, json = argc == 3 && strcmp(option, "--json") == 0;
    const bool raw = argc == 3 && strcmp(option, "--raw") == 0;
    const bool is_log = strcmp(command, "log") == 0, is_stats = strcmp(command, "stats") == 0, is_trace = strcmp(command, "trace") == 0;
    const bool is_status = strcmp(command, "status") == 0, is_crash = strcmp(command, "crash") == 0, is_top = strcmp(command, "top") == 0;
    const bool is_inject = strcmp(command, "inject") == 0;
    const bool is_load = strcmp(command, "load") == 0 && (argc == 3 || argc == 4), is_unload = strcmp(command, "unload") == 0 && argc == 3;
    if (!(plain && (is_status || is_crash || is_log || is_stats)) && !(follow && is_log) && !(json && is_stats) && !(raw && is_crash) && !is_trace && !is_inject && !is_load && !is_unload &&
        !(is_top && top_options(argc - 2, argv + 2, &seconds, &rounds)))
        return usage();
    wrong = find(&machine, why);
    if (!wrong && (is_trace || is_inject)) {
        wrong = is_trace ? wanted_parse(&wanted, &machine, argc - 2, argv + 2, why) : fault_parse(&fault, &machine, argc - 2, argv + 2, why);
        if (wrong) {
            fail(wrong);
            return 2;
        }
    }
    if (!wrong)
        wrong = is_status ? command_status(stdout, &machine, why)
              : is_stats  ? command_stats(stdout, &machine, json, why)
              : is_crash  ? command_crash(stdout, raw, why)
              : is_trace  ? command_trace(stdout, &machine, &wanted, why)
              : is_inject ? inject(&fault, &machine, why)
              : is_load   ? load(argv[2], argc == 4 ? argv[3] : NULL, &machine, why)
              : is_unload ? unload(argv[2], why)
              : is_top    ? show_top(&machine, seconds, rounds, why)
                          : show_log(follow, why);
    if (!wrong && fflush(stdout) != 0)
        wrong = "can't write";
    return wrong ? fail(wrong) : 0;
}
