// SPDX-License-Identifier: BSD-2-Clause
// PALs from sections of a program.
#include <trustvisor/linux_call.h>
#include <trustvisor/pal.h>
#include <trustvisor/vmcall.h>

#define PAGE        4096u
#define OTHER_PAGES 3u      // data, stack, parameters
#define FILL        0x90    // not zero: pages of zeroes may be one page that the system shares
#define PROT_ALL    7       // read, write, execute
#define MAP_OWN     0x22    // private, anonymous
#define FAILED(result) ((unsigned long)(result) > -4096ul)

// Made by the linker.
extern const uint8_t __start_pal_code[], __stop_pal_code[];

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

enum pal_status pal_copy(struct pal *pal, const void *function)
{
    const uintptr_t code = (uintptr_t)__stop_pal_code - (uintptr_t)__start_pal_code, at = (uintptr_t)function - (uintptr_t)__start_pal_code;
    if (at >= code)
        return PAL_NOT_CODE;
    const uintptr_t code_pages = (code + PAGE - 1) / PAGE;
    pal->bytes = (code_pages + OTHER_PAGES) * PAGE;
    const long pages = linux_call(LINUX_MMAP, (long)place, (long)pal->bytes, PROT_ALL, MAP_OWN, -1, 0);
    if (FAILED(pages))
        return PAL_NO_MEMORY;
    place += pal->bytes;
    if (FAILED(linux_call(LINUX_MLOCK, pages, (long)pal->bytes, 0, 0, 0, 0))) {
        linux_call(LINUX_MUNMAP, pages, (long)pal->bytes, 0, 0, 0, 0);
        return PAL_NO_MEMORY;
    }
    pal->pages = (uint8_t *)pages;
    fill(pal->pages, FILL, pal->bytes);
    copy(pal->pages, __start_pal_code, code);
    pal->entry = pal->pages + at;

    static const enum tv_section_type type[OTHER_PAGES] = { TV_SECTION_DATA, TV_SECTION_STACK, TV_SECTION_PARAM };
    uintptr_t start = (uintptr_t)pages;
    fill((uint8_t *)&pal->sections, 0, sizeof(pal->sections));
    pal->sections.count = 1 + OTHER_PAGES;
    pal->sections.section[0] = (struct tv_section){ TV_SECTION_CODE, (uint32_t)code_pages, start };
    start += code_pages * PAGE;
    for (unsigned i = 0; i < OTHER_PAGES; i++, start += PAGE)
        pal->sections.section[1 + i] = (struct tv_section){ (uint32_t)type[i], 1, start };
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

enum pal_status pal_open(struct pal *pal, const void *function, const struct tv_params *params)
{
    enum pal_status status = pal_copy(pal, function);
    if (status != PAL_OK)
        return status;
    status = pal_register(pal, params);
    if (status != PAL_OK)
        linux_call(LINUX_MUNMAP, (long)pal->pages, (long)pal->bytes, 0, 0, 0, 0);
    return status;
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
