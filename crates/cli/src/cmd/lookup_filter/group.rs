//! Lines that are answered together, so that their addresses wait for memory at the same time.

use memchr::memchr;
use rblmap_zonefile::{v4_address, v4_before};

use crate::cmd::lookup_filter::line::column;

/// So many lines at most.
pub(crate) const GROUP: usize = 512;

/// Lines, and what they ask for.
#[derive(Default)]
pub(crate) struct Group<'t> {
    pub(crate) lines: Vec<Line<'t>>,
    /// Those of the lines that are asked together, in their order, and whether each is listed.
    pub(crate) addresses: Vec<u32>,
    pub(crate) listed: Vec<bool>,
}

pub(crate) struct Line<'t> {
    /// Without its end.
    pub(crate) text: &'t [u8],
    pub(crate) ask: Ask,
    /// Whether it ends with CR and LF.
    pub(crate) has_return: bool,
}

/// What a line asks for.
#[derive(Clone, Copy)]
pub(crate) enum Ask {
    /// Names of columns.
    Header,
    /// An address of the group: nearly all lines.
    Address,
    /// Whatever stands where the key should.
    Key,
}

/// How lines are cut off a text, and keys out of them.
pub(crate) struct Cut {
    pub(crate) column: i32,
    pub(crate) delimiter: u8,
    /// So many lines still pass as they are.
    pub(crate) header: u64,
    /// Whether addresses may be asked together, since nothing but their state is wanted.
    pub(crate) hurries: bool,
}

impl Cut {
    /// The key of a line.
    pub(crate) fn key<'t>(&self, line: &'t [u8]) -> Option<&'t [u8]> {
        column(line, self.delimiter, self.column)
    }

    /// Takes lines off a text; what follows them.
    pub(crate) fn take<'t>(
        &mut self,
        mut text: &'t [u8],
        most: usize,
        group: &mut Group<'t>,
    ) -> &'t [u8] {
        group.lines.clear();
        group.addresses.clear();
        let is_whole_line = self.takes_whole_lines();
        while group.lines.len() < most && !text.is_empty() {
            if is_whole_line
                && self.header == 0
                && let Some((address, rest)) = v4_before(text, b'\n')
            {
                let line = text.get(..text.len() - rest.len() - 1);
                group.push(line.unwrap_or_default(), Ask::Address, false);
                group.addresses.push(address);
                text = rest;
                continue;
            }
            let end = memchr(b'\n', text).unwrap_or(text.len());
            let (line, rest) = text.split_at_checked(end).unwrap_or_default();
            text = rest.get(1..).unwrap_or_default();
            self.take_line(line, group);
        }
        text
    }

    /// Whether what is an address up to the end of its line is the key: no column is before it or
    /// behind it, and it holds no delimiter.
    fn takes_whole_lines(&self) -> bool {
        let parts_addresses = self.delimiter.is_ascii_digit() || self.delimiter == b'.';
        self.hurries && self.column.unsigned_abs() == 1 && !parts_addresses
    }

    fn take_line<'t>(&mut self, line: &'t [u8], group: &mut Group<'t>) {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let ask = if self.header > 0 {
            self.header -= 1;
            Ask::Header
        } else if self.hurries
            && let Some(address) = self.key(text).and_then(v4_address)
        {
            group.addresses.push(address);
            Ask::Address
        } else {
            Ask::Key
        };
        group.push(text, ask, text.len() < line.len());
    }
}

impl<'t> Group<'t> {
    fn push(&mut self, text: &'t [u8], ask: Ask, has_return: bool) {
        self.lines.push(Line {
            text,
            ask,
            has_return,
        });
    }
}
