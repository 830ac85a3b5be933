// SPDX-License-Identifier: BSD-2-Clause
// A partition that is restarted on one CPU while another one parks it: who parks it waits for MSG_INIT as for any message, and ends it. One that is loaded,
// and does not start.
#include "../check.h"
#include "cr.h"

#define cr3_write(value) ((void)(value))
#define cr4_write(value) ((void)(value))
#define cr4_read()       0ull
#include "../../../kernel/partition.c"
#include "../../../kernel/loadable.c"

static struct boot_info info;
const struct boot_info *boot_info = &info;
uint32_t cpu_count = 2;
static struct partition partition;
static struct records_partition record;
static struct cpu cpu[2];
static unsigned inits, kicks, scrubs;
static void (*at_load)(void), (*at_init)(void);
static enum status init_ends = STATUS_OK, init_says = STATUS_OK;
static uint32_t taken, links, given_up;
static struct seed its_seed;  // where a load puts the seed
static bool loading;
static struct vmcs02 vmcs02 = { .active_cpu = VMCS02_NO_CPU };

uint32_t partition_count(void) { return 1; }
struct partition *partition_at(uint32_t index) { return index == 0 ? &partition : NULL; }
void log_line(enum log_level level, const char *format, ...) { (void)level, (void)format; }
void fault_trap(const struct partition *p, const struct cpu *on, unsigned vector, uint64_t error, uint64_t cr2, const struct trap_frame *frame)
{
    (void)p, (void)on, (void)vector, (void)error, (void)cr2, (void)frame;
}
bool fault_inject_step(const struct partition *p, struct partition_cpu *slot, struct trap_frame *frame) { return p && slot && frame; }
bool debug_trap(struct cpu *on, const struct partition *p, unsigned vector, uint64_t cr2, struct trap_frame *frame)
{
    return on && p && vector && cr2 && frame;
}
bool watchdog_expired(const struct cpu *on) { return on == NULL; }
_Noreturn void upcall_return(int64_t end, uint64_t rsp0) { (void)end, (void)rsp0; __builtin_trap(); }
_Noreturn void trap_resume(struct trap_frame *frame) { (void)frame; __builtin_trap(); }

static uint32_t dropped;  // roots, a bit each
static unsigned finished;
void ept02_drop(uint32_t root, struct ept02_work *work)
{
    CHECK(record.state == PARTITION_PARKED && partition.cpu[0].inside == 0);  // it maps nothing there again
    dropped |= 1u << root;
    work->shootdown = true;
}
void ept02_finish(struct ept02_work *work) { finished += work->shootdown; }

uint32_t ept01_taken(void) { return taken; }
struct vmcs02 *vmcs02_at(uint32_t index) { return index == 0 ? &vmcs02 : NULL; }
void route_link(struct partition *p, bool on)
{
    CHECK(p == &partition && record.state == PARTITION_STOPPING);
    links = on;
}
void exit_routes(void) { }
enum status ipc_give_up(const struct partition *p, struct partition_cpu *slot)
{
    CHECK(p == &partition && slot == &partition.cpu[0] && slot->inside == 0);
    given_up++;
    return STATUS_FAULTED;
}

void space_load(const struct boot_partition *image)
{
    CHECK(image == NULL);
    if (at_load)
        at_load();
}

void space_scrub(const struct space *space)
{
    CHECK(space == &partition.space && partition.cpu[0].inside == 0);  // nobody writes secrets again
    scrubs++;
    its_seed = (struct seed){ .secret = { 0 } };
    if (loading)  // another CPU's load has got as far as that, too late to be noticed
        its_seed = partition.seed;
}

// CPU 0 is interrupted in MSG_INIT, and leaves where it is to.
void shootdown(void)
{
    if (partition.cpu[0].inside) {
        kicks++;
        CHECK(partition_stopping(&partition, &cpu[0]));
        partition.cpu[0].inside = 0;
    }
}

enum status ipc_attempt(struct cpu *on, struct partition *p, const struct message *message, uint8_t attempt, struct answer *answer)
{
    CHECK(on == &cpu[0] && p == &partition && message->kind == MSG_INIT && attempt == 0);
    CHECK(partition.cpu[0].inside && !partition_stopping(&partition, &cpu[0]) && partition_stopping(&partition, &cpu[1]));
    inits++;
    if (at_init)
        at_init();
    *answer = (struct answer){ .status = init_says };
    return partition_stopping(&partition, &cpu[0]) ? STATUS_BUSY : init_ends;
}

static void start(enum partition_state state)
{
    static struct channel channel[2];
    cpu[1].index = 1;
    record.state = state;
    partition = (struct partition){ .name = "secret", .record = &record, .restarter = CPU_MAX, .cpu = { { .channel = &channel[0] }, { .channel = &channel[1] } },
                                    .header = { .rights = RIGHT_SECRETS | RIGHT_PAL, .vmcs02_count = 1 }, .slot = { &partition.cpu[0], &partition.cpu[1] } };
}

static void park(void) { partition_park(&partition); }
static void end_of_machine(void) { partitions_scrub(true); }

TEST(a_restart_is_a_message)
{
    start(PARTITION_READY);
    partition_restart(&partition, &cpu[0]);
    CHECK(inits == 1 && kicks == 0 && record.state == PARTITION_READY && record.restarts == 1 && partition.cpu[0].inside == 0);
}

TEST(who_parks_it_waits_for_its_init)
{
    start(PARTITION_READY);
    at_init = park;
    partition_restart(&partition, &cpu[0]);
    CHECK(inits == 1 && kicks == 1 && record.state == PARTITION_PARKED && partition.cpu[0].inside == 0);
}

TEST(the_machines_end_waits_for_its_init)
{
    start(PARTITION_READY);
    at_init = end_of_machine;
    partition_restart(&partition, &cpu[0]);
    CHECK(inits == 1 && kicks == 1 && scrubs == 2 && record.state == PARTITION_PARKED);
}

TEST(parked_before_its_init_it_gets_none)
{
    start(PARTITION_READY);
    at_load = end_of_machine;
    partition_restart(&partition, &cpu[0]);
    CHECK(inits == 0 && scrubs == 2 && record.state == PARTITION_PARKED && partition.cpu[0].inside == 0);
}

TEST(parked_or_dormant_it_stays)
{
    start(PARTITION_DORMANT);
    park();
    CHECK_EQ(record.state, PARTITION_DORMANT);
    start(PARTITION_STOPPING);
    park();
    CHECK(record.state == PARTITION_PARKED && !partition_settle(&partition, PARTITION_READY));
    partition_restart(&partition, &cpu[0]);
    CHECK(record.state == PARTITION_PARKED && inits == 0);
}

// L2s may be on them, and INVEPT is answered without it from then on.
TEST(parked_it_has_no_trees)
{
    start(PARTITION_READY);
    partition.root_first = 3;
    partition.header.root_count = 2;
    partition_restart(&partition, &cpu[0]);
    CHECK(dropped == 0 && finished == 0);  // its init sees to that
    at_init = park;
    partition_restart(&partition, &cpu[0]);
    CHECK(record.state == PARTITION_PARKED && dropped == (1 << 3 | 1 << 4) && finished > 0);
}

TEST(loaded_and_unloaded)
{
    start(PARTITION_DORMANT);
    CHECK_EQ(loadable_set(&partition, &cpu[0], false), STATUS_BAD_STATE);
    CHECK_EQ(loadable_set(&partition, &cpu[0], true), STATUS_OK);
    CHECK(record.state == PARTITION_READY && links == 1 && inits == 1 && scrubs == 0);
    CHECK_EQ(loadable_set(&partition, &cpu[0], true), STATUS_BAD_STATE);
    taken = 1;
    CHECK_EQ(loadable_set(&partition, &cpu[0], false), STATUS_BUSY);
    taken = 0;
    CHECK_EQ(loadable_set(&partition, &cpu[0], false), STATUS_OK);
    CHECK(record.state == PARTITION_DORMANT && links == 0 && scrubs == 1);
}

// Its init faults, or says that it can't; meanwhile it may have taken something.
static const struct { enum status ends, says; } failing[] = { { STATUS_FAULTED, STATUS_OK }, { STATUS_BUSY, STATUS_OK }, { STATUS_OK, STATUS_NO_MEMORY } };

TEST(one_whose_init_fails_is_dormant_and_cleared)
{
    for (unsigned i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
        start(PARTITION_DORMANT);
        init_ends = failing[i].ends, init_says = failing[i].says;
        scrubs = given_up = 0;
        partition.cpu[0].incomplete = true;
        CHECK_EQ(loadable_set(&partition, &cpu[0], true), STATUS_FAULTED);
        CHECK(record.state == PARTITION_DORMANT && links == 0 && scrubs == 1 && given_up == 1 && !partition.cpu[0].incomplete);
        CHECK_EQ(loadable_set(&partition, &cpu[0], false), STATUS_BAD_STATE);
        init_ends = init_says = STATUS_OK;  // and may be loaded again
        CHECK_EQ(loadable_set(&partition, &cpu[0], true), STATUS_OK);
        CHECK(record.state == PARTITION_READY && links == 1);
        links = 0;
    }
}

static void take_page(void) { taken = 3; }
static void take_vmcs02(void) { vmcs02.active_cpu = 0; }

TEST(one_whose_init_takes_something_and_fails_is_parked)
{
    static void (*const take[])(void) = { take_page, take_vmcs02 };
    for (unsigned i = 0; i < 2 * sizeof(failing) / sizeof(failing[0]); i++) {
        start(PARTITION_DORMANT);
        taken = 0;
        vmcs02.active_cpu = VMCS02_NO_CPU;
        init_ends = failing[i / 2].ends, init_says = failing[i / 2].says;
        at_init = take[i % 2];
        CHECK_EQ(loadable_set(&partition, &cpu[0], true), STATUS_FAULTED);
        CHECK(record.state == PARTITION_PARKED && links == 0 && scrubs == 0);  // what it has taken stays away from L1
        CHECK_EQ(loadable_set(&partition, &cpu[0], true), STATUS_FAULTED);
        CHECK_EQ(loadable_set(&partition, &cpu[0], false), taken || vmcs02.active_cpu == 0 ? STATUS_BUSY : STATUS_FAULTED);
    }
}

TEST(a_load_at_the_machines_end_brings_no_seed_back)
{
    static const struct seed none;
    start(PARTITION_STOPPING);
    partition.seed.secret[0] = 0x5e;
    loading = true;
    end_of_machine();
    CHECK(scrubs == 2 && memcmp(&its_seed, &none, sizeof(none)) == 0 && memcmp(&partition.seed, &none, sizeof(none)) == 0);
}

TEST(one_that_is_loaded_at_the_machines_end_stays_parked)
{
    start(PARTITION_DORMANT);
    at_init = end_of_machine;
    CHECK_EQ(loadable_set(&partition, &cpu[0], true), STATUS_FAULTED);
    CHECK(record.state == PARTITION_PARKED && links == 0);
}
