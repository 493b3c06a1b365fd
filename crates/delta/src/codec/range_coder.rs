//! An adaptive binary range coder on integers: what it writes is the same on every machine.
//!
//! What is to be coded is described once, as a function over [`Coder`]. With an [`Encoder`] the
//! function writes what it is given, with a [`Decoder`] it ignores that and gives what it reads.
//! Bytes of names and texts go beside the decisions, for zstd to shorten.

use crate::error::Error;

/// Chances are kept in 1/65536, away from both ends.
const ONE: i32 = 1 << 16;
const LEAST: i32 = 24;
/// After this many decisions a context stops trusting itself more.
const SLOWEST: u8 = 250;
/// The coder works on 56 bits; the range stays at 48 bits or more.
const TOP_BITS: u32 = 56;
const TOP: u64 = 1 << TOP_BITS;
const BOTTOM: u64 = 1 << 48;
/// The first bytes that a decoder reads, and the most that it may read past the end.
const LOOKAHEAD: usize = 7;

/// A context: how likely the next decision is `true`, and how many it has seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance {
    p: u16,
    seen: u8,
}

impl Chance {
    /// Both are as likely, and one decision says a lot.
    pub(crate) const EVEN: Chance = Chance {
        p: 1 << 15,
        seen: 0,
    };

    /// `p` in 1/65536, worth as much as `seen` decisions.
    pub(crate) fn new(p: u32, seen: u8) -> Chance {
        let p = i32::try_from(p).unwrap_or(ONE).clamp(LEAST, ONE - LEAST);
        Chance {
            p: u16::try_from(p).unwrap_or(1 << 15),
            seen: seen.min(SLOWEST),
        }
    }

    #[inline(always)]
    fn learn(&mut self, bit: bool) {
        let target = if bit { ONE - 1 } else { 0 };
        let p = i32::from(self.p);
        #[expect(clippy::indexing_slicing, reason = "the table has a place for each u8")]
        let share = SHARES[usize::from(self.seen)];
        // The shift rounds towards minus infinity for both signs.
        let p = p + (((target - p) * share) >> 16);
        #[expect(clippy::cast_sign_loss, reason = "it is cut to 16 bits just before")]
        let p = p.clamp(LEAST, ONE - LEAST) as u16;
        self.p = p;
        self.seen = (self.seen + 1).min(SLOWEST);
    }
}

/// The part of the way to the target that a decision moves a context, in 1/65536: 1 / (seen + 2). It is
/// a table as a division takes longer than all the rest of a decision; places behind [`SLOWEST`] are
/// not used.
const SHARES: [i32; 256] = {
    let mut shares = [0; 256];
    let mut seen = 0;
    let mut divisor = 2;
    #[expect(
        clippy::indexing_slicing,
        reason = "the loop ends at the table's length"
    )]
    while seen < shares.len() {
        shares[seen] = ONE / divisor;
        seen += 1;
        divisor += 1;
    }
    shares
};

/// A writer or a reader of decisions. Code that describes decisions is generic over it, so that both
/// sides follow one description.
pub(crate) trait Coder {
    /// Codes one decision, which is `true` with a chance of `p` in 65536; `p` is 24 to 65512.
    fn decide(&mut self, p: u16, bit: bool) -> bool;
    /// Codes one decision in a context, and lets the context learn it.
    #[inline(always)]
    fn bit(&mut self, chance: &mut Chance, bit: bool) -> bool {
        let bit = self.decide(chance.p, bit);
        chance.learn(bit);
        bit
    }
    /// Codes a number below `count`, each as likely; `count` is 1 to 2^24.
    fn uniform(&mut self, count: u32, number: u32) -> u32;
    /// Appends the next `len` bytes of text to `out`; writing, they are the first of `given`.
    ///
    /// # Errors
    /// Reading: there are fewer.
    fn text(&mut self, len: usize, given: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;
    /// Appends the next label of text to `out`, with the 00 that ends it; writing, it is the first
    /// of `given`.
    ///
    /// # Errors
    /// Reading: no label ends.
    fn label(&mut self, given: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;
    /// Whether there can be more decisions.
    ///
    /// # Errors
    /// Reading: the bytes have run out, so nobody wrote this.
    fn check(&self) -> Result<(), Error>;
}

/// Writes decisions.
#[derive(Debug)]
pub(crate) struct Encoder {
    low: u64,
    range: u64,
    out: Vec<u8>,
    text: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new() -> Encoder {
        Encoder {
            low: 0,
            range: TOP - 1,
            out: Vec::new(),
            text: Vec::new(),
        }
    }

    /// The decisions, as the shortest string that lies in the interval (a decoder sees zeros
    /// behind it), and the text.
    pub(crate) fn finish(mut self) -> (Vec<u8>, Vec<u8>) {
        if self.low >= TOP {
            self.carry();
        }
        let last = self.low + self.range - 1;
        let mut value = last;
        for kept in 0..=TOP_BITS / 8 {
            let mask = u64::MAX << (TOP_BITS - 8 * kept);
            if last & mask >= self.low {
                value = last & mask;
                break;
            }
        }
        if value >= TOP {
            self.carry();
        }
        let bytes = bytes_of(value);
        let used = bytes
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |at| at + 1);
        self.out.extend(bytes.iter().take(used));
        (self.out, self.text)
    }

    #[inline(always)]
    fn settle(&mut self) {
        if self.range < BOTTOM {
            self.shift();
        }
    }

    /// Shifts out what is settled. Until then `low` may have a bit above its 56: the carry, which
    /// never is more than one as `low + range` does not grow.
    #[inline(never)]
    fn shift(&mut self) {
        if self.low >= TOP {
            self.carry();
        }
        while self.range < BOTTOM {
            let byte = (self.low >> (TOP_BITS - 8)) & 0xff;
            self.out.push(u8::try_from(byte).unwrap_or(0));
            self.low = (self.low << 8) & (TOP - 1);
            self.range <<= 8;
        }
    }

    fn carry(&mut self) {
        self.low &= TOP - 1;
        for byte in self.out.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }
}

/// The low 56 bits of a number, the highest byte first.
fn bytes_of(number: u64) -> [u8; LOOKAHEAD] {
    let mut bytes = [0; LOOKAHEAD];
    for (at, byte) in (1u32..).zip(&mut bytes) {
        *byte = u8::try_from(number >> (TOP_BITS - 8 * at) & 0xff).unwrap_or(0);
    }
    bytes
}

impl Coder for Encoder {
    #[inline(always)]
    fn decide(&mut self, p: u16, bit: bool) -> bool {
        let bound = (self.range >> 16) * u64::from(p);
        if bit {
            self.range = bound;
        } else {
            self.low += bound;
            self.range -= bound;
        }
        self.settle();
        bit
    }

    fn uniform(&mut self, count: u32, number: u32) -> u32 {
        let step = self.range / u64::from(count.max(1));
        self.low += step * u64::from(number);
        self.range = step;
        self.settle();
        number
    }

    fn text(&mut self, len: usize, given: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let text = given.get(..len).unwrap_or(given);
        self.text.extend_from_slice(text);
        out.extend_from_slice(text);
        Ok(())
    }

    fn label(&mut self, given: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.text(label_len(given)?, given, out)
    }

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Reads decisions. It never fails: wrong bytes give wrong decisions.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    /// The distance from the lower end of the interval.
    code: u64,
    range: u64,
    bytes: &'a [u8],
    /// Bytes read past the end, as zeros.
    past: usize,
    text: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8], text: &'a [u8]) -> Decoder<'a> {
        let mut decoder = Decoder {
            code: 0,
            range: TOP - 1,
            bytes,
            past: 0,
            text,
        };
        for _ in 0..LOOKAHEAD {
            decoder.code = decoder.code << 8 | decoder.byte();
        }
        decoder
    }

    /// Whether all decisions and all of the text were read, and no more.
    pub(crate) fn is_at_end(&self) -> bool {
        self.bytes.is_empty() && self.text.is_empty() && self.past <= LOOKAHEAD
    }

    fn byte(&mut self) -> u64 {
        match self.bytes.split_first() {
            Some((&byte, rest)) => {
                self.bytes = rest;
                byte.into()
            }
            None => {
                self.past = self.past.saturating_add(1);
                0
            }
        }
    }

    #[inline(always)]
    fn settle(&mut self) {
        if self.range < BOTTOM {
            self.shift();
        }
    }

    #[inline(never)]
    fn shift(&mut self) {
        while self.range < BOTTOM {
            self.code = self.code << 8 | self.byte();
            self.range <<= 8;
        }
    }
}

impl Coder for Decoder<'_> {
    #[inline(always)]
    fn decide(&mut self, p: u16, _: bool) -> bool {
        let bound = (self.range >> 16) * u64::from(p);
        let bit = self.code < bound;
        if bit {
            self.range = bound;
        } else {
            self.code -= bound;
            self.range -= bound;
        }
        self.settle();
        bit
    }

    fn uniform(&mut self, count: u32, _: u32) -> u32 {
        let step = self.range / u64::from(count.max(1));
        let number = (self.code / step).min(u64::from(count.max(1)) - 1);
        // Wrong bytes may lie past the last number.
        self.code = (self.code - step * number).min(step - 1);
        self.range = step;
        self.settle();
        u32::try_from(number).unwrap_or(0)
    }

    fn text(&mut self, len: usize, _: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let split = self.text.split_at_checked(len);
        let (text, rest) = split.ok_or(Error::Malformed {
            what: "text: too short",
        })?;
        self.text = rest;
        out.extend_from_slice(text);
        Ok(())
    }

    fn label(&mut self, _: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.text(label_len(self.text)?, &[], out)
    }

    fn check(&self) -> Result<(), Error> {
        // An encoder leaves out as many bytes as it looks ahead, and no more.
        if self.past > LOOKAHEAD {
            return Err(Error::Malformed {
                what: "length: decisions end early",
            });
        }
        Ok(())
    }
}

/// Writes nothing. Contexts learn with it from what both sides know.
#[derive(Debug)]
pub(crate) struct Trainer;

impl Coder for Trainer {
    fn decide(&mut self, _: u16, bit: bool) -> bool {
        bit
    }

    fn uniform(&mut self, _: u32, number: u32) -> u32 {
        number
    }

    fn text(&mut self, len: usize, given: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(given.get(..len).unwrap_or(given));
        Ok(())
    }

    fn label(&mut self, given: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.text(label_len(given)?, given, out)
    }

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// The length of the first label of a text, with its end.
fn label_len(text: &[u8]) -> Result<usize, Error> {
    let end = text.iter().position(|&byte| byte == 0);
    end.map(|end| end + 1).ok_or(Error::Malformed {
        what: "text: too short",
    })
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    fn run<C: Coder>(coder: &mut C, script: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let mut chances = [Chance::EVEN, Chance::new(65_000, 12), Chance::new(3, 250)];
        let mut out = Vec::new();
        for &(kind, number) in script {
            let number = match kind {
                0..3 => coder.bit(&mut chances[kind as usize], number == 1).into(),
                count => coder.uniform(count, number),
            };
            out.push((kind, number));
        }
        out
    }

    #[test]
    fn decisions_come_back() {
        for seed in 0..300 {
            let mut rng = Rng::with_seed(seed);
            let len = rng.usize(0..400);
            let bias = rng.u32(0..256);
            let script: Vec<(u32, u32)> = (0..len)
                .map(|_| match rng.u32(0..5) {
                    kind @ 0..3 => (kind, u32::from(rng.u32(0..256) < bias)),
                    3 => (1 << 24, rng.u32(0..1 << 24)),
                    _ => {
                        let count = rng.u32(3..70_000);
                        (count, rng.u32(0..count))
                    }
                })
                .collect();
            let mut encoder = Encoder::new();
            run(&mut encoder, &script);
            let (bytes, _) = encoder.finish();
            let mut decoder = Decoder::new(&bytes, &[]);
            assert_eq!(run(&mut decoder, &script), script, "seed {seed}");
            assert!(decoder.is_at_end(), "seed {seed}");
        }
    }

    #[test]
    fn carries_run_through_bytes_of_ff() {
        // Always the upper part of a range that was cut just below its end.
        let script: Vec<(u32, u32)> = (0..200).map(|n| (3, 2 - u32::from(n == 199))).collect();
        let mut encoder = Encoder::new();
        run(&mut encoder, &script);
        let (bytes, _) = encoder.finish();
        assert_eq!(run(&mut Decoder::new(&bytes, &[]), &script), script);
    }

    #[test]
    fn likely_decisions_cost_next_to_nothing() {
        let mut encoder = Encoder::new();
        let mut chance = Chance::EVEN;
        (0..10_000).for_each(|_| {
            encoder.bit(&mut chance, false);
        });
        assert!(encoder.finish().0.len() < 12);
    }

    #[test]
    fn any_bytes_decode_to_something() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..200 {
            let bytes: Vec<u8> = (0..rng.usize(0..40)).map(|_| rng.u8(..)).collect();
            let mut decoder = Decoder::new(&bytes, &[]);
            let script: Vec<(u32, u32)> = (0..500).map(|_| (rng.u32(0..9), 0)).collect();
            for (kind, number) in run(&mut decoder, &script) {
                assert!(kind < 3 || number < kind);
            }
            assert!(decoder.check().is_err());
        }
    }
}
