/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls by the port: only who has the right to it gets an exit, and only IN EAX is one. Needs the partitions hello and observe. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/wait.h>
#include <unistd.h>

#include <caps/exit_reason.h>
#include <caps/hypercall.h>

enum { TIMES = 100, NOBODY = 65534 };

static sigjmp_buf refused;
static int failures;

static void fault(int signal) { siglongjmp(refused, signal); }

static void check(const char *what, uint64_t found, uint64_t wanted)
{
    if (found != wanted) {
        printf("port_call: FAIL %s is 0x%llx, expected 0x%llx\n", what, (unsigned long long)found, (unsigned long long)wanted);
        failures++;
    }
}

static uint64_t in_eax(uint64_t rax, uint64_t *rbx)
{
    __asm__ volatile("in %%dx, %%eax" : "+a"(rax), "+b"(*rbx) : "d"(HYPERCALL_PORT) : "memory");
    return rax;
}

/* How many I/O exits of L1 there were. VMCALL needs no privilege. */
static uint64_t io_exits(void)
{
    uint64_t rax = HYPERCALL_OBSERVE_COUNT;
    __asm__ volatile("vmcall" : "+a"(rax) : "b"((uint64_t)EXIT_IO), "c"(1ull) : "memory");
    return rax;
}

static void without_right(void)
{
    const uint64_t before = io_exits();
    volatile unsigned faults = 0;
    for (volatile unsigned i = 0; i < TIMES; i++) {
        uint64_t rbx = 0;
        if (sigsetjmp(refused, 1) == 0)
            (void)in_eax(HYPERCALL_NULL, &rbx);
        else
            faults++;
    }
    check("refused calls", faults, TIMES);
    check("exits of refused calls", io_exits() - before, 0);
}

static void as_nobody(void)
{
    const pid_t child = fork();
    if (child == 0) {
        if (setuid(NOBODY) != 0)
            _exit(2);
        _exit(ioperm(HYPERCALL_PORT, 4, 1) == -1 && errno == EPERM ? 0 : 1);
    }
    int status = -1;
    (void)waitpid(child, &status, 0);
    check("the end of a child without CAP_SYS_RAWIO", (uint64_t)status, 0);
}

static void with_right(void)
{
    const uint64_t before = io_exits();
    uint64_t rbx = 0;
    for (uint64_t i = 0; i < TIMES; i++) {
        rbx = i;
        check("RAX of NULL", in_eax(HYPERCALL_NULL, &rbx), 0);
        check("RBX of NULL", rbx, i + 1);
    }
    check("exits of calls", io_exits() - before, TIMES);
    char text[64] = { 0 };
    for (uint64_t offset = 0; offset < sizeof(text); offset += 8) {
        rbx = offset;
        const uint64_t part = in_eax(HYPERCALL_HELLO, &rbx);
        memcpy(text + offset, &part, sizeof(part));
    }
    check("the greeting", (uint64_t)strcmp(text, "Hello from ring 3 of VMX root."), 0);
    rbx = 5;
    check("a number that nobody answers", in_eax(HYPERCALL_HELLO + 1, &rbx), 0xffffffff);
    check("its RBX", rbx, 5);
}

/* Accesses to the port that are no hypercall: the registers stay, and nothing answers. */
static void other_forms(void)
{
    uint64_t rax = HYPERCALL_NULL, rbx = 7;
    __asm__ volatile("in %%dx, %%al" : "+a"(rax), "+b"(rbx) : "d"(HYPERCALL_PORT));
    check("RAX after IN AL", rax, HYPERCALL_NULL | 0xff);
    rax = HYPERCALL_NULL;
    __asm__ volatile("in %%dx, %%ax" : "+a"(rax), "+b"(rbx) : "d"(HYPERCALL_PORT));
    check("RAX after IN AX", rax, HYPERCALL_NULL | 0xffff);
    rax = HYPERCALL_NULL;
    __asm__ volatile("out %%eax, %%dx" : "+a"(rax), "+b"(rbx) : "d"(HYPERCALL_PORT));
    check("RAX after OUT EAX", rax, HYPERCALL_NULL);
    rax = HYPERCALL_NULL;
    __asm__ volatile("in %%dx, %%eax" : "+a"(rax), "+b"(rbx) : "d"(HYPERCALL_PORT - 1));
    check("RAX of the port below", rax, 0xffffffff);
    uint32_t words[4] = { 0 };
    uint64_t count = 4;
    void *to = words;
    rax = HYPERCALL_NULL;
    __asm__ volatile("rep insl" : "+D"(to), "+c"(count), "+a"(rax), "+b"(rbx) : "d"(HYPERCALL_PORT) : "memory");
    for (unsigned i = 0; i < 4; i++)
        check("memory after REP INSD", words[i], 0xffffffff);
    check("RAX after REP INSD", rax, HYPERCALL_NULL);
    check("RBX after all of them", rbx, 7);
}

int main(void)
{
    const struct sigaction action = { .sa_handler = fault };
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    if (sigsetjmp(refused, 1) != 0) {
        puts("port_call: FAIL an instruction is refused that must not be");
        return 1;
    }
    as_nobody();
    without_right();
    if (ioperm(HYPERCALL_PORT - 4, 8, 1) != 0) {
        perror("port_call: FAIL ioperm");
        return 1;
    }
    if (sigsetjmp(refused, 1) != 0) {
        puts("port_call: FAIL the port is refused in spite of ioperm");
        return 1;
    }
    with_right();
    other_forms();
    printf("port_call: %s\n", failures ? "FAIL" : "PASS");
    return failures ? 1 : 0;
}
