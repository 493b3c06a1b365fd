//! What lookups ask of a processor: how one number compares with many.

/// Work that compares keys. A trait and not a closure, so that it is compiled once for each level:
/// `run` has to be `#[inline(always)]`.
pub(crate) trait Task {
    /// What the work results in.
    type Output;
    /// Does the work, comparing by `compare`.
    fn run(self, compare: impl Compare) -> Self::Output;
}

/// Where the keys of a line lie, for all implementations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    /// One bit a key, in the order in which AVX2 packs the 32 places of a line.
    pub(super) packed: u32,
    /// The number of the first key, counted in 2 bytes from the start of the line.
    first: u8,
    /// How many there are.
    count: u8,
}

impl Keys {
    /// `count` keys from the 2-byte place `first` of a line on.
    pub(crate) fn new(first: u8, count: u8) -> Keys {
        // Packing two halves takes 8 places of the first, 8 of the second, and so on.
        let packed = |place: u8| match place / 8 {
            1 => place + 8,
            2 => place - 8,
            _ => place,
        };
        let places = first..first.saturating_add(count).min(32);
        let packed = places.fold(0, |bits, place| bits | 1 << packed(place));
        Keys {
            first,
            count,
            packed,
        }
    }

    /// The byte where they begin.
    #[inline(always)]
    pub(crate) fn at(self) -> u8 {
        2 * self.first
    }

    /// How many there are.
    #[inline(always)]
    pub(crate) fn count(self) -> u8 {
        self.count
    }

    /// The keys of a line, in order.
    #[inline(always)]
    pub(crate) fn read(self, line: &[u8; 64]) -> impl Iterator<Item = u16> {
        let (places, _) = line.as_chunks::<2>();
        let keys = places
            .iter()
            .skip(self.first.into())
            .take(self.count.into());
        keys.map(|key| u16::from_le_bytes(*key))
    }
}

/// What a line with keys of 8 bits is asked: which keys are in the window, and how they compare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// For each window a bit set for each key in it, then a clear one.
    pub(crate) map: u64,
    /// Which window, below 64.
    pub(crate) number: u32,
    /// The place of the first key of the line.
    pub(crate) keys_at: u32,
    /// What the keys are compared with.
    pub(crate) x: u8,
}

impl Window {
    /// The keys before those of the window, and those up to its end. `nth` gives, of a number with
    /// many bits, the one of that number (0 to 63), 0 if there are not so many.
    #[inline(always)]
    pub(super) fn range(&self, nth: impl Fn(u64, u32) -> u64) -> (u32, u32) {
        // One more clear bit before the first window: so each window lies between two.
        let clear = !(self.map << 1);
        let before = nth(clear, self.number);
        let after = clear & (before << 1).wrapping_neg();
        let start = before.trailing_zeros() - self.number;
        let end = after.trailing_zeros().wrapping_sub(self.number + 1);
        (start, end)
    }
}

/// How to compare a number with many at once.
pub(crate) trait Compare: Copy {
    /// How many of the first `count` (at most 64) starts are up to `x`.
    fn starts(self, starts: &[[u8; 2]; 64], count: u32, x: u16) -> u32;

    /// A bit for each of the bytes that is `x`.
    fn equal(self, bytes: &[u8; 64], x: u8) -> u64;

    /// A bit for each of 16 numbers of 4 bytes that is `x`.
    fn equal_32(self, numbers: &[u8; 64], x: u32) -> u32;

    /// A bit for each of 16 numbers of 4 bytes that is up to `x`.
    fn up_to_32(self, numbers: &[u8; 64], x: u32) -> u32;

    /// A bit for each of 8 numbers of 8 bytes that is `x`.
    fn equal_64(self, numbers: &[u8; 64], x: u64) -> u32;

    /// How many of the keys of a line are up to `x`, and whether one is `x`.
    fn keys(self, line: &[u8; 64], keys: &Keys, x: u16) -> (u32, bool);

    /// How many keys are in earlier windows or up to `x` in this one, and whether one here is `x`.
    fn window(self, line: &[u8; 64], window: &Window) -> (u32, bool);

    /// [`Compare::window`] if there are windows, else [`Compare::keys`]. Which one cannot be
    /// predicted: both may be worked out.
    #[inline(always)]
    fn either(
        self,
        line: &[u8; 64],
        keys: &Keys,
        x: u16,
        window: &Window,
        has: bool,
    ) -> (u32, bool) {
        if has {
            self.window(line, window)
        } else {
            self.keys(line, keys, x)
        }
    }
}
