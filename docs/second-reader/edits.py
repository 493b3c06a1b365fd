"""Edits of addresses in one gap, which is all that a snapshot has; from "Addresses" of delta.md."""

from decisions import Contexts, ranks


class Edits:
    def __init__(self, decoder, bits, count, references):
        self.decoder, self.bits, self.references = decoder, bits, references
        self.grain = 4 if count < 2000 else 1
        self.contexts = Contexts()

    def ask(self, *name):
        return self.decoder.bit(self.contexts[name])

    def tree(self, name):
        return self.decoder.tree(self.contexts.setdefault(name, Contexts()), 7)

    def number(self, what, first, last, shift, near):
        """A number between two, bit by bit; `shift` is the position of its lowest bit."""
        width = (first ^ last).bit_length()
        number, zeros = first >> width, 0
        on_first = on_last = True
        for i in range(width - 1, -1, -1):
            of_first, of_last = first >> i & 1, last >> i & 1
            if on_first and of_first:
                bit = 1
            elif on_last and not of_last:
                bit = 0
            else:
                far = zeros.bit_length() if self.bits > 32 else near
                position = (i + shift) // self.grain
                bit = int(self.ask(what, position, on_first, on_last, min(far, 19)))
            on_first, on_last = on_first and bit == of_first, on_last and bit == of_last
            number, zeros = number << 1 | bit, 0 if bit else zeros + 1
        return number

    def step(self, before, last, near):
        """An address behind `before`, up to `last`: the highest bit in which they differ, then those below."""
        top = (before ^ last).bit_length() - 1
        differs = 0
        while differs < top:
            if not before >> differs & 1 and self.ask("differs", differs // self.grain, near):
                break
            differs += 1
        number, on_last = before >> differs | 1, differs == top
        for i in range(differs - 1, -1, -1):
            of_last = last >> i & 1
            if on_last and not of_last:
                bit = 0
            else:
                bit = int(self.ask("below", i // self.grain, differs // self.grain, on_last))
            on_last, number = on_last and bit == of_last, number << 1 | bit
        return number

    def edge(self, first, last):
        """An address by how many zero bits it ends in, and which odd multiple it is."""
        zeros = self.tree("zeros")
        low, high = -(-first >> zeros), last >> zeros
        low, high = low | 1, high if high & 1 else high - 1
        if low > high:
            raise ValueError("alignment of an edit")
        return (2 * self.number("edge", low >> 1, high >> 1, zeros + 1, 0) + 1) << zeros

    def extent(self, start, end, near):
        """The first and last address of an edit in a room."""
        if start == end:
            return start, end
        if self.ask("single"):
            if self.bits == 32 and near:
                one = self.step(start - 1, end, near)
            else:
                one = self.number("which", start, end, 0, near)
            return one, one
        if end - start == 1:
            return start, end
        at_start = self.ask("start")
        at_end = self.ask("end", at_start)
        if at_start and at_end:
            return start, end
        # One address at least stays on each side where the edit does not reach it.
        if at_start:
            return start, self.edge(start + 2, end) - 1
        if at_end:
            return self.edge(start + 1, end - 1), end
        if self.ask("network"):
            size = self.tree("size")
            low, high = -(-(start + 1) >> size), (end >> size) - 1
            n = self.number("which", low, high, size, near)
            return n << size, (n + 1 << size) - 1
        first = self.edge(start + 1, end - 2)
        return first, self.edge(first + 2, end) - 1

    def value(self, distance, before):
        """The value, told beside that of the edit before."""
        if len(self.references.values) == 1:
            return 0
        if before is not None and self.ask("guess", min(distance.bit_length() // 3, 7)):
            return before
        return self.references.read(self.decoder, before if self.grain == 1 else None)

    def read(self, count, room):
        runs, before, near = [], None, 0
        top = (1 << self.bits) - 1
        for i in range(count):
            first, last = self.extent(room, top, 1 + near // 2 if i else 0)
            if i:
                near = (first ^ room - 1).bit_length()
            before = self.value(first - room + 1, before)
            runs.append((first, last, before))
            room = last + 1
        return runs


def read_edits(decoder, counts, bits, references, begin):
    """The edits of one stream of a snapshot, from address `begin` on: (first, last, number of the value)."""
    in_runs, in_gaps, further = counts
    if in_runs or further & 1:
        raise ValueError("a snapshot has no base")
    ranks(decoder, in_gaps, 1)
    count = in_gaps + further // 2
    return Edits(decoder, bits, count, references).read(count, begin)
