//! Counts of a part of the logs as a file, to be added to others': what `impact --partial` writes
//! and `impact merge` reads. `docs/impact.md` describes every byte.
//!
//! ```
//! use rblmap_report::{Impact, Question, Tally, partial};
//!
//! let part = |line: &[u8]| {
//!     let tally = Tally::new();
//!     let mut counting = tally.counting();
//!     counting.line(line);
//!     counting.finish();
//!     let mut bytes = Vec::new();
//!     partial::write(tally, partial::Form::Binary, &mut bytes).map(|()| bytes)
//! };
//! // Partial counts may stand one after the other in one file.
//! let both = [part(b"192.0.2.1")?, part(b"198.51.100.7")?].concat();
//! let tally = Tally::new();
//! partial::read(&both, &tally)?;
//! assert_eq!(Impact::of(tally, Question::default())?.clients, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod binary;
mod text;

use std::io::Write;
use std::net::IpAddr;

use crate::error::Error;
use crate::tally::{Session, Sums, Tally, Totals};

/// How a partial count is written.
///
/// See the example of [the module](crate::partial).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Sorted and packed with zstd: 3 to 6 bytes a client.
    Binary,
    /// Lines of columns, for tools that pass lines on. They may be mixed with those of other
    /// counts, in any order.
    Text,
}

/// A part of a partial count.
#[derive(Debug)]
enum Item {
    Totals(Totals),
    Client(IpAddr, Sums),
    Session(u64, Session),
}

/// Writes what was counted. The bytes depend on the lines that were counted alone, not on their
/// order. They hold the addresses of clients: personal data in many countries.
///
/// # Errors
/// Whatever the writer says.
pub fn write(tally: Tally, form: Form, out: &mut impl Write) -> Result<(), Error> {
    match form {
        Form::Binary => binary::write(tally, out),
        Form::Text => text::write(tally, out),
    }
}

/// Adds partial counts of either form, one or several after each other. What cannot be read whole is
/// not added at all.
///
/// # Errors
/// Bytes that are no partial count, of a newer version, or damaged.
pub fn read(bytes: &[u8], tally: &Tally) -> Result<(), Error> {
    // Once to see that all is whole, and once to add.
    each_item(bytes, |_| {})?;
    each_item(bytes, |item| match item {
        Item::Totals(totals) => tally.add_totals(&totals),
        Item::Client(client, sums) => tally.add(client, &sums),
        Item::Session(id, session) => tally.add_session(id, &session),
    })
}

fn each_item(bytes: &[u8], see: impl FnMut(Item)) -> Result<(), Error> {
    if bytes.starts_with(&binary::MAGIC) {
        binary::read(bytes, see)
    } else {
        text::read(bytes, see)
    }
}

#[cfg(test)]
mod tests;
