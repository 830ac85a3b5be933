// SPDX-License-Identifier: BSD-2-Clause
// The kernel's EPT02 trees, for host tests of ept.
#include "trees.h"

#include <string.h>

#include <caps/ept_call.h>
#include <caps/exit_reason.h>

#define TABLES_MAX 4096u
#define MAP_TABLES 3u  // that the kernel sets aside for each mapping of a batch, and for each run
struct table { uint64_t base; unsigned level; };  // of its entries
struct root { uint64_t tag; unsigned count, tables; struct leaf leaf[TREES_LEAVES]; struct table table[TABLES_MAX]; };

unsigned trees_budget = TREES_LEAVES;
unsigned trees_tables_budget = TREES_ROOTS * TABLES_MAX;
bool trees_lax;
enum status trees_refuse;
void (*trees_on_read)(void);

static struct root roots[TREES_ROOTS];
static uint32_t ops_seen;   // of world_op
static uint64_t tag_now;
static uint64_t run[EPT_RUN_MAX];  // the entries of the last OP_EPT_MAP_RUN that was checked
static unsigned batch_maps, batch_tables; // of the batch being checked, which last_op was in
static const struct op *last_op;

bool __real_window_read64(uint64_t address, uint64_t *value);
bool __wrap_window_read64(uint64_t address, uint64_t *value);
bool __wrap_window_read64(uint64_t address, uint64_t *value)
{
    if (trees_on_read)
        trees_on_read();
    return __real_window_read64(address, value);
}

// As the runtime does it: qword by qword, and memory may change in between.
bool __wrap_window_copy_in(void *to, uint64_t from, uint64_t bytes);
bool __wrap_window_copy_in(void *to, uint64_t from, uint64_t bytes)
{
    CHECK(from % 8 == 0 && bytes % 8 == 0);
    for (uint64_t i = 0; i < bytes / 8; i++) {
        if (!__wrap_window_read64(from + i * 8, (uint64_t *)to + i))
            return false;
    }
    return true;
}

static uint64_t size_of(unsigned level)
{
    static const uint64_t size[] = { PAGE_BYTES, LARGE_BYTES, HUGE_BYTES };
    CHECK(level < 3);
    return size[level];
}

static void remove_leaves(struct root *root, uint64_t from, uint64_t bytes)
{
    for (unsigned i = 0; i < root->count;) {
        if (root->leaf[i].from + size_of(root->leaf[i].level) > from && root->leaf[i].from < from + bytes)
            root->leaf[i] = root->leaf[--root->count];
        else
            i++;
    }
}

// Tables whose entries are of lower levels than that, in that range.
static void remove_tables(struct root *root, uint64_t from, uint64_t bytes, unsigned level)
{
    for (unsigned i = 0; i < root->tables;) {
        const struct table *table = &root->table[i];
        if (table->level < level && table->base - from < bytes)
            root->table[i] = root->table[--root->tables];
        else
            i++;
    }
}

// The tables that lead to a leaf.
static void make_tables(struct root *root, uint64_t address, unsigned level)
{
    for (; level < 3; level++) {
        const uint64_t base = address >> (21 + 9 * level) << (21 + 9 * level);
        unsigned i = 0;
        while (i < root->tables && (root->table[i].level != level || root->table[i].base != base))
            i++;
        if (i < root->tables)
            continue;
        CHECK(root->tables < TABLES_MAX);
        root->table[root->tables++] = (struct table){ base, level };
    }
}

// The OP_EPT_MAP that entry i of a run stands for.
static struct op run_map(const struct op *op, unsigned i)
{
    return (struct op){ OP_EPT_MAP, op->object, ept_map_of(run[i]), op->b + i * PAGE_BYTES, run[i] & EPT_RUN_ADDRESS };
}

static void apply(const struct op *op)
{
    struct root *root = &roots[op->object];
    struct op map;
    uint64_t size;
    switch (op->code) {
    case OP_EPT_CREATE:
        root->count = root->tables = 0;
        root->tag = op->b;
        break;
    case OP_EPT_MAP:
        size = size_of(ept_map_level(op->a));
        remove_leaves(root, op->b & ~(size - 1), size);
        remove_tables(root, op->b & ~(size - 1), size, ept_map_level(op->a));
        make_tables(root, op->b, ept_map_level(op->a));
        CHECK(root->count < TREES_LEAVES);
        root->leaf[root->count++] = (struct leaf){
            .from = op->b & ~(size - 1), .to = op->c & ~(size - 1), .level = ept_map_level(op->a),
            .rights = ept_map_rights(op->a), .type = ept_map_type(op->a), .ignore_pat = ept_map_ignore_pat(op->a),
        };
        break;
    case OP_EPT_MAP_RUN:
        for (unsigned i = 0; i < op->a; i++) {
            map = run_map(op, i);
            if (run[i] != 0)
                apply(&map);
        }
        break;
    case OP_EPT_UNMAP:
        remove_leaves(root, op->b, size_of(op->a));
        remove_tables(root, op->b, size_of(op->a), op->a);
        break;
    case OP_EPT_DROP:
        root->count = root->tables = 0;
        break;
    default:
        break;
    }
}

// Takes over what the harness has applied since.
static void catch_up(void)
{
    for (; ops_seen != world_ops; ops_seen++)
        apply(&world_op[ops_seen % WORLD_OPS]);
}

static void check_map(const struct op *op)
{
    uint64_t size = size_of(ept_map_level(op->a));
    unsigned rights = ept_map_rights(op->a);
    CHECK(op->b >> 48 == 0 && op->b % PAGE_BYTES == 0);
    CHECK_EQ(op->b % size, op->c % size);
    CHECK(rights != 0 && (rights & (EPT_READ | EPT_WRITE)) != EPT_WRITE);
    if (trees_lax)
        return;
    struct leaf leaf;
    CHECK_EQ(reference(tag_now, op->b, &leaf), REFERENCE_OK);
    CHECK_EQ(leaf.to, op->c);
    CHECK_EQ(leaf.level, ept_map_level(op->a));
    CHECK_EQ(leaf.rights, rights);
    CHECK_EQ(leaf.type, ept_map_type(op->a));
    CHECK_EQ(leaf.ignore_pat, ept_map_ignore_pat(op->a));
}

static enum status check_target(const struct op *op)
{
    check_map(op);
    if (op->c >= TREES_EPT01 || (op->c >= TREES_HOLE && op->c < TREES_HOLE + LARGE_BYTES))
        return STATUS_BAD_ADDRESS;
    return trees_count() + ++batch_maps > trees_budget || trees_tables() + batch_tables > trees_tables_budget ? STATUS_NO_TABLES : STATUS_OK;
}

// What the kernel would say to one operation of a batch.
static enum status check_op(const struct reply *rep, const struct op *op)
{
    catch_up();
    if (!last_op || op != last_op + 1)
        batch_maps = batch_tables = 0;
    last_op = op;
    batch_tables += op->code == OP_EPT_MAP || op->code == OP_EPT_MAP_RUN ? MAP_TABLES : 0;
    if (trees_refuse != STATUS_OK) {
        enum status refuse = trees_refuse;
        trees_refuse = STATUS_OK;
        return refuse;
    }
    switch (op->code) {
    case OP_EPT_CREATE:
        for (unsigned i = 0; i < TREES_ROOTS; i++)
            CHECK(i == op->object || roots[i].tag != op->b || (i > op->object && roots[i].count == 0));
        CHECK_EQ(op->b, tag_now);
        return STATUS_OK;
    case OP_EPT_MAP:
        return check_target(op);
    case OP_EPT_MAP_RUN:
        memcpy(run, rep->field[0], op->a * sizeof(run[0]));  // one a batch: that of the batch before has been applied
        for (unsigned i = 0; i < op->a; i++) {
            const struct op map = run_map(op, i);
            const enum status status = run[i] != 0 ? check_target(&map) : STATUS_OK;
            if (status != STATUS_OK)
                return status;
        }
        return STATUS_OK;
    case OP_EPT_UNMAP:
        CHECK_EQ(op->b % size_of(op->a), 0);
        return STATUS_OK;
    default:
        return STATUS_OK;
    }
}

void trees_start(void)
{
    if (world_check_op)
        return;
    world_check_op = check_op;
    world_init(0, 0);
    CHECK_EQ(world_ops, 0);
}

void trees_entry(uint64_t table, unsigned index, uint64_t entry)
{
    CHECK(index < 512);
    memcpy(world_at(table + index * 8), &entry, 8);
}

uint64_t trees_entry_now(uint64_t table, unsigned index)
{
    uint64_t entry;
    memcpy(&entry, world_at(table + index * 8), 8);
    return entry;
}

uint64_t trees_path(unsigned page, uint64_t address, unsigned level, uint64_t leaf)
{
    uint64_t table = page * PAGE_BYTES;
    for (unsigned depth = 3; depth > level; depth--, table += PAGE_BYTES)
        trees_entry(table, address >> (12 + 9 * depth) & 511, (table + PAGE_BYTES) | 7);
    trees_entry(table, address >> (12 + 9 * level) & 511, leaf);
    return page * PAGE_BYTES | 0x1e;
}

const struct reply *trees_exit(enum exit_reason reason, uint64_t tag, uint64_t address, uint64_t qualification)
{
    uint64_t *field = world_vmcs[VMCS_HANDLE_02];
    world_vmcs02 = 0;
    world_tag = tag_now = tag;
    world_root = trees_root(tag);
    field[VMCS_EXIT_QUALIFICATION] = qualification;
    field[VMCS_GUEST_PHYSICAL_ADDR] = address;
    field[VMCS_GUEST_LINEAR_ADDR] = 0xffff800000001234;
    const struct reply *rep = world_exit(ORIGIN_L2, reason, NULL);
    CHECK(rep->op_count == 0 || (rep->set & SET_APPLIED));  // a reply's operations are made after the lock is free: another CPU has to wait for them
    catch_up();
    return rep;
}

const struct reply *trees_violation(uint64_t tag, uint64_t address, unsigned access)
{
    return trees_exit(EXIT_EPT_VIOLATION, tag, address, access | 0x180);
}

const struct reply *trees_invept_exit(void)
{
    const struct reply *rep = world_exit(ORIGIN_L1, EXIT_INVEPT, NULL);
    CHECK_EQ(rep->op_count, 0);
    catch_up();
    return rep;
}

enum status trees_invept(uint64_t type, uint64_t eptp12)
{
    const uint64_t arg[MSG_ARGS] = { EPT_CALL_INVEPT, type, eptp12 };
    const struct reply *rep = world_call(1, arg);
    CHECK_EQ(rep->op_count, 0);
    CHECK_EQ(rep->verdict, VERDICT_RETURN);
    catch_up();
    return (enum status)rep->status;
}

uint32_t trees_root(uint64_t tag)
{
    catch_up();
    for (uint32_t i = 0; i < TREES_ROOTS; i++) {
        if (roots[i].tag == tag)
            return i;
    }
    return ROOT_NONE;
}

unsigned trees_count(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TREES_ROOTS; i++)
        count += roots[i].count;
    return count;
}

unsigned trees_tables(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < TREES_ROOTS; i++)
        count += roots[i].tables;
    return count;
}

unsigned trees_count_of(uint64_t tag)
{
    uint32_t root = trees_root(tag);
    return root == ROOT_NONE ? 0 : roots[root].count;
}

const struct leaf *trees_leaf(uint64_t tag, uint64_t address)
{
    uint32_t index = trees_root(tag);
    if (index == ROOT_NONE)
        return NULL;
    const struct root *root = &roots[index];
    for (unsigned i = 0; i < root->count; i++) {
        if (address >= root->leaf[i].from && address - root->leaf[i].from < size_of(root->leaf[i].level))
            return &root->leaf[i];
    }
    return NULL;
}

enum reference reference(uint64_t eptp12, uint64_t address, struct leaf *out)
{
    const uint64_t capability = world_info.vmx_msr[0x48c - VMX_MSR_FIRST];
    const uint64_t beyond = ((1ull << 52) - 1) & ~((1ull << world_info.physical_bits) - 1);
    const bool modes = eptp12 & 0x400;
    uint64_t table = eptp12 & 0xffffffffff000ull;
    uint64_t rights = modes ? 0x407 : 7;
    if (address >= 1ull << 48)
        return REFERENCE_ABSENT;
    for (int shift = 39; shift >= 12; shift -= 9) {
        const uint64_t place = table | (address >> shift & 511) << 3;
        const uint64_t e = place < WORLD_BYTES && world_mapped[place / PAGE_BYTES] ?
            trees_entry_now(place & ~0xfffull, (place & 0xfff) / 8) : UINT64_MAX;
        const bool r = e & 1, w = e & 2, x = e & 4 || (modes && e & 0x400), page = shift == 12 || (shift < 39 && e & 0x80);
        if (!r && !w && !x)
            return REFERENCE_ABSENT;
        if ((!r && w) || (!r && x && !(capability & 1)) || (e & beyond))
            return REFERENCE_MISCONFIG;
        rights &= e;
        if (!page) {
            if (e & 0xf8)
                return REFERENCE_MISCONFIG;
            table = e & 0xffffffffff000ull;
            continue;
        }
        if ((shift == 30 && !(capability & 1 << 17)) || (shift == 21 && !(capability & 1 << 16)))
            return REFERENCE_MISCONFIG;
        // With accessed and dirty flags a page is mapped for writing once it has been written.
        if ((eptp12 & 0x40) && !(e & 1 << 9))
            rights &= ~2ull;
        const unsigned type = e >> 3 & 7;
        const uint64_t inside = (1ull << shift) - 1;
        if (type == 2 || type == 3 || type == 7 || (e & inside & 0xffffffffff000ull))
            return REFERENCE_MISCONFIG;
        *out = (struct leaf){
            .from = address & ~0xfffull, .to = (e & 0xffffffffff000ull & ~inside) | (address & inside & ~0xfffull),
            .level = ((unsigned)shift - 12) / 9, .rights = (unsigned)rights, .type = type, .ignore_pat = e >> 6 & 1,
        };
        return REFERENCE_OK;
    }
    return REFERENCE_ABSENT;
}

void trees_check(void)
{
    for (unsigned i = 0; i < TREES_ROOTS; i++) {
        const struct root *root = &roots[i];
        for (unsigned j = 0; j < root->count; j++) {
            const struct leaf *leaf = &root->leaf[j];
            struct leaf now;
            CHECK_EQ(reference(root->tag, leaf->from, &now), REFERENCE_OK);
            CHECK_EQ(now.level, leaf->level);
            CHECK_EQ(now.to, leaf->to);
            CHECK_EQ(now.type, leaf->type);
            CHECK_EQ(now.ignore_pat, leaf->ignore_pat);
            CHECK_EQ(leaf->rights & ~now.rights, 0);
        }
    }
}
