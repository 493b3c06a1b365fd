//! How much a snapshot or delta says, told without its base.

use rblmap::NameKey;
use rblmap_format::varint::take_uv;

use crate::container::frame;
use crate::container::header::{self, Kind};
use crate::container::limits::Limits;
use crate::container::payload_head::Head;
use crate::error::Error;

/// Counts and sizes of a snapshot or delta. What exactly changes only the base tells.
///
/// ```
/// # use rblmap_delta::{Session, Limits, Summary, pack};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let summary = Summary::read(&pack(&image, Session(0))?, &Limits::default())?;
/// assert_eq!((summary.values_added, summary.zones[0].v4_edits), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of the range-coded decisions, those of large zones included.
    pub decisions: u64,
    /// Bytes of text beside them, before zstd.
    pub text: u64,
    /// Values that the base does not have.
    pub values_added: u64,
    /// The zones that change, in order.
    pub zones: Vec<ZoneSummary>,
}

/// What changes in a zone.
///
/// See the example of [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneSummary {
    /// Which of the zones of the result, in order of their names; 0 is the base.
    pub place: usize,
    /// The name, of the base and where the file lists the zones: that is, where zones come or go.
    pub name: Option<Box<NameKey>>,
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
        let (header, body) = header::split(bytes)?;
        let (payload, streams) = frame::open(body, limits)?;
        let mut rest = payload.as_slice();
        let base = matches!(header.kind, Kind::Snapshot).then_some(1);
        let head = Head::read(&mut rest, base, &limits.of_file(body.len()))?;
        let decisions = take_uv(&mut rest);
        let text = decisions.and_then(|decisions| (rest.len() as u64).checked_sub(decisions));
        let (Some(decisions), Some(text)) = (decisions, text) else {
            return Err(Error::Malformed {
                what: "length of the decisions",
            });
        };
        let name = |place: usize| match &head.zones {
            Some(zones) => zones.get(place).copied(),
            // The first zone is the base.
            None => (place == 0).then_some(NameKey::ROOT),
        };
        let zones = head.parts.iter().map(|(place, part)| ZoneSummary {
            place: *place,
            name: name(*place).map(Box::new),
            v4_edits: part.v4.iter().map(|stream| stream.counts.edits).sum(),
            v6_edits: part.v6.iter().map(|stream| stream.counts.edits).sum(),
            names_added: part.names.added,
            names_removed: part.names.removed,
            names_changed: part.names.changed,
            facts: part.expires.is_some() || part.facts.is_some(),
        });
        Ok(Summary {
            decisions: decisions.saturating_add(streams.len() as u64),
            text,
            values_added: head.values,
            zones: zones.collect(),
        })
    }
}
