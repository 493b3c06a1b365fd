//! Looks names up in lines: a filter denies most names, a line answers, and a hit is confirmed
//! against the name's own bytes.
//!
//! Every access is checked, and no more than six lines are tried for each suffix of a name:
//! damaged bytes give a wrong answer at worst.

use crate::bytes::{id_at, u32_at};
use crate::names::codes::{
    CODES_AT, COUNT, Chain, Code, Coder, HashKey, LINE, MODEL_LEN, NameCode, NoCode, ROOT_AT,
    SYMBOLS, WENT_ON, entry, filter_bits, probes, scale,
};
use crate::names::sorted::SortedNames;
use crate::names::suffixes::CommonSuffixes;
use crate::run::{NameRule, RulePair, ValueId};
use crate::simd::prefetch;

/// The sections of one zone's names in lines.
///
/// See the example of [`Model`](crate::names::write::Model).
#[derive(Debug, Clone, Copy)]
pub struct NameLines<'a> {
    key: HashKey,
    root: RulePair,
    pub(crate) codes: &'a [[u8; 4]; SYMBOLS],
    pub(crate) suffixes: CommonSuffixes<'a>,
    filter: &'a [[u8; LINE]],
    pub(crate) lines: &'a [[u8; LINE]],
    pub(crate) overflow: Option<SortedNames<'a>>,
    /// Where each name is, in the order of keys; absent if the image was built without.
    pub(crate) order: Option<&'a [[u8; 4]]>,
    width: usize,
    count: usize,
}

/// The bytes of the sections, in the order of their kinds.
///
/// See the example of [`Model`](crate::names::write::Model).
#[derive(Debug)]
pub struct Parts<'a> {
    /// NAMES_MODEL: key of the hash, codes of symbols.
    pub model: &'a [u8],
    /// NAMES_COMMON_SUFFIXES: common suffixes.
    pub suffixes: &'a [u8],
    /// Places of the table in `suffixes`.
    pub suffix_places: u64,
    /// NAMES_FILTER: which suffixes may be listed.
    pub filter: &'a [u8],
    /// NAMES_LINES: the lines.
    pub lines: &'a [u8],
    /// How many names there are, those of the rest and the empty one included.
    pub count: u64,
    /// NAMES_OVERFLOW: names that no line has.
    pub overflow: Option<SortedNames<'a>>,
    /// NAMES_ORDER: where each name is; absent if the image was built without.
    pub order: Option<&'a [u8]>,
}

/// An entry of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) code: &'a [u8],
    pub(crate) rules: RulePair,
}

impl<'a> NameLines<'a> {
    /// `None` if the sections do not fit together.
    pub fn new(parts: Parts<'a>, width: usize) -> Option<NameLines<'a>> {
        let model: &[u8; MODEL_LEN] = parts.model.try_into().ok()?;
        let (codes, _) = model.get(CODES_AT..)?.as_chunks::<4>();
        let (filter, no_filter) = parts.filter.as_chunks();
        let (lines, no_lines) = parts.lines.as_chunks();
        let order = match parts.order.map(|order| order.as_chunks::<4>()) {
            Some((order, [])) => Some(order),
            Some(_) => return None,
            None => None,
        };
        let even = lines.len().is_multiple_of(2) && !lines.is_empty() && !filter.is_empty();
        let rule = |at| NameRule::from_code(u32_at(model, at));
        (even && no_filter.is_empty() && no_lines.is_empty()).then_some(NameLines {
            key: HashKey::new(model),
            root: (rule(ROOT_AT), rule(ROOT_AT + 4)),
            codes: codes.try_into().ok()?,
            suffixes: CommonSuffixes::new(
                parts.suffixes,
                usize::try_from(parts.suffix_places).ok()?,
            )?,
            filter,
            lines,
            overflow: parts.overflow,
            order,
            width,
            count: usize::try_from(parts.count).ok()?,
        })
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// What names are hashed with.
    pub(super) fn key(&self) -> HashKey {
        self.key
    }

    /// The blocks of the filter.
    pub(super) fn filter(&self) -> &'a [[u8; LINE]] {
        self.filter
    }

    /// Where the entry of a line ends that begins at a byte of it.
    pub(super) fn entry_end(&self, line: &[u8; LINE], from: usize) -> usize {
        let head = line.get(from).copied().unwrap_or(0);
        let rules = if head & 3 == entry::BOTH { 2 } else { 1 };
        from + 1 + rules * self.width + usize::from(head >> 2)
    }

    /// What the empty name says.
    pub(crate) fn root(&self) -> RulePair {
        self.root
    }

    /// The value for a name, and the length of the key of the name it is listed under.
    #[inline]
    pub(crate) fn lookup(&self, key: &[u8]) -> Option<(ValueId, usize)> {
        let chain = Chain::new(key, self.key);
        let labels = chain.labels();
        self.prefetch(chain.hash(labels));
        let (mut depth, mut above, mut wanted) = (0, None, 0u128);
        while depth < labels {
            let end = chain.end(depth + 1);
            let suffix = key.get(..end).unwrap_or_default();
            let Some(found) = self.suffixes.find(chain.hash(depth + 1), suffix) else {
                break;
            };
            depth += 1;
            wanted |= u128::from(found.is_listed) << depth;
            above = Some(found.code);
        }
        if depth < labels {
            // What a name is below is listed with that label more often than not.
            self.prefetch(chain.hash(depth + 1));
            wanted |= self.filtered(&chain, depth + 1);
        }
        if wanted != 0 {
            match self.decide(key, &chain, wanted, (depth, above)) {
                Some((NameRule::Value(id), end)) => return Some((id, end)),
                Some(_) => return None,
                None => {}
            }
        }
        let rule = if labels == 0 {
            self.root.0
        } else {
            self.root.1
        };
        rule.value().map(|id| (id, 0))
    }

    /// The suffixes that may be listed, one bit each, of those from `from` labels on.
    #[inline]
    fn filtered(&self, chain: &Chain, from: usize) -> u128 {
        let block = scale(chain.hash(from), self.filter.len());
        let Some(block) = self.filter.get(block) else {
            return 0;
        };
        let is_set = |bit: usize| block.get(bit / 8).copied().unwrap_or(0) >> (bit % 8) & 1;
        let mut wanted = 0;
        for labels in from..=chain.labels() {
            let set = filter_bits(chain.hash(labels)).map(is_set);
            wanted |= u128::from(set.iter().fold(1, |all, bit| all & bit)) << labels;
        }
        wanted
    }

    /// Asks the wanted suffixes, the longest first: the first rule that says something, and the
    /// length of its key.
    fn decide(
        &self,
        key: &[u8],
        chain: &Chain,
        wanted: u128,
        (depth, above): (usize, Option<Code>),
    ) -> Option<(NameRule, usize)> {
        let mut left = wanted;
        while left != 0 {
            let labels = 127 - left.leading_zeros() as usize;
            left &= !(1 << labels);
            let suffix = key.get(..chain.end(labels)).unwrap_or_default();
            let code = if labels > depth {
                self.code(suffix, chain.end(depth), above)
            } else {
                let own = self.suffixes.find(chain.hash(labels), suffix);
                self.code(suffix, suffix.len(), own.map(|own| own.code))
            };
            let rules = match code {
                Ok(code) => self.find(chain.hash(labels), &code, suffix),
                Err(NoCode::TooLong) => self.in_overflow(suffix),
                Err(NoCode::NoSymbol) => None,
            };
            let rule = match rules {
                Some((exact, _)) if labels == chain.labels() => exact,
                Some((_, below)) => below,
                None => NameRule::Inherit,
            };
            if rule != NameRule::Inherit {
                return Some((rule, suffix.len()));
            }
        }
        None
    }

    /// The code of a name, of which the first `from` bytes are a common suffix.
    #[inline]
    fn code(&self, name: &[u8], from: usize, above: Option<Code>) -> Result<NameCode, NoCode> {
        let mut coder = Coder::new(self.codes, above)?;
        // The last byte closes the last label; a common suffix has nothing behind it.
        let own = name.get(from..name.len().saturating_sub(1));
        coder.push_key(own.unwrap_or_default())?;
        coder.end()
    }

    /// What a name says, looked for in the lines it may be in.
    #[inline]
    fn find(&self, hash: u64, code: &NameCode, name: &[u8]) -> Option<RulePair> {
        for at in probes(hash, self.lines.len()) {
            let line = self.lines.get(at)?;
            let found = self
                .entries(line)
                .find(|entry| entry.code == code.as_bytes());
            if let Some(found) = found {
                return Some(found.rules);
            }
            if line.first().copied().unwrap_or(0) & WENT_ON == 0 {
                return None;
            }
        }
        self.in_overflow(name)
    }

    fn in_overflow(&self, name: &[u8]) -> Option<RulePair> {
        self.overflow.and_then(|overflow| overflow.find(name))
    }

    /// The entries of a line.
    #[inline]
    pub(crate) fn entries<'b>(&self, line: &'b [u8; LINE]) -> impl Iterator<Item = Entry<'b>> {
        let width = self.width;
        let mut left = line.first().copied().unwrap_or(0) & COUNT;
        let mut at = 1;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let head = *line.get(at)?;
            let rules = line.get(at + 1..)?;
            let of = |index| NameRule::from_code(id_at(rules, width, index));
            let (rules, count) = match head & 3 {
                entry::BOTH => ((of(0), of(1)), 2),
                entry::EXACT => ((of(0), NameRule::Inherit), 1),
                entry::BELOW => ((NameRule::Inherit, of(0)), 1),
                _ => ((of(0), of(0)), 1),
            };
            let start = at + 1 + count * width;
            at = start + usize::from(head >> 2);
            let code = line.get(start..at)?;
            Some(Entry { code, rules })
        })
    }

    /// Asks for the line that most likely answers.
    #[inline]
    fn prefetch(&self, hash: u64) {
        let line = scale(hash, self.lines.len());
        prefetch(self.lines.as_ptr().wrapping_add(line));
    }
}
