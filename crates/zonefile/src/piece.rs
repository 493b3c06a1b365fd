//! A piece of a source, as its lines were read: entries, values, events and remarks.
//!
//! Nothing in here knows what stood in the lines before: what depends on it (the default, the
//! limit of `$MAXRANGE4`, the first `$SOA`) is kept as stated, and `load` resolves it in order.
//! How lines become entries is a matter of `reading`, `dataset` and `list`.

use std::collections::HashMap;

use crate::address4::Range;
use crate::line::word;
use crate::value::{self, Local, Stated};
use crate::warning::{Class, EXCERPTS, Note, excerpt};
use rblmap_content::NameScope;

/// What an entry says, by its line alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The value with this number among the values of its piece.
    Value(u32),
    /// That its key is not listed, whatever other entries of the dataset say.
    Excluded,
    /// The same, because the parameters of the entry hold it back.
    HeldBack,
    /// A malformed value: whether that is said depends on `$MAXRANGE4`.
    BadA,
    /// The same, with something behind the A record.
    BadValue,
}

impl Said {
    pub(crate) fn is_bad(self) -> bool {
        matches!(self, Said::BadA | Said::BadValue)
    }
}

/// A network or range of a source, with what it says: by its line, or resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net<A, V = Said> {
    pub(crate) start: A,
    pub(crate) end: A,
    pub(crate) value: V,
    pub(crate) line: u32,
}

/// A name of a source; its key stands in the arena of its piece. It takes 16 bytes, since there are
/// millions of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameEntry {
    /// Where the key begins, and above it the bits 32 to 39 of that.
    start: u32,
    start_high: u8,
    pub(crate) scope: NameScope,
    len: u16,
    value: SaidCode,
    pub(crate) line: u32,
}

impl NameEntry {
    /// Its key, in the arena of its piece.
    pub(crate) fn key<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let start = u64::from(self.start_high) << 32 | u64::from(self.start);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::from(self.len));
        arena.get(start..end).unwrap_or_default()
    }

    /// What it says.
    pub(crate) fn said(&self) -> Said {
        self.value.said()
    }
}

/// [`Said`] in four bytes: the number of a value, or one of the four highest numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SaidCode(u32);

impl SaidCode {
    const EXCLUDED: u32 = u32::MAX;
    const HELD_BACK: u32 = u32::MAX - 1;
    const BAD_A: u32 = u32::MAX - 2;
    const BAD_VALUE: u32 = u32::MAX - 3;

    fn of(said: Said) -> SaidCode {
        SaidCode(match said {
            Said::Value(number) => number,
            Said::Excluded => SaidCode::EXCLUDED,
            Said::HeldBack => SaidCode::HELD_BACK,
            Said::BadA => SaidCode::BAD_A,
            Said::BadValue => SaidCode::BAD_VALUE,
        })
    }

    fn said(self) -> Said {
        match self.0 {
            SaidCode::EXCLUDED => Said::Excluded,
            SaidCode::HELD_BACK => Said::HeldBack,
            SaidCode::BAD_A => Said::BadA,
            SaidCode::BAD_VALUE => Said::BadValue,
            number => Said::Value(number),
        }
    }
}

/// IPv4 entries. Single addresses, nearly all lines of most sources, take four bytes each where
/// the value stays the same.
#[derive(Debug, Default)]
pub(crate) struct Entries4 {
    pub(crate) singles: Vec<u32>,
    /// From which single on lines count from which line.
    pub(crate) breaks: Vec<(usize, u32)>,
    /// From which single on which value holds. A piece has fewer than 2^32 lines.
    values: Vec<(u32, Said)>,
    /// Networks and ranges, and single addresses whose value is malformed.
    pub(crate) nets: Vec<Net<u32>>,
}

impl Entries4 {
    /// The singles by groups of one value: the index of the first, the addresses, the value.
    pub(crate) fn by_value(&self) -> impl Iterator<Item = (usize, &[u32], Said)> + Clone {
        let ends = self.values.iter().skip(1).map(|(from, _)| *from as usize);
        let ends = ends.chain([self.singles.len()]);
        self.values.iter().zip(ends).map(|((from, value), end)| {
            let from = *from as usize;
            let singles = self.singles.get(from..end).unwrap_or_default();
            (from, singles, *value)
        })
    }

    /// The last single and its value.
    pub(crate) fn last_single(&self) -> Option<(u32, Said)> {
        Some((*self.singles.last()?, self.values.last()?.1))
    }
}

/// What happened at a line that later lines may depend on.
#[derive(Debug)]
pub(crate) struct Event<'t> {
    pub(crate) line: u32,
    /// How many IPv4 networks stood before it.
    pub(crate) nets: usize,
    pub(crate) what: What<'t>,
}

/// The kinds of events.
#[derive(Debug)]
pub(crate) enum What<'t> {
    /// A good default line, and whether its text was cut.
    Default(Stated<'t>, bool),
    /// A malformed default line.
    BadDefault(Class),
    /// A directive, unread.
    Directive(&'t [u8]),
    /// A line for which the load is refused.
    Refuse(Class),
}

/// What was read besides entries, for the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Keys with a port.
    pub(crate) ports: u64,
    /// Keys out of a URL.
    pub(crate) urls: u64,
    /// Records in which the field or column of the text was found.
    pub(crate) texts: u64,
    /// Records of `generic` with a TTL of their own, and MX records.
    pub(crate) ttls: u64,
}

/// The lines of a piece, read.
#[derive(Debug, Default)]
pub(crate) struct Piece<'t> {
    pub(crate) lines: u32,
    pub(crate) v4: Entries4,
    pub(crate) v6: Vec<Net<u128>>,
    pub(crate) names: Vec<NameEntry>,
    pub(crate) arena: Vec<u8>,
    pub(crate) values: Local<'t>,
    pub(crate) events: Vec<Event<'t>>,
    pub(crate) notes: Vec<Note>,
    pub(crate) tally: Tally,
    /// Whether the last line had no end: what is cut may be less than it was.
    pub(crate) cut_line: bool,
    /// Whether that line had a network, which is not used.
    pub(crate) cut_network: bool,
    /// The line that is being read, for remarks about it.
    current: &'t [u8],
    /// How many remarks of a class have an excerpt.
    excerpts: HashMap<Class, usize>,
}

impl<'t> Piece<'t> {
    /// The same without its source; none if later lines depend on a text in there.
    pub(crate) fn into_owned<'s>(self) -> Option<Piece<'s>> {
        let events = self.events.into_iter().map(|event| {
            let what = match event.what {
                What::BadDefault(class) => What::BadDefault(class),
                What::Refuse(class) => What::Refuse(class),
                What::Default(..) | What::Directive(_) => return None,
            };
            Some(Event {
                line: event.line,
                nets: event.nets,
                what,
            })
        });
        Some(Piece {
            events: events.collect::<Option<_>>()?,
            values: self.values.into_owned(),
            lines: self.lines,
            v4: self.v4,
            v6: self.v6,
            names: self.names,
            arena: self.arena,
            notes: self.notes,
            tally: self.tally,
            cut_line: self.cut_line,
            cut_network: self.cut_network,
            current: &[],
            excerpts: self.excerpts,
        })
    }

    /// Lines that say nothing.
    pub(crate) fn without_entries(lines: u32) -> Piece<'t> {
        Piece {
            lines,
            ..Piece::default()
        }
    }

    /// How many entries were read.
    pub(crate) fn entries(&self) -> usize {
        self.v4.singles.len() + self.v4.nets.len() + self.v6.len() + self.names.len()
    }

    /// Says which line is being read. Lines count from 1.
    #[inline]
    pub(crate) fn at(&mut self, line: u32, text: &'t [u8]) {
        self.lines = line;
        self.current = text;
    }

    /// Goes on to the next line.
    #[inline]
    pub(crate) fn next_line(&mut self, text: &'t [u8]) {
        self.at(self.lines + 1, text);
    }

    /// Adds a remark about the current line, and shows the key in it.
    pub(crate) fn note(&mut self, class: Class) {
        let (key, _) = word(self.current.trim_ascii());
        self.note_about(class, key, "");
    }

    /// Adds a remark about the current line that shows its key and says what became of it.
    pub(crate) fn note_last(&mut self, class: Class, then: &str) {
        let (key, _) = word(self.current.trim_ascii());
        self.note_about(class, key, then);
    }

    /// Adds a remark about the current line that shows `what` of it, and says what became of it.
    pub(crate) fn note_about(&mut self, class: Class, what: &[u8], then: &str) {
        let shown = self.excerpts.entry(class).or_default();
        *shown += 1;
        let detail = (*shown <= EXCERPTS && !(what.is_empty() && then.is_empty()))
            .then(|| excerpt(what, then));
        self.notes.push(Note {
            line: self.lines,
            class,
            detail,
        });
    }

    /// Adds an event at the current line.
    pub(crate) fn event(&mut self, what: What<'t>) {
        self.events.push(Event {
            line: self.lines,
            nets: self.v4.nets.len(),
            what,
        });
    }

    /// Adds IPv4 addresses.
    #[inline]
    pub(crate) fn push_v4(&mut self, range: Range, value: Said) {
        if range.start == range.end && !value.is_bad() {
            self.push_single(range.start, value);
        } else {
            self.v4.nets.push(Net {
                start: range.start,
                end: range.end,
                value,
                line: self.lines,
            });
        }
    }

    /// Adds IPv6 addresses.
    pub(crate) fn push_v6(&mut self, start: u128, end: u128, value: Said) {
        self.v6.push(Net {
            start,
            end,
            value,
            line: self.lines,
        });
    }

    /// Adds a name.
    pub(crate) fn push_name(&mut self, key: &[u8], scope: NameScope, value: Said) {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        self.push_name_at(start, scope, value);
    }

    /// Adds a name whose key is the rest of the arena from a place on.
    pub(crate) fn push_name_at(&mut self, start: usize, scope: NameScope, value: Said) {
        let len = self.arena.len() - start;
        let start = start as u64;
        let [a, b, c, d, high, ..] = start.to_le_bytes();
        debug_assert!(start >> 40 == 0, "a source has less than 2^40 bytes");
        self.names.push(NameEntry {
            start: u32::from_le_bytes([a, b, c, d]),
            start_high: high,
            // A key has at most 510 bytes.
            len: u16::try_from(len).unwrap_or(u16::MAX),
            scope,
            value: SaidCode::of(value),
            line: self.lines,
        });
    }

    /// What an entry says that leaves all to the default.
    #[inline]
    pub(crate) fn default_value(&mut self) -> Said {
        Said::Value(self.values.default_id())
    }

    /// Reads a value as zone files have it.
    pub(crate) fn value(&mut self, rest: &'t [u8]) -> Result<Said, Class> {
        if rest.is_empty() {
            return Ok(self.default_value());
        }
        match value::parse(rest) {
            Ok((stated, cut)) => {
                if cut {
                    self.note(Class::TxtCut);
                }
                if value::holds_comment(rest) {
                    self.note(Class::CommentInValue);
                }
                Ok(Said::Value(self.values.id(stated)))
            }
            Err(class) => Err(class),
        }
    }

    #[inline]
    pub(crate) fn push_single(&mut self, address: u32, value: Said) {
        let index = self.v4.singles.len();
        let (first, line) = self.v4.breaks.last().copied().unwrap_or((index, 0));
        // Singles fit in memory, and a piece has fewer than 2^32 lines.
        let expected = u64::from(line) + (index - first) as u64;
        if u64::from(self.lines) != expected {
            self.v4.breaks.push((index, self.lines));
        }
        if self.v4.values.last().is_none_or(|(_, last)| *last != value) {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            self.v4.values.push((index, value));
        }
        self.v4.singles.push(address);
    }

    /// Adds single addresses of the lines that follow, one each, with the value of the last one.
    pub(crate) fn push_more(&mut self, address: u32) {
        self.v4.singles.push(address);
        self.lines += 1;
    }
}
