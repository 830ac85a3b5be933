// SPDX-License-Identifier: BSD-2-Clause
// Parses bulkhead.conf. Pure: knows nothing of UEFI, so that the host tests and the fuzzer run this very file.
#include "conf.h"

#include <caps/syscall.h>

#include "conf_parser.h"
#include "text.h"

#define MEMORY_DEFAULT (16ull << 20)
#define MEMORY_MAX     (1ull << 30)
#define MILLION          1000000ull
#define WATCHDOG_DEFAULT 3000u   // a second or so
#define WATCHDOG_MAX     1000000u

// A piece of the file.
struct span { const char *at; size_t length; };

bool conf_fail(struct parser *p, const char *format, ...)
{
    if (p->failed)
        return false;
    p->failed = true;
    size_t length = p->line ? text_format(p->error, CONF_ERROR_TEXT, "bulkhead.conf:%u: ", p->line)
                            : text_format(p->error, CONF_ERROR_TEXT, "bulkhead.conf: ");
    va_list list;
    va_start(list, format);
    text_format_list(p->error + length, CONF_ERROR_TEXT - length, format, list);
    va_end(list);
    return false;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static struct span trim(struct span s)
{
    while (s.length && is_blank(s.at[0]))
        s.at++, s.length--;
    while (s.length && is_blank(s.at[s.length - 1]))
        s.length--;
    return s;
}

static bool span_is(struct span s, const char *word)
{
    size_t i = 0;
    while (i < s.length && word[i] && s.at[i] == word[i])
        i++;
    return i == s.length && !word[i];
}

// As much of a span as fits into an error line.
static int shown(struct span s) { return s.length < 64 ? (int)s.length : 64; }

// Cuts the part up to the separator (a blank stands for every blank) off rest.
static struct span cut(struct span *rest, char separator)
{
    size_t i = 0;
    while (i < rest->length && !(rest->at[i] == separator || (separator == ' ' && is_blank(rest->at[i]))))
        i++;
    struct span head = {rest->at, i};
    size_t skip = i < rest->length ? i + 1 : i;
    rest->at += skip;
    rest->length -= skip;
    return trim(head);
}

static bool copy(struct parser *p, const char *what, char *to, size_t capacity, struct span value)
{
    if (value.length >= capacity)
        return conf_fail(p, "%s is too long: at most %u characters", what, (unsigned)(capacity - 1));
    for (size_t i = 0; i < value.length; i++)
        to[i] = value.at[i];
    to[value.length] = 0;
    return true;
}

static bool copy_name(struct parser *p, const char *what, char *to, size_t capacity, struct span value)
{
    if (!value.length)
        return conf_fail(p, "%s is missing", what);
    for (size_t i = 0; i < value.length; i++)
        if (!is_name_char(value.at[i]))
            return conf_fail(p, "%s may have letters, digits, - and _ only: '%.*s'", what, shown(value), value.at);
    return copy(p, what, to, capacity, value);
}

// Decimal digits with nothing around them, up to most.
static bool number(struct span s, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.length; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        unsigned digit = (unsigned)(s.at[i] - '0');
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return s.length > 0;
}

static bool set_default(struct parser *p, struct span value)
{
    p->conf->chosen_line = p->line;
    return copy_name(p, "the workload's name", p->conf->chosen, sizeof(p->conf->chosen), value);
}

static bool set_require(struct parser *p, struct span value)
{
    if (!span_is(value, "yes") && !span_is(value, "no"))
        return conf_fail(p, "require is yes or no, not '%.*s'", shown(value), value.at);
    p->conf->require = span_is(value, "yes");
    return true;
}

static bool set_dma(struct parser *p, struct span value)
{
    static const char *const words[] = { [CONF_DMA_PROTECT] = "protect", [CONF_DMA_OFF] = "off", [CONF_DMA_REQUIRE] = "require" };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_is(value, words[i])) {
            p->conf->dma = (enum conf_dma)i;
            return true;
        }
    }
    return conf_fail(p, "dma is protect, require or off, not '%.*s'", shown(value), value.at);
}

static bool set_nested(struct parser *p, struct span value)
{
    if (!span_is(value, "yes") && !span_is(value, "no"))
        return conf_fail(p, "nested is yes or no, not '%.*s'", shown(value), value.at);
    p->workload->nested = span_is(value, "yes");
    return true;
}

static bool set_panic(struct parser *p, struct span value)
{
    if (!span_is(value, "reset") && !span_is(value, "halt"))
        return conf_fail(p, "panic is reset or halt, not '%.*s'", shown(value), value.at);
    p->conf->panic_resets = span_is(value, "reset");
    return true;
}

static bool set_console(struct parser *p, struct span value)
{
    static const struct { const char *name; uint32_t bit; } ports[] = {{"e9", CONSOLE_E9}, {"com1", CONSOLE_COM1}};
    p->conf->console = 0;
    if (span_is(value, "none"))
        return true;
    do {
        struct span port = cut(&value, ',');
        unsigned i = 0;
        while (i < sizeof(ports) / sizeof(ports[0]) && !span_is(port, ports[i].name))
            i++;
        if (i == sizeof(ports) / sizeof(ports[0]))
            return conf_fail(p, "console knows e9, com1 and none, not '%.*s'", shown(port), port.at);
        p->conf->console |= ports[i].bit;
    } while (value.length);
    return true;
}

static bool set_log(struct parser *p, struct span value)
{
    static const struct { const char *name; uint32_t level; } levels[] = {
        {"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};
    for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (span_is(value, levels[i].name)) {
            p->conf->log_level = levels[i].level;
            return true;
        }
    }
    return conf_fail(p, "log is error, warn, info or debug, not '%.*s'", shown(value), value.at);
}

static bool set_memory(struct parser *p, struct span value)
{
    struct span digits = value;
    unsigned shift = 0;
    if (digits.length) {
        char unit = digits.at[digits.length - 1];
        shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
        digits.length -= shift != 0;
    }
    uint64_t count;
    if (!number(digits, MEMORY_MAX, &count) || count > MEMORY_MAX >> shift)
        return conf_fail(p, "memory is a number with K, M or G, at most 1G, not '%.*s'", shown(value), value.at);
    p->conf->memory = count << shift;
    if (!count || p->conf->memory % LARGE_BYTES)
        return conf_fail(p, "memory is a multiple of 2M, not '%.*s'", shown(value), value.at);
    return true;
}

static bool set_watchdog(struct parser *p, struct span value)
{
    uint64_t count;
    if (!number(value, WATCHDOG_MAX, &count))
        return conf_fail(p, "watchdog is a number of million ticks, 0 to %u, not '%.*s'", WATCHDOG_MAX, shown(value), value.at);
    p->conf->watchdog = count * MILLION;
    return true;
}

// Names with commas.
static bool set_names(struct parser *p, struct span value, char to[BOOT_PARTITIONS][CAP_NAME], unsigned *count)
{
    while (value.length) {
        struct span name = cut(&value, ',');
        if (*count == BOOT_PARTITIONS)
            return conf_fail(p, "more than %u partitions", BOOT_PARTITIONS);
        if (!copy_name(p, "a partition's name", to[*count], CAP_NAME, name))
            return false;
        for (unsigned i = 0; i < *count; i++)
            if (text_equal(to[i], to[*count]))
                return conf_fail(p, "partition %s is named twice", to[i]);
        ++*count;
    }
    return true;
}

static bool set_partitions(struct parser *p, struct span value) { return set_names(p, value, p->workload->partition, &p->workload->partition_count); }

static bool set_injectable(struct parser *p, struct span value)
{
    p->workload->injectable_line = p->line;
    return set_names(p, value, p->workload->injectable_name, &p->workload->injectable_count);
}

static bool set_loadable(struct parser *p, struct span value)
{
    p->workload->loadable_line = p->line;
    return set_names(p, value, p->workload->loadable_name, &p->workload->loadable_count);
}

// -1: no such digit.
static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

// An uncompressed point: 04, X, Y (SEC 1 2.3.3 "Elliptic-Curve-Point-to-Octet-String Conversion").
static bool set_load_key(struct parser *p, struct span value)
{
    bool good = value.length == 2 + 2 * LOAD_KEY_BYTES && value.at[0] == '0' && value.at[1] == '4';
    for (unsigned i = 0; good && i < LOAD_KEY_BYTES; i++) {
        const int high = hex_digit(value.at[2 + 2 * i]), low = hex_digit(value.at[3 + 2 * i]);
        good = high >= 0 && low >= 0;
        p->conf->load_key[i] = (uint8_t)(high * 16 + low);
    }
    p->conf->has_load_key = good;
    return good || conf_fail(p, "load_key is a point of P-256, 04 and 128 more hexadecimal digits, not '%.*s'", shown(value), value.at);
}

static bool set_next(struct parser *p, struct span value)
{
    if (!value.length || value.at[0] != '\\')
        return conf_fail(p, "next is a path from the volume's root, as \\EFI\\...: '%.*s'", shown(value), value.at);
    return copy(p, "next", p->workload->next, sizeof(p->workload->next), value);
}

static bool set_options(struct parser *p, struct span value)
{
    return copy(p, "options", p->workload->options, sizeof(p->workload->options), value);
}

#define INJECT_SPAN 96u     // without a word of the configuration
#define INJECT_SPACING 24u

// Of one partition.
static bool set_faults(struct parser *p, struct span value, struct conf_inject *inject)
{
    struct boot_inject *faults = &inject->faults;
    *faults = (struct boot_inject){ .count = 1, .span = INJECT_SPAN, .spacing = INJECT_SPACING, .stride = 1 };
    const struct { const char *name; unsigned word; uint32_t least; uint32_t *to; } numbers[] = {
        {"message", 1, 0, &faults->message}, {"instruction", 3, 0, &faults->instruction}, {"count", 4, 0, &faults->count},
        {"span", 5, 1, &faults->span}, {"spacing", 6, 1, &faults->spacing}, {"stride", 7, 1, &faults->stride}};
    struct span word[8] = {{0, 0}};
    unsigned count = 0;
    for (value = trim(value); value.length && count < 8; value = trim(value))
        word[count++] = cut(&value, ' ');
    if (count < 3 || value.length)
        return conf_fail(p, "inject is PARTITION MESSAGE KIND [INSTRUCTION [COUNT [SPAN [SPACING [STRIDE]]]]]");
    if (!copy_name(p, "inject's partition", inject->name, CAP_NAME, word[0]))
        return false;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const struct span text = word[numbers[i].word];
        uint64_t parsed;
        if (numbers[i].word >= count)
            break;
        if (!number(text, UINT32_MAX, &parsed) || parsed < numbers[i].least)
            return conf_fail(p, "inject's %s is a number%s, not '%.*s'", numbers[i].name, numbers[i].least ? " from 1 on" : "", shown(text), text.at);
        *numbers[i].to = (uint32_t)parsed;
    }
    for (uint32_t kind = INJECT_NONE + 1; kind < INJECT_KINDS; kind++)
        if (span_is(word[2], inject_kind_name(kind)))
            faults->kind = kind;
    if (faults->kind == INJECT_NONE)
        return conf_fail(p, "inject's kind is ud, pf, bad-reply, hang, ud-twice, ud-ever, panic or kernel-pf, not '%.*s'", shown(word[2]), word[2].at);
    return true;
}

static bool set_inject(struct parser *p, struct span value)
{
    struct conf_workload *w = p->workload;
    w->inject_line = p->line;
    do {
        if (w->inject_count == BOOT_PARTITIONS)
            return conf_fail(p, "inject names more than %u partitions", BOOT_PARTITIONS);
        struct conf_inject *inject = &w->inject[w->inject_count];
        if (!set_faults(p, cut(&value, ','), inject))
            return false;
        for (unsigned i = 0; i < w->inject_count; i++)
            if (text_equal(w->inject[i].name, inject->name))
                return conf_fail(p, "inject names partition %s twice", inject->name);
        w->inject_count++;
    } while (value.length);
    return true;
}

static bool set_debug(struct parser *p, struct span value)
{
    p->workload->debug_line = p->line;
    if (!copy_name(p, "debug's partition", p->workload->debug_name, CAP_NAME, cut(&value, ' ')))
        return false;
    p->workload->debug_secrets = span_is(value, "secrets");
    return !value.length || p->workload->debug_secrets || conf_fail(p, "debug is PARTITION [secrets], not '%.*s' behind it", shown(value), value.at);
}

static const struct key {
    const char *name;
    bool global;  // before the sections, or in one
    bool empty;   // may the value be empty?
    bool (*set)(struct parser *p, struct span value);
} keys[] = {
    {"default",    true,  false, set_default},
    {"require",    true,  false, set_require},
    {"panic",      true,  false, set_panic},
    {"console",    true,  false, set_console},
    {"log",        true,  false, set_log},
    {"memory",     true,  false, set_memory},
    {"dma",        true,  false, set_dma},
    {"watchdog",   true,  false, set_watchdog},
    {"load_key",   true,  false, set_load_key},
    {"partitions", false, true,  set_partitions},
    {"next",       false, false, set_next},
    {"options",    false, true,  set_options},
    {"nested",     false, false, set_nested},
    {"inject",     false, false, set_inject},
    {"injectable", false, true,  set_injectable},
    {"loadable",   false, true,  set_loadable},
    {"debug",      false, false, set_debug},
};

static bool parse_section(struct parser *p, struct span line)
{
    struct conf *conf = p->conf;
    p->skip = true;
    if (line.at[line.length - 1] != ']')
        return conf_fail(p, "a section is [workload NAME]: ']' is missing");
    struct span inside = trim((struct span){line.at + 1, line.length - 2});
    struct span kind = cut(&inside, ' ');
    if (!span_is(kind, "workload"))
        return conf_fail(p, "no such section: '%.*s'; a section is [workload NAME]", shown(kind), kind.at);
    if (conf->workload_count == CONF_WORKLOADS)
        return conf_fail(p, "more than %u workloads", CONF_WORKLOADS);
    struct conf_workload *w = &conf->workload[conf->workload_count];
    if (!copy_name(p, "the workload's name", w->name, sizeof(w->name), trim(inside)))
        return false;
    for (unsigned i = 0; i < conf->workload_count; i++)
        if (text_equal(conf->workload[i].name, w->name))
            return conf_fail(p, "[workload %s] is there twice, first in line %u", w->name, conf->workload[i].line);
    w->line = p->line;
    conf->workload_count++;
    p->workload = w;
    p->skip = false;
    return true;
}

static bool parse_pair(struct parser *p, struct span line)
{
    size_t equals = 0;
    while (equals < line.length && line.at[equals] != '=')
        equals++;
    if (equals == line.length)
        return conf_fail(p, "'=' is missing: '%.*s'", shown(line), line.at);
    struct span name = trim((struct span){line.at, equals});
    struct span value = trim((struct span){line.at + equals + 1, line.length - equals - 1});
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct key *key = &keys[i];
        if (!span_is(name, key->name))
            continue;
        if (key->global && p->workload)
            return conf_fail(p, "%s belongs before the first section", key->name);
        if (!key->global && !p->workload)
            return conf_fail(p, "%s belongs into a [workload NAME]", key->name);
        unsigned *seen = key->global ? &p->conf->seen : &p->workload->seen;
        if (*seen & 1u << i)
            return conf_fail(p, "%s is there twice", key->name);
        *seen |= 1u << i;
        if (!value.length && !key->empty)
            return conf_fail(p, "%s has no value", key->name);
        return key->set(p, value);
    }
    return conf_fail(p, "unknown key '%.*s'", shown(name), name.at);
}

// A comment goes from a # that starts the line or follows a blank to the line's end.
static struct span uncomment(struct span line)
{
    for (size_t i = 0; i < line.length; i++)
        if (line.at[i] == '#' && (i == 0 || is_blank(line.at[i - 1])))
            return (struct span){line.at, i};
    return line;
}

static void parse_line(struct parser *p, struct span line)
{
    for (size_t i = 0; i < line.length; i++) {
        if ((line.at[i] < ' ' || line.at[i] > '~') && line.at[i] != '\t') {
            conf_fail(p, "character %u is not ASCII text", (unsigned)(i + 1));
            p->skip = p->skip || trim(line).at[0] == '[';
            return;
        }
    }
    line = trim(uncomment(line));
    if (line.length && line.at[0] == '[')
        parse_section(p, line);
    else if (line.length && !p->skip)
        parse_pair(p, line);
}

bool conf_parse(struct conf *conf, const char *text, size_t bytes, char error[CONF_ERROR_TEXT])
{
    struct parser p = {.conf = conf, .error = error};
    for (size_t i = 0; i < sizeof(*conf); i++)
        ((unsigned char *)conf)[i] = 0;
    conf->console = CONSOLE_COM1;
    conf->log_level = LOG_INFO;
    conf->memory = MEMORY_DEFAULT;
    conf->watchdog = WATCHDOG_DEFAULT * MILLION;
    if (bytes > CONF_BYTES)
        return conf_fail(&p, "the file is longer than 64 KiB");
    for (size_t start = 0; start < bytes;) {
        size_t end = start;
        p.line++;
        while (end < bytes && text[end] != '\n')
            end++;
        struct span line = {text + start, end - start};
        start = end + 1;
        if (line.length && line.at[line.length - 1] == '\r')
            line.length--;
        parse_line(&p, line);
    }
    conf_check(&p);
    return !p.failed;
}
