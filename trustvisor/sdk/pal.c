// SPDX-License-Identifier: BSD-2-Clause
// PALs from sections of a program.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>
#include <trustvisor/vmcall.h>

#define PAGE        4096u
#define SECTIONS    4u      // code, data, stack, parameters
#define FILL        0x90    // not zero: pages of zeroes may be one page that the system shares
#define PROT_ALL    7       // read, write, execute
#define MAP_OWN     0x22    // private, anonymous
#define MAP_THERE   0x100000  // there or nowhere
#define FAILED(result) ((unsigned long)(result) > -4096ul)

// Made by the linker, where there is any.
extern const uint8_t __start_pal_code[] __attribute__((weak)), __stop_pal_code[] __attribute__((weak));

// Volatile: there may be no memcpy to make a call of.
static void fill(volatile uint8_t *to, uint8_t value, uintptr_t bytes)
{
    while (bytes-- > 0)
        *to++ = value;
}

static void copy(volatile uint8_t *to, const uint8_t *from, uintptr_t bytes)
{
    while (bytes-- > 0)
        *to++ = *from++;
}

// Where the next PAL is wanted: addresses are measured, so a program's PALs should have the same ones each time that it runs. A wish: the system may put it elsewhere.
static uintptr_t place = sizeof(void *) == 8 ? (uintptr_t)0x700000000ull : 0x60000000u;

// Fresh pages, locked and filled. at: a wish, unless there is MAP_FIXED_NOREPLACE in flags.
static enum pal_status get_pages(struct pal *pal, uintptr_t at, uintptr_t bytes, long flags)
{
    const long pages = linux_call(LINUX_MMAP, (long)at, (long)bytes, PROT_ALL, MAP_OWN | flags, -1, 0);
    if (FAILED(pages))
        return PAL_NO_MEMORY;
    if (FAILED(linux_call(LINUX_MLOCK, pages, (long)bytes, 0, 0, 0, 0))) {
        linux_call(LINUX_MUNMAP, pages, (long)bytes, 0, 0, 0, 0);
        return PAL_NO_MEMORY;
    }
    pal->pages = (uint8_t *)pages;
    pal->bytes = bytes;
    fill(pal->pages, FILL, bytes);
    return PAL_OK;
}

// One behind the other.
static void set_sections(struct pal *pal, const uint32_t pages[SECTIONS])
{
    static const enum tv_section_type type[SECTIONS] = { TV_SECTION_CODE, TV_SECTION_DATA, TV_SECTION_STACK, TV_SECTION_PARAM };
    uintptr_t start = (uintptr_t)pal->pages;
    fill((uint8_t *)&pal->sections, 0, sizeof(pal->sections));
    pal->sections.count = SECTIONS;
    for (unsigned i = 0; i < SECTIONS; i++, start += pages[i - 1] * PAGE)
        pal->sections.section[i] = (struct tv_section){ (uint32_t)type[i], pages[i], start };
}

enum pal_status pal_copy(struct pal *pal, const void *function)
{
    const uintptr_t code = (uintptr_t)__stop_pal_code - (uintptr_t)__start_pal_code, at = (uintptr_t)function - (uintptr_t)__start_pal_code;
    if (at >= code)
        return PAL_NOT_CODE;
    const uint32_t code_pages = (uint32_t)((code + PAGE - 1) / PAGE), pages[SECTIONS] = { code_pages, 1, 1, 1 };
    const enum pal_status status = get_pages(pal, place, (code_pages + SECTIONS - 1) * PAGE, 0);
    if (status != PAL_OK)
        return status;
    place += pal->bytes;
    copy(pal->pages, __start_pal_code, code);
    pal->entry = pal->pages + at;
    set_sections(pal, pages);
    return PAL_OK;
}

bool pal_level(uint32_t *level)
{
    uint32_t present, flags;
    *level = 0;
    (void)tv_cpuid(*level, &present, &flags);
    if (present)
        return true;
    *level = TV_CALL_L2_OFFSET;
    (void)tv_cpuid(*level, &present, &flags);
    return present;
}

enum pal_status pal_register(struct pal *pal, const struct tv_params *params)
{
    if (!pal_level(&pal->level))
        return PAL_ABSENT;
    // Hypercalls page nothing in: what they read is touched here.
    struct tv_sections sections;
    struct tv_params copied;
    copy((volatile uint8_t *)&sections, (const uint8_t *)&pal->sections, sizeof(sections));
    copy((volatile uint8_t *)&copied, (const uint8_t *)params, sizeof(copied));
    return tv_vmcall(pal->level + TV_CALL_REGISTER, (uintptr_t)&sections, 0, (uintptr_t)&copied, (uintptr_t)pal->entry) == 0 ? PAL_OK : PAL_REFUSED;
}

static enum pal_status register_or_free(struct pal *pal, const struct tv_params *params)
{
    const enum pal_status status = pal_register(pal, params);
    if (status != PAL_OK)
        linux_call(LINUX_MUNMAP, (long)pal->pages, (long)pal->bytes, 0, 0, 0, 0);
    return status;
}

enum pal_status pal_open_image(struct pal *pal, const struct pal_image *image, const struct tv_params *params)
{
    const uint32_t pages[SECTIONS] = { image->code_pages, image->data_pages, image->stack_pages, image->param_pages };
    const enum pal_status status = get_pages(pal, image->at, (pages[0] + pages[1] + pages[2] + pages[3]) * PAGE, MAP_THERE);
    if (status != PAL_OK)
        return status;
    copy(pal->pages, image->bytes, (pages[0] + pages[1]) * PAGE);
    pal->entry = (void *)image->entry;
    set_sections(pal, pages);
    return register_or_free(pal, params);
}

enum pal_status pal_open(struct pal *pal, const void *function, const struct tv_params *params)
{
    const enum pal_status status = pal_copy(pal, function);
    return status == PAL_OK ? register_or_free(pal, params) : status;
}

enum pal_status pal_lend(const struct pal *pal, void *pages, uintptr_t bytes)
{
    volatile uintptr_t address = (uintptr_t)pages, length = bytes;
    const uintptr_t result = tv_vmcall(pal->level + TV_CALL_SHARE, (uintptr_t)pal->entry, (uintptr_t)&address, (uintptr_t)&length, 1);
    return result == TV_OK ? PAL_OK : PAL_REFUSED;
}

enum pal_status pal_unregister(struct pal *pal)
{
    return tv_vmcall(pal->level + TV_CALL_UNREGISTER, (uintptr_t)pal->entry, 0, 0, 0) == 0 ? PAL_OK : PAL_REFUSED;
}

enum pal_status pal_close(struct pal *pal)
{
    const enum pal_status status = pal_unregister(pal);
    if (status == PAL_OK)
        linux_call(LINUX_MUNMAP, (long)pal->pages, (long)pal->bytes, 0, 0, 0, 0);
    return status;
}

const char *pal_status_text(enum pal_status status)
{
    switch (status) {
    case PAL_OK: return "OK";
    case PAL_ABSENT: return "there is no trustvisor below this system";
    case PAL_NO_MEMORY: return "no memory for the PAL, or it may not be locked (ulimit -l)";
    case PAL_NOT_CODE: return "the function isn't PAL_CODE";
    default: return "trustvisor refuses: too many PALs, or a page isn't the program's";
    }
}
