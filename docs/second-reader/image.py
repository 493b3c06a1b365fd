"""A reader of `.rbl` images, written from docs/format.md alone.

It opens an image, checks what the page says, answers addresses and names and walks all entries.
It is slow and plain on purpose: each function is one paragraph of the page.
"""

import struct

from addresses import LinesV4, LinesV6, Sorted
from names import LinesOfNames, SortedNames, key_of_name, name_of_key
from values import render

MAGIC = b"\x89rblmap\n"
CONTEXT_ROOT = "rblmap 2026-11 image root 1"
ZONES, VALUES, DIGESTS = 1, 2, 3
V4_SORTED, V4_TOP, V4_STARTS, V4_COUNTS, V4_BITS, V4_LINES = 16, 17, 18, 19, 20, 21
V4_RUN_COUNTS = 22
V6_SORTED, V6_TOP, V6_RANGES, V6_STARTS, V6_LINES, V6_INSIDE_64 = 32, 33, 34, 35, 36, 37
NAMES_SORTED, NAMES_MODEL, NAMES_COMMON_SUFFIXES = 48, 49, 50
NAMES_FILTER, NAMES_LINES, NAMES_OVERFLOW, NAMES_ORDER = 51, 52, 53, 54


class Damaged(Exception):
    """The file is not an image, was cut, is newer, or breaks a rule of the page."""


def require(condition, what):
    if not condition:
        raise Damaged(what)


def number(data, at, size):
    return int.from_bytes(data[at : at + size], "little")


class Image:
    """An image in memory. Zones are under their names relative to the base, which is `@`."""

    def __init__(self, data):
        self.data = data
        self._read_header()
        self._read_table()
        self._read_values()
        self._read_zones()

    def _read_header(self):
        data = self.data
        require(data[:8] == MAGIC, "foreign: not the magic of an image")
        require(len(data) >= 512, "cut: shorter than a header")
        version, reserved, self.sections, length, self.serial, self.created = struct.unpack(
            "<HHIQQQ", data[8:40]
        )
        require(version <= 7, f"newer: format {version}")
        require(version == 7, f"older: format {version}")
        require(len(data) == length, f"cut: {len(data)} of {length} bytes")
        name_length = data[40]
        require(1 <= name_length <= 253, "length of the zone name")
        self.name = data[41 : 41 + name_length].decode("ascii")
        require(not any(data[41 + name_length : 320]), "bytes behind the zone name")
        self.content_id = data[320:352]
        self.root = data[352:384]
        require(reserved == 0 and not any(data[384:512]), "reserved bytes of the header")

    def _read_table(self):
        self.table = {}
        end = self.table_end = 512 + 32 * self.sections
        require(end <= len(self.data), "section table")
        last = (-1, -1)
        for row in range(self.sections):
            at = 512 + 32 * row
            kind, variant, zone, offset, length, parameter = struct.unpack(
                "<HHIQQQ", self.data[at : at + 32]
            )
            require(variant == 1, f"variant {variant} of section {kind}")
            if kind == DIGESTS:
                require(row == self.sections - 1, "digests come last")
            else:
                require((zone, kind) > last, "order of the section table")
                last = (zone, kind)
            step = 4096 if length >= 65536 else 64
            start = -(-end // step) * step
            require(offset == start, f"section {kind} lies at {offset}, not at {start}")
            require(not any(self.data[end:offset]), "bytes between sections")
            end = offset + length
            require(end <= len(self.data), f"section {kind} ends behind the file")
            self.table[zone, kind] = (offset, length, parameter)
        require(end == len(self.data), "bytes behind the last section")

    def section(self, zone, kind):
        """Bytes and parameter of a section; None and 0 where there is none."""
        if (zone, kind) not in self.table:
            return None, 0
        offset, length, parameter = self.table[zone, kind]
        return self.data[offset : offset + length], parameter

    def _read_values(self):
        section, parameter = self.section(0, VALUES)
        count = parameter & 0xFFFFFFFF
        self.values = [b""]
        start = 0
        for i in range(count):
            end = number(section, 4 * i, 4)
            self.values.append(section[4 * count + start : 4 * count + end])
            start = end
        if section is not None:
            require(4 * count + start == len(section), "length of the values")
        require(all(a < b for a, b in zip(self.values, self.values[1:])), "order of the values")
        self.width = next(w for w in (1, 2, 3, 4) if count < 1 << (8 * w))

    def _read_zones(self):
        section, count = self.section(0, ZONES)
        require(section is not None, "no zones")
        self.zones = {}
        for i in range(count):
            at = number(section, 4 * i, 4)
            length = number(section, at, 2)
            key = section[at + 2 : at + 2 + length]
            at += 2 + length
            expiry, flags, facts = struct.unpack("<QBI", section[at : at + 13])
            name = name_of_key(key).lower() or "@"
            self.zones[name] = Zone(self, i, key, expiry, flags, section[at + 13 : at + 13 + facts])

    def verify(self):
        """Compares the digests of all chunks and the root; raises Damaged where they differ."""
        from blake3 import blake3

        digests, _ = self.section(0, DIGESTS)
        body = self.data[self.table_end : self.table[0, DIGESTS][0]]
        chunks = [body[i : i + 65536] for i in range(0, len(body), 65536)]
        require(len(digests) == 32 * len(chunks), "number of digests")
        for i, chunk in enumerate(chunks):
            require(blake3(chunk).digest() == digests[32 * i : 32 * i + 32], f"digest of chunk {i}")
        covered = self.data[:352] + bytes(32) + self.data[384 : self.table_end] + digests
        root = blake3(covered, derive_key_context=CONTEXT_ROOT).digest()
        require(root == self.root, "root of the digests")


class Zone:
    """What one zone of an image says."""

    def __init__(self, image, zone_number, key, expiry, flags, facts):
        self.image, self.key, self.expiry, self.facts = image, key, expiry, facts
        self.v4_names, self.v6_names = bool(flags & 1), bool(flags & 2)
        self.number = zone_number
        self.v4 = self._v4()
        self.v6 = self._v6()
        self.names = self._names()

    def _get(self, kind):
        return self.image.section(self.number, kind)

    def _v4(self):
        section, parameter = self._get(V4_SORTED)
        if section is not None:
            return Sorted(section, parameter, 4, self.image.width)
        top, _ = self._get(V4_TOP)
        if top is None:
            return None
        others = [self._get(kind)[0] for kind in (V4_STARTS, V4_COUNTS, V4_BITS, V4_LINES)]
        return LinesV4(top, *others, self.image.width)

    def _v6(self):
        section, parameter = self._get(V6_SORTED)
        if section is not None:
            return Sorted(section, parameter, 16, self.image.width)
        top, _ = self._get(V6_TOP)
        if top is None:
            return None
        others = [self._get(kind)[0] for kind in (V6_RANGES, V6_STARTS, V6_LINES, V6_INSIDE_64)]
        return LinesV6(top, *others, self.image.width)

    def _names(self):
        count = len(self.image.values) - 1
        slot = next(w for w in (1, 2, 3, 4) if w == 4 or count + 1 < 1 << (8 * w))
        section, n = self._get(NAMES_SORTED)
        if section is not None:
            return SortedNames(section, n, slot)
        model, n = self._get(NAMES_MODEL)
        if model is None:
            return None
        overflow, overflowing = self._get(NAMES_OVERFLOW)
        suffixes, places = self._get(NAMES_COMMON_SUFFIXES)
        return LinesOfNames(
            model,
            suffixes,
            places,
            self._get(NAMES_FILTER)[0],
            self._get(NAMES_LINES)[0],
            SortedNames(overflow, overflowing, slot) if overflow is not None else None,
            self._get(NAMES_ORDER)[0],
            slot,
        )

    def lookup_v4(self, address):
        """Pairs of value bytes and key for a 32-bit address."""
        pairs = self._run(self.v4, address, text_v4(address))
        if self.v4_names:
            reverse = [b"%d" % (address >> shift & 255) for shift in (0, 8, 16, 24)]
            pairs += self._name(reverse)
        return pairs

    def lookup_v6(self, address):
        """Pairs of value bytes and key for a 128-bit address."""
        pairs = self._run(self.v6, address, text_v6(address))
        inside = None
        if address >> 112 == 0x2002:
            inside = address >> 80 & 0xFFFFFFFF
        elif address >> 32 == 0xFFFF:
            inside = address & 0xFFFFFFFF
        if inside is not None:
            pairs += self._run(self.v4, inside, text_v4(inside))
        if self.v6_names:
            pairs += self._name([b"%x" % (address >> 4 * i & 15) for i in range(32)])
        return pairs

    def lookup_name(self, name):
        """Pairs of value bytes and key for a name in text form."""
        return self._name_of_key(key_of_name(name))

    def _run(self, table, address, key):
        found = table.lookup(address) if table else 0
        return [(self.image.values[found], key)] if found else []

    def _name(self, labels):
        return self._name_of_key(b"".join(label + b"\0" for label in reversed(labels)))

    def _name_of_key(self, key):
        slot, met = self.names.lookup(key) if self.names else (0, b"")
        return [(self.image.values[slot - 1], name_of_key(met).encode())] if slot > 1 else []

    def walk_v4(self):
        """Maximal runs (first, last, id) in rising order."""
        return joined(self.v4.walk() if self.v4 else [])

    def check_run_counts(self):
        """V4_RUN_COUNTS says what there is."""
        if isinstance(self.v4, LinesV4):
            counts = self.v4.run_counts(self.walk_v4(), len(self.image.values) - 1)
            require(self._get(V4_RUN_COUNTS)[0] == counts, "V4_RUN_COUNTS says something else")

    def walk_v6(self):
        return joined(self.v6.walk() if self.v6 else [])

    def walk_names(self):
        """Names as (key, exact slot, below slot) in the order of keys, the empty one first."""
        return self.names.walk() if self.names else []


def joined(runs):
    """Neighbours of equal value become one run; ranges without value are left out."""
    last = None
    for first, end, found in runs:
        if not found or end < first:
            continue
        if last and last[2] == found and last[1] + 1 == first:
            last = (last[0], end, found)
        else:
            if last:
                yield last
            last = (first, end, found)
    if last:
        yield last


def answer(pairs):
    """A records and texts of an answer, each once, in the order in which they are met."""
    addresses, texts = [], []
    for value, key in pairs:
        for a, text in render(value, key):
            if a and a not in addresses:
                addresses.append(a)
            if text is not None and text not in texts:
                texts.append(text)
    return addresses, texts


def text_v4(address):
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0)).encode()


def text_v6(address):
    """Lower case, the first longest run of two or more zero words as `::`, no dotted part."""
    words = [address >> 16 * (7 - i) & 0xFFFF for i in range(8)]
    best, length = 0, 1
    for start in range(8):
        end = start
        while end < 8 and words[end] == 0:
            end += 1
        if end - start > length:
            best, length = start, end - start
    text = ["%x" % word for word in words]
    if length < 2:
        return ":".join(text).encode()
    return (":".join(text[:best]) + "::" + ":".join(text[best + length :])).encode()
