// SPDX-License-Identifier: BSD-2-Clause
// bulkhead.conf: what it may say, and the line for everything that it may not.
#include "../../../kernel/loader/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <caps/syscall.h>

#include "check.h"
#include "noise.h"

static struct conf conf;
static char error[CONF_ERROR_TEXT];

// The text is copied to where the address sanitizer sees a read behind its end.
static bool parse_bytes(const char *text, size_t bytes)
{
    char *copy = malloc(bytes ? bytes : 1);
    memcpy(copy, text, bytes);
    bool good = conf_parse(&conf, copy, bytes, error);
    free(copy);
    return good;
}

static bool parse(const char *text) { return parse_bytes(text, strlen(text)); }

static void refused(const char *text, const char *expected)
{
    if (parse(text) || strcmp(error, expected) != 0) {
        printf("# is:       %s\n# expected: %s\n", error, expected);
        check_failed(__FILE__, __LINE__, text);
    }
}

#define T "[workload t]\nnext = \\n.efi\n"

TEST(conf_reads_everything)
{
    CHECK(parse("# comment\r\n"
                "default = kvm # the usual one\r\n"
                "require=yes\n"
                "\tconsole =  e9 , com1  \n"
                "log = debug\n"
                "memory = 32M\n"
                "dma = require\n"
                "watchdog = 20\n"
                "\n"
                "[ workload  linux ]\n"
                "next = \\EFI\\linux\\vmlinuz.efi\n"
                "[workload kvm]\n"
                "partitions = nestvmx, ept,hello\n"
                "next = \\EFI\\linux\\vmlinuz.efi\n"
                "options = console=ttyS0 initrd=\\EFI\\a#b quiet   # not this\n"
                "inject = ept 12 bad-reply 300 2 7 5 3, nestvmx 0 ud-twice"));
    CHECK(conf.require);
    CHECK_EQ(conf.console, CONSOLE_E9 | CONSOLE_COM1);
    CHECK_EQ(conf.log_level, LOG_DEBUG);
    CHECK_EQ(conf.memory, 32u << 20);
    CHECK_EQ(conf.dma, CONF_DMA_REQUIRE);
    CHECK_EQ(conf.watchdog, 20000000u);
    CHECK_EQ(conf.workload_count, 2);
    const struct conf_workload *w = conf_choose(&conf, NULL, 0, error);
    CHECK(w == &conf.workload[1]);
    CHECK(!strcmp(w->name, "kvm"));
    CHECK_EQ(w->partition_count, 3);
    CHECK(!strcmp(w->partition[0], "nestvmx") && !strcmp(w->partition[1], "ept") && !strcmp(w->partition[2], "hello"));
    CHECK(!strcmp(w->next, "\\EFI\\linux\\vmlinuz.efi"));
    CHECK(!strcmp(w->options, "console=ttyS0 initrd=\\EFI\\a#b quiet"));
    CHECK_EQ(w->inject_count, 2);
    CHECK_EQ(w->inject[0].partition, 1);
    const struct boot_inject *faults = &w->inject[0].faults;
    CHECK_EQ(faults->kind, INJECT_BAD_REPLY);
    CHECK_EQ(faults->message, 12);
    CHECK_EQ(faults->instruction, 300);
    CHECK_EQ(faults->count, 2);
    CHECK_EQ(faults->span, 7);
    CHECK_EQ(faults->spacing, 5);
    CHECK_EQ(faults->stride, 3);
    CHECK_EQ(w->inject[1].partition, 0);
    CHECK_EQ(w->inject[1].faults.kind, INJECT_UD_TWICE);
    CHECK_EQ(w->inject[1].faults.message, 0);
}

TEST(conf_has_defaults)
{
    CHECK(parse(T "partitions =\noptions =\n"));
    CHECK(!conf.require);
    CHECK_EQ(conf.console, CONSOLE_COM1);
    CHECK_EQ(conf.log_level, LOG_INFO);
    CHECK_EQ(conf.memory, 16u << 20);
    CHECK_EQ(conf.watchdog, 3000000000u);
    CHECK_EQ(conf.workload[0].partition_count, 0);
    CHECK_EQ(conf.workload[0].inject_count, 0);
    CHECK(!conf.workload[0].nested);
    CHECK(parse("[workload t]\nnext = \\n\nnested = yes"));
    CHECK(conf.workload[0].nested);
    CHECK(parse("[workload t]\nnext = \\n\nnested = no"));
    CHECK(!conf.workload[0].nested);
    CHECK(parse(""));
    CHECK(parse("console = none"));
    CHECK_EQ(conf.console, 0);
    CHECK(parse("[workload t]\npartitions = a\nnext = \\n\ninject = a 3 ud"));
    CHECK_EQ(conf.workload[0].inject[0].faults.count, 1);
    CHECK_EQ(conf.workload[0].inject[0].faults.instruction, 0);
    CHECK_EQ(conf.workload[0].inject[0].faults.span, 96);
    CHECK_EQ(conf.workload[0].inject[0].faults.spacing, 24);
    CHECK_EQ(conf.workload[0].inject[0].faults.stride, 1);
}

TEST(conf_names_injectable_partitions)
{
    CHECK(parse("[workload t]\ninjectable = c, a\npartitions = a, b, c\nnext = \\n\n"));
    CHECK_EQ(conf.workload[0].injectable, 5);
    CHECK(parse("[workload t]\npartitions = a\nnext = \\n\ninjectable =\n"));
    CHECK_EQ(conf.workload[0].injectable, 0);
    CHECK(parse("[workload t]\npartitions = a\nnext = \\n\ninject = a 3 hang\n"));
    CHECK_EQ(conf.workload[0].inject[0].faults.kind, INJECT_HANG);
    refused(T "injectable = a\n", "bulkhead.conf:3: injectable: [workload t] has no partition a");
    refused(T "partitions = a\ninjectable = a, b\n", "bulkhead.conf:4: injectable: [workload t] has no partition b");
    refused(T "partitions = a\ninjectable = a, a\n", "bulkhead.conf:4: partition a is named twice");
    refused("injectable = a\n", "bulkhead.conf:1: injectable belongs into a [workload NAME]");
    refused(T "injectable = a,b,c,d,e,f,g,h,i\n", "bulkhead.conf:3: more than 8 partitions");
}

#define KEY "04" \
    "0123456789abcdefABCDEF00112233445566778899aabbccddeeff0123456789" \
    "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define KEYED "load_key = " KEY "\n" T

TEST(conf_names_loadable_partitions)
{
    CHECK(parse("load_key = " KEY "\n[workload t]\nloadable = c, d\npartitions = a, b\nnext = \\n\ninject = d 1 ud\ninjectable = c\n"));
    const struct conf_workload *w = &conf.workload[0];
    CHECK(w->loadable == 0xc && w->partition_count == 4 && strcmp(w->partition[2], "c") == 0 && strcmp(w->partition[3], "d") == 0);
    CHECK(w->inject[0].partition == 3 && w->injectable == 4);
    CHECK(conf.has_load_key && conf.load_key[0] == 0x01 && conf.load_key[8] == 0xab && conf.load_key[63] == 0x00 && conf.load_key[32] == 0xff);
    CHECK(parse("load_key = " KEY "\n" T "partitions = a\nloadable =\n"));
    CHECK(conf.workload[0].loadable == 0 && conf.workload[0].partition_count == 1);
    CHECK(parse(T) && !conf.has_load_key);
    refused(T "loadable = a\n", "bulkhead.conf:3: loadable: there is no load_key, whose signature would be asked for");
    refused(KEYED "loadable = a\npartitions = b, a\n", "bulkhead.conf:4: loadable: partition a is among partitions already, and so there from the boot on");
    refused(KEYED "loadable = a, a\n", "bulkhead.conf:4: partition a is named twice");
    refused(KEYED "loadable = i\npartitions = a,b,c,d,e,f,g,h\n", "bulkhead.conf:4: loadable: more than 8 partitions with those of partitions");
    refused(KEYED "loadable = a,\n \npartitions = ..\n", "bulkhead.conf:6: a partition's name may have letters, digits, - and _ only: '..'");
    refused(KEYED "loadable = a\ndebug = a\n", "bulkhead.conf:5: debug: partition a is loadable");
    refused("loadable = a\n", "bulkhead.conf:1: loadable belongs into a [workload NAME]");
    refused(T "load_key = " KEY "\n", "bulkhead.conf:3: load_key belongs before the first section");
    refused("load_key = \n", "bulkhead.conf:1: load_key has no value");
#define BAD_KEY(text, shown) refused("load_key = " text "\n", "bulkhead.conf:1: load_key is a point of P-256, 04 and 128 more hexadecimal digits, not '" shown "'")
    BAD_KEY("04", "04");
    BAD_KEY(KEY "0", "040123456789abcdefABCDEF00112233445566778899aabbccddeeff01234567");
    BAD_KEY("02" "0123456789abcdefABCDEF00112233445566778899aabbccddeeff0123456789" "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100",
            "020123456789abcdefABCDEF00112233445566778899aabbccddeeff01234567");
    BAD_KEY("04" "g123456789abcdefABCDEF00112233445566778899aabbccddeeff0123456789" "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100",
            "04g123456789abcdefABCDEF00112233445566778899aabbccddeeff01234567");
    BAD_KEY("04" "0123456789abcdefABCDEF00112233445566778899aabbccddeeff0123456789" "ffeeddccbbaa99887766554433221100ffeeddccbbaa9988776655443322110:",
            "040123456789abcdefABCDEF00112233445566778899aabbccddeeff01234567");
#undef BAD_KEY
}

TEST(conf_says_which_partition_gdb_debugs)
{
    CHECK(parse("[workload t]\npartitions = a, b\nnext = \\n\ndebug = b"));
    CHECK(conf.workload[0].debug == 2 && !conf.workload[0].debug_secrets);
    CHECK(parse("[workload t]\ndebug = a secrets # expressly\nnext = \\n\npartitions = a"));
    CHECK(conf.workload[0].debug == 1 && conf.workload[0].debug_secrets);
    CHECK(parse("[workload t]\nnext = \\n\npartitions = a"));
    CHECK_EQ(conf.workload[0].debug, 0);
    refused("[workload t]\npartitions = a\nnext = \\n\ndebug = b\n", "bulkhead.conf:4: debug: [workload t] has no partition b");
    refused("[workload t]\nnext = \\n\ndebug = b\n", "bulkhead.conf:3: debug: [workload t] has no partition b");
    refused("[workload t]\npartitions = a\nnext = \\n\ndebug =\n", "bulkhead.conf:4: debug has no value");
    refused("[workload t]\npartitions = a\nnext = \\n\ndebug = a all\n", "bulkhead.conf:4: debug is PARTITION [secrets], not 'all' behind it");
    refused("[workload t]\npartitions = a\nnext = \\n\ninject = a 3 ud\ndebug = a\n", "bulkhead.conf:5: debug: partition a is to have faults injected");
    refused(T "partitions = a\ninjectable = a\ndebug = a\n", "bulkhead.conf:5: debug: partition a is injectable");
    refused("debug = a\n", "bulkhead.conf:1: debug belongs into a [workload NAME]");
}

TEST(conf_names_the_line_of_an_error)
{
    refused("\n\nfoo = 1\n", "bulkhead.conf:3: unknown key 'foo'");
    refused("log = info\nlog = info\n", "bulkhead.conf:2: log is there twice");
    refused(T "next = \\m\n", "bulkhead.conf:3: next is there twice");
    refused(T T, "bulkhead.conf:3: [workload t] is there twice, first in line 1");
    refused("[machine x]\n", "bulkhead.conf:1: no such section: 'machine'; a section is [workload NAME]");
    refused("[workload x\n", "bulkhead.conf:1: a section is [workload NAME]: ']' is missing");
    refused("[", "bulkhead.conf:1: a section is [workload NAME]: ']' is missing");
    refused("[]\n", "bulkhead.conf:1: no such section: ''; a section is [workload NAME]");
    refused("[workload]\n", "bulkhead.conf:1: the workload's name is missing");
    refused("[workload a b]\n", "bulkhead.conf:1: the workload's name may have letters, digits, - and _ only: 'a b'");
    refused("[workload abcdefghijklmnopqrstuvwxyz012345]\n", "bulkhead.conf:1: the workload's name is too long: at most 31 characters");
    refused("log info\n", "bulkhead.conf:1: '=' is missing: 'log info'");
    refused("log =\n", "bulkhead.conf:1: log has no value");
    refused("log = loud\n", "bulkhead.conf:1: log is error, warn, info or debug, not 'loud'");
    refused("require = maybe\n", "bulkhead.conf:1: require is yes or no, not 'maybe'");
    refused("dma = maybe\n", "bulkhead.conf:1: dma is protect, require or off, not 'maybe'");
    refused("[workload t]\nnested = 1\n", "bulkhead.conf:2: nested is yes or no, not '1'");
    refused("nested = yes\n", "bulkhead.conf:1: nested belongs into a [workload NAME]");
    refused("panic = now\n", "bulkhead.conf:1: panic is reset or halt, not 'now'");
    refused("console = com2\n", "bulkhead.conf:1: console knows e9, com1 and none, not 'com2'");
    refused("console = e9, none\n", "bulkhead.conf:1: console knows e9, com1 and none, not 'none'");
    refused("= 1\n", "bulkhead.conf:1: unknown key ''");
    refused("next = \\n\n", "bulkhead.conf:1: next belongs into a [workload NAME]");
    refused(T "log = info\n", "bulkhead.conf:3: log belongs before the first section");
    refused("a\x80 = 1\n", "bulkhead.conf:1: character 2 is not ASCII text");
    refused("[workload t]\nnext = EFI\\n.efi\n", "bulkhead.conf:2: next is a path from the volume's root, as \\EFI\\...: 'EFI\\n.efi'");
    refused("\n[workload t]\n\n", "bulkhead.conf:2: [workload t] has no next");
    refused("default = u\n" T, "bulkhead.conf:1: default: there is no [workload u]");
}

TEST(conf_limits_values)
{
    refused("watchdog = 1s\n", "bulkhead.conf:1: watchdog is a number of million ticks, 0 to 1000000, not '1s'");
    refused("watchdog = 1000001\n", "bulkhead.conf:1: watchdog is a number of million ticks, 0 to 1000000, not '1000001'");
    refused("memory = 3M\n", "bulkhead.conf:1: memory is a multiple of 2M, not '3M'");
    refused("memory = 0\n", "bulkhead.conf:1: memory is a multiple of 2M, not '0'");
    refused("memory = M\n", "bulkhead.conf:1: memory is a number with K, M or G, at most 1G, not 'M'");
    refused("memory = 2G\n", "bulkhead.conf:1: memory is a number with K, M or G, at most 1G, not '2G'");
    refused("memory = 18446744073709551616\n", "bulkhead.conf:1: memory is a number with K, M or G, at most 1G, not '18446744073709551616'");
    refused("memory = -2M\n", "bulkhead.conf:1: memory is a number with K, M or G, at most 1G, not '-2M'");
    refused(T "partitions = a,,b\n", "bulkhead.conf:3: a partition's name is missing");
    refused(T "partitions = a,b,a\n", "bulkhead.conf:3: partition a is named twice");
    refused(T "partitions = a b\n", "bulkhead.conf:3: a partition's name may have letters, digits, - and _ only: 'a b'");
    refused(T "partitions = ..\\a\n", "bulkhead.conf:3: a partition's name may have letters, digits, - and _ only: '..\\a'");
    refused(T "partitions = abcdefghijklmnop\n", "bulkhead.conf:3: a partition's name is too long: at most 15 characters");
    refused(T "partitions = a,b,c,d,e,f,g,h,i\n", "bulkhead.conf:3: more than 8 partitions");
    refused(T "inject = a 1\n", "bulkhead.conf:3: inject is PARTITION MESSAGE KIND [INSTRUCTION [COUNT [SPAN [SPACING [STRIDE]]]]]");
    refused(T "inject = a 1 ud 1 1 1 1 1 1\n", "bulkhead.conf:3: inject is PARTITION MESSAGE KIND [INSTRUCTION [COUNT [SPAN [SPACING [STRIDE]]]]]");
    refused(T "inject = a x ud\n", "bulkhead.conf:3: inject's message is a number, not 'x'");
    refused(T "inject = a 4294967296 ud\n", "bulkhead.conf:3: inject's message is a number, not '4294967296'");
    refused(T "inject = a 1 gp\n", "bulkhead.conf:3: inject's kind is ud, pf, bad-reply, hang, ud-twice, ud-ever, panic or kernel-pf, not 'gp'");
    refused(T "inject = a 1 ud x\n", "bulkhead.conf:3: inject's instruction is a number, not 'x'");
    refused(T "inject = a 1 ud 1 x\n", "bulkhead.conf:3: inject's count is a number, not 'x'");
    refused(T "inject = a 1 ud 1 1 0\n", "bulkhead.conf:3: inject's span is a number from 1 on, not '0'");
    refused(T "inject = a 1 ud 1 1 1 x\n", "bulkhead.conf:3: inject's spacing is a number from 1 on, not 'x'");
    refused(T "inject = a 1 ud 1 1 1 1 0\n", "bulkhead.conf:3: inject's stride is a number from 1 on, not '0'");
    refused(T "inject = a 1 ud,, b 1 ud\n", "bulkhead.conf:3: inject is PARTITION MESSAGE KIND [INSTRUCTION [COUNT [SPAN [SPACING [STRIDE]]]]]");
    refused(T "inject = a 1 ud, b 1 pf, a 2 ud\n", "bulkhead.conf:3: inject names partition a twice");
    refused(T "inject = a 1 ud, b 1 ud, c 1 ud, d 1 ud, e 1 ud, f 1 ud, g 1 ud, h 1 ud, i 1 ud\n", "bulkhead.conf:3: inject names more than 8 partitions");
    refused(T "inject = a 1 ud\n", "bulkhead.conf:3: inject: [workload t] has no partition a");
    refused(T "partitions = a\ninject = a 1 ud, b 1 ud\n", "bulkhead.conf:4: inject: [workload t] has no partition b");
}

TEST(conf_limits_lengths)
{
    static char text[CONF_BYTES + 2];
    memset(text, '#', sizeof(text));
    CHECK(parse_bytes(text, CONF_BYTES));
    CHECK(!parse_bytes(text, CONF_BYTES + 1));
    CHECK(!strcmp(error, "bulkhead.conf: the file is longer than 64 KiB"));

    int head = sprintf(text, "[workload t]\nnext = \\");
    memset(text + head, 'x', CONF_PATH - 1);
    CHECK(!parse_bytes(text, (size_t)head + CONF_PATH - 1));
    CHECK(!strcmp(error, "bulkhead.conf:2: next is too long: at most 255 characters"));
    CHECK(parse_bytes(text, (size_t)head + CONF_PATH - 2));

    head = sprintf(text, T "options = ");
    memset(text + head, 'x', CONF_OPTIONS);
    CHECK(!parse_bytes(text, (size_t)head + CONF_OPTIONS));
    CHECK(!strcmp(error, "bulkhead.conf:3: options is too long: at most 1023 characters"));
    CHECK(parse_bytes(text, (size_t)head + CONF_OPTIONS - 1));

    size_t length = 0;
    for (unsigned i = 0; i <= CONF_WORKLOADS; i++)
        length += (size_t)sprintf(text + length, "[workload w%u]\nnext = \\n\n", i);
    refused(text, "bulkhead.conf:33: more than 16 workloads");
}

TEST(conf_with_errors_still_tells_what_to_boot)
{
    refused("wrong\nrequire = yes\ndefault = t\n[workload a]\nnext = \\a\n[worklod b]\nnext = \\b\n" T, "bulkhead.conf:1: '=' is missing: 'wrong'");
    CHECK(conf.require);
    const struct conf_workload *w = conf_choose(&conf, NULL, 0, error);
    CHECK(w && !strcmp(w->next, "\\n.efi"));
    CHECK_EQ(conf.workload_count, 2);
    CHECK(!strcmp(conf.workload[0].next, "\\a"));
    // Nothing that stands below a heading that isn't understood changes another workload.
    CHECK(!parse("[workload a]\nnext = \\a\n[workload \xff]\noptions = b\n"));
    CHECK(!strcmp(conf.workload[0].options, ""));
}

static const struct conf_workload *choose(const char *options)
{
    size_t count = strlen(options) + 1;
    uint16_t *wide = malloc(count * sizeof(*wide));
    for (size_t i = 0; i < count; i++)
        wide[i] = (uint16_t)(unsigned char)options[i];
    const struct conf_workload *w = conf_choose(&conf, wide, count * sizeof(*wide), error);
    const struct conf_workload *unended = conf_choose(&conf, wide, (count - 1) * sizeof(*wide), error);
    CHECK(w == unended);
    free(wide);
    return w;
}

TEST(load_options_choose_the_workload)
{
    CHECK(parse("default = a\n[workload a]\nnext = \\a\n[workload b]\nnext = \\b\n"));
    CHECK(choose("") == &conf.workload[0]);
    CHECK(choose("bulkhead.efi") == &conf.workload[0]);
    CHECK(choose("workload=b") == &conf.workload[1]);
    CHECK(choose("bulkhead.efi  workload=b quiet") == &conf.workload[1]);
    CHECK(choose("xworkload=b") == &conf.workload[0]);
    CHECK(!choose("workload=c"));
    CHECK(!strcmp(error, "bulkhead.conf: no [workload c], which the load options ask for"));
    CHECK(!choose("workload="));
    CHECK(!choose("workload=b\x80"));
    CHECK(!choose("workload=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"));
    CHECK(parse("[workload a]\nnext = \\a\n"));
    CHECK(!choose(""));
    CHECK(!strcmp(error, "bulkhead.conf: no default, and no workload=NAME in the load options"));
}

TEST(conf_survives_noise)
{
    static const char good[] = "default = t\nrequire = no\nconsole = e9, com1\nlog = warn\nmemory = 4M\n[workload t]\npartitions = a, b\n"
                               "next = \\n.efi\noptions = x y # z\ninject = a 1 pf 2 3\n";
    static const char letters[] = "\n[]=, #\\\t\r\x80" "0aM";
    uint32_t state = 1;
    for (unsigned round = 0; round < 20000; round++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        for (unsigned i = noise_next(&state) % 8; i > 0; i--)
            text[noise_next(&state) % (sizeof(good) - 1)] = letters[noise_next(&state) % (sizeof(letters) - 1)];
        bool ok = parse_bytes(text, noise_next(&state) % sizeof(good));
        CHECK(conf.workload_count <= CONF_WORKLOADS);
        CHECK(ok || !strncmp(error, "bulkhead.conf:", 14));
    }
}
