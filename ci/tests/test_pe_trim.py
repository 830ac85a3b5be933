# SPDX-License-Identifier: BSD-2-Clause
"""PE images without the zeroes that their sections end in."""

import struct
import unittest

import pe_trim

ALIGN = 0x200


def image(*sections: bytes, symbols: bytes = b"") -> bytes:
    """Headers of ALIGN bytes, and sections one after the other."""
    header = bytearray(ALIGN)
    header[:2] = b"MZ"
    struct.pack_into("<I", header, 0x3C, 0x40)
    header[0x40:0x44] = b"PE\0\0"
    struct.pack_into("<H", header, 0x46, len(sections))
    struct.pack_into("<IIH", header, 0x4C, 0x9999 if symbols else 0, 7 if symbols else 0, 0x70)
    struct.pack_into("<I", header, 0x58 + 36, ALIGN)
    at = ALIGN
    for i, data in enumerate(sections):
        struct.pack_into("<IIII", header, 0x58 + 0x70 + 40 * i + 8, len(data), 0x1000 * (i + 1), len(data), at)
        at += len(data)
    return bytes(header) + b"".join(sections) + symbols


def loaded(data: bytes) -> list[bytes]:
    """The sections as a firmware makes them."""
    header = struct.unpack_from("<I", data, 0x3C)[0]
    count, optional = struct.unpack_from("<H", data, header + 6)[0], struct.unpack_from("<H", data, header + 20)[0]
    found = []
    for i in range(count):
        virtual, _, size, start = struct.unpack_from("<IIII", data, header + 24 + optional + 40 * i + 8)
        found.append(data[start:start + min(size, virtual)].ljust(virtual, b"\0"))
    return found


class Trim(unittest.TestCase):
    def test_what_is_loaded_is_the_same(self) -> None:
        sections = (b"t" * 0x400, b"d" * 5 + bytes(0x5FB), bytes(0x800), b"\0" * 0x3FF + b"x")
        whole = image(*sections, symbols=b"names")
        cut = pe_trim.trimmed(whole)
        self.assertEqual(loaded(cut), list(sections))
        self.assertEqual(len(cut), ALIGN + 0x400 + 0x200 + 0x200 + 0x400)
        self.assertEqual(struct.unpack_from("<II", cut, 0x4C), (0, 0))
        self.assertEqual(pe_trim.trimmed(cut), cut)

    def test_damaged_images(self) -> None:
        good = image(b"a" * 0x200, b"b" * 0x200)
        bad = [b"", good[:0x30], b"XX" + good[2:], good[:0x50], good[:-1]]
        for place, form, value in ((0x3C, "<I", 0xFFFFFFFF), (0x46, "<H", 0xFFFF), (0x54, "<H", 8), (0x58 + 36, "<I", 0), (0xC8 + 20, "<I", 0x10),
                                   (0xC8 + 40 + 20, "<I", 0x201)):
            changed = bytearray(good)
            struct.pack_into(form, changed, place, value)
            bad.append(bytes(changed))
        for i, data in enumerate(bad):
            with self.subTest(i), self.assertRaises(pe_trim.Unusable):
                pe_trim.trimmed(data)


if __name__ == "__main__":
    unittest.main()
