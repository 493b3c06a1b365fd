//! Looks names up in lines: a filter denies most names, a line answers, and a hit is confirmed
//! against the name's own bytes.
//!
//! Every access is checked, and no more than six lines are tried for each suffix of a name:
//! damaged bytes give a wrong answer at worst.

use crate::bytes::{id_at, u32_at, u64_at};
use crate::names::codes::{
    CODES_AT, COUNT, Chain, Code, Coder, FEW_LABELS, HashKey, LABELS, LINE, MODEL_LEN, NameCode,
    NoCode, ROOT_AT, SYMBOLS, WENT_ON, entry, filter_bits, probes, scale,
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
        from + 1 + rule_count(head) * self.width + usize::from(head >> 2)
    }

    /// What the empty name says.
    pub(crate) fn root(&self) -> RulePair {
        self.root
    }

    /// The value for a name, and the length of the key of the name it is listed under.
    #[inline]
    pub(crate) fn lookup(&self, key: &[u8]) -> Option<(ValueId, usize)> {
        // Room for the hashes of many labels takes longer to clear than a name to hash. A page is the
        // faster the shorter the code that it loads.
        if cfg!(target_family = "wasm") {
            return self.lookup_long(key);
        }
        match Chain::of(key, self.key) {
            (chain, true) => self.lookup_chain::<FEW_LABELS>(key, &chain),
            (_, false) => self.lookup_long(key),
        }
    }

    /// The same of a name of many labels: a function of its own, since it is rare.
    #[inline(never)]
    fn lookup_long(&self, key: &[u8]) -> Option<(ValueId, usize)> {
        self.lookup_chain::<LABELS>(key, &Chain::new(key, self.key))
    }

    #[inline(always)]
    fn lookup_chain<const N: usize>(
        &self,
        key: &[u8],
        chain: &Chain<N>,
    ) -> Option<(ValueId, usize)> {
        let labels = chain.labels();
        self.prefetch(chain.hash(labels));
        let (mut depth, mut above, mut listed) = (0, None, 0u128);
        while depth < labels {
            let end = chain.end(depth + 1);
            let suffix = key.get(..end).unwrap_or_default();
            let Some(found) = self.suffixes.find(chain.hash(depth + 1), suffix) else {
                break;
            };
            depth += 1;
            listed |= u128::from(found.is_listed) << depth;
            above = Some(found.code);
        }
        let mut found = None;
        if depth < labels {
            found = self.below_common(key, chain, (depth, above));
        }
        if found.is_none() && listed != 0 {
            found = self.among_common(key, chain, listed);
        }
        if let Some((rule, end)) = found {
            return rule.value().map(|id| (id, end));
        }
        let rule = if labels == 0 {
            self.root.0
        } else {
            self.root.1
        };
        rule.value().map(|id| (id, 0))
    }

    /// Asks the suffixes of more than `depth` labels that the filter does not deny, the longest
    /// first: the first rule that says something, and the length of its key.
    #[inline(always)]
    fn below_common<const N: usize>(
        &self,
        key: &[u8],
        chain: &Chain<N>,
        (depth, above): (usize, Option<Code>),
    ) -> Option<(NameRule, usize)> {
        let block = scale(chain.hash(depth + 1), self.filter.len());
        prefetch(self.filter.as_ptr().wrapping_add(block));
        // What a name is below is listed with that label more often than not.
        self.prefetch(chain.hash(depth + 1));
        // While filter and lines are on their way: most names that are asked for are listed.
        let whole = self.code(key, chain.end(depth), above);
        let block = self.filter.get(block)?;
        let is_set = |bit: usize| block.get(bit / 8).copied().unwrap_or(0) >> (bit % 8) & 1;
        for labels in (depth + 1..=chain.labels()).rev() {
            let set = filter_bits(chain.hash(labels)).map(is_set);
            if set.iter().fold(1, |all, bit| all & bit) == 0 {
                continue;
            }
            let suffix = key.get(..chain.end(labels)).unwrap_or_default();
            let code = if labels == chain.labels() {
                whole
            } else {
                self.code(suffix, chain.end(depth), above)
            };
            let rule = self.rule(chain, labels, code, suffix);
            if rule != NameRule::Inherit {
                return Some((rule, suffix.len()));
            }
        }
        None
    }

    /// The same of common suffixes that are listed, a bit each.
    #[inline(never)]
    fn among_common<const N: usize>(
        &self,
        key: &[u8],
        chain: &Chain<N>,
        listed: u128,
    ) -> Option<(NameRule, usize)> {
        let mut left = listed;
        while left != 0 {
            let labels = 127 - left.leading_zeros() as usize;
            left &= !(1 << labels);
            let suffix = key.get(..chain.end(labels)).unwrap_or_default();
            let own = self.suffixes.find(chain.hash(labels), suffix);
            let code = self.code(suffix, suffix.len(), own.map(|own| own.code));
            let rule = self.rule(chain, labels, code, suffix);
            if rule != NameRule::Inherit {
                return Some((rule, suffix.len()));
            }
        }
        None
    }

    /// What a suffix says of the name: of itself, where it is the whole name, or of those below.
    #[inline]
    fn rule<const N: usize>(
        &self,
        chain: &Chain<N>,
        labels: usize,
        code: Result<NameCode, NoCode>,
        suffix: &[u8],
    ) -> NameRule {
        let rules = match code {
            Ok(code) => self.find(chain.hash(labels), &code, suffix),
            Err(NoCode::TooLong) => self.in_overflow(suffix),
            Err(NoCode::NoSymbol) => None,
        };
        match rules {
            Some((exact, _)) if labels == chain.labels() => exact,
            Some((_, below)) => below,
            None => NameRule::Inherit,
        }
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
            let found = self.find_in(line, code);
            if found.is_some() {
                return found;
            }
            if line.first().copied().unwrap_or(0) & WENT_ON == 0 {
                return None;
            }
        }
        self.in_overflow(name)
    }

    /// What the entry of a line with this code says.
    #[inline]
    fn find_in(&self, line: &[u8; LINE], code: &NameCode) -> Option<RulePair> {
        let (len, first) = (code.as_bytes().len(), code.first_word());
        let mask = u64::MAX >> (64 - 8 * len.clamp(1, 8));
        let mut at = 1;
        for _ in 0..line.first().copied().unwrap_or(0) & COUNT {
            let head = *line.get(at)?;
            let start = at + 1 + rule_count(head) * self.width;
            // One branch that is seldom taken: which entry has the code cannot be predicted.
            let own = usize::from(head >> 2);
            if (own == len) & (word_at(line, start) & mask == first)
                && line.get(start..start + own)? == code.as_bytes()
            {
                return Some(self.rules(head, line.get(at + 1..)?));
            }
            at = start + own;
        }
        None
    }

    /// The rules of an entry with this first byte, and these bytes behind it.
    #[inline]
    fn rules(&self, head: u8, behind: &[u8]) -> RulePair {
        let of = |index| NameRule::from_code(id_at(behind, self.width, index));
        match head & 3 {
            entry::BOTH => (of(0), of(1)),
            entry::EXACT => (of(0), NameRule::Inherit),
            entry::BELOW => (NameRule::Inherit, of(0)),
            _ => (of(0), of(0)),
        }
    }

    fn in_overflow(&self, name: &[u8]) -> Option<RulePair> {
        self.overflow.and_then(|overflow| overflow.find(name))
    }

    /// The entries of a line.
    #[inline]
    pub(crate) fn entries<'b>(&self, line: &'b [u8; LINE]) -> impl Iterator<Item = Entry<'b>> {
        let of = *self;
        let mut left = line.first().copied().unwrap_or(0) & COUNT;
        let mut at = 1;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let head = *line.get(at)?;
            let rules = of.rules(head, line.get(at + 1..)?);
            let start = at + 1 + rule_count(head) * of.width;
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

/// How many rules an entry with this first byte has.
#[inline]
fn rule_count(head: u8) -> usize {
    if head & 3 == entry::BOTH { 2 } else { 1 }
}

/// Eight bytes of a line from a place on, with zeros behind its end.
#[inline]
fn word_at(line: &[u8; LINE], at: usize) -> u64 {
    let from = at.min(LINE - 8);
    let behind = u32::try_from((at - from) * 8).unwrap_or(u32::MAX);
    u64_at(line, from).checked_shr(behind).unwrap_or(0)
}
