// SPDX-License-Identifier: BSD-2-Clause
// What was mapped: per EPT12 table that mapped leaves came from, those leaves.
#include "record.h"

#include <caps/ept_map.h>
#include <rt/string.h>

#include "tree.h"

#define BUCKETS 256u

static struct record records[RECORDS];
static uint16_t buckets[BUCKETS];  // 1 + index of the first, 0: none
static struct record *first_of[TREES];
static uint16_t free_first;        // as in a bucket, of those that were given back, by next
static uint16_t used;              // from it on none was ever taken

static gpa2_t base_of(gpa2_t address, unsigned level)
{
    return (gpa2_t){ address.v & ~(level12_bytes(level + 1) - 1) };
}

static uint16_t *bucket_of(uint32_t root, gpa2_t base, unsigned level)
{
    uint64_t number = base.v >> (PAGE_BITS + 9 * (level + 1));
    return &buckets[(number ^ number >> 8 ^ root * 37u ^ level * 101u) % BUCKETS];
}

static struct record *find(const uint16_t *bucket, uint32_t root, gpa2_t base, unsigned level)
{
    for (uint16_t place = *bucket; place != 0; place = records[place - 1].next) {
        struct record *record = &records[place - 1];
        if (record->base.v == base.v && record->root == root && record->level == level)
            return record;
    }
    return 0;
}

struct record *record_find(uint32_t root, gpa2_t address, unsigned level)
{
    const gpa2_t base = base_of(address, level);
    return find(bucket_of(root, base, level), root, base, level);
}

// A record that tells of nothing yet. What is free has nothing mapped.
static inline struct record *make(uint16_t *bucket, uint32_t root, gpa2_t base, unsigned level)
{
    uint16_t own = free_first;
    if (own != 0)
        free_first = records[own - 1].next;
    else if (used < RECORDS)
        own = ++used;
    else
        return 0;
    struct record *record = &records[own - 1];
    record->base = base;
    record->low = record->high = 0;
    record->root = (uint8_t)root;
    record->level = (uint8_t)level;
    record->rights = 0;
    record->mixed = record->run_kept = false;
    record->next = *bucket;
    *bucket = own;
    record->after = first_of[root];
    record->before = 0;
    if (record->after)
        record->after->before = record;
    first_of[root] = record;
    return record;
}

static inline __attribute__((always_inline)) struct record *at(uint32_t root, gpa2_t address, unsigned level, const struct walk12 *walk, bool flags,
                                                               bool *made)
{
    const gpa2_t base = base_of(address, level);
    uint16_t *bucket = bucket_of(root, base, level);
    struct record *record = find(bucket, root, base, level);
    *made = record == 0;
    if (!record) {
        record = make(bucket, root, base, level);
        if (!record)
            return 0;
        record->path[1] = walk->path.entry[1];  // what lies above the table, and perhaps more
        record->path[2] = walk->path.entry[2];
        record->path[3] = walk->path.entry[3];
    }
    record->run_kept = false;
    for (unsigned above = level + 1; !*made && above < WALK12_LEVELS; above++) {
        record->mixed |= record->path[above] != walk->path.entry[above];
        record->path[above] = walk->path.entry[above];
    }
    record->rights |= (uint16_t)walk->rights_above;
    record->mixed |= flags && walk->unaccessed;
    return record;
}

struct record *record_at(uint32_t root, gpa2_t address, const struct walk12 *walk, bool flags, bool *made)
{
    return at(root, address, walk->level, walk, flags, made);
}

struct record *record_at_page(uint32_t root, gpa2_t address, const struct walk12 *walk, bool flags, bool *made)
{
    return at(root, address, 0, walk, flags, made);
}

void record_reach(struct record *record, unsigned first, unsigned count)
{
    if (record->low == record->high) {
        record->low = (uint16_t)first;
        record->high = (uint16_t)(first + count);
        return;
    }
    for (unsigned i = first + count; i < record->low; i++)
        record->seen[i] = 0;
    for (unsigned i = record->high; i < first; i++)
        record->seen[i] = 0;
    if (record->low > first)
        record->low = (uint16_t)first;
    if (record->high < first + count)
        record->high = (uint16_t)(first + count);
}

bool record_is_empty(const struct record *record)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < sizeof(record->mapped) / sizeof(record->mapped[0]); i++)
        any |= record->mapped[i];
    return any == 0;
}

void record_map(struct record *record, unsigned first, unsigned count, const uint64_t *entries, uint64_t mask)
{
    uint64_t *seen = &record->seen[first], *mapped = &record->mapped[first / 64];
    record_reach(record, first, count);
    // What is mapped already must be found again as it was mapped.
    const uint64_t stays = *mapped >> (first % 64) & ~mask;
    if (stays == 0)
        memcpy(seen, entries, count * sizeof(*entries));
    for (unsigned i = 0; stays != 0 && i < count; i++) {
        if (!((stays >> i) & 1))
            seen[i] = entries[i];
    }
    *mapped |= mask << (first % 64);
}

void record_unmap(struct record *record, unsigned index)
{
    record->mapped[index / 64] &= ~(1ull << (index % 64));
}

struct record *const *record_first(uint32_t root) { return &first_of[root]; }

unsigned record_oldest(struct record *oldest[], unsigned most)
{
    unsigned count = 0, in_use = 0;
    for (unsigned i = 0; i < used; i++)
        in_use += records[i].used != 0;
    most = in_use < 8 * most ? (in_use + 7) / 8 : most;
    for (unsigned i = 0; i < used; i++) {
        if (records[i].used == 0 || (count == most && (most == 0 || records[i].used >= oldest[most - 1]->used)))
            continue;
        unsigned place = count < most ? count++ : most - 1;
        for (; place > 0 && oldest[place - 1]->used > records[i].used; place--)
            oldest[place] = oldest[place - 1];
        oldest[place] = &records[i];
    }
    return count;
}

void record_free(struct record *record)
{
    uint16_t own = (uint16_t)(record - records + 1);
    uint16_t *link = bucket_of(record->root, record->base, record->level);
    while (*link != own)
        link = &records[*link - 1].next;
    *link = record->next;
    *(record->before ? &record->before->after : &first_of[record->root]) = record->after;
    if (record->after)
        record->after->before = record->before;
    memset(record->mapped, 0, sizeof(record->mapped));
    record->used = 0;
    record->next = free_first;
    free_first = own;
}

void record_forget(uint32_t root)
{
    while (first_of[root])
        record_free(first_of[root]);
}
