/* SPDX-License-Identifier: BSD-2-Clause */
/* One virtual machine through /dev/kvm. */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "guest_image.h" /* generated: guest_image[] */

enum {
    SLOT_LOW = 0,
    SLOT_TOUCH = 1,
    SLOT_WINDOW = 2, /* one for each vCPU from here on */
    CPUID_ENTRIES = 200,
    IDENTITY_MAP = 0xfeffc000,
    TSS_PAGES = 0xfeffd000,
};

static int call(int fd, unsigned long request, uintptr_t argument, const char *name)
{
    int result = ioctl(fd, request, argument);
    if (result < 0) {
        fail("%s: %s", name, strerror(errno));
    }
    return result;
}
#define CALL(fd, request, argument) call(fd, request, (uintptr_t)(argument), #request)

static uint8_t *memory_make(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fail("mmap: %s", strerror(errno));
    }
    return memory;
}

static void slot_set(struct vm *vm, unsigned slot, uint64_t address, uint64_t bytes, const uint8_t *memory)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot,
        .guest_phys_addr = address,
        .memory_size = bytes,
        .userspace_addr = (uintptr_t)memory,
    };
    CALL(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static uint64_t window_address(const struct vcpu *vcpu)
{
    return WINDOW_BASE + (uint64_t)vcpu->index * WINDOW_BYTES;
}

static uint8_t *window_buffer(const struct vcpu *vcpu)
{
    return vcpu->vm->window[vcpu->buffer] + (size_t)vcpu->index * WINDOW_BYTES;
}

static void windows_fill(struct vm *vm)
{
    for (unsigned buffer = 0; buffer < 2; buffer++) {
        vm->window[buffer] = memory_make((size_t)vm->vcpus * WINDOW_BYTES);
        for (unsigned i = 0; i < vm->vcpus * WINDOW_PAGES; i++) {
            uint64_t value = window_pattern(i / WINDOW_PAGES, buffer, i % WINDOW_PAGES);
            memcpy(vm->window[buffer] + (size_t)i * PAGE_BYTES + 7 * sizeof(value), &value, sizeof(value));
        }
    }
}

static void cpuid_set(struct vcpu *vcpu)
{
    struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entry[CPUID_ENTRIES];
    } *table = calloc(1, sizeof(*table));
    if (!table) {
        fail("out of memory");
    }
    table->head.nent = CPUID_ENTRIES - 1;
    CALL(vcpu->vm->kvm, KVM_GET_SUPPORTED_CPUID, table);
    table->entry[table->head.nent++] = (struct kvm_cpuid_entry2){
        .function = CPUID_LEAF,
        .eax = CPUID_EAX,
        .ebx = CPUID_EBX,
        .ecx = vcpu->index,
        .edx = vcpu->vm->vcpus,
    };
    CALL(vcpu->fd, KVM_SET_CPUID2, table);
    free(table);
}

/* Real mode at GUEST_BASE on every vCPU at once, EBX = its number. */
static void registers_set(struct vcpu *vcpu)
{
    struct kvm_sregs sregs;
    CALL(vcpu->fd, KVM_GET_SREGS, &sregs);
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    CALL(vcpu->fd, KVM_SET_SREGS, &sregs);
    struct kvm_regs regs = { .rip = GUEST_BASE, .rflags = 2, .rbx = vcpu->index };
    CALL(vcpu->fd, KVM_SET_REGS, &regs);
    struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_RUNNABLE };
    CALL(vcpu->fd, KVM_SET_MP_STATE, &state);
}

static void vcpu_create(struct vm *vm, unsigned index, size_t run_bytes)
{
    struct vcpu *vcpu = &vm->vcpu[index];
    *vcpu = (struct vcpu){ .vm = vm, .index = index };
    vcpu->fd = CALL(vm->fd, KVM_CREATE_VCPU, index);
    void *run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (run == MAP_FAILED) {
        fail("mapping a vCPU: %s", strerror(errno));
    }
    vcpu->run = run;
    cpuid_set(vcpu);
    registers_set(vcpu);
    slot_set(vm, SLOT_WINDOW + index, window_address(vcpu), WINDOW_BYTES, window_buffer(vcpu));
}

void vm_create(struct vm *vm, unsigned vcpus, unsigned iterations)
{
    *vm = (struct vm){ .vcpus = vcpus, .iterations = iterations };
    vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (vm->kvm < 0) {
        fail("/dev/kvm: %s", strerror(errno));
    }
    if (CALL(vm->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
        fail("KVM speaks another API version");
    }
    vm->fd = CALL(vm->kvm, KVM_CREATE_VM, 0);
    uint64_t identity_map = IDENTITY_MAP;
    CALL(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
    CALL(vm->fd, KVM_SET_TSS_ADDR, TSS_PAGES);
    CALL(vm->fd, KVM_CREATE_IRQCHIP, 0);

    vm->low = memory_make(GUEST_LOW_BYTES);
    memcpy(vm->low + GUEST_BASE, guest_image, sizeof(guest_image));
    slot_set(vm, SLOT_LOW, 0, GUEST_LOW_BYTES, vm->low);
    vm->touch = memory_make((size_t)vcpus * TOUCH_BYTES);
    /* Each page must be a mapping of its own in the hypervisor's tables. */
    madvise(vm->touch, (size_t)vcpus * TOUCH_BYTES, MADV_NOHUGEPAGE);
    slot_set(vm, SLOT_TOUCH, TOUCH_BASE, (uint64_t)vcpus * TOUCH_BYTES, vm->touch);
    windows_fill(vm);

    size_t run_bytes = (size_t)CALL(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    for (unsigned i = 0; i < vcpus; i++) {
        vcpu_create(vm, i, run_bytes);
    }
}

void vm_inject(struct vcpu *vcpu, uint32_t vector)
{
    struct kvm_msi msi = { .address_lo = 0xfee00000U | vcpu->index << 12, .data = vector };
    if (CALL(vcpu->vm->fd, KVM_SIGNAL_MSI, &msi) != 1) {
        fail("vcpu=%u: the interrupt was not delivered", vcpu->index);
    }
}

void vm_discard_odd_pages(struct vcpu *vcpu)
{
    uint8_t *base = vcpu->vm->touch + (size_t)vcpu->index * TOUCH_BYTES;
    for (unsigned page = 1; page < TOUCH_PAGES; page += 2) {
        if (madvise(base + (size_t)page * PAGE_BYTES, PAGE_BYTES, MADV_DONTNEED) != 0) {
            fail("madvise: %s", strerror(errno));
        }
    }
}

void vm_swap_window(struct vcpu *vcpu)
{
    slot_set(vcpu->vm, SLOT_WINDOW + vcpu->index, window_address(vcpu), 0, NULL);
    vcpu->buffer ^= 1;
    slot_set(vcpu->vm, SLOT_WINDOW + vcpu->index, window_address(vcpu), WINDOW_BYTES, window_buffer(vcpu));
}
