// SPDX-License-Identifier: BSD-2-Clause
#include "stream.h"

#include <string.h>

bool stream_next(struct stream *stream, const char **why)
{
    uint32_t bytes;
    stream->at = stream->end;
    *why = NULL;
    if (stream->at == stream->size)
        return false;
    *why = "the file ends in a segment";
    if (stream->size - stream->at < sizeof(bytes))
        return false;
    memcpy(&bytes, stream->bytes + stream->at, sizeof(bytes));
    stream->at += sizeof(bytes);
    if (bytes > stream->size - stream->at)
        return false;
    stream->end = stream->at + bytes;
    return true;
}

bool stream_open(struct stream *stream, const uint8_t *bytes, size_t size, const char **why)
{
    *stream = (struct stream){ .bytes = bytes, .size = size, .end = STREAM_MAGIC_BYTES };
    *why = "it is not a recording";
    if (size < STREAM_MAGIC_BYTES || memcmp(bytes, STREAM_MAGIC, STREAM_MAGIC_BYTES) != 0)
        return false;
    if (stream_next(stream, why))
        return true;
    if (*why == NULL)
        *why = "it is empty";
    return false;
}

bool stream_read(struct stream *stream, uint64_t *word)
{
    *word = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (stream->at == stream->end)
            return false;
        const uint8_t byte = stream->bytes[stream->at++];
        *word |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}
