/* SPDX-License-Identifier: BSD-2-Clause */
/* pal_there: whether trustvisor answers, by CPUID and by VMCALL: "there" (status 0) or "not there" (status 1); anything between is FAIL (status 2).
   pal_there --watch: on this CPU as often as it can until it is killed by SIGTERM; each answer has to be one of the two. CPUID and VMCALL are asked one after the
   other then, and what is asked may come or go between them. */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <trustvisor/abi.h>

#define CALL_ABSENT 0xdeadu

static sigjmp_buf refused;
static volatile sig_atomic_t ended;

static void fault(int signal) { siglongjmp(refused, signal); }
static void end(int signal) { ended = signal; }

static uint32_t cpuid(uint32_t leaf)
{
    uint32_t eax = leaf, ebx, ecx = 0, edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return eax;
}

/* One that trustvisor refuses to a program without a word in its log. The registers that a hypercall doesn't return come back as they went. */
static uint32_t vmcall(void)
{
    uint64_t rax = TV_CALL_RANDOM, rbx = 0x1122334455667788, rdx = 0x99, rsi = 0xaa, rdi = 0xbb;
    if (sigsetjmp(refused, 1) != 0)
        return CALL_ABSENT;
    __asm__ volatile("vmcall" : "+a"(rax), "+b"(rbx), "+d"(rdx), "+S"(rsi), "+D"(rdi) : "c"(7ull) : "memory");
    return rbx == 0x1122334455667788 && rdx == 0x99 && rsi == 0xaa && rdi == 0xbb ? (uint32_t)rax : 0xbad;
}

int main(int argc, char **argv)
{
    const uint32_t absent_leaf = cpuid(0x7fffffff);  /* beyond the highest one: the same as an unknown one */
    struct sigaction action = { .sa_handler = fault };
    sigaction(SIGILL, &action, NULL);
    action.sa_handler = end;
    sigaction(SIGTERM, &action, NULL);
    const int watch = argc == 2 && strcmp(argv[1], "--watch") == 0;
    unsigned long there = 0, absent = 0, changes = 0;
    uint32_t leaf, call, before = 0;
    do {
        leaf = cpuid(TV_CPUID), call = vmcall();
        if ((leaf != TV_CPUID_ANSWER && leaf != absent_leaf) || (call != TV_ERROR && call != CALL_ABSENT) ||
            (!watch && (leaf == TV_CPUID_ANSWER) != (call == TV_ERROR))) {
            printf("pal_there: FAIL CPUID says 0x%x, VMCALL 0x%x\n", leaf, call);
            return 2;
        }
        changes += there + absent > 0 && call != before;
        before = call;
        if (call == TV_ERROR)
            there++;
        else
            absent++;
    } while (watch && !ended);
    if (watch) {
        printf("pal_there: there %lu times, not there %lu times, changes %lu\n", there, absent, changes);
        return there > 0 && absent > 0 ? 0 : 2;
    }
    puts(call == TV_ERROR ? "there" : "not there");
    return call != TV_ERROR;
}
