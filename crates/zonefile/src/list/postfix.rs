//! `postfix`: cidr and access tables. The first line that matches an address decides, so what a
//! verdict lets in is taken out of what stands after it.

use std::borrow::Cow;

use rayon::prelude::*;

use super::Part;
use super::words::{bare, text_value};
use crate::address4::{self, Range};
use crate::key::{self, Dress, Key, KeyRules, v4_address};
use crate::line::{cut, split, trim, word};
use crate::piece::{Net, Piece, Said};
use crate::reading::cut_off;
use crate::spec::Options;
use crate::warning::Class;
use rblmap_content::NameScope;

/// Reads a table.
pub(crate) fn read<'t>(text: &'t [u8], options: &Options) -> Vec<Part<'t>> {
    let tables: Vec<Table<'t, '_>> = cut(text)
        .into_par_iter()
        .map(|text| Table::read(text, options))
        .collect();
    if tables.len() > 1 && tables.iter().any(Table::reaches_far) {
        return Part::of_all(Table::read(text, options).into_piece());
    }
    let pieces = tables.into_iter().map(Table::into_piece);
    pieces.flat_map(Part::of_all).collect()
}

struct Table<'t, 'o> {
    piece: Piece<'t>,
    options: &'o Options,
    /// Networks that are given by their first octets, as indexed tables have them.
    partial: Vec<Net<u32>>,
    /// How many `if` are open.
    depth: usize,
    /// Whether there was an `if` or an `endif`.
    conditions: bool,
}

/// What a line does with its key.
enum Action<'t> {
    List(&'t [u8]),
    LetIn,
    /// Neither: the mail goes some other way, but it is not refused for this.
    Other,
}

impl<'t, 'o> Table<'t, 'o> {
    fn read(text: &'t [u8], options: &'o Options) -> Table<'t, 'o> {
        let mut table = Table {
            piece: Piece::default(),
            options,
            partial: Vec::new(),
            depth: 0,
            conditions: false,
        };
        let mut rest = text;
        while !rest.is_empty() {
            let (line, after, ended) = split(rest);
            rest = after;
            table.piece.next_line(line);
            table.piece.cut_line = !ended && !trim(bare(line)).is_empty();
            let before = table.piece.entries();
            if let Err(class) = table.line(bare(line)) {
                table.piece.note(class);
            }
            if table.piece.cut_line {
                cut_off(&mut table.piece, before);
            }
        }
        table
    }

    /// Whether what stands here is about lines elsewhere, so that the table is read as one.
    fn reaches_far(&self) -> bool {
        self.conditions || !self.partial.is_empty()
    }

    fn into_piece(self) -> Piece<'t> {
        let mut piece = self.piece;
        // Whole addresses are looked up before their first octets are.
        piece.v4.nets.extend(self.partial);
        piece
    }

    fn line(&mut self, line: &'t [u8]) -> Result<(), Class> {
        let body = trim(line);
        if body.is_empty() || body.starts_with(b"#") {
            return Ok(());
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            // It continues the line before, of which the key has been read.
            return Ok(());
        }
        let (text, rest) = word(body);
        if text.eq_ignore_ascii_case(b"endif") {
            self.depth = self.depth.saturating_sub(1);
            self.conditions = true;
            return Ok(());
        }
        if text.eq_ignore_ascii_case(b"if") {
            self.depth += 1;
            self.conditions = true;
        }
        if self.depth > 0 || text.starts_with(b"!") {
            let why = "a condition is not understood; nothing is listed";
            self.piece.note_about(Class::Unread, body, why);
            return Ok(());
        }
        if rest.is_empty() {
            return Err(Class::BadEntry);
        }
        let key = self.key(text)?;
        let value = match action(rest) {
            Action::LetIn => Said::Excluded,
            Action::List(words) => {
                let words = if self.options.reading.plain.text {
                    words
                } else {
                    b""
                };
                text_value(&mut self.piece, None, Cow::Borrowed(words), self.options)
            }
            Action::Other => {
                self.piece
                    .note_about(Class::Unread, body, "this refuses nobody; not listed");
                Said::Excluded
            }
        };
        self.push(key, value);
        Ok(())
    }

    fn key(&self, text: &[u8]) -> Result<Asked, Class> {
        if let Some(address) = v4_address(text) {
            let (start, end) = (address, address);
            return Ok(Asked::Key(Key::V4(Range { start, end })));
        }
        if let Some(range) = first_octets(text) {
            return Ok(Asked::Partial(range));
        }
        if text.contains(&b'@') {
            return Err(Class::BadName);
        }
        let rules = KeyRules {
            names: NameScope::Both,
            ..KeyRules::of(self.options)
        };
        match (key::parse(text, &rules)?, text) {
            // `.name` is the names below it alone.
            ((Key::Name(name, NameScope::Both), Dress::Bare), [b'.', ..]) => {
                Ok(Asked::Key(Key::Name(name, NameScope::Below)))
            }
            ((key, Dress::Bare), _) => Ok(Asked::Key(key.unmapped())),
            _ => Err(Class::BadAddress),
        }
    }

    fn push(&mut self, key: Asked, value: Said) {
        let line = self.piece.lines;
        let net = |range: Range| Net {
            start: range.start,
            end: range.end,
            value,
            line,
        };
        match key {
            Asked::Key(key) if self.piece.cut_line && !key.is_single() => {
                self.piece.cut_network = true
            }
            Asked::Partial(_) if self.piece.cut_line => self.piece.cut_network = true,
            Asked::Partial(range) => self.partial.push(net(range)),
            // Not as single addresses: the order of all of them counts.
            Asked::Key(Key::V4(range)) => self.piece.v4.nets.push(net(range)),
            Asked::Key(Key::V6 { start, end }) => self.piece.push_v6(start, end, value),
            Asked::Key(Key::Name(name, scope)) => {
                self.piece.push_name(name.as_bytes(), scope, value)
            }
        }
    }
}

/// A key of a table.
enum Asked {
    Key(Key),
    Partial(Range),
}

/// One to three octets, as indexed tables name networks.
fn first_octets(text: &[u8]) -> Option<Range> {
    let (prefix, rest) = address4::prefix(text)?;
    let more = u32::MAX.checked_shr(prefix.octets * 8)?;
    (rest.is_empty() && prefix.octets < 4).then_some(Range {
        start: prefix.address,
        end: prefix.address | more,
    })
}

/// What the right side of a line says.
fn action(rest: &[u8]) -> Action<'_> {
    let (verb, text) = word(rest);
    let is = |names: &[&str]| {
        names
            .iter()
            .any(|name| verb.eq_ignore_ascii_case(name.as_bytes()))
    };
    let is_code = matches!(verb, [b'4' | b'5', b'0'..=b'9', b'0'..=b'9']);
    if is_code || is(&["reject", "defer", "defer_if_permit", "defer_if_reject"]) {
        return Action::List(text);
    }
    // A number alone stands for OK.
    let number = verb.iter().all(u8::is_ascii_digit);
    if number || super::verdict::is_pass(verb) {
        return Action::LetIn;
    }
    Action::Other
}
