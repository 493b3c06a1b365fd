//! What a packet is answered with: a function of zones, packet and time.

use super::decision::{Kind, Room, Settings, decide};
use super::query::{Over, Query};
use super::reply;
use super::zones::Zones;

/// What became of a query, for the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The zone that it was for, by its place in [`Zones::new`].
    pub(crate) zone: Option<usize>,
    /// What it was answered with.
    pub(crate) kind: Kind,
    /// Whether the reply was too long for the client and was cut.
    pub(crate) truncated: bool,
}

/// Answers a packet. The reply replaces what `reply` held; it is empty if there is none.
///
/// The same zones, packet and time give the same bytes. Costs one lookup in an image; allocates only
/// where `reply` has to grow, or where a listing has several records.
pub(crate) fn answer(
    zones: &Zones,
    settings: &Settings,
    packet: &[u8],
    over: Over,
    now: u64,
    reply: &mut Vec<u8>,
) -> Outcome {
    reply.clear();
    let Some(query) = Query::read(packet, over) else {
        return Outcome {
            zone: None,
            kind: Kind::Dropped,
            truncated: false,
        };
    };
    let mut room = Room::default();
    let decision = decide(zones, settings, &query, now, &mut room);
    let written = reply::write(&query, &decision, over, reply);
    Outcome {
        zone: decision.zone,
        kind: match decision.kind {
            Kind::NoData if written.answers > 0 => Kind::Listed,
            kind => kind,
        },
        truncated: written.truncated,
    }
}
