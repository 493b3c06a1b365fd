"""The model of texts, from "Texts" of docs/delta.md."""

MASK = 0xFFFFFFFF
TABLE = (
    22, 36, 60, 98, 162, 267, 439, 720, 1179, 1921, 3108, 4971, 7812, 11955, 17625, 24743, 32768,
    40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476,
    65500, 65514,
)  # fmt: skip


def squash(x):
    y = min(max(x, -2047), 2047) + 2048
    i, r = y >> 7, y & 127
    return min(max((TABLE[i] * (128 - r) + TABLE[i + 1] * r) >> 7, 24), 65512)


def make_stretch():
    squashed = [squash(x) for x in range(-2047, 2048)]
    table, x = [], 0
    for p in range(4096):
        while x < len(squashed) and squashed[x] < 16 * p + 8:
            x += 1
        table.append(x - 2047 if x < len(squashed) else 2047)
    return table


STRETCH = make_stretch()


def step(h, byte):
    x = (h ^ byte) * 0x01000193 & MASK
    return ((x << 9 | x >> 23) + 0x7F4A7C15) & MASK


def hashed(start, taken):
    for byte in taken:
        start = step(start, byte)
    return start


def hashes(before, left, right):
    back = before[::-1]
    place = len(before)
    run = 0
    while run < len(back) and 97 <= back[run] <= 122:
        run += 1
    label = back.split(b"\0")[0]
    beside = [
        left[place] if place < len(left) else 0,
        right[place] if place < len(right) else 0,
        left.startswith(before) + 2 * right.startswith(before),
    ]
    return [
        hashed(55, back[:run]),
        hashed(44, back[1:4]),
        hashed(5, back[:5]),
        0,
        *(hashed(n, back[:n]) for n in (1, 2, 3, 4)),
        hashed(6, back[:6]),
        hashed(77, label),
        hashed(99, beside),
        hashed(33, [min(len(label), 20), *back[:1]]),
        hashed(91, [*before.split(b"\0")[0], *back[:2]]),
    ]


class Model:
    def __init__(self, size):
        n = 1 << 14
        while n < min(104 * size, 1 << 23):
            n *= 2
        self.n = n
        self.cells = {}
        self.by_known = [[16384] * 13 for _ in range(14 * 3)]
        self.by_node = [[16384] * 13 for _ in range(256)]

    def _cell(self, h, node):
        x = (h + node * 0x9E3779B1) & MASK
        x = (x ^ x >> 16) * 0x85EBCA6B & MASK
        x = ((x ^ x >> 13) * 0xC2B2AE35 & MASK) ^ x >> 16
        check, place = x & 255, (x >> 8) % self.n
        pair = [self.cells.setdefault(p, [0, 0, 0]) for p in (place, place ^ 1)]
        for cell in pair:
            if cell[0] == check:
                return cell
        cell = pair[0] if pair[0][1] <= pair[1][1] else pair[1]
        cell[:] = [check, 0, 32768]
        return cell

    def bit(self, contexts, node, depth, decide):
        """One bit; `decide(p)` tells or reads it."""
        cells = [self._cell(h, node) for h in contexts]
        inputs = [STRETCH[cell[2] >> 4] if cell[1] else 0 for cell in cells]
        known = sum(1 for cell in cells if cell[1])
        stage = (0, 1, 1, 2, 2, 2, 2, 2)[depth]
        sets = [self.by_known[known + 14 * stage], self.by_node[node]]
        sums = [sum(w * x for w, x in zip(weights, inputs)) for weights in sets]
        bit = decide(squash((sums[0] + sums[1]) >> 17))
        target = 65535 if bit else 0
        for weights, total in zip(sets, sums):
            error = (target - squash(total >> 16)) >> 2
            for i, x in enumerate(inputs):
                weights[i] = min(max(weights[i] + (x * error >> 14), -(1 << 24)), 1 << 24)
        for cell in cells:
            change, by = (target - cell[2]) * 10, 10 * cell[1] + 13
            cell[2] += change // by if change >= 0 else -(-change // by)
            cell[2] = min(max(cell[2], 24), 65512)
            cell[1] = min(cell[1] + 1, 30)
        return bit

    def byte(self, before, left, right, first, decide):
        low, high = 0, 255
        if first:
            if left.startswith(before) and len(left) > len(before):
                low = left[len(before)] + 1
            if right.startswith(before) and len(right) > len(before):
                high = right[len(before)] - 1
            if low > high:
                low, high = 0, 255
        contexts, node = hashes(before, left, right), 1
        for depth in range(8):
            shift = 7 - depth
            ones = (node << 1 | 1) << shift & 255, ((node << 1 | 1) << shift | (1 << shift) - 1) & 255
            zeros = (node << 1) << shift & 255, ((node << 1) << shift | (1 << shift) - 1) & 255
            one = ones[1] >= low and ones[0] <= high
            zero = zeros[1] >= low and zeros[0] <= high
            bit = self.bit(contexts, node, depth, decide) if one and zero else one
            node = node << 1 | bit
        return node & 255
