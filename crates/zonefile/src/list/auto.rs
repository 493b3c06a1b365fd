//! `auto`: looks at a whole file and says which type it is, or that it cannot tell.

mod columns;

use rayon::prelude::*;
use serde::de::IgnoredAny;

use super::verdict;
use super::words::{bare, without_bom};
use crate::dataset::Rules;
use crate::dataset_type::DatasetType;
use crate::key::{self, KeyRules, is_host, v4_address, v6_address};
use crate::line::{cut, trim, word};
use crate::reading;
use crate::spec::{CsvOptions, Options};

/// What a file was taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guess {
    pub(crate) kind: DatasetType,
    /// How its columns are read.
    pub(crate) csv: Option<CsvOptions>,
    pub(crate) why: String,
}

/// Kinds of lines that only one type has, with a word for them.
const KINDS: [(DatasetType, &str); 9] = [
    (DatasetType::Adblock, "rules such as ||NAME^"),
    (DatasetType::Dnsmasq, "lines such as address=/NAME/"),
    (DatasetType::Tor, "lines of TorDNSEL"),
    (
        DatasetType::Rir,
        "lines of seven fields with | between them",
    ),
    (DatasetType::Ipset, "commands of ipset"),
    (DatasetType::Rpz, "records of a policy zone"),
    (
        DatasetType::Hosts,
        "names behind an address that is nowhere",
    ),
    (DatasetType::Postfix, "keys with a verdict"),
    (DatasetType::Ranges, "ranges of addresses"),
];

/// Says which type a text is of; else why that cannot be told.
pub(crate) fn guess(text: &[u8], options: &Options) -> Result<Guess, String> {
    let text = without_bom(text);
    if let Some(found) = by_structure(text)? {
        return Ok(found);
    }
    let count = |text: &[u8]| {
        let mut counts = Counts::default();
        for line in lines(text) {
            counts.take(trim(bare(line)), options);
        }
        counts
    };
    let parts = cut(text).into_par_iter().map(count);
    let counts = parts.reduce(Counts::default, Counts::and);
    if counts.lines == 0 {
        return Err("there is nothing in it".to_owned());
    }
    let (best, kind, what) = counts.best();
    // A few lines may be damaged, but none may speak for another type.
    let most = best * 50 >= counts.lines * 49;
    if most && counts.others(kind) == 0 {
        let why = format!("{best} of {} lines are {what}", counts.lines);
        let csv = None;
        return Ok(Guess { kind, csv, why });
    }
    if let Some(found) = columns::guess(text, options) {
        return found;
    }
    if counts.more * 2 > counts.lines {
        return Err(
            "its keys are followed by more: say plain and what that is (--text, \
             --text-after, --min-count), or csv with --column"
                .to_owned(),
        );
    }
    let found = counts.summary();
    Err(format!("its lines are of several types or none ({found})"))
}

/// What the beginning or a word that no other type has gives away.
fn by_structure(text: &[u8]) -> Result<Option<Guess>, String> {
    let sure = |kind, why: &str| {
        Ok(Some(Guess {
            kind,
            csv: None,
            why: why.to_owned(),
        }))
    };
    let begins = |line: &[u8], words: &[&str]| {
        let (first, rest) = word(trim(line));
        let (second, _) = word(rest);
        let mut found = [first, second].into_iter().zip(words);
        found.all(|(found, word)| found == word.as_bytes())
    };
    let has = |word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
    match text.trim_ascii_start() {
        [b'<', ..] => return Err("it is an HTML or XML page".to_owned()),
        [b'{' | b'[', ..] if is_json(text) => return sure(DatasetType::Json, "it is JSON"),
        _ => {}
    }
    if has("$DATASET") && any_line(text, |line| begins(line, &["$DATASET"])) {
        return sure(DatasetType::Combined, "it has $DATASET lines");
    }
    let is_default = |line: &[u8]| matches!(trim(line), [b':', second, ..] if *second != b':');
    if has(":") && any_line(text, is_default) {
        return Err("it is a zone file of rbldnsd: say which of its types".to_owned());
    }
    let is_nft =
        |line: &[u8]| begins(line, &["elements", "="]) || begins(line, &["add", "element"]);
    if has("element") && any_line(text, is_nft) {
        return sure(DatasetType::Nft, "it has elements of sets");
    }
    Ok(None)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

fn any_line(text: &[u8], is: impl Fn(&[u8]) -> bool + Sync) -> bool {
    cut(text).into_par_iter().any(|text| lines(text).any(&is))
}

fn is_json(text: &[u8]) -> bool {
    let first = text.trim_ascii_start();
    let line = first
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let whole = |text: &[u8]| serde_json::from_slice::<IgnoredAny>(text).is_ok();
    line.starts_with(b"{") && whole(line) || whole(text)
}

/// How many lines could be of which type.
#[derive(Default)]
struct Counts {
    lines: u64,
    kinds: [u64; KINDS.len()],
    plain: u64,
    /// Keys with something behind them.
    more: u64,
}

impl Counts {
    fn take(&mut self, line: &[u8], options: &Options) {
        if matches!(line, [] | [b'#' | b';' | b'!', ..] | [b'/', b'/', ..])
            || line.starts_with(b"[Adblock")
        {
            return;
        }
        if super::ranges::is_header(line) {
            return;
        }
        self.lines += 1;
        if v4_address(line).is_some() {
            self.plain += 1;
            return;
        }
        let line = super::without_comment(line);
        if let Some(kind) = kind_of(line, options) {
            let at = KINDS.iter().position(|(other, _)| *other == kind);
            if let Some(count) = at.and_then(|at| self.kinds.get_mut(at)) {
                *count += 1;
            }
            return;
        }
        let (key, rest) = word(line);
        if key::parse(key, &KeyRules::of(options)).is_ok() {
            let is_a = v4_address(rest).is_some_and(|a| a >> 24 == 127);
            let is_value = rest.is_empty() || rest.starts_with(b":") || is_a;
            let count = if is_value {
                &mut self.plain
            } else {
                &mut self.more
            };
            *count += 1;
        }
    }

    fn and(mut self, other: Counts) -> Counts {
        self.lines += other.lines;
        self.plain += other.plain;
        self.more += other.more;
        let kinds = self.kinds.iter_mut().zip(other.kinds);
        kinds.for_each(|(count, more)| *count += more);
        self
    }

    fn best(&self) -> (u64, DatasetType, &'static str) {
        let kinds = self.kinds.iter().zip(KINDS);
        let best = kinds.max_by_key(|(count, _)| **count);
        let plain = (self.plain, DatasetType::Plain, "bare keys");
        match best {
            // Single addresses may stand in a list of ranges.
            Some((&count, (DatasetType::Ranges, what))) if count > 0 => {
                (count + self.plain, DatasetType::Ranges, what)
            }
            Some((&count, (kind, what))) if count > self.plain => (count, kind, what),
            _ => plain,
        }
    }

    /// Lines that speak for another type.
    fn others(&self, kind: DatasetType) -> u64 {
        let mut others = self
            .kinds
            .iter()
            .zip(KINDS)
            .filter(|(_, (other, _))| *other != kind);
        let plain = match kind {
            DatasetType::Plain | DatasetType::Ranges | DatasetType::Tor => 0,
            _ => self.plain,
        };
        let counts: u64 = others.by_ref().map(|(count, _)| *count).sum();
        counts + plain + self.more
    }

    fn summary(&self) -> String {
        let kinds = self
            .kinds
            .iter()
            .zip(KINDS)
            .filter(|(count, _)| **count > 0);
        let mut parts: Vec<String> = kinds
            .map(|(count, (kind, _))| format!("{kind} {count}"))
            .collect();
        for (count, what) in [(self.plain, "plain"), (self.more, "plain with more")] {
            if count > 0 {
                parts.push(format!("{what} {count}"));
            }
        }
        parts.push(format!("{} lines in all", self.lines));
        parts.join(", ")
    }
}

/// The type that alone has such lines.
fn kind_of(line: &[u8], options: &Options) -> Option<DatasetType> {
    let (first, rest) = word(line);
    let (second, third) = word(rest);
    if line.starts_with(b"||") || line.starts_with(b"@@") || has_twice(line, b'#') {
        return Some(DatasetType::Adblock);
    }
    let option = first.split(|&byte| byte == b'/').next().unwrap_or_default();
    if matches!(option, b"address=" | b"server=" | b"local=") {
        return Some(DatasetType::Dnsmasq);
    }
    if matches!(
        first,
        b"ExitNode" | b"Published" | b"LastStatus" | b"ExitAddress"
    ) {
        return Some(DatasetType::Tor);
    }
    if matches!(first, b"add" | b"create") && !second.is_empty() && !third.is_empty() {
        return Some(DatasetType::Ipset);
    }
    if memchr::memchr_iter(b'|', line).count() >= 5 {
        return Some(DatasetType::Rir);
    }
    let policy = line.split(|byte| matches!(byte, b' ' | b'\t'));
    if first.starts_with(b"$")
        || first != b"CNAME"
            && policy
                .clone()
                .any(|word| matches!(word, b"CNAME" | b"SOA" | b"NS"))
    {
        return Some(DatasetType::Rpz);
    }
    by_key(line, (first, second), options)
}

/// Whether a byte stands twice in a row.
fn has_twice(line: &[u8], byte: u8) -> bool {
    let mut places = memchr::memchr_iter(byte, line);
    places.any(|at| line.get(at + 1) == Some(&byte))
}

/// The type by what stands behind an address or name.
fn by_key(line: &[u8], (first, second): (&[u8], &[u8]), options: &Options) -> Option<DatasetType> {
    let v4 = v4_address(first);
    let nowhere =
        v4.is_some_and(|a| a == 0 || a >> 24 == 127) || v6_address(first).is_some_and(|a| a <= 1);
    if nowhere && (is_host(second) || second == b"0.0.0.0") {
        return Some(DatasetType::Hosts);
    }
    // What machines have for themselves at the head of a hosts file.
    let own = [
        "ip6-localnet",
        "ip6-mcastprefix",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-allhosts",
    ];
    if second == b"broadcasthost"
        || second == b"localhost"
        || own.iter().any(|own| second == own.as_bytes())
    {
        return Some(DatasetType::Hosts);
    }
    let is_verdict = |word: &[u8]| {
        verdict::is_pass(word)
            || [&b"reject"[..], b"discard", b"hold", b"defer"]
                .iter()
                .any(|v| word.eq_ignore_ascii_case(v))
    };
    if is_verdict(second) {
        return Some(DatasetType::Postfix);
    }
    is_range(line, options).then_some(DatasetType::Ranges)
}

/// Whether a line is a range in a way that `plain` does not know.
fn is_range(line: &[u8], options: &Options) -> bool {
    let rules = Rules::of(DatasetType::Ranges, options);
    let (key, rest) = word(line);
    if rest.is_empty() && key::parse(key, &KeyRules::of(options)).is_ok() {
        return false;
    }
    let with_end = [line, b"\n"].concat();
    let piece = reading::read(&with_end, &rules);
    piece.entries() > 0 && piece.notes.is_empty()
}

/// What a source that yields nothing looks like, for the warning that it does.
pub(crate) fn hint(text: &[u8], kind: DatasetType, options: &Options) -> String {
    if !text.contains(&b'\n') && memchr::memchr_iter(b'\r', text).count() > 1 {
        return "its lines end with CR alone, which ends no line here".to_owned();
    }
    match guess(text, options) {
        Ok(guess) if guess.kind != kind => {
            format!("it looks like type {} ({})", guess.kind, guess.why)
        }
        Ok(_) => String::new(),
        Err(why) => why,
    }
}

#[cfg(test)]
mod tests;
