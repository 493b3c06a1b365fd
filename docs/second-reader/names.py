"""Names: keys and text form, sorted names and lines of names, each as docs/format.md has it."""

import bisect

MASK = (1 << 64) - 1


def number(data, at, size):
    return int.from_bytes(data[at : at + size], "little")


def key_of_name(name):
    """The key of a name in text form; a final dot does not matter."""
    labels, label, at = [], b"", 0
    name = name.encode() if isinstance(name, str) else name
    while at < len(name):
        c = name[at : at + 1]
        if c == b"\\":
            digits = name[at + 1 : at + 4]
            if len(digits) == 3 and digits.isdigit():
                label, at = label + bytes([int(digits)]), at + 4
            else:
                label, at = label + name[at + 1 : at + 2], at + 2
        elif c == b".":
            labels, label, at = labels + [label], b"", at + 1
        else:
            label, at = label + c, at + 1
    labels += [label] if label else []
    lower = [bytes(b + 32 if 65 <= b <= 90 else b for b in label) for label in labels]
    escaped = [label.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") for label in lower]
    return b"".join(label + b"\0" for label in reversed(escaped))


def name_of_key(key):
    """The text form of a key."""
    labels = key.split(b"\0")[:-1]
    return ".".join(text_of_label(label) for label in reversed(labels))


def text_of_label(label):
    text, at = "", 0
    while at < len(label):
        c = label[at]
        if c == 1:
            c, at = label[at + 1] - 1, at + 1
        at += 1
        if c <= 32 or c >= 127:
            text += "\\%03d" % c
        else:
            text += ("\\" if chr(c) in '".;\\@$' else "") + chr(c)
    return text


def parents(key):
    """The keys of what is above, the nearest first, down to the empty one."""
    labels = key.split(b"\0")[:-1]
    for n in range(len(labels) - 1, -1, -1):
        yield b"".join(label + b"\0" for label in labels[:n])


class SortedNames:
    """NAMES_SORTED and NAMES_OVERFLOW."""

    def __init__(self, section, n, size):
        ends = [0] + [number(section, 4 * i, 4) for i in range(n)]
        at = n * (4 + 2 * size)
        self.keys = [section[at + a : at + b] for a, b in zip(ends, ends[1:])]
        self.exact = [number(section, 4 * n + size * i, size) for i in range(n)]
        self.below = [number(section, 4 * n + size * (n + i), size) for i in range(n)]
        if any(a >= b for a, b in zip(self.keys, self.keys[1:])):
            raise ValueError("order of names")

    def find(self, key):
        """Exact and below slot; None if the name is not there."""
        i = bisect.bisect_left(self.keys, key)
        if i < len(self.keys) and self.keys[i] == key:
            return self.exact[i], self.below[i]
        return None

    def lookup(self, key):
        found = self.find(key)
        if found and found[0]:
            return found[0], key
        for above in parents(key):
            found = self.find(above)
            if found and found[1]:
                return found[1], above
        return 0, b""

    def walk(self):
        return zip(self.keys, self.exact, self.below)


class LinesOfNames:
    """NAMES_MODEL to NAMES_ORDER."""

    def __init__(self, model, suffixes, places, blocks, lines, overflow, order, size):
        self.blocks, self.lines, self.overflow, self.order = blocks or b"", lines, overflow, order
        self.size, self.places = size, places
        self.hash_start, self.hash_factor = number(model, 0, 8), number(model, 8, 8) | 1
        self.empty = number(model, 16, 4), number(model, 20, 4)
        codes = [self._code(number(model, 24 + 4 * i, 4)) for i in range(258)]
        self.codes, self.no_suffix = codes[:257], codes[257]
        self.symbols = {code: i for i, code in enumerate(self.codes) if code}
        self._read_suffixes(suffixes or b"")

    @staticmethod
    def _code(stored):
        """A code as (bits, number of bits); None: nothing is written with it."""
        return (stored & 0xFFFF, stored >> 24) if stored else None

    def _read_suffixes(self, table):
        self.table, self.openings = [], {self.no_suffix: b""}
        for i in range(self.places):
            half, end, stored = (number(table, 16 * i + 4 * j, 4) for j in range(3))
            length, flags = number(table, 16 * i + 12, 2), number(table, 16 * i + 14, 2)
            at = 16 * self.places + end
            key = table[at - length : at]
            self.table.append((half, key, self._code(stored), flags) if end else None)
            if end:
                self.openings[self._code(stored)] = key

    def _hashes(self, key):
        """Hashes of the suffixes of 1, 2, ... labels."""
        ends = [at + 1 for at, byte in enumerate(key) if byte == 0]
        return [self._hash(key[:end]) for end in ends]

    def _hash(self, key):
        h = self.hash_start
        for at in range(0, len(key), 8):
            z = (h ^ number(key, at, 8)) * self.hash_factor
            h = (z & MASK) ^ (z >> 64)
        return h

    def _common(self, key, h):
        """The common suffix with this key and hash: (code, flags) or None."""
        if not self.places:
            return None
        start = h * self.places >> 64
        for i in range(min(8, self.places)):
            place = self.table[(start + i) % self.places]
            if place is None:
                return None
            if place[0] == h & 0xFFFFFFFF and place[1] == key:
                return place[2], place[3]
        return None

    def _encode(self, opening, rest):
        """The code of a name as bytes; None if a symbol has none."""
        bits, length = opening
        for symbol in list(rest) + [256]:
            code = self.codes[symbol]
            if code is None:
                return None
            bits, length = bits | code[0] << length, length + code[1]
        return bits.to_bytes((length + 7) // 8, "little")

    def _decode(self, code):
        bits, left = number(code, 0, len(code)), 8 * len(code)

        def one(among):
            nonlocal bits, left
            for length in range(1, 17):
                if length <= left and (bits & (1 << length) - 1, length) in among:
                    found = among[bits & (1 << length) - 1, length]
                    bits, left = bits >> length, left - length
                    return found
            raise ValueError("code of a name")

        key, rest = one(self.openings), b""
        while (symbol := one(self.symbols)) != 256:
            rest += bytes([symbol])
        if bits or left > 7:
            raise ValueError("bits behind the code of a name")
        return key + rest + b"\0" if rest else key

    def _line(self, i):
        """Entries (exact, below, code) of a line, and whether some name went on."""
        line, entries, at = self.lines[64 * i : 64 * i + 64], [], 1
        for _ in range(line[0] & 15):
            kind, length = line[at] & 3, line[at] >> 2
            at += 1
            first = number(line, at, self.size)
            at += self.size
            if kind == 0:
                slots = first, number(line, at, self.size)
                at += self.size
            else:
                slots = ((first, 0), (0, first), (first, first))[kind - 1]
            entries.append((*slots, line[at : at + length]))
            at += length
        return entries, line[0] >> 7

    def _find(self, key, h, opening, rest):
        code = self._encode(opening, rest) if opening else None
        if code is None:
            return None
        if len(code) <= 48:
            count = len(self.lines) // 64
            for factor in (1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F):
                a = (h * factor & MASK) * count >> 64
                for i in (a, a ^ 1):
                    entries, went_on = self._line(i)
                    for exact, below, found in entries:
                        if found == code:
                            return exact, below
                    if not went_on:
                        return None
        return self.overflow.find(key) if self.overflow else None

    def _may_be_listed(self, h, e):
        count = len(self.blocks) // 64
        block = e * count >> 64
        bits = number(self.blocks, 64 * block, 64)
        return all(bits >> (h >> shift) % 512 & 1 for shift in (0, 9, 18))

    def lookup(self, key):
        labels = key.split(b"\0")[:-1]
        n, hashes = len(labels), self._hashes(key)
        suffixes = [b"".join(label + b"\0" for label in labels[:i]) for i in range(n + 1)]
        common = [None]
        for suffix, h in zip(suffixes[1:], hashes):
            if not (one := self._common(suffix, h)):
                break
            common.append(one)
        d = len(common) - 1
        for i in range(n, 0, -1):
            if i <= d:
                opening, flags = common[i]
                if not flags & 1:
                    continue
                rest = b""
            else:
                if not self._may_be_listed(hashes[i - 1], hashes[d]):
                    continue
                opening = common[d][0] if d else self.no_suffix
                rest = suffixes[i][len(suffixes[d]) : -1]
            slots = self._find(suffixes[i], hashes[i - 1], opening, rest)
            slot = slots[0 if i == n else 1] if slots else 0
            if slot:
                return slot, suffixes[i]
        return self.empty[0 if n == 0 else 1], b""

    def walk(self):
        """All names in the order of keys; the order of NAMES_ORDER is checked where it is there."""
        found = [(b"", *self.empty)] if any(self.empty) else []
        if self.order is None:
            for i in range(len(self.lines) // 64):
                found += [(self._decode(code), exact, below) for exact, below, code in self._line(i)[0]]
            found += list(self.overflow.walk()) if self.overflow else []
            yield from sorted(found)
            return
        overflow = list(self.overflow.walk()) if self.overflow else []
        for i in range(len(self.order) // 4):
            place = number(self.order, 4 * i, 4)
            if place & 15 == 15:
                found.append(overflow[place >> 4])
            else:
                exact, below, code = self._line(place >> 4)[0][place & 15]
                found.append((self._decode(code), exact, below))
        if any(a[0] >= b[0] for a, b in zip(found, found[1:])):
            raise ValueError("NAMES_ORDER is not in order")
        yield from found
