"""Runs of addresses: sorted entries, IPv4 lines and IPv6 lines, each as docs/format.md has it."""

import bisect
import itertools


def number(data, at, size):
    return int.from_bytes(data[at : at + size], "little")


def bit(data, i):
    return data[i >> 3] >> (i & 7) & 1


def uv(n):
    """A number in groups of 7 bits."""
    groups = b""
    while n > 127:
        groups, n = groups + bytes([n & 127 | 128]), n >> 7
    return groups + bytes([n])


def pair(data, i):
    """Slot i of 2 bits, lowest first."""
    return data[i >> 2] >> 2 * (i & 3) & 3


class Sorted:
    """V4_SORTED and V6_SORTED."""

    def __init__(self, section, parameter, size, width):
        n, top = parameter & 0xFFFFFFFF, parameter >> 32
        at = 4 * ((1 << top) + 1)
        self.bits = 8 * size
        self.keys = [number(section, at + size * i, size) for i in range(n)]
        at += size * n
        self.only = section[at : at + (n + 7) // 8]
        at += (n + 7) // 8
        self.ids = [number(section, at + width * i, width) for i in range(n)]
        if at + width * n != len(section):
            raise ValueError("length of sorted entries")
        self._check_top(section, top)

    def _check_top(self, section, top):
        """The table says for each value of the first bits how many entries have lower ones."""
        for i in range((1 << top) + 1):
            below = bisect.bisect_left(self.keys, i << (self.bits - top))
            if number(section, 4 * i, 4) != below:
                raise ValueError(f"table of sorted entries at {i}")

    def lookup(self, x):
        i = bisect.bisect_right(self.keys, x) - 1
        if i < 0 or bit(self.only, i) and self.keys[i] != x:
            return 0
        return self.ids[i]

    def walk(self):
        for i, key in enumerate(self.keys):
            if bit(self.only, i):
                last = key
            elif i + 1 < len(self.keys):
                last = self.keys[i + 1] - 1
            else:
                last = (1 << self.bits) - 1
            yield key, last, self.ids[i]


class Entry:
    """An entry of a line: its key, its id, whether it is of its key only."""

    def __init__(self, key, found, only):
        self.key, self.id, self.only = key, found, only


class LineV4:
    """A line of V4_LINES, taken apart."""

    def __init__(self, line, w):
        self.kind, self.flags = line[0] & 7, line[0] >> 4
        self.base = number(line, 2, 2)
        self.default = line[1] if w == 1 else number(line, 4, w)
        self.h = (4, 6, 8, 8)[w - 1]
        self.line, self.w = line, w
        self.places, self.entries = None, []
        (self._raw, self._list, self._direct2, self._direct, self._short, self._turns, self._mixed)[
            self.kind
        ]()

    def _palette(self):
        ids = [number(self.line, self.h + self.w * i, self.w) for i in range(4)]
        return ids, self.h + 4 * self.w

    def _raw(self):
        line, h, w = self.line, self.h, self.w
        r = (64 - h) // (2 + w)
        only = bool(self.flags & 1)
        for i in range(r):
            found = number(line, h + 2 * r + w * i, w)
            self.entries.append(Entry(number(line, h + 2 * i, 2), found, only))

    def _list(self):
        palette, p = self._palette()
        n = (64 - p) * 4 // 9
        for i in range(n):
            slot = pair(self.line[p + 2 * n :], i)
            only = bool(self.flags >> slot & 1)
            self.entries.append(Entry(number(self.line, p + 2 * i, 2), palette[slot], only))

    def _direct2(self):
        palette, p = self._palette()
        self.places = [palette[pair(self.line[p:], i)] for i in range((64 - p) * 4)]

    def _direct(self):
        count = (64 - self.h) // self.w
        self.places = [number(self.line, self.h + self.w * i, self.w) for i in range(count)]

    def _windows(self, at):
        """Which entries lie in which window: the window of each, in order."""
        map_, window, windows = number(self.line, at, 8), 0, []
        while map_:
            if map_ & 1:
                windows.append(window)
            else:
                window += 1
            map_ >>= 1
        return windows

    def _short(self):
        palette, p = self._palette()
        s = (56 - p) * 4 // 5
        for i, window in enumerate(self._windows(p)):
            slot = pair(self.line[p + 8 + s :], i)
            key = window * 256 + self.line[p + 8 + i]
            self.entries.append(Entry(key, palette[slot], bool(self.flags >> slot & 1)))

    def _turning(self, keys_at, only):
        turn = 0
        for i, window in enumerate(self._windows(self.h)):
            turn += bit(self.line[self.h + 8 :], i)
            found = number(self.line, 64 - turn * self.w, self.w)
            self.entries.append(Entry(window * 256 + self.line[keys_at + i], found, only(i)))

    def _turns(self):
        self._turning(self.h + 13, lambda i: bool(self.flags & 1))

    def _mixed(self):
        self._turning(self.h + 18, lambda i: bool(bit(self.line[self.h + 13 :], i)))

    def lookup(self, k):
        if self.places is not None:
            return self.places[k] if k < len(self.places) else self.default
        i = bisect.bisect_right([entry.key for entry in self.entries], k) - 1
        while i >= 0:
            entry = self.entries[i]
            if not entry.only or entry.key == k:
                return entry.id
            if self.kind != 6:
                return self.default
            i -= 1
        return self.default

    def breaks(self):
        """Places at which the answer may change."""
        if self.places is not None:
            return range(len(self.places) + 1)
        found = {0}
        for entry in self.entries:
            found |= {entry.key, entry.key + 1}
        return sorted(found)


class LinesV4:
    """V4_TOP to V4_LINES; V4_RUN_COUNTS only to compare it with what is counted."""

    def __init__(self, top, starts, counts, bits, lines, w):
        self.top, self.starts, self.bits, self.lines, self.w = top, starts, bits, lines, w
        counts = counts or b""
        self.counts = {
            number(counts, i, 4): number(counts, i + 4, 4) for i in range(0, len(counts), 8)
        }

    def _units(self, high):
        entry = number(self.top, 4 * high, 4)
        units, first = entry >> 25, entry & 0x1FFFFFF
        return self.counts[high] if units == 127 else units, first

    def _starts(self, first, units):
        return [0] + [number(self.starts, 2 * (first + i), 2) for i in range(units - 1)]

    def _line(self, i):
        return LineV4(self.lines[64 * i : 64 * i + 64], self.w)

    def lookup(self, x):
        if self.bits is not None and not bit(self.bits, x >> 8):
            return 0
        units, first = self._units(x >> 16)
        if units == 0:
            return first
        unit = bisect.bisect_right(self._starts(first, units), x & 0xFFFF) - 1
        line = self._line(first + unit)
        return line.lookup((x - line.base) & 0xFFFF)

    def walk(self):
        for high in range(65536):
            units, first = self._units(high)
            if units == 0:
                yield high << 16, high << 16 | 0xFFFF, first
                continue
            starts = self._starts(first, units) + [65536]
            for unit in range(units):
                yield from self._walk_line(first + unit, high, starts[unit], starts[unit + 1])

    def run_counts(self, runs, values):
        """V4_RUN_COUNTS of these runs, which are maximal, of an image with so many values."""
        ends, uses = {}, [0] * values
        for first, last, found in runs:
            uses[found - 1] += 1
            for high in range(first >> 16, (last >> 16) + 1):
                low = max(first, high << 16), min(last, high << 16 | 0xFFFF)
                ends.setdefault(high, []).append(low)
        data = b""
        for high in range(65536):
            if self._units(high)[0]:
                here, gaps, following = ends.get(high, []), 0, high << 16
                for first, last in here:
                    gaps += first > following
                    following = last + 1
                gaps += following <= high << 16 | 0xFFFF
                data += uv(len(here)) + uv(len(here) + 1 - gaps)
        for count, alike in itertools.groupby(uses):
            data += uv(count) + uv(len(list(alike)))
        return data

    def _walk_line(self, i, high, start, end):
        line = self._line(i)
        if line.base != start:
            raise ValueError(f"line {i} has base {line.base}, not {start}")
        breaks = [k for k in line.breaks() if k < end - start] + [end - start]
        for k, following in zip(breaks, breaks[1:]):
            address = (high << 16) + start + k
            found = line.lookup(k)
            if found and self.bits is not None:
                for block in range(address >> 8, (address + following - k - 1 >> 8) + 1):
                    if not bit(self.bits, block):
                        raise ValueError(f"V4_BITS has no bit for /24 number {block}")
            yield address, address + following - k - 1, found


class LinesV6:
    """V6_TOP to V6_INSIDE_64."""

    def __init__(self, top, ranges, starts, lines, inside, w):
        self.top, self.starts, self.lines, self.inside, self.w = top, starts, lines, inside, w
        ranges = ranges or b""
        self.ranges = [
            tuple(number(ranges, at + 4 * i, 4) for i in range(3))
            for at in range(0, len(ranges), 12)
        ]
        self.buckets = len(top) // 64
        self.t = self.buckets.bit_length() - 1
        self.n = (11, 9, 7, 6)[w - 1]
        self.m = (7, 6, 5, 5)[w - 1]

    def _bucket(self, i):
        bucket = self.top[64 * i : 64 * i + 64]
        rows = [tuple(number(bucket, 20 * part + 4 * j, 4) for part in range(3)) for j in range(5)]
        return rows[: bucket[60]], bucket[61]

    def _net(self, net):
        """(first line, number of lines) of a net; (id, 0) if it has one value."""
        i = (net * 0x9E3779B1 & 0xFFFFFFFF) >> (32 - self.t)
        for _ in range(self.buckets):
            rows, went_on = self._bucket(i)
            for row in rows:
                if row[0] == net:
                    return row[1], row[2]
            if not went_on:
                break
            i = (i + 1) % self.buckets
        for first, last, found in self.ranges:
            if first <= net <= last:
                return found, 0
        return 0, 0

    def lookup(self, address):
        first, count = self._net(address >> 96)
        if count == 0:
            return first
        x, low = address >> 64 & 0xFFFFFFFF, address & (1 << 64) - 1
        starts = [number(self.starts, 4 * (first + i), 4) for i in range(count)]
        return self._line(first + bisect.bisect_right(starts, x) - 1, x, low)

    def _parts(self, i):
        line, n, w = self.lines[64 * i : 64 * i + 64], self.n, self.w
        keys = [number(line, 4 + 4 * j, 4) for j in range(n)]
        ids = [number(line, 4 + 4 * n + w * j, w) for j in range(n)]
        at = 4 + 4 * n + w * n
        types = [pair(line[at:], j) for j in range(n)]
        return number(line, 0, 4), keys, ids, types, number(line, at + (2 * n + 7) // 8, w)

    def _line(self, i, x, low):
        s, keys, ids, types, default = self._parts(i)
        j = bisect.bisect_right(keys, x) - 1
        if j < 0:
            return default
        if types[j] == 0:
            return ids[j]
        if types[j] == 2:
            return ids[j] if x >> 16 == keys[j] >> 16 else default
        if x != keys[j]:
            return default
        return ids[j] if types[j] == 1 else self._group(s, ids[j], low, default)

    def _slots(self, i):
        line, m = self.inside[64 * i : 64 * i + 64], self.m
        ids = [number(line, 1 + self.w * j, self.w) for j in range(m)]
        return line[0], ids, [number(line, 64 - 8 * (m - j), 8) for j in range(m)]

    def _small_group(self, i, c):
        flags, ids, keys = self._slots(i)
        end = c + 1
        while end < self.m and not flags >> end & 1:
            end += 1
        return list(zip(keys[c:end], ids[c:end]))

    def _large_group(self, i):
        k = number(self.inside, 64 * i, 8)
        entries = []
        for j in range(i + 1, i + 1 + k):
            flags, ids, keys = self._slots(j)
            entries += [Entry(keys[c], ids[c], bool(flags >> c & 1)) for c in range(self.m)]
        return entries

    def _group(self, s, p, low, default):
        i, c = s + p // 8, p % 8
        if c < 7:
            return dict(self._small_group(i, c)).get(low, default)
        entries = self._large_group(i)
        j = bisect.bisect_right([entry.key for entry in entries], low) - 1
        if j < 0 or entries[j].only and entries[j].key != low:
            return default
        return entries[j].id

    def _breaks(self, s, p):
        """Lower halves at which the answer inside a /64 may change."""
        i, c = s + p // 8, p % 8
        if c < 7:
            keys = [key for key, _ in self._small_group(i, c)]
        else:
            keys = [entry.key for entry in self._large_group(i)]
        found = {0} | set(keys) | {key + 1 for key in keys}
        return sorted(key for key in found if key < 1 << 64)

    def walk(self):
        nets = list(self.ranges)
        for i in range(self.buckets):
            nets += [(net, net, (first, count)) for net, first, count in self._bucket(i)[0]]
        for first, last, found in sorted(nets, key=lambda row: row[0]):
            if isinstance(found, int):
                yield first << 96, (last + 1 << 96) - 1, found
            elif found[1] == 0:
                yield first << 96, (first + 1 << 96) - 1, found[0]
            else:
                yield from self._walk_net(first, *found)

    def _walk_net(self, net, first, count):
        starts = [number(self.starts, 4 * (first + i), 4) for i in range(count)] + [1 << 32]
        for i in range(count):
            s, keys, ids, types, _ = self._parts(first + i)
            breaks = {starts[i], starts[i + 1]}
            inside = {}
            for key, found, type_ in zip(keys, ids, types):
                breaks |= {key, key + 1, (key >> 16) + 1 << 16}
                if type_ == 3:
                    inside[key] = self._breaks(s, found)
            breaks = sorted(x for x in breaks if starts[i] <= x <= starts[i + 1])
            for x, following in zip(breaks, breaks[1:]):
                lows = inside.get(x, [0]) + [1 << 64]
                base, end = ((net << 32) + x) << 64, ((net << 32) + following) << 64
                if len(lows) == 2:
                    yield base, end - 1, self._line(first + i, x, 0)
                    continue
                for low, behind in zip(lows, lows[1:]):
                    yield base + low, base + behind - 1, self._line(first + i, x, low)
