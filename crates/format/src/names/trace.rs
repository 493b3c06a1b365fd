//! What a lookup of a name reads, in words.

use super::codes::{COUNT, LINE, NameCode, NoCode, WENT_ON};
use super::hash::{Chain, filter_bits, probes, scale};
use super::lines::NameLines;
use super::lookup::Names;
use crate::name::NameKey;
use crate::sections::kind::{NAMES_FILTER, NAMES_LINES, NAMES_OVERFLOW, NAMES_SORTED};
use crate::trace::{Step, rule};

impl Names<'_> {
    /// The bytes that decide about a name, and the names above it: from the name itself up.
    pub fn trace(&self, name: &NameKey) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut suffix = Some(*name);
        while let Some(name) = suffix.filter(|name| name.label_count() > 0) {
            match self {
                Names::Empty => {}
                Names::Sorted(names) => steps.extend(names.trace(NAMES_SORTED, name.as_bytes())),
                Names::Lines(names) => names.trace(&name, &mut steps),
            }
            suffix = name.parent();
        }
        steps
    }
}

impl NameLines<'_> {
    /// The bytes about this name alone.
    fn trace(&self, name: &NameKey, steps: &mut Vec<Step>) {
        let key = name.as_bytes();
        let chain = Chain::of_any(key, self.key());
        let common = self.suffixes.of(key, &chain);
        let hash = chain.hash(chain.len());
        if let Some(end) = chain.longer(common.end) {
            let block = scale(chain.hash(end), self.filter().len());
            let bits = filter_bits(hash);
            let line = self.filter().get(block);
            let is_set = |bit: &usize| {
                line.is_some_and(|line| {
                    line.get(bit / 8).copied().unwrap_or(0) >> (bit % 8) & 1 != 0
                })
            };
            let says = if bits.iter().all(is_set) {
                "may be listed"
            } else {
                "is not listed"
            };
            let what = format!("{name}: {says} by bits {bits:?} of filter block {block}");
            let at = block * LINE;
            steps.push(Step::new(NAMES_FILTER, at..at + LINE, what));
        }
        let mut code = NameCode::default();
        match self.write(&mut code, key, (common.end, common.code)) {
            Ok(()) => self.trace_lines(name, hash, &code, steps),
            Err(NoCode::TooLong) => self.trace_overflow(key, steps),
            Err(NoCode::NoSymbol) => {}
        }
    }

    fn trace_lines(&self, name: &NameKey, hash: u64, code: &NameCode, steps: &mut Vec<Step>) {
        for number in probes(hash, self.lines.len()) {
            let Some(line) = self.lines.get(number) else {
                return;
            };
            let at = number * LINE;
            let count = line[0] & COUNT;
            let went_on = line[0] & WENT_ON != 0;
            let full = if went_on { "; names went on" } else { "" };
            let what = format!("{name}: line {number} has {count} entries{full}");
            steps.push(Step::new(NAMES_LINES, at..at + 1, what));
            let mut from = 1;
            for entry in self.entries(line) {
                let end = self.entry_end(line, from);
                if Some(entry.code) == code.to_bytes().get(..code.len()) {
                    let (exact, below) = entry.rules;
                    let what = format!("exact: {}; below: {}", rule(exact), rule(below));
                    steps.push(Step::new(NAMES_LINES, at + from..at + end, what));
                    return;
                }
                from = end;
            }
            if !went_on {
                return;
            }
        }
        self.trace_overflow(name.as_bytes(), steps);
    }

    fn trace_overflow(&self, key: &[u8], steps: &mut Vec<Step>) {
        if let Some(overflow) = self.overflow {
            steps.extend(overflow.trace(NAMES_OVERFLOW, key));
        }
    }
}
