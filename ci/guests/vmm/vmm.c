/* SPDX-License-Identifier: BSD-2-Clause */
/* A small VMM: runs one guest through /dev/kvm, checks all that it did, and prints one line, PASS or FAIL. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "expected.h"
#include "vm.h"

static const char *exit_name(uint32_t reason)
{
    switch (reason) {
    case KVM_EXIT_UNKNOWN: return "unknown";
    case KVM_EXIT_HLT: return "hlt";
    case KVM_EXIT_MMIO: return "mmio";
    case KVM_EXIT_SHUTDOWN: return "triple-fault";
    case KVM_EXIT_FAIL_ENTRY: return "failed-entry";
    case KVM_EXIT_INTERNAL_ERROR: return "internal-error";
    default: return "unexpected";
    }
}

void fail(const char *format, ...)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&once);
    va_list arguments;
    va_start(arguments, format);
    printf("vmm: FAIL ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
    _exit(1);
}

static void on_alarm(int signal)
{
    (void)signal;
    static const char text[] = "vmm: FAIL the guest did not finish in time\n";
    if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0) {
        _exit(2);
    }
    _exit(1);
}

static void console_byte(struct vcpu *vcpu, char c)
{
    if (c != '\n' && vcpu->line_used < sizeof(vcpu->line) - 1) {
        vcpu->line[vcpu->line_used++] = c;
        return;
    }
    printf("guest %u: %.*s\n", vcpu->index, (int)vcpu->line_used, vcpu->line);
    fflush(stdout);
    vcpu->line_used = 0;
}

/* Returns 1 when the guest is done. */
static int command_do(struct vcpu *vcpu, uint32_t command)
{
    switch (command) {
    case COMMAND_INTERRUPT:
        vm_inject(vcpu, VECTOR_MSI);
        return 0;
    case COMMAND_DISCARD:
        vm_discard_odd_pages(vcpu);
        return 0;
    case COMMAND_SWAP:
        vm_swap_window(vcpu);
        return 0;
    case COMMAND_DONE:
        return 1;
    default:
        fail("vcpu=%u: unknown command %u", vcpu->index, command);
    }
}

static int port_do(struct vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    uint32_t value = 0;
    if (run->io.count != 1) {
        fail("vcpu=%u: string I/O at port 0x%x", vcpu->index, run->io.port);
    }
    if (run->io.direction == KVM_EXIT_IO_OUT) {
        memcpy(&value, data, run->io.size);
        if (run->io.port == PORT_CONSOLE) {
            console_byte(vcpu, (char)value);
            return 0;
        }
        if (run->io.port == PORT_COMMAND) {
            return command_do(vcpu, value);
        }
    } else if (run->io.port == PORT_ITERATIONS || run->io.port == PORT_VCPUS) {
        value = run->io.port == PORT_VCPUS ? vcpu->vm->vcpus : vcpu->vm->iterations;
        memcpy(data, &value, run->io.size);
        return 0;
    }
    fail("vcpu=%u: unexpected access to port 0x%x", vcpu->index, run->io.port);
}

static void *vcpu_thread(void *argument)
{
    struct vcpu *vcpu = argument;
    for (;;) {
        if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
            if (errno == EINTR || errno == EAGAIN) {
                continue;
            }
            fail("vcpu=%u KVM_RUN: %s", vcpu->index, strerror(errno));
        }
        vcpu->exits++;
        if (vcpu->run->exit_reason != KVM_EXIT_IO) {
            struct kvm_regs regs = { 0 };
            (void)ioctl(vcpu->fd, KVM_GET_REGS, &regs);
            fail("vcpu=%u exit=%s(%u) detail=0x%llx rip=0x%llx", vcpu->index, exit_name(vcpu->run->exit_reason),
                 vcpu->run->exit_reason, (unsigned long long)vcpu->run->hw.hardware_exit_reason,
                 (unsigned long long)regs.rip);
        }
        if (port_do(vcpu)) {
            return NULL;
        }
    }
}

static unsigned number_option(const char *text, unsigned maximum)
{
    char *end;
    unsigned long value = strtoul(text, &end, 0);
    if (*end || value == 0 || value > maximum) {
        fail("option value %s: 1 to %u", text, maximum);
    }
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    unsigned vcpus = 1, iterations = 1, seconds = 300;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cpus") == 0) {
            vcpus = number_option(argv[i + 1], GUEST_MAX_VCPUS);
        } else if (strcmp(argv[i], "--iterations") == 0) {
            iterations = number_option(argv[i + 1], 1000000);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            seconds = number_option(argv[i + 1], 1000000);
        } else {
            fail("unknown option %s", argv[i]);
        }
    }
    signal(SIGALRM, on_alarm);
    alarm(seconds);

    static struct vm vm;
    vm_create(&vm, vcpus, iterations);
    for (unsigned i = 0; i < vcpus; i++) {
        if (pthread_create(&vm.vcpu[i].thread, NULL, vcpu_thread, &vm.vcpu[i]) != 0) {
            fail("no thread for vcpu=%u", i);
        }
    }
    unsigned long exits = 0;
    for (unsigned i = 0; i < vcpus; i++) {
        pthread_join(vm.vcpu[i].thread, NULL);
        exits += vm.vcpu[i].exits;
    }
    for (unsigned i = 0; i < vcpus; i++) {
        expected_check(&vm.vcpu[i]);
        const struct mailbox *box = (const struct mailbox *)(vm.low + GUEST_MAILBOX + (size_t)i * PAGE_BYTES);
        printf("vmm: vcpu=%u primes=%llu series=0x%llx cpuid=0x%llx msis=%llu timers=%llu ipis=%llu checksum=0x%llx "
               "window=0x%llx\n", i, (unsigned long long)box->primes, (unsigned long long)box->series,
               (unsigned long long)box->cpuid_sum, (unsigned long long)box->msis, (unsigned long long)box->timers,
               (unsigned long long)box->ipis, (unsigned long long)box->checksum, (unsigned long long)box->window_sum);
    }
    printf("vmm: PASS vcpus=%u iterations=%u exits=%lu\n", vcpus, iterations, exits);
    return 0;
}
