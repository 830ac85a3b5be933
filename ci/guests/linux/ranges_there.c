/* SPDX-License-Identifier: BSD-2-Clause */
/* ranges_there: who answers an L2 of one virtual CPU, which asks a leaf of CPUID and reads a port that the partition `ranges` claims: "ranges" (status 0) or "KVM"
   (status 1); anything else is FAIL (status 2).
   ranges_there --watch: one L2 after the other until it is killed by SIGTERM; `ranges` may come or go between the two questions. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../../../partitions/ranges/ranges.h"

#define CODE_AT    0x1000u
#define EBX_BEFORE 41u
#define FROM_VMM   0x4d4d5621u

static volatile sig_atomic_t ended;
static void end(int signal) { ended = signal; }

static _Noreturn void fail(const char *what)
{
    printf("ranges_there: FAIL %s\n", what);
    exit(2);
}

static int call(int fd, unsigned long request, void *argument)
{
    const int result = ioctl(fd, request, argument);
    if (result < 0)
        fail("a call of KVM's");
    return result;
}

#define BYTES4(value) (value) & 0xff, (value) >> 8 & 0xff, (value) >> 16 & 0xff, (value) >> 24
static const uint8_t code[] = {
    0x66, 0xb8, BYTES4(RANGES_NUMBER),                          /* mov $RANGES_NUMBER, %eax */
    0x66, 0xbb, BYTES4(EBX_BEFORE),                             /* mov $EBX_BEFORE, %ebx */
    0x0f, 0xa2,                                                 /* cpuid */
    0x66, 0x89, 0xde,                                           /* mov %ebx, %esi */
    0xba, RANGES_PORT_FIRST & 0xff, RANGES_PORT_FIRST >> 8,     /* mov $RANGES_PORT_FIRST, %dx */
    0x66, 0xed,                                                 /* in %dx, %eax */
    0x66, 0x89, 0xc7,                                           /* mov %eax, %edi */
    0xf4,                                                       /* hlt */
};

struct vcpu { int fd; struct kvm_run *run; };

static struct vcpu make(void)
{
    const int kvm = open("/dev/kvm", O_RDWR), vm = call(kvm, KVM_CREATE_VM, 0);
    void *memory = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct kvm_userspace_memory_region region = { .guest_phys_addr = CODE_AT, .memory_size = 0x1000, .userspace_addr = (uintptr_t)memory };
    call(vm, KVM_SET_USER_MEMORY_REGION, &region);
    memcpy(memory, code, sizeof(code));
    struct vcpu vcpu = { .fd = call(vm, KVM_CREATE_VCPU, 0) };
    vcpu.run = mmap(NULL, (size_t)call(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.fd, 0);
    struct kvm_sregs sregs;
    call(vcpu.fd, KVM_GET_SREGS, &sregs);
    sregs.cs.base = sregs.cs.selector = 0;
    call(vcpu.fd, KVM_SET_SREGS, &sregs);
    return vcpu;
}

/* The L2 runs till it exits to us: SIGTERM while it runs is none of its exits. */
static void run(const struct vcpu *vcpu)
{
    while (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
        if (errno != EINTR)
            fail("KVM_RUN");
    }
}

/* Who has answered: bit 0: `ranges` the leaf, bit 1: `ranges` the port. */
static unsigned ask(const struct vcpu *vcpu)
{
    struct kvm_regs regs = { .rip = CODE_AT, .rflags = 2 };
    int by_vmm = 0;
    call(vcpu->fd, KVM_SET_REGS, &regs);
    while (run(vcpu), vcpu->run->exit_reason != KVM_EXIT_HLT) {
        if (vcpu->run->exit_reason != KVM_EXIT_IO || vcpu->run->io.port != RANGES_PORT_FIRST || vcpu->run->io.size != 4 || by_vmm++)
            fail("an exit that isn't the port's");
        const uint32_t value = FROM_VMM;
        memcpy((uint8_t *)vcpu->run + vcpu->run->io.data_offset, &value, sizeof(value));
    }
    call(vcpu->fd, KVM_GET_REGS, &regs);
    const int leaf = regs.rsi == EBX_BEFORE + 1, port = regs.rdi == RANGES_ANSWER + RANGES_PORT_FIRST;
    if ((!leaf && regs.rsi != 0) || (!port && regs.rdi != FROM_VMM) || port == by_vmm) {
        printf("CPUID says 0x%llx, the port 0x%llx\n", regs.rsi, regs.rdi);
        fail("an answer that is nobody's");
    }
    return (unsigned)(leaf | port << 1);
}

int main(int argc, char **argv)
{
    const int watch = argc == 2 && strcmp(argv[1], "--watch") == 0;
    struct sigaction action = { .sa_handler = end, .sa_flags = SA_RESTART };
    sigaction(SIGTERM, &action, NULL);
    const struct vcpu vcpu = make();
    unsigned long there = 0, absent = 0, changes = 0;
    unsigned who, before = 0;
    do {
        who = ask(&vcpu);
        if (!watch && who != 0 && who != 3)
            fail("one answers the leaf, the other the port");
        changes += there + absent > 0 && (who >> 1) != before;
        before = who >> 1;
        there += before;
        absent += !before;
        if (watch && there + absent == 1)
            puts("watching"), fflush(stdout);
    } while (watch && !ended);
    if (watch) {
        printf("ranges_there: ranges %lu times, KVM %lu times, changes %lu\n", there, absent, changes);
        return 0;
    }
    puts(who ? "ranges" : "KVM");
    return who == 0;
}
