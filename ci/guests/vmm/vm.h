/* SPDX-License-Identifier: BSD-2-Clause */
/* One virtual machine through /dev/kvm: its memory, its vCPUs, and the changes to them that the guest asks for. */
#pragma once

#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>

#include "contract.h"

struct vm;

struct vcpu {
    struct vm *vm;
    unsigned index;
    int fd;
    struct kvm_run *run;
    pthread_t thread;
    unsigned long exits;
    unsigned buffer;    /* which of the two window buffers it sees */
    unsigned line_used; /* of the console line that isn't complete yet */
    char line[80];
};

struct vm {
    int kvm, fd;
    unsigned vcpus, iterations;
    uint8_t *low;
    uint8_t *touch;
    uint8_t *window[2];
    struct vcpu vcpu[GUEST_MAX_VCPUS];
};

/* All of these end the process with a FAIL line when KVM refuses something. */
void vm_create(struct vm *vm, unsigned vcpus, unsigned iterations);
void vm_inject(struct vcpu *vcpu, uint32_t vector);
void vm_discard_odd_pages(struct vcpu *vcpu);
void vm_swap_window(struct vcpu *vcpu);

/* Prints `vmm: FAIL ...` and exits. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
