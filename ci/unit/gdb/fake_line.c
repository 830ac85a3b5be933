// SPDX-License-Identifier: BSD-2-Clause
// A serial port.
#include "fake_line.h"

#include <stdio.h>
#include <string.h>

#include <caps/status.h>
#include <rt/channel.h>

#include "harness.h"
#include "world_op.h"

#define PATIENCE 100u

char fake_sent[FAKE_LINE];
static char given[FAKE_LINE];
static size_t at, end, sent;
static unsigned waited;
static bool broken;

void fake_line_give_bytes(const uint8_t *bytes, size_t count)
{
    CHECK(count <= sizeof(given));
    memcpy(given, bytes, count);
    end = count;
    at = sent = waited = 0;
    broken = false;
    fake_sent[0] = 0;
}

void fake_line_give(const char *bytes) { fake_line_give_bytes((const uint8_t *)bytes, strlen(bytes)); }

void fake_line_give_for_ever(uint8_t byte)
{
    fake_line_give("");
    memset(given, byte, sizeof(given));
    end = sizeof(given);
}

void fake_line_break(void)
{
    fake_line_give("");
    broken = true;
}

size_t fake_line_left(void) { return end - at; }

void fake_line_add(const char *bytes)
{
    CHECK(end + strlen(bytes) <= sizeof(given));
    memcpy(&given[end], bytes, strlen(bytes));
    end += strlen(bytes);
}

void fake_line_packet(const char *text)
{
    uint8_t sum = 0;
    for (const char *c = text; *c; c++)
        sum += (uint8_t)*c;
    CHECK(end + strlen(text) + 5 < sizeof(given));
    end += (size_t)snprintf(&given[end], sizeof(given) - end, "$%s#%02x", text, sum);
}

uint64_t syscall_port(uint64_t number, uint64_t write, uint64_t value)
{
    uint64_t *result = &rt_channel[world_cpu].channel.out.outbox.call_result[0];
    CHECK(number == 5 || number == 0);
    if (write) {
        CHECK(number == 0 && sent < sizeof(fake_sent) - 1);
        fake_sent[sent++] = (char)value;
        fake_sent[sent] = 0;
    } else if (number == 5) {
        *result = broken ? 0xff : 0x20 | (at < end);
        if ((at == end || broken) && ++waited > PATIENCE)
            world_fault("waits for gdb");
    } else {
        CHECK(at < end && !broken);
        *result = (uint8_t)given[at++];
        waited = 0;
    }
    return STATUS_OK;
}
