// SPDX-License-Identifier: BSD-2-Clause
// A recording as it is read: segments of numbers (rt/recording.h). A file is RECORDING_MAGIC, and for each segment its bytes' count (4 bytes) and the bytes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_MAGIC       "BHREC1\n"
#define STREAM_MAGIC_BYTES 7u

struct stream { const uint8_t *bytes; size_t size, at, end; };  // at: where the segment goes on; end: of the segment

// The first segment, or the next one. False: there is none, or the file is damaged (then *why says how).
bool stream_open(struct stream *stream, const uint8_t *bytes, size_t size, const char **why);
bool stream_next(struct stream *stream, const char **why);

// The next number of the segment. False: it ends before.
bool stream_read(struct stream *stream, uint64_t *word);
