//! Writes the zone records and the values.

use rayon::prelude::*;
use rblmap::{NameKey, NameRule};
use rblmap_content::{Content, Lender, NameTable, V4Runs, Values, ValuesPart};
use rblmap_format::NamePoint;
use rblmap_format::error::u32_of;
use rblmap_format::pieces::{Piece, Pieces};
use rblmap_format::sections::{NAMES_REACH_V4, NAMES_REACH_V6, SOME_WITHOUT_A};
use rblmap_format::zones::{self, ZoneRecord};

use crate::error::Error;

/// The ZONES section of a content.
pub(crate) fn encode_zones<V4: V4Runs>(content: &Content<V4>) -> Result<Vec<u8>, Error> {
    let facts: Vec<Vec<u8>> = content
        .zones()
        .iter()
        .map(|zone| zone.facts().encode())
        .collect();
    let zones = content.zones().iter().zip(&facts);
    let records: Vec<ZoneRecord<'_>> = zones
        .map(|(zone, facts)| ZoneRecord {
            key: zone.name().as_bytes(),
            expires: zone.expires().unwrap_or(0),
            flags: reach(zone.names()),
            facts,
        })
        .collect();
    Ok(zones::write(&records)?)
}

/// The number of values, and whether each lists what has it.
pub(crate) fn values_parameter<L: Lender>(values: &Values<L>) -> u64 {
    let parts: Vec<ValuesPart<'_>> = values.parts(PART).collect();
    let all_listed = |part: &ValuesPart<'_>| part.values().all(|value| value.is_listed());
    let flag = if parts.par_iter().all(all_listed) {
        0
    } else {
        SOME_WITHOUT_A
    };
    values.len() as u64 | flag << 32
}

/// Ends of the values, then the values, which are not copied.
pub(crate) fn encode_values<L: Lender>(values: &Values<L>) -> Result<Pieces<'_>, Error> {
    let mut ends = vec![0; values.len() * 4];
    let mut order = vec![Piece::New(ends.len())];
    let (mut rest, mut start) = (ends.as_mut_slice(), 0);
    let mut parts = Vec::new();
    for part in values.parts(PART) {
        let slots = rest.split_off_mut(..part.len() * 4);
        parts.push((slots.unwrap_or_default(), start, part));
        start += part.bytes.len();
        order.push(Piece::Other(part.bytes));
    }
    u32_of("values", start)?;
    parts.into_par_iter().for_each(|(slots, start, part)| {
        for (slot, end) in slots.as_chunks_mut().0.iter_mut().zip(part.ends()) {
            // No value ends behind the last one.
            *slot = u32::try_from(start + end).unwrap_or(u32::MAX).to_le_bytes();
        }
    });
    Ok(Pieces::new(ends, order))
}

/// How many values one thread takes at once.
const PART: usize = 1 << 14;

/// Whether a lookup of an address must also look for a name that spells it backwards.
fn reach(names: &NameTable) -> u8 {
    let flag = |flag: u8, labels: usize, is_part: fn(&[u8]) -> bool| {
        let points = (0..names.len()).into_par_iter();
        let could = |index| {
            let point = names.get(index);
            point.is_some_and(|point| could_match(point, labels, is_part))
        };
        if points.any(could) { flag } else { 0 }
    };
    flag(NAMES_REACH_V4, 4, is_octet) | flag(NAMES_REACH_V6, 32, is_nibble)
}

fn could_match(point: NamePoint<'_>, labels: usize, is_part: fn(&[u8]) -> bool) -> bool {
    // The first label decides for nearly every name.
    let first = point.key.split(|&byte| byte == 0).next();
    if !first.is_some_and(is_part) {
        return point.key.is_empty() && point.below != NameRule::Inherit;
    }
    let Ok(name) = NameKey::from_key(point.key) else {
        return false;
    };
    let spelled = name.labels().iter().all(|label| is_part(label));
    let exact = name.label_count() == labels && point.exact != NameRule::Inherit;
    let below = name.label_count() < labels && point.below != NameRule::Inherit;
    spelled && (exact || below)
}

/// A number from 0 to 255 as [`std::net::Ipv4Addr`] prints it.
fn is_octet(label: &[u8]) -> bool {
    if !label.iter().all(u8::is_ascii_digit) {
        return false; // as most labels: no text need be read
    }
    let number = std::str::from_utf8(label)
        .ok()
        .and_then(|text| text.parse::<u8>().ok());
    number.is_some_and(|number| number.to_string().as_bytes() == label)
}

fn is_nibble(label: &[u8]) -> bool {
    matches!(label, [b'0'..=b'9' | b'a'..=b'f'])
}
