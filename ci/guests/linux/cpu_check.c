/* SPDX-License-Identifier: BSD-2-Clause */
/* On each CPU: integers, x87, SSE2 and AVX2 compute what is known; CPUID says what it says on the first CPU; the time-stamp counter never goes back,
 * from one CPU to the next neither. */
#include <cpuid.h>
#include <immintrin.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

enum { TERMS = 4096, LEAVES = 12, MAX_CPUS = 64 };

static int failures;

static void check(int cpu, const char *what, uint64_t found, uint64_t wanted)
{
    if (found != wanted) {
        printf("cpu_check: FAIL cpu=%d %s is %#" PRIx64 ", expected %#" PRIx64 "\n", cpu, what, found, wanted);
        failures++;
    }
}

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* a = (a / b) * b + a % b with 128-bit products: division against multiplication, neither by the compiler. */
static uint64_t integers_wrong(void)
{
    uint64_t state = 88172645463325252ull, wrong = 0;
    for (unsigned i = 0; i < TERMS; i++) {
        const uint64_t a = random_next(&state), b = random_next(&state) >> (i % 60) | 1;
        uint64_t quotient = a, remainder = 0, high, low = a / b;
        __asm__("divq %2" : "+a"(quotient), "+d"(remainder) : "r"(b) : "cc");
        __asm__("mulq %3" : "=d"(high), "=a"(low) : "a"(quotient), "r"(b) : "cc");
        wrong += high != 0 || low + remainder != a || remainder >= b;
        uint64_t rotated = a;
        __asm__("rolq %%cl, %0" : "+r"(rotated) : "c"((uint8_t)i) : "cc");
        wrong += rotated != (i % 64 ? a << i % 64 | a >> (64 - i % 64) : a);
    }
    return wrong;
}

/* The sum of 0, 1, ... TERMS - 1, exact in every format. */
static uint64_t sum_x87(void)
{
    volatile long double sum = 0;
    for (unsigned i = 0; i < TERMS; i++)
        sum += (long double)i;
    return (uint64_t)sum;
}

static uint64_t sum_sse2(void)
{
    __m128d sum = _mm_setzero_pd(), term = _mm_set_pd(1, 0), two = _mm_set1_pd(2);
    for (unsigned i = 0; i < TERMS; i += 2) {
        sum = _mm_add_pd(sum, term);
        term = _mm_add_pd(term, two);
    }
    double part[2];
    _mm_storeu_pd(part, sum);
    return (uint64_t)(part[0] + part[1]);
}

__attribute__((target("avx2"))) static uint64_t sum_avx2(void)
{
    __m256i sum = _mm256_setzero_si256(), term = _mm256_set_epi64x(3, 2, 1, 0), four = _mm256_set1_epi64x(4);
    for (unsigned i = 0; i < TERMS; i += 4) {
        sum = _mm256_add_epi64(sum, term);
        term = _mm256_add_epi64(term, four);
    }
    uint64_t part[4];
    _mm256_storeu_si256((__m256i *)(void *)part, sum);
    return part[0] + part[1] + part[2] + part[3];
}

/* Without what differs from CPU to CPU: APIC IDs. */
static void cpuid_take(uint32_t out[LEAVES][4])
{
    static const uint32_t leaf[LEAVES] = { 0, 1, 2, 5, 6, 7, 0xa, 0x40000000, 0x40000001, 0x80000001, 0x80000007, 0x80000008 };
    for (unsigned i = 0; i < LEAVES; i++)
        __cpuid_count(leaf[i], 0, out[i][0], out[i][1], out[i][2], out[i][3]);
    out[1][1] &= 0x00ffffff;
}

static int move_to(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0 && sched_getcpu() == cpu;
}

int main(void)
{
    static uint32_t first[LEAVES][4], here[LEAVES][4];
    const long cpus = sysconf(_SC_NPROCESSORS_CONF);
    const uint64_t sum = (uint64_t)TERMS * (TERMS - 1) / 2;
    uint64_t before = __rdtsc();
    int checked = 0;
    for (int cpu = 0; cpu < cpus && cpu < MAX_CPUS; cpu++) {
        if (!move_to(cpu))
            continue;
        cpuid_take(here);
        if (checked++ == 0)
            memcpy(first, here, sizeof(first));
        for (unsigned i = 0; i < LEAVES; i++)
            check(cpu, "a leaf of CPUID unlike the first CPU's", (uint64_t)memcmp(first[i], here[i], sizeof(first[i])), 0);
        check(cpu, "integer results that are wrong", integers_wrong(), 0);
        check(cpu, "x87 sum", sum_x87(), sum);
        check(cpu, "SSE2 sum", sum_sse2(), sum);
        if (__builtin_cpu_supports("avx2"))
            check(cpu, "AVX2 sum", sum_avx2(), sum);
        for (unsigned i = 0; i < TERMS; i++) {
            const uint64_t now = __rdtsc();
            if (now < before)
                check(cpu, "time-stamp counter", now, before);
            before = now;
        }
    }
    check(-1, "CPUs checked", (uint64_t)checked, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    printf("cpu_check: %s cpus=%d\n", failures ? "FAIL" : "PASS", checked);
    return failures ? 1 : 0;
}
