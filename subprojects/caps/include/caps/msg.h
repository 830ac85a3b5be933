// SPDX-License-Identifier: BSD-2-Clause
// Messages: what the kernel tells a partition (request), and what the partition answers (reply).
#pragma once

#include <stdint.h>

#include <caps/vmcs_field.h>

enum msg_kind {
    MSG_INIT,         // once after load and after every reload, on one CPU, before anything else; arg[0]: attempt number, arg[1]: bit n: the
                      // message of CPU n was not completed (no reply of it was applied): undo what it did to the state region
    MSG_EXIT,         // a VM exit; bank 0: the origin's VMCS, bank 1: the shadow VMCS (route's groups)
    MSG_ENTRY_FAILED, // the VERDICT_L2 of the last reply ended in VMfail: arg[0] = VM-instruction error, arg[1] = VMCS02
    MSG_CALL,         // from another partition: arg[] are the caller's, from = its index. To the debugger, from the kernel: that partition has stopped on this CPU
    MSG_KILL,         // the message before failed twice: let its owner pay (an L2: triple fault exit to L1)
};

// ORIGIN_PAL: the VMCS02 of a partition with RIGHT_PAL.
enum msg_origin { ORIGIN_L1, ORIGIN_L2, ORIGIN_PAL, ORIGIN_COUNT };

enum gpr { GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
           GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15, GPR_COUNT };
// A guest's RSP is a VMCS field; its slot carries CR2, which no VMCS holds (to be set with a #PF that is injected).
#define GPR_CR2 GPR_RSP

#define MSG_ARGS  6
#define MSG_BANKS 2
#define OP_MAX    48

// VMCS handles in operations and fetches.
#define VMCS_HANDLE_01     0u   // this CPU's VMCS01
#define VMCS_HANDLE_SHADOW 1u   // this CPU's shadow VMCS (SDM 3C 25.10)
#define VMCS_HANDLE_02     2u   // plus the index of one of the partition's VMCS02s
#define VMCS_HANDLE_L2     0xffffu  // RIGHT_PAL, to read RIGHT_DEBUG: the VMCS02 of the L2 that exited, or for which the PAL runs that did; granted are the groups of VMCS01

enum request_flag {
    REQUEST_OBSERVED = 1,   // by ROUTE_OBSERVE: others handle the exit, the reply counts for nothing
    REQUEST_FORWARDED = 2,  // MSG_EXIT that another partition forwarded, with arg[]
};

struct request {
    uint32_t sequence;         // counts messages of this channel
    union {
        uint32_t what;         // all four: kind lowest
        struct {
            uint8_t kind;      // enum msg_kind
            uint8_t origin;    // enum msg_origin
            uint8_t flags;     // enum request_flag
            uint8_t attempt;   // 0; 1 when the message is handed over again after a fault
        };
    };
    uint32_t cpu;
    uint32_t reason;          // MSG_EXIT: the exit reason field, all 32 bits (VMCS_EXIT_REASON)
    uint32_t from;            // MSG_CALL: the caller's partition index
    uint32_t vmcs02;          // not ORIGIN_L1: index of the VMCS02 that exited
    uint64_t groups;          // filled in bank 0 (GROUP_GPR: gpr[])
    uint64_t groups_shadow;   // filled in bank 1
    uint64_t tag;             // not ORIGIN_L1: the tag (EPTP12) of the EPT02 tree in use, 0: EPT01
    uint32_t root;            // not ORIGIN_L1: its root index, ROOT_NONE where no root holds the tag
    uint64_t arg[MSG_ARGS];   // defined for MSG_INIT, MSG_ENTRY_FAILED, MSG_CALL, and with REQUEST_FORWARDED: what the forwarding partition said
    uint64_t gpr[GPR_COUNT];
    uint64_t field[MSG_BANKS][VMCS_FIELD_COUNT];
};
#define ROOT_NONE 0xffffffffu

enum verdict {
    VERDICT_RESUME,   // enter the level again that the message came from
    VERDICT_L1,       // enter L1 on VMCS01
    VERDICT_L2,       // enter L2 on VMCS02 number reply.vmcs02
    VERDICT_FORWARD,  // let the route's next partition handle it, with arg[]
    VERDICT_RETURN,   // MSG_INIT, MSG_CALL, MSG_KILL: done; status and arg[] go to the caller
    VERDICT_COUNT
};

enum op_code {
#define OP(name, right, needs) OP_##name,
#include <caps/op.def>
#undef OP
    OP_COUNT
};

// Names for the log, records and traces; "?" where there is none.
static inline const char *msg_kind_name(unsigned kind)
{
    static const char *const name[] = { [MSG_INIT] = "INIT", [MSG_EXIT] = "EXIT", [MSG_ENTRY_FAILED] = "ENTRY_FAILED", [MSG_CALL] = "CALL", [MSG_KILL] = "KILL" };
    return kind < sizeof(name) / sizeof(name[0]) ? name[kind] : "?";
}

static inline const char *op_name(unsigned code)
{
    static const char *const name[OP_COUNT] = {
#define OP(name, right, needs) #name,
#include <caps/op.def>
#undef OP
    };
    return code < OP_COUNT ? name[code] : "?";
}

struct op {
    uint16_t code;    // enum op_code
    uint16_t object;  // VMCS handle or root index
    uint32_t a;
    uint64_t b;
    uint64_t c;
};

// What of the guest's registers a reply sets, after its operations. SET_FLAGS and SET_ADVANCE: only in the answer to an L1's MSG_EXIT, by who may write
// group RIP of VMCS01; and to that of an L2, by who may write group RIP of VMCS02s, with VERDICT_RESUME and no operations.
#define SET_GPR(n)  (1u << (n))     // gpr[n] (enum gpr)
#define SET_GPRS    0xffffu         // all of them
#define SET_FLAGS   (1u << 16)      // the status flags of RFLAGS: those of rflags
#define SET_ADVANCE (1u << 17)      // the instruction that exited is done: RIP behind it (its length and where it was as at the exit), blocking by
                                    // STI and MOV SS ends, with RFLAGS.TF a single-step trap becomes pending
#define RFLAGS_STATUS 0x8d5u        // CF, PF, AF, ZF, SF, OF
#define SET_APPLIED (1u << 18)      // nothing of the guest's: once the reply's operations are done, outbox.applied is its sequence. Where what depends on the guest
                                    // refuses them the message comes again, with attempt 1, as if it hadn't been answered: no fault of the partition
#define SET_GUEST   (SET_GPRS | SET_FLAGS | SET_ADVANCE)
#define SET_ALL     (SET_GUEST | SET_APPLIED)

struct reply {
    union {
        uint64_t head;              // all three: sequence lowest
        struct {
            uint32_t sequence;      // of the request
            uint16_t verdict;       // enum verdict
            uint16_t op_count;
        };
    };
    uint32_t set;        // SET_...
    uint32_t status;     // VERDICT_RETURN: enum status
    uint64_t rflags;     // SET_FLAGS
    uint32_t vmcs02;     // VERDICT_L2
    uint64_t arg[MSG_ARGS];
    uint64_t gpr[GPR_COUNT];                      // SET_GPR
    uint64_t field[MSG_BANKS][VMCS_FIELD_COUNT];  // for OP_WRITE_GROUPS; only the named groups' fields are read
    struct op op[OP_MAX];
};

// The kinds of bitmap in OP_BITMAP: 512 qwords each (SDM 3C 25.6.4 "I/O-Bitmap Addresses", 25.6.9 "MSR-Bitmap Address").
enum bitmap_kind { BITMAP_MSR, BITMAP_IO_A, BITMAP_IO_B, BITMAP_KINDS };
