// SPDX-License-Identifier: BSD-2-Clause
// verify: files that come in blocks, good ones and all others; what it asks of the kernel then. Keys and a signature are OpenSSL's.

#include <string.h>

#include <bearssl.h>
#include <caps/hypercall.h>
#include <rt/load.h>

#include "../../../partitions/verify/file_hash.h"
#include "../../../partitions/verify/signature.h"
#include "harness.h"

#define FILE_BYTES 1000u
#define SECOND     3u     // of the partitions, is loadable

static const uint8_t key[LOAD_KEY_BYTES] = {
    0x2b, 0xe3, 0x88, 0xfc, 0x71, 0x23, 0xaa, 0xd4, 0xfd, 0x0e, 0x9f, 0xef, 0xba, 0x02, 0xaa, 0x6a,
    0x31, 0x55, 0xb9, 0x79, 0xd1, 0x55, 0x73, 0xd3, 0x8c, 0x59, 0x1c, 0x30, 0x14, 0x1d, 0xd5, 0x36,
    0xb4, 0x0d, 0x05, 0x29, 0xe4, 0x11, 0x1e, 0x4c, 0x58, 0xf9, 0xfc, 0xcd, 0xeb, 0x46, 0x1b, 0x84,
    0x4f, 0x4e, 0xe6, 0xc0, 0x84, 0xc0, 0x5d, 0x85, 0x5a, 0xc1, 0xe3, 0x7a, 0x1e, 0xa6, 0xab, 0xf8,
};
static const uint8_t private_key[32] = {
    0x71, 0x63, 0x1a, 0x4e, 0x4c, 0x0a, 0xfe, 0x18, 0xe6, 0x51, 0xe2, 0xdf, 0x76, 0x0d, 0xf0, 0xab,
    0x61, 0xf6, 0xe9, 0x50, 0x8a, 0x0a, 0x6d, 0xa9, 0xd2, 0x51, 0x45, 0x45, 0xc6, 0xa2, 0xe5, 0xc5,
};
static const uint8_t openssl_signature[SIGNATURE_BYTES] = {  // of the file below
    0xba, 0x13, 0x66, 0x51, 0x7c, 0x68, 0x7b, 0x48, 0x03, 0x9a, 0x4a, 0xee, 0x51, 0xf1, 0x9d, 0x6a,
    0xd3, 0xb4, 0x51, 0xb1, 0x68, 0x70, 0xc0, 0x53, 0x6e, 0x7f, 0x24, 0x51, 0x66, 0x40, 0xff, 0x7f,
    0x90, 0x34, 0x9f, 0xcd, 0x24, 0x44, 0xab, 0x11, 0x08, 0x72, 0x4a, 0xb8, 0xf0, 0x5c, 0xf4, 0x4d,
    0x8e, 0x70, 0x0c, 0x6d, 0xb5, 0x4c, 0x44, 0x4f, 0xe7, 0x28, 0x75, 0x36, 0x5c, 0x8f, 0x20, 0xc3,
};

extern struct loadables loadables __asm__("rt_loadables");  // under the name that the runtime knows as constant
struct loadables loadables __asm__("rt_loadables") __attribute__((used));

static uint8_t file[4096];
static enum status kernel_says;
static uint32_t asked, asked_partition;
static bool asked_on;

static enum status answer_load(uint32_t partition, bool on)
{
    asked++;
    asked_partition = partition;
    asked_on = on;
    return kernel_says;
}

static void hash_of(const void *data, size_t bytes, uint8_t hash[LOAD_HASH_BYTES])
{
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, data, bytes);
    br_sha256_out(&context, hash);
}

static void sign(const uint8_t hash[LOAD_HASH_BYTES], uint8_t signature[SIGNATURE_BYTES])
{
    const br_ec_private_key private = { BR_EC_secp256r1, (unsigned char *)(uintptr_t)private_key, sizeof(private_key) };
    CHECK_EQ(br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, hash, &private, signature), SIGNATURE_BYTES);
}

static void start(void)
{
    for (unsigned i = 0; i < sizeof(file); i++)
        file[i] = (uint8_t)(i * 7 % 251);
    memset(&loadables, 0, sizeof(loadables));
    memcpy(loadables.key, key, sizeof(key));
    strcpy(loadables.partition[1].name, "another");
    memset(loadables.partition[1].hash, 0x5a, LOAD_HASH_BYTES);
    strcpy(loadables.partition[SECOND].name, "trustvisor");
    hash_of(file, FILE_BYTES, loadables.partition[SECOND].hash);
    world_load = answer_load;
    kernel_says = STATUS_OK;
    asked = 0;
    world_cpu = 0;
}

// RAX.
static uint64_t by_port(uint64_t number, uint64_t rbx, uint64_t rcx, const void *block)
{
    world_gpr[GPR_RAX] = number, world_gpr[GPR_RBX] = rbx, world_gpr[GPR_RCX] = rcx;
    memcpy(&world_gpr[GPR_R8], block, LOAD_BLOCK);
    world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_QUALIFICATION] = (uint64_t)HYPERCALL_PORT << 16 | 0xb;  // IN EAX
    world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP] = 0x1000;
    world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_INSTRUCTION_LENGTH] = 1;
    CHECK_EQ(world_exit(ORIGIN_L1, EXIT_IO, NULL)->verdict, VERDICT_RESUME);
    CHECK_EQ(world_vmcs[VMCS_HANDLE_01][VMCS_GUEST_RIP], 0x1001);
    return world_gpr[GPR_RAX];
}

static void hand_over(const uint8_t *data, size_t bytes)
{
    uint8_t block[LOAD_BLOCK] = { 0 };
    for (size_t at = 0; at < bytes; at += LOAD_BLOCK) {
        const size_t length = bytes - at < LOAD_BLOCK ? bytes - at : LOAD_BLOCK;
        memcpy(block, data + at, length);
        CHECK_EQ(by_port(HYPERCALL_LOAD_BLOCK, at, length, block), STATUS_OK);
    }
}

TEST(hashes_are_those_of_the_whole_file)
{
    uint8_t data[300], hash[LOAD_HASH_BYTES];
    for (uint32_t bytes = 0; bytes < sizeof(data); bytes++) {
        struct file_hash mine;
        data[bytes] = (uint8_t)(bytes * 11);
        file_hash_begin(&mine);
        uint32_t at = 0;
        for (; bytes - at >= LOAD_BLOCK; at += LOAD_BLOCK)
            file_hash_add(&mine, data + at, LOAD_BLOCK);
        if (at < bytes)
            file_hash_add(&mine, data + at, bytes - at);
        file_hash_end(&mine);
        hash_of(data, bytes, hash);
        CHECK(memcmp(mine.state, hash, sizeof(hash)) == 0 && mine.bytes == bytes && mine.complete);
    }
}

TEST(signatures_by_the_key_and_no_others)
{
    uint8_t hash[LOAD_HASH_BYTES], signature[SIGNATURE_BYTES], other[LOAD_KEY_BYTES];
    start();
    hash_of(file, FILE_BYTES, hash);
    CHECK(signature_good(key, hash, openssl_signature));
    sign(hash, signature);
    CHECK(signature_good(key, hash, signature));
    for (unsigned bit = 0; bit < 8 * SIGNATURE_BYTES; bit += 5) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!signature_good(key, hash, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (unsigned bit = 0; bit < 8 * LOAD_HASH_BYTES; bit += 7) {
        hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!signature_good(key, hash, openssl_signature));
        hash[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (unsigned bit = 0; bit < 8 * LOAD_KEY_BYTES; bit += 31) {  // not on the curve any more
        memcpy(other, key, sizeof(key));
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!signature_good(other, hash, openssl_signature));
    }
    memset(other, 0, sizeof(other));
    CHECK(!signature_good(other, hash, openssl_signature));
    // r and s of 0, of the group's order, and all ones.
    static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned kind = 0; kind < 3; kind++) {
            memcpy(signature, openssl_signature, sizeof(signature));
            if (kind == 0)
                memcpy(signature + 32 * half, order, sizeof(order));
            else
                memset(signature + 32 * half, kind == 1 ? 0 : 0xff, 32);
            CHECK(!signature_good(key, hash, signature));
        }
    }
}

TEST(a_signed_file_is_loaded)
{
    start();
    hand_over(file, FILE_BYTES);
    CHECK_EQ(asked, 0);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 77, 0, openssl_signature), STATUS_OK);
    CHECK(asked == 1 && asked_partition == SECOND && asked_on && world_gpr[GPR_RBX] == SECOND);
    // Once: then it has to come again.
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 77, 0, openssl_signature), STATUS_BAD_STATE);
    CHECK(asked == 1 && world_gpr[GPR_RBX] == 77);
    static const enum status says[] = { STATUS_BAD_STATE, STATUS_BUSY, STATUS_FAULTED };
    for (unsigned i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        kernel_says = says[i];
        hand_over(file, FILE_BYTES);
        CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 77, 0, openssl_signature), says[i]);
        CHECK_EQ(world_gpr[GPR_RBX], 77);
    }
}

TEST(a_file_of_whole_blocks)
{
    uint8_t signature[SIGNATURE_BYTES], hash[LOAD_HASH_BYTES];
    start();
    hash_of(file, sizeof(file), hash);
    memcpy(loadables.partition[1].hash, hash, sizeof(hash));
    sign(hash, signature);
    hand_over(file, sizeof(file));
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, signature), STATUS_OK);
    CHECK(asked == 1 && asked_partition == 1);
}

TEST(other_files_and_signatures_are_refused)
{
    uint8_t signature[SIGNATURE_BYTES], hash[LOAD_HASH_BYTES];
    start();
    // No signature, and another file's.
    memset(signature, 0, sizeof(signature));
    hand_over(file, FILE_BYTES);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, signature), STATUS_DENIED);
    CHECK(strstr(world_log, "whose signature isn't one by load_key"));
    hash_of(file, FILE_BYTES - 1, hash);
    sign(hash, signature);
    hand_over(file, FILE_BYTES);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, signature), STATUS_DENIED);
    // One byte more, one less, one that is another.
    hand_over(file, FILE_BYTES + 1);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, openssl_signature), STATUS_DENIED);
    hand_over(file, FILE_BYTES - 1);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, openssl_signature), STATUS_DENIED);
    file[500] ^= 1;
    hand_over(file, FILE_BYTES);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, openssl_signature), STATUS_DENIED);
    // Well signed, and not one of those that may be loaded.
    hash_of(file, FILE_BYTES, hash);
    sign(hash, signature);
    hand_over(file, FILE_BYTES);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, signature), STATUS_BAD_IMAGE);
    CHECK(strstr(world_log, "that isn't a loadable partition's"));
    // Nor one whose row has no name, whatever its hash.
    memcpy(loadables.partition[5].hash, hash, sizeof(hash));
    hand_over(file, FILE_BYTES);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, signature), STATUS_BAD_IMAGE);
    CHECK_EQ(asked, 0);
}

TEST(blocks_come_in_order)
{
    start();
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, openssl_signature), STATUS_BAD_STATE);  // of no file
    static const uint64_t bad_bytes[] = { 0, LOAD_BLOCK + 1, 1ull << 32, (1ull << 32) + 1, ~0ull };
    for (unsigned i = 0; i < sizeof(bad_bytes) / sizeof(bad_bytes[0]); i++)
        CHECK_EQ(by_port(HYPERCALL_LOAD_BLOCK, 0, bad_bytes[i], file), STATUS_BAD_ARG);
    hand_over(file, 2 * LOAD_BLOCK);
    static const uint64_t bad_offset[] = { LOAD_BLOCK, 3 * LOAD_BLOCK, 1, 2 * LOAD_BLOCK + 1, (1ull << 32) + 2 * LOAD_BLOCK, ~0ull };
    for (unsigned i = 0; i < sizeof(bad_offset) / sizeof(bad_offset[0]); i++)
        CHECK_EQ(by_port(HYPERCALL_LOAD_BLOCK, bad_offset[i], LOAD_BLOCK, file), STATUS_BAD_STATE);
    // The refused ones have changed nothing.
    for (size_t at = 2 * LOAD_BLOCK; at < FILE_BYTES; at += LOAD_BLOCK)
        CHECK_EQ(by_port(HYPERCALL_LOAD_BLOCK, at, FILE_BYTES - at < LOAD_BLOCK ? FILE_BYTES - at : LOAD_BLOCK, file + at), STATUS_OK);
    // Behind the last one no other comes.
    CHECK_EQ(by_port(HYPERCALL_LOAD_BLOCK, FILE_BYTES, 1, file), STATUS_BAD_STATE);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, openssl_signature), STATUS_OK);
    // Another CPU's blocks are another file's.
    hand_over(file, FILE_BYTES);
    world_cpu = 1;
    CHECK_EQ(by_port(HYPERCALL_LOAD_BLOCK, LOAD_BLOCK, LOAD_BLOCK, file), STATUS_BAD_STATE);
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, openssl_signature), STATUS_BAD_STATE);
    hand_over(file, 10);
    world_cpu = 0;
    CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, openssl_signature), STATUS_OK);
    CHECK_EQ(asked, 2);
}

TEST(unloading_takes_the_whole_name)
{
    char name[LOAD_BLOCK] = "trustvisor";
    start();
    CHECK_EQ(by_port(HYPERCALL_LOAD_END, 0, 0, name), STATUS_OK);
    CHECK(asked == 1 && asked_partition == SECOND && !asked_on);
    kernel_says = STATUS_BUSY;
    CHECK_EQ(by_port(HYPERCALL_LOAD_END, 0, 0, name), STATUS_BUSY);
    kernel_says = STATUS_BAD_STATE;
    CHECK_EQ(by_port(HYPERCALL_LOAD_END, 0, 0, name), STATUS_BAD_STATE);
    static const char *const bad[] = { "", "trustvisor2", "trust", "nestvmx", "TRUSTVISOR" };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(name, 0, sizeof(name));
        strcpy(name, bad[i]);
        CHECK_EQ(by_port(HYPERCALL_LOAD_END, 0, 0, name), STATUS_BAD_ARG);
    }
    strcpy(name, "trustvisor");
    name[CAP_NAME - 1] = 'x';
    CHECK_EQ(by_port(HYPERCALL_LOAD_END, 0, 0, name), STATUS_BAD_ARG);
    CHECK_EQ(asked, 3);
}

// Cut short at each point, the message comes again, and ends as it would have: the kernel may have done it already.
static enum status once(uint32_t partition, bool on)
{
    static bool loaded;
    (void)answer_load(partition, on);
    const enum status status = asked == 1 || loaded != on ? STATUS_OK : STATUS_BAD_STATE;
    loaded = on;
    return status;
}

TEST(a_fault_at_any_point)
{
    for (uint32_t cut = 1; cut < 8; cut++) {
        start();
        world_load = once;
        hand_over(file, FILE_BYTES);
        world_cut = cut;
        CHECK_EQ(by_port(HYPERCALL_LOAD_BEGIN, 0, 0, openssl_signature), STATUS_OK);
        CHECK(asked >= 1 && asked_partition == SECOND);
        world_cut = 0;
    }
}

TEST(other_numbers_are_others)
{
    static const uint64_t number[] = { HYPERCALL_LOAD_END + 1, HYPERCALL_LOAD_BLOCK - 1, HYPERCALL_NULL, HYPERCALL_LOAD_BEGIN | 1ull << 32, ~0ull };
    start();
    for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
        world_gpr[GPR_RAX] = number[i];
        world_vmcs[VMCS_HANDLE_01][VMCS_EXIT_QUALIFICATION] = (uint64_t)HYPERCALL_PORT << 16 | 0xb;
        const struct reply *rep = world_exit(ORIGIN_L1, EXIT_IO, NULL);
        CHECK(rep->verdict == VERDICT_FORWARD && rep->op_count == 0 && rep->set == 0);
    }
    CHECK(!world_routed(ORIGIN_L1, EXIT_VMCALL) && !world_routed(ORIGIN_L2, EXIT_IO));
    CHECK_EQ(world_init(0, 0)->verdict, VERDICT_RETURN);
}
