// SPDX-License-Identifier: BSD-2-Clause
// Judges whether a CPU has what Bulkhead needs. Pure: works on facts that were read before.
#include "vtx.h"

#include "text.h"

#define CR4_LA57  (1ull << 12)
#define CR4_VMXE  (1ull << 13)

enum control_word { PIN, PROC, EXIT, ENTRY, PROC2 };
static const uint32_t word_msr[] = {[PIN] = 0x481, [PROC] = 0x482, [EXIT] = 0x483, [ENTRY] = 0x484, [PROC2] = 0x48b};

enum need { NONE, REQUIRED, WANTED, FORCED, NEVER };

enum control_index {
#define CONTROL(word, name, bit, l0, l1) CONTROL_##name,
#include <caps/vmx_control.def>
#undef CONTROL
    CONTROL_COUNT
};

static const struct control { const char *name; uint8_t word, bit, need; } controls[CONTROL_COUNT] = {
#define CONTROL(word, name, bit, l0, l1) {#name, word, bit, l0},
#include <caps/vmx_control.def>
#undef CONTROL
};

// Those that whole CPU generations lack come first, so that the line names what the user can look up.
static const uint8_t asked_first[] = {CONTROL_SECONDARY_CONTROLS, CONTROL_ENABLE_EPT, CONTROL_UNRESTRICTED_GUEST, CONTROL_ENABLE_VPID};
#define ASKED_FIRST (sizeof(asked_first) / sizeof(asked_first[0]))

// IA32_VMX_BASIC (SDM 3D A.1 "Basic VMX Information"): the memory type that VMCSs want, 6 is write-back.
#define BASIC_MEMORY_TYPE_SHIFT 50
#define BASIC_MEMORY_TYPE_WB    6u

// IA32_VMX_EPT_VPID_CAP (SDM 3D A.10 "VPID and EPT Capabilities").
static const struct { uint8_t bit; const char *name; } ept_vpid[] = {
    {6, "EPT page walks of length 4"},
    {14, "write-back EPT tables"},
    {16, "2 MiB EPT pages"},
    {20, "INVEPT"},
    {25, "single-context INVEPT"},
    {26, "all-context INVEPT"},
    {32, "INVVPID"},
    {41, "single-context INVVPID"},
    {42, "all-context INVVPID"},
};

static uint64_t msr(const struct vtx_facts *facts, uint32_t number) { return facts->msr[number - VMX_MSR_FIRST]; }

static bool lacks(char why[VTX_WHY], const char *what)
{
    text_format(why, VTX_WHY, "this CPU's VT-x has no %s", what);
    return true;
}

// The words that aren't written in small letters.
static const char *word_text(const char *word, size_t length)
{
    static const struct { const char *word, *text; } special[] = {{"EPT", "EPT"}, {"VPID", "VPID"}, {"MSR", "MSR"}, {"IO", "I/O"}, {"NMI", "NMI"},
                                                                  {"NMIS", "NMIs"}, {"PAT", "PAT"}, {"EFER", "EFER"}, {"PML", "PML"}};
    for (unsigned i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        size_t j = 0;
        while (j < length && special[i].word[j] == word[j])
            j++;
        if (j == length && !special[i].word[j])
            return special[i].text;
    }
    return NULL;
}

// ENABLE_EPT -> EPT, UNRESTRICTED_GUEST -> unrestricted guest: as the SDM writes them.
static const char *control_text(const char *name, char text[VTX_WHY])
{
    static const char *const prefixes[] = {"ENABLE_", "USE_"};
    for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t j = 0;
        while (prefixes[i][j] && name[j] == prefixes[i][j])
            j++;
        if (!prefixes[i][j])
            name += j;
    }
    size_t out = 0;
    while (*name) {
        size_t length = 0;
        while (name[length] && name[length] != '_')
            length++;
        const char *special = word_text(name, length);
        out += text_format(text + out, VTX_WHY - out, "%s%s", out ? " " : "", special ? special : "");
        for (size_t i = 0; !special && i < length; i++)
            out += text_format(text + out, VTX_WHY - out, "%c", name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
        name += length + (name[length] == '_');
    }
    return text;
}

bool vtx_missing(const struct vtx_facts *facts, const struct vtx_facts *first, char why[VTX_WHY])
{
    char name[VTX_WHY];
    why[0] = 0;
    if (!facts->vmx)
        return text_format(why, VTX_WHY, "this CPU has no VT-x") > 0;
    if (facts->feature_control & FEATURE_LOCK && !(facts->feature_control & FEATURE_VMX))
        return text_format(why, VTX_WHY, "VT-x is locked off by the firmware") > 0;
    if (facts->cr4 & CR4_VMXE)
        return text_format(why, VTX_WHY, "VT-x is in use already: CR4.VMXE is set") > 0;
    if (facts->cr4 & CR4_LA57)
        return text_format(why, VTX_WHY, "the firmware runs with 5-level paging") > 0;
    if (!facts->no_execute)
        return text_format(why, VTX_WHY, "this CPU has no execute-disable bit") > 0;
    for (unsigned i = 0; i < ASKED_FIRST + CONTROL_COUNT; i++) {
        const struct control *c = &controls[i < ASKED_FIRST ? asked_first[i] : i - ASKED_FIRST];
        // The high half has the bits that may be 1 (SDM 3D A.3 to A.5).
        if ((c->need == REQUIRED || c->need == FORCED) && !(msr(facts, word_msr[c->word]) >> (32 + c->bit) & 1))
            return lacks(why, control_text(c->name, name));
        // The low half has those that must be.
        if (c->need == NEVER && msr(facts, word_msr[c->word]) >> c->bit & 1)
            return text_format(why, VTX_WHY, "this CPU's VT-x insists on %s", control_text(c->name, name)) > 0;
    }
    if ((msr(facts, 0x480) >> BASIC_MEMORY_TYPE_SHIFT & 15) != BASIC_MEMORY_TYPE_WB)
        return lacks(why, "write-back VMCSs");
    for (unsigned i = 0; i < sizeof(ept_vpid) / sizeof(ept_vpid[0]); i++)
        if (!(msr(facts, 0x48c) >> ept_vpid[i].bit & 1))
            return lacks(why, ept_vpid[i].name);
    for (uint32_t i = 0; i < VMX_MSR_COUNT; i++)
        if (facts->msr[i] != first->msr[i])
            return text_format(why, VTX_WHY, "its VT-x isn't the first CPU's: MSR 0x%x is 0x%llx, not 0x%llx", VMX_MSR_FIRST + i,
                               (unsigned long long)facts->msr[i], (unsigned long long)first->msr[i]) > 0;
    return false;
}
