//! A piece of a source: lines read on their own, so that pieces can be read at the same time.
//!
//! Nothing in here knows what stood in the lines before: what depends on it (the default, the
//! limit of `$MAXRANGE4`, the first `$SOA`) is kept as stated, and `load` resolves it in order.

use crate::dataset::{self, Rules};
use crate::line::{self, LONG_LINE, Line};
use crate::spec::NameScope;
use crate::value::{Local, Stated};
use crate::warning::{Class, Note};
use crate::{address4, value};

/// Stands for a value in an exclusion.
pub(crate) const EXCLUDED: u32 = u32::MAX;
/// Stands for a value that is malformed: whether that is said depends on `$MAXRANGE4`.
pub(crate) const BAD_A: u32 = u32::MAX - 1;
/// The same, with something behind the A record.
pub(crate) const BAD_VALUE: u32 = u32::MAX - 2;

/// A network or range of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net<A> {
    pub(crate) start: A,
    pub(crate) end: A,
    pub(crate) value: u32,
    pub(crate) line: u32,
}

/// A name of a source; its key stands in the arena of its piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameEntry {
    pub(crate) start: usize,
    pub(crate) len: u16,
    pub(crate) scope: NameScope,
    pub(crate) value: u32,
    pub(crate) line: u32,
}

/// IPv4 entries. Single addresses, nearly all lines of most sources, take four bytes each where
/// the value stays the same.
#[derive(Debug, Default)]
pub(crate) struct Entries4 {
    pub(crate) singles: Vec<u32>,
    /// From which single on lines count from which line.
    pub(crate) breaks: Vec<(usize, u32)>,
    /// From which single on which value holds. A piece has fewer than 2^32 lines.
    values: Vec<(u32, u32)>,
    /// Networks and ranges, and single addresses whose value is malformed.
    pub(crate) nets: Vec<Net<u32>>,
}

impl Entries4 {
    /// The singles in stretches of one value: the index of the first, the addresses, the value.
    pub(crate) fn by_value(&self) -> impl Iterator<Item = (usize, &[u32], u32)> + Clone {
        let ends = self.values.iter().skip(1).map(|(from, _)| *from as usize);
        let ends = ends.chain([self.singles.len()]);
        self.values.iter().zip(ends).map(|((from, value), end)| {
            let from = *from as usize;
            let singles = self.singles.get(from..end).unwrap_or_default();
            (from, singles, *value)
        })
    }

    /// The last single and its value.
    pub(crate) fn last_single(&self) -> Option<(u32, u32)> {
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
    pub(crate) ports: u64,
    pub(crate) urls: u64,
}

impl<'t> Piece<'t> {
    /// Reads lines.
    pub(crate) fn read(text: &'t [u8], rules: &Rules<'_>) -> Piece<'t> {
        let mut piece = Piece::default();
        let mut rest = text;
        let bare_lines = rules.takes_bare_lines();
        while !rest.is_empty() {
            if bare_lines {
                rest = piece.read_bare_lines(rest);
            }
            let (line, after, ended) = line::split(rest);
            if rest.is_empty() {
                break;
            }
            rest = after;
            piece.lines += 1;
            piece.read_line(line, ended, rules);
        }
        piece
    }

    /// The same without its source; none if later lines depend on a text in there.
    pub(crate) fn into_owned<'s>(self) -> Option<Piece<'s>> {
        let events = self.events.into_iter().map(|event| {
            let what = match event.what {
                What::BadDefault(class) => What::BadDefault(class),
                What::Refuse(class) => What::Refuse(class),
                What::Default(..) | What::Directive(_) => return None,
            };
            Some(Event { what, ..event })
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
            ports: self.ports,
            urls: self.urls,
        })
    }

    /// How many entries were read.
    pub(crate) fn entries(&self) -> usize {
        self.v4.singles.len() + self.v4.nets.len() + self.v6.len() + self.names.len()
    }

    /// Adds a remark about the current line.
    pub(crate) fn note(&mut self, class: Class) {
        let line = self.lines;
        self.notes.push(Note { line, class });
    }

    /// Adds an event at the current line.
    pub(crate) fn event(&mut self, what: What<'t>) {
        self.events.push(Event {
            line: self.lines,
            nets: self.v4.nets.len(),
            what,
        });
    }

    /// Adds IPv4 addresses with the value of an id.
    pub(crate) fn push_v4(&mut self, range: address4::Range, value: u32) {
        if range.start == range.end && !matches!(value, BAD_A | BAD_VALUE) {
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

    /// Adds IPv6 addresses with the value of an id.
    pub(crate) fn push_v6(&mut self, start: u128, end: u128, value: u32) {
        self.v6.push(Net {
            start,
            end,
            value,
            line: self.lines,
        });
    }

    /// Adds a name with the value of an id.
    pub(crate) fn push_name(&mut self, key: &[u8], scope: NameScope, value: u32) {
        self.names.push(NameEntry {
            start: self.arena.len(),
            // A key has at most 510 bytes.
            len: u16::try_from(key.len()).unwrap_or(u16::MAX),
            scope,
            value,
            line: self.lines,
        });
        self.arena.extend_from_slice(key);
    }

    /// Reads a value and gives its id.
    pub(crate) fn value(&mut self, rest: &'t [u8]) -> Result<u32, Class> {
        if rest.is_empty() {
            return Ok(self.values.default_id());
        }
        match value::parse(rest) {
            Ok((stated, cut)) => {
                if cut {
                    self.note(Class::TxtCut);
                }
                if value::holds_comment(rest) {
                    self.note(Class::CommentInValue);
                }
                Ok(self.values.id(stated))
            }
            Err(class) => Err(class),
        }
    }

    /// Reads bare addresses as long as there are any.
    fn read_bare_lines(&mut self, text: &'t [u8]) -> &'t [u8] {
        let Some((address, mut rest)) = address4::bare_line(text) else {
            return text;
        };
        self.lines += 1;
        let value = self.values.default_id();
        self.push_single(address, value);
        let before = self.v4.singles.len();
        while let Some((address, after)) = address4::bare_line(rest) {
            self.v4.singles.push(address);
            rest = after;
        }
        // A piece has fewer than 2^32 lines.
        let more = self.v4.singles.len() - before;
        self.lines += u32::try_from(more).unwrap_or(u32::MAX);
        rest
    }

    #[inline]
    fn push_single(&mut self, address: u32, value: u32) {
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

    fn read_line(&mut self, line: &'t [u8], ended: bool, rules: &Rules<'_>) {
        if !rules.kind.is_plain() {
            if line.len() >= LONG_LINE || !ended {
                self.note(Class::LongLine);
            }
            if !ended {
                self.note(Class::NoNewline);
            }
            if line.last() == Some(&b'\r') && !matches!(line, [b'#' | b';', ..] | b"\r") {
                self.note(Class::Crlf);
            }
        }
        let done = if rules.kind.is_plain() {
            dataset::plain_line(self, line, rules)
        } else {
            match line::classify(line) {
                Line::Blank => Ok(()),
                Line::Directive(text) => {
                    self.event(What::Directive(text));
                    Ok(())
                }
                Line::Entry(text) => dataset::entry(self, text, rules),
            }
        };
        if let Err(class) = done {
            self.note(class);
        }
    }
}
