// SPDX-License-Identifier: BSD-2-Clause
// golden: a program as they were built for the TrustVisor before this one: every number, structure and result is written out here, and nothing of the SDK is
// used (ci/checks/dependencies.py). It runs as long as programs need not be built anew. Prints each thing that isn't so; status 0: there was none.
//
// A 64-bit program's micro-TPM calls, which the TrustVisor before didn't answer, are those of a 32-bit one with words of 8 bytes.
typedef unsigned char byte;
typedef unsigned int u32;
typedef unsigned long word;

#define PAGE 4096u
#define PAL  static __attribute__((section("golden_pal"), noinline, used))
#define PAL_INLINE static inline __attribute__((always_inline))

_Noreturn void program_start(long *stack);  // start.S

PAL_INLINE word hypercall(word number, word ecx, word edx, word esi, word edi)
{
    word result;
    __asm__ volatile("vmcall" : "=a"(result) : "a"(number), "c"(ecx), "d"(edx), "S"(esi), "D"(edi) : "memory", "cc");
    return result;
}

struct cpuid { u32 eax, ebx, ecx, edx; };
PAL_INLINE struct cpuid cpuid(u32 level)
{
    struct cpuid found;
    __asm__ volatile("cpuid" : "=a"(found.eax), "=b"(found.ebx), "=c"(found.ecx), "=d"(found.edx) : "a"(0x7a567254), "c"(level));
    return found;
}

static long linux_call(long number, long a, long b, long c)
{
    long result;
#ifdef __x86_64__
    register long d __asm__("r10") = 0x22;  // mmap: private, anonymous
    register long e __asm__("r8") = -1;
    register long f __asm__("r9") = 0;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e), "r"(f) : "rcx", "r11", "memory");
#else
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
#endif
    return result;
}

#ifdef __x86_64__
enum { WRITE = 1, MMAP = 9, MLOCK = 149, EXIT = 231 };
static byte *pages(long count) { return (byte *)linux_call(MMAP, 0, count * (long)PAGE, 7); }
#else
enum { WRITE = 4, MMAP = 90, MLOCK = 150, EXIT = 252 };
static byte *pages(long count)
{
    volatile long arguments[6] = { 0, count * (long)PAGE, 7, 0x22, -1, 0 };
    return (byte *)linux_call(MMAP, (long)arguments, 0, 0);
}
#endif

static int wrong;
static u32 level;  // 0, or 0x4c415000 in a guest of L1's hypervisor

static void print(const char *text)
{
    long bytes = 0;
    while (text[bytes] != 0)
        bytes++;
    linux_call(WRITE, 1, (long)text, bytes);
}

static void expect(const char *what, int good)
{
    if (good)
        return;
    print("golden: wrong: ");
    print(what);
    print("\n");
    wrong = 1;
}

PAL_INLINE int same(const volatile void *a, const volatile void *b, u32 bytes)
{
    u32 i = 0;
    while (i < bytes && ((const volatile byte *)a)[i] == ((const volatile byte *)b)[i])
        i++;
    return i == bytes;
}

// What runs isolated.
struct buffer { word at, second; };
struct area {
    u32 level, inside;
    u32 code[40];                 // results of the calls, in their order
    byte measurement[32], nonce[32], pcr_before[32], pcr_after[32];
    byte random[32], secret[20], opened[20], opened_old[20];
    byte info[72];                // selection (2, 4 bytes), digest at release, digest at creation
    byte created[32];
    byte blob[160], blob_old[128];
    byte signature[256], composite[64], quote_old[600], key[300];
    byte nv[32], nv_before[32], nv_after[32];
    u32 random_bytes, too_much, blob_bytes, opened_bytes, blob_old_bytes, opened_old_bytes, signature_bytes, composite_bytes, quote_old_bytes;
    u32 key_size, key_bytes, nv_bytes;
    u32 selection_old[2];
    byte selection[8];
    byte unused[4];               // whole words
};

PAL word golden_add(word first, word *second, word which)
{
    return cpuid((u32)which).ebx == 0xffffffff ? 0xdead0002 : first + (*second)++;
}

PAL word golden_add_lent(word *a, word *b) { return (*a)++ + (*b)++; }

PAL word golden_micro_tpm(struct area *a)
{
    const word n = a->level;
    volatile struct buffer in, out, more;
    u32 at = 0;
#define CALL(number, ecx, edx, esi, edi) a->code[at++] = (u32)hypercall(n + (number), (word)(ecx), (word)(edx), (word)(esi), (word)(edi))
#define BUFFER(which, where, what) (which.at = (word)(where), which.second = (word)(what), &which)
    a->inside = cpuid(a->level).ebx;
    CALL(7, 1, a->pcr_before, 0, 0);
    CALL(8, 1, a->measurement, 0, 0);
    CALL(7, 1, a->pcr_after, 0, 0);
    CALL(7, 32, a->created, 0, 0);                                                                                  // 3
    CALL(8, 32, a->measurement, 0, 0);
    CALL(9, a->random, &a->random_bytes, 0, 0);
    CALL(9, a->random, &a->too_much, 0, 0);
    CALL(10, BUFFER(in, a->secret, 20), a->info, BUFFER(out, a->blob, &a->blob_bytes), 0);                          // 7
    CALL(11, BUFFER(in, a->blob, a->blob_bytes), BUFFER(out, a->opened, &a->opened_bytes), a->created, 0);
    a->blob[50] ^= 1;
    CALL(11, BUFFER(in, a->blob, a->blob_bytes), BUFFER(out, a->opened, &a->opened_bytes), a->created, 0);          // 9
    a->blob[50] ^= 1;
    CALL(12, a->selection, BUFFER(out, a->signature, &a->signature_bytes), a->nonce, BUFFER(more, a->composite, &a->composite_bytes));
    CALL(3, BUFFER(in, a->secret, 20), 0, BUFFER(out, a->blob_old, &a->blob_old_bytes), 0);                         // 11
    CALL(4, BUFFER(in, a->blob_old, a->blob_old_bytes), BUFFER(out, a->opened_old, &a->opened_old_bytes), 0, 0);
    CALL(5, a->selection_old, BUFFER(out, a->quote_old, &a->quote_old_bytes), a->nonce, 0);                         // 13
    CALL(8, 1, a->measurement, 0, 0);
    CALL(11, BUFFER(in, a->blob, a->blob_bytes), BUFFER(out, a->opened, &a->opened_bytes), a->created, 0);          // 15
    CALL(13, 0, &a->key_size, 0, 0);
    CALL(13, a->key, &a->key_bytes, 0, 0);                                                                          // 17
    CALL(21, &a->nv_bytes, 0, 0, 0);
    CALL(22, a->nv_before, 0, 0, 0);                                                                                // 19
    CALL(23, a->nv, 0, 0, 0);
    CALL(22, a->nv_after, 0, 0, 0);                                                                                 // 21
    CALL(255, 42, 0, 0, 0);
    CALL(2, 0, 0, 0, 0);                                                                                            // 23
    return at;
}

extern const byte __start_golden_pal[], __stop_golden_pal[];

// A page each of code, data, stack and parameters, in this order.
static byte *memory;
static u32 sections[42], params[42];

static void set_section(u32 i, u32 type, word start)
{
    sections[2 + 4 * i] = type;
    sections[3 + 4 * i] = 1;
    sections[4 + 4 * i] = (u32)start;
    sections[5 + 4 * i] = (u32)(start >> 16 >> 16);
}

static void set_param(u32 i, u32 type, u32 words)
{
    params[2 + 4 * i] = type;
    params[4 + 4 * i] = words;
}

static void make(void)
{
    const byte *from = __start_golden_pal;
    static const u32 type[4] = { 1, 2, 4, 3 };
    memory = pages(4);
    linux_call(MLOCK, (long)memory, 4 * PAGE, 0);
    for (volatile byte *to = memory; to < memory + 4 * PAGE; to++)
        *to = from < __stop_golden_pal ? *from++ : 0x90;
    sections[0] = 4;
    for (u32 i = 0; i < 4; i++)
        set_section(i, type[i], (word)memory + i * PAGE);
}

static word entry_of(const void *function) { return (word)memory + ((word)function - (word)__start_golden_pal); }
static word registration(word entry) { return hypercall(level + 1, (word)sections, 0, (word)params, entry); }
static word unregistration(word entry) { return hypercall(level + 2, entry, 0, 0, 0); }

static void calls(void)
{
    make();
    const word entry = entry_of((const void *)golden_add);
    word second[4] = { 5, 2, 3, 4 };
    params[0] = 3;
    set_param(0, 1, 4);
    set_param(1, 2, 4);
    set_param(2, 1, 1);
    expect("unregistration of nothing", unregistration(entry) != 0);
    expect("registration", registration(entry) == 0);
    expect("the same again", registration(entry) != 0);
    for (word i = 0; i < 3; i++)
        expect("a call", ((word(*)(word, word *, word))entry)(0x80000007, second, level) == 0x80000007 + 5 + i && second[0] == 6 + i);
    expect("what a pointer points to", second[1] == 2 && second[2] == 3 && second[3] == 4);
    expect("a read of its page", *(volatile byte *)memory == 0xff && memory[4 * PAGE - 1] == 0xff);
    expect("unregistration", unregistration(entry) == 0 && unregistration(entry) != 0);
    expect("code is there again", same(memory, __start_golden_pal, (u32)(__stop_golden_pal - __start_golden_pal)));
    for (u32 i = PAGE; i < 4 * PAGE; i++)
        if (memory[i] != 0) {
            expect("all else is zero", 0);
            break;
        }
}

static void loans(void)
{
    word *lent = (word *)(void *)pages(2), start = (word)lent, bytes = PAGE;
    make();
    const word entry = entry_of((const void *)golden_add_lent);
    linux_call(MLOCK, (long)lent, 2 * PAGE, 0);
    lent[0] = 40;
    lent[PAGE / sizeof(word)] = 2;
    params[0] = 2;
    set_param(0, 1, 1);
    set_param(1, 1, 1);
    expect("registration for loans", registration(entry) == 0);
    expect("a loan", hypercall(level + 6, entry, (word)&start, (word)&bytes, 1) == 0);
    start += PAGE;
    expect("and another one", hypercall(level + 6, entry, (word)&start, (word)&bytes, 1) == 0);
    expect("a loan of nothing", hypercall(level + 6, entry, (word)&start, (word)&bytes, 0) != 0);
    expect("the call that has both", ((word(*)(word *, word *))entry)(lent, lent + PAGE / sizeof(word)) == 42);
    expect("they are back", lent[0] == 41 && lent[PAGE / sizeof(word)] == 3);
    expect("unregistration after loans", unregistration(entry) == 0);
}

// SHA-256 of 32 zeros and the measurement; and of the composite with it.
static const u32 extended[8] = { 0xc47522bb, 0x52ad289f, 0x5ed5e6ca, 0xa574a934, 0xa23b7a8c, 0x8e6e976f, 0x537abecb, 0x73dc1869 };
static const u32 composite_hash[8] = { 0x9d828192, 0xb171cd2a, 0x921e838d, 0x994ea8c3, 0x440f822d, 0x6cb82256, 0xfaca31b8, 0x354933ee };
static const byte composite_head[10] = { 4, 0, 2, 0, 0, 0, 0, 0, 0, 32 };  // selection of PCR 1, 32 bytes follow
static const byte quote_head[16] = { 1, 1, 0, 0, 'Q', 'U', 'O', 'T', 1, 0, 0, 0, 1, 0, 0, 0 };
static const byte key_head[9] = { 0x30, 0x82, 1, 10, 2, 0x82, 1, 1, 0 };
static const byte zero[32];
// 0 success, 1 bad parameter, 2 no such PCR, 4 error
static const u32 codes[24] = { 0, 0, 0, 2, 2, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4 };

static struct area area;

static void micro_tpm_given(void)
{
    for (u32 i = 0; i < 32; i++) {
        area.measurement[i] = (byte)i;
        area.nonce[i] = area.nv[i] = (byte)(200 - i);
    }
    for (u32 i = 0; i < 20; i++)
        area.secret[i] = (byte)(i + 1);
    for (u32 i = 0; i < 6; i++)
        area.info[i] = area.selection[i] = composite_head[i];
    for (u32 i = 0; i < 32; i++)
        area.info[6 + i] = ((const byte *)composite_hash)[i];
    area.level = level;
    area.selection_old[0] = area.selection_old[1] = 1;
    area.random_bytes = 32;
    area.too_much = 4097;
    area.blob_bytes = sizeof(area.blob);
    area.blob_old_bytes = sizeof(area.blob_old);
    area.opened_bytes = area.opened_old_bytes = 20;
    area.signature_bytes = sizeof(area.signature);
    area.composite_bytes = sizeof(area.composite);
    area.quote_old_bytes = sizeof(area.quote_old);
    area.key_bytes = sizeof(area.key);
}

static void micro_tpm(void)
{
    make();
    const word entry = entry_of((const void *)golden_micro_tpm);
    micro_tpm_given();
    params[0] = 1;
    set_param(0, 2, sizeof(area) / sizeof(word));
    expect("the micro-TPM outside of a PAL", (u32)hypercall(level + 7, 1, (word)area.pcr_before, 0, 0) == 4);
    expect("registration for the micro-TPM", registration(entry) == 0);
    expect("its call", ((word(*)(struct area *))entry)(&area) == 24);
    expect("unregistration behind it", unregistration(entry) == 0);
    for (u32 i = 0; i < 24; i++)
        if (area.code[i] != codes[i]) {
            char text[] = "call 00 of the micro-TPM's";
            text[5] = (char)('0' + i / 10);
            text[6] = (char)('0' + i % 10);
            expect(text, 0);
        }
    expect("CPUID in a PAL", area.inside != 0xffffffff);
    expect("a PCR", same(area.pcr_before, zero, 32) && same(area.pcr_after, extended, 32));
    expect("random bytes", !same(area.random, zero, 32) && area.random_bytes == 32);
    expect("a sealed blob", area.blob_bytes == 144 && area.opened_bytes == 20 && same(area.secret, area.opened, 20) && same(area.created, composite_hash, 32));
    expect("one of the older form", area.blob_old_bytes == 112 && area.opened_old_bytes == 20 && same(area.secret, area.opened_old, 20));
    expect("a quote", area.signature_bytes == 256 && area.composite_bytes == 42 && same(area.composite, composite_head, 10) &&
                          same(area.composite + 10, extended, 32));
    expect("one of the older form, too", area.quote_old_bytes == 592 && same(area.quote_old, quote_head, 16) && same(area.quote_old + 16, extended, 32) &&
                                             same(area.quote_old + 48, area.nonce, 32));
    expect("a public key", area.key_size == 270 && area.key_bytes == 270 && same(area.key, key_head, 9) && same(area.key + 9, area.quote_old + 336, 256));
    expect("NVRAM", area.nv_bytes == 32 && same(area.nv, area.nv_after, 32));
}

static int found(void)
{
    struct cpuid is = cpuid(level);
    if (is.eax != 0x7a767274)
        is = cpuid(level = 0x4c415000);
    expect("CPUID", is.eax == 0x7a767274 && is.ebx == 0xffffffff && is.edx == 0);
    expect("CPUID's flags", (is.ecx & ~2u) == (sizeof(word) == 8) && (level != 0 || !(is.ecx & 2)));
    return is.eax == 0x7a767274;
}

_Noreturn void program_start(long *stack)
{
    (void)stack;
    if (found()) {
        expect("the test call", hypercall(level + 255, 42, 0, 0, 0) == 0);
        calls();
        loans();
        micro_tpm();
    }
    for (;;)
        linux_call(EXIT, wrong, 0, 0);
}
