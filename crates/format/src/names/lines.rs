//! Looks names up in lines: a filter denies most names, a line answers, and a hit is confirmed
//! against the name's own bytes.
//!
//! Every access is checked, and no more than six lines are tried for each suffix of a name:
//! damaged bytes give a wrong answer at worst.

use crate::bytes::{id_at, u32_at, u64_at};
use crate::names::codes::{
    CODES_AT, COUNT, Code, LINE, MODEL_LEN, NameCode, NoCode, ROOT_AT, SYMBOLS, WENT_ON, entry,
};
use crate::names::hash::{Chain, HashKey, SHORT, ShortChain, filter_bits, probes, scale};
use crate::names::sorted::SortedNames;
use crate::names::suffixes::{Common, CommonSuffixes};
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
        // Room for the longest name takes longer to clear than a name to hash. A page is the faster the
        // shorter the code that it loads.
        if key.len() <= SHORT && !cfg!(target_family = "wasm") {
            self.lookup_chain(key, &ShortChain::of_short(key, self.key))
        } else {
            self.lookup_long(key)
        }
    }

    /// The same of a long name: a function of its own, since it is rare.
    #[inline(never)]
    fn lookup_long(&self, key: &[u8]) -> Option<(ValueId, usize)> {
        let chain = Chain::of_any(key, self.key);
        self.lookup_chain(key, &chain)
    }

    #[inline(always)]
    fn lookup_chain<const P: usize, const W: usize>(
        &self,
        key: &[u8],
        chain: &Chain<P, W>,
    ) -> Option<(ValueId, usize)> {
        self.prefetch(chain.hash(key.len()));
        // Most names are below one common suffix, which has one label: what is read if that is so is asked for before
        // it is known.
        let first = chain.longer(0);
        if let Some(end) = first.and_then(|end| chain.longer(end)) {
            self.prefetch_below(chain.hash(end));
        }
        let common = self.suffixes.of(key, chain);
        let mut found = None;
        if let Some(end) = chain.longer(common.end) {
            found = self.below_common(key, chain, &common, chain.hash(end));
        }
        if found.is_none() && common.is_listed {
            found = self.among_common(key, chain, &common);
        }
        if let Some((rule, end)) = found {
            return rule.value().map(|id| (id, end));
        }
        let rule = if key.is_empty() {
            self.root.0
        } else {
            self.root.1
        };
        rule.value().map(|id| (id, 0))
    }

    /// Asks the suffixes beyond the common ones that the filter does not deny, the longest first: the first rule that
    /// says something, and the length of its key. `first` is the hash of the shortest of them.
    #[inline(always)]
    fn below_common<const P: usize, const W: usize>(
        &self,
        key: &[u8],
        chain: &Chain<P, W>,
        common: &Common,
        first: u64,
    ) -> Option<(NameRule, usize)> {
        self.prefetch_below(first);
        let block = self.filter.get(scale(first, self.filter.len()))?;
        let is_set = |bit: usize| block.get(bit / 8).copied().unwrap_or(0) >> (bit % 8) & 1;
        let mut end = key.len();
        while end > common.end {
            let hash = chain.hash(end);
            let set = filter_bits(hash).map(is_set);
            if set.iter().fold(1, |all, bit| all & bit) != 0 {
                let suffix = key.get(..end).unwrap_or_default();
                // A processor that expects a listed name writes it while filter and lines are on their way.
                let rule = self.rule(hash, suffix, (common.end, common.code), end == key.len());
                if rule != NameRule::Inherit {
                    return Some((rule, end));
                }
            }
            end = chain.shorter(end);
        }
        None
    }

    /// The same of common suffixes that are listed.
    #[inline(never)]
    fn among_common<const P: usize, const W: usize>(
        &self,
        key: &[u8],
        chain: &Chain<P, W>,
        common: &Common,
    ) -> Option<(NameRule, usize)> {
        let mut end = common.end;
        while end > 0 {
            let hash = chain.hash(end);
            let own = self.suffixes.find(hash, key, end);
            if let Some(own) = own.filter(|own| own.is_listed) {
                let suffix = key.get(..end).unwrap_or_default();
                let rule = self.rule(hash, suffix, (end, Some(own.code)), end == key.len());
                if rule != NameRule::Inherit {
                    return Some((rule, end));
                }
            }
            end = chain.shorter(end);
        }
        None
    }

    /// What a suffix, of which the first bytes are a common one with this code, says of itself, where it is the whole
    /// name, or of those below. A page loads this code once, other programs have it where they need it.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn rule(
        &self,
        hash: u64,
        suffix: &[u8],
        common: (usize, Option<Code>),
        is_whole: bool,
    ) -> NameRule {
        // One name in six is not in its first line. Two more are asked for, since each would be waited for in turn.
        for at in probes(hash, self.lines.len()).into_iter().take(3) {
            prefetch(self.lines.as_ptr().wrapping_add(at));
        }
        let mut code = NameCode::default();
        let rules = match self.write(&mut code, suffix, common) {
            Ok(()) => self.find(hash, &code, suffix),
            Err(NoCode::TooLong) => self.in_overflow(suffix),
            Err(NoCode::NoSymbol) => None,
        };
        match rules {
            Some((exact, _)) if is_whole => exact,
            Some((_, below)) => below,
            None => NameRule::Inherit,
        }
    }

    /// The code of a name, of which the first bytes are a common suffix with this code.
    #[inline(always)]
    pub(super) fn write(
        &self,
        code: &mut NameCode,
        name: &[u8],
        (from, above): (usize, Option<Code>),
    ) -> Result<(), NoCode> {
        // The last byte closes the last label; a common suffix has nothing behind it.
        let own = name.get(from..name.len().saturating_sub(1));
        code.write(self.codes, above, own.unwrap_or_default())
    }

    /// What a name says, looked for in the lines it may be in.
    #[inline(always)]
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
    #[inline(always)]
    fn find_in(&self, line: &[u8; LINE], code: &NameCode) -> Option<RulePair> {
        let words = code.words();
        let mask = u64::MAX >> (64 - 8 * code.len().clamp(1, 8));
        let first = words.first().copied().unwrap_or(0);
        let mut at = 1;
        for _ in 0..line.first().copied().unwrap_or(0) & COUNT {
            let head = *line.get(at)?;
            let start = at + 1 + rule_count(head) * self.width;
            // One branch that is seldom taken: which entry has the code cannot be predicted.
            let own = usize::from(head >> 2);
            if (own == code.len()) & (word_at(line, start) & mask == first)
                && is_rest(line, start, code)
            {
                return Some(self.rules(head, line.get(at + 1..)?));
            }
            at = start + own;
        }
        None
    }

    /// The rules of an entry with this first byte, and these bytes behind it.
    #[inline(always)]
    fn rules(&self, head: u8, behind: &[u8]) -> RulePair {
        let kind = head & 3;
        let first = id_at(behind, self.width, 0);
        let below = match kind {
            entry::BOTH => id_at(behind, self.width, 1),
            entry::EXACT => 0,
            _ => first,
        };
        let exact = if kind == entry::BELOW { 0 } else { first };
        (NameRule::from_code(exact), NameRule::from_code(below))
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

    /// Asks for what the lookup of a name reads of the shortest suffix that is not common: its block of the filter, and
    /// its line, since what a name is below is listed with that label more often than not.
    #[inline(always)]
    fn prefetch_below(&self, hash: u64) {
        let block = scale(hash, self.filter.len());
        prefetch(self.filter.as_ptr().wrapping_add(block));
        self.prefetch(hash);
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

/// Whether a line has the words of a code behind the first one at a place, where as many bytes are of the entry.
#[inline]
fn is_rest(line: &[u8; LINE], start: usize, code: &NameCode) -> bool {
    let words = code.words().iter().enumerate().skip(1);
    words.fold(true, |same, (number, &word)| {
        let left = code.len() - number * 8;
        let mask = u64::MAX >> (64 - 8 * left.clamp(1, 8));
        same & (word_at(line, start + number * 8) & mask == word)
    })
}

/// Eight bytes of a line from a place on, with zeros behind its end.
#[inline]
fn word_at(line: &[u8; LINE], at: usize) -> u64 {
    let from = at.min(LINE - 8);
    let behind = u32::try_from((at - from) * 8).unwrap_or(u32::MAX);
    u64_at(line, from).checked_shr(behind).unwrap_or(0)
}
