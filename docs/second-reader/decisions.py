"""The range coder, its contexts and its numbers, from "Decisions" of docs/delta.md."""


def clamped(p):
    return min(max(p, 24), 65512)


class Context:
    """The chance that the next decision is true, and how many were seen."""

    __slots__ = ("p", "seen")

    def __init__(self, p=32768, seen=0):
        self.p, self.seen = p, seen

    def learn(self, bit):
        self.p += (((65535 if bit else 0) - self.p) * (65536 // (self.seen + 2))) >> 16
        self.p = clamped(self.p)
        self.seen = min(self.seen + 1, 250)


class Contexts(dict):
    """Contexts by any name, each made when it is first asked for."""

    def __missing__(self, name):
        self[name] = Context()
        return self[name]


class Decoder:
    def __init__(self, data):
        self.data, self.at = data, 0
        self.range = (1 << 56) - 1
        self.code = 0
        for _ in range(7):
            self.code = self.code << 8 | self._byte()

    def _byte(self):
        byte = self.data[self.at] if self.at < len(self.data) else 0
        self.at += 1
        return byte

    def _take(self, low, size):
        self.code -= low
        self.range = size
        while self.range < 1 << 48:
            self.range <<= 8
            self.code = self.code << 8 | self._byte()

    def chance(self, p):
        """A decision that is true with a chance of p / 65536."""
        bound = (self.range >> 16) * p
        bit = self.code < bound
        if bit:
            self._take(0, bound)
        else:
            self._take(bound, self.range - bound)
        return bit

    def bit(self, context):
        bit = self.chance(context.p)
        context.learn(bit)
        return bit

    def below(self, n):
        """A number below n, up to 2^24, all alike."""
        step = self.range // n
        number = self.code // step
        if number >= n:
            raise ValueError("a number that is not below its bound")
        self._take(number * step, step)
        return number

    def even(self, n):
        """A number below n in digits of 24 bits, the first one smaller."""
        digits = max(0, (n - 1).bit_length() - 1) // 24
        number = self.below(((n - 1) >> 24 * digits) + 1)
        for _ in range(digits):
            number = number << 24 | self.below(1 << 24)
        if number >= n:
            raise ValueError("a number that is not below its bound")
        return number

    def gamma(self, contexts):
        k = 0
        while self.bit(contexts["more", k]):
            k += 1
        number = 1
        for _ in range(k):
            if k <= 7:
                bit = self.bit(contexts["bit", number])
            else:
                bit = self.below(2) == 1
            number = number << 1 | bit
        return number - 1

    def gap(self, contexts):
        """Like gamma, with contexts for each step and for each position of a bit."""
        k = 0
        while self.bit(contexts["step", k]):
            k += 1
        number = 1
        for t in range(k - 1, -1, -1):
            number = number << 1 | self.bit(contexts["position", t])
        return number - 1

    def tree(self, contexts, bits):
        node = 1
        for _ in range(bits):
            node = node << 1 | self.bit(contexts[node])
        return node - (1 << bits)

    def finish(self):
        """The decisions end with their bytes; at most 7 zeros were read behind them."""
        if self.at < len(self.data) or self.at > len(self.data) + 7:
            raise ValueError(f"decisions end at {self.at} of {len(self.data)}")


def geometric(chosen, among):
    """Contexts for the gaps of `chosen` among `among`."""
    contexts = Contexts()
    q = ((among - chosen) << 32) // (among + 1)
    for i in range(64):
        contexts["step", i] = Context(clamped(q >> 16), 12)
        contexts["position", i] = Context(clamped((q << 16) // ((1 << 32) + q)), 12)
        q = q * q >> 32
    return contexts


def ranks(decoder, chosen, among):
    contexts, rank, found = geometric(chosen, among), 0, []
    for _ in range(chosen):
        rank += decoder.gap(contexts)
        found.append(rank)
        rank += 1
    return found
