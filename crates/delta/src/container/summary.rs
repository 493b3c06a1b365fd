//! How much a snapshot or delta says, told without its base.

use rblmap::NameKey;

use crate::container::limits::Limits;
use crate::container::payload_head::Head;
use crate::container::varint::take_uv;
use crate::container::{frame, header};
use crate::error::Error;

/// Counts and sizes of a snapshot or delta. What exactly changes only the base tells.
///
/// ```
/// # use rblmap_delta::{Session, Limits, Summary, pack};
/// let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
/// let summary = Summary::read(&pack(&image, Session(0))?, &Limits::default())?;
/// assert_eq!((summary.values_added, summary.zones[0].v4_edits), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of the range-coded decisions.
    pub decisions: u64,
    /// Bytes of text beside them, before zstd.
    pub text: u64,
    /// Values that the base does not have.
    pub values_added: u64,
    /// The zones of the result, in order.
    pub zones: Vec<ZoneSummary>,
}

/// What changes in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneSummary {
    /// The name, where the file lists the zones: that is, where they change.
    pub name: Option<NameKey>,
    /// Ranges of IPv4 addresses that get another value, or none.
    pub v4_edits: u64,
    /// The same for IPv6.
    pub v6_edits: u64,
    /// Names that come.
    pub names_added: u64,
    /// Names that go.
    pub names_removed: u64,
    /// Names that say something else.
    pub names_changed: u64,
    /// Whether expiry or facts change.
    pub facts: bool,
}

impl Summary {
    /// Reads what a file says of itself; one pass of blake3 and zstd.
    ///
    /// # Errors
    /// As for [`crate::Header::read`]; a payload over the limits or without a head.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Summary, Error> {
        let (_, body) = header::split(bytes)?;
        let payload = frame::open(body, limits)?;
        let mut rest = payload.as_slice();
        let head = Head::read(&mut rest)?;
        let decisions = take_uv(&mut rest);
        let text = decisions.and_then(|decisions| (rest.len() as u64).checked_sub(decisions));
        let (Some(decisions), Some(text)) = (decisions, text) else {
            return Err(Error::Malformed {
                what: "length of the decisions",
            });
        };
        let name = |index: usize| {
            head.zones
                .as_ref()
                .and_then(|zones| zones.get(index).copied())
        };
        let zones = head
            .parts
            .iter()
            .enumerate()
            .map(|(index, part)| ZoneSummary {
                name: name(index),
                v4_edits: part.v4.edits,
                v6_edits: part.v6.edits,
                names_added: part.names.added,
                names_removed: part.names.removed,
                names_changed: part.names.changed,
                facts: part.expires.is_some() || part.facts.is_some(),
            });
        Ok(Summary {
            decisions,
            text,
            values_added: head.values,
            zones: zones.collect(),
        })
    }
}
