//! What zones say that become one by a mask: each its bit, and where several speak, all their bits.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use rblmap_content::{DraftZone, Record, ValueBuf};

use super::unions::Unions;
use super::{names, zone};
use crate::error::Error;

/// A value of one of the zones with the zone's bit as its A; one that lists nothing says nothing.
pub(crate) fn with_bit(value: u32, bit: u8, unions: &mut Unions<'_>) -> Result<u32, Error> {
    if !unions.get(value).is_listed() {
        return Ok(0);
    }
    with_a(value, bit, unions)
}

/// A union of such values with one A of all their bits.
fn with_all_bits(value: u32, unions: &mut Unions<'_>) -> Result<u32, Error> {
    let bits = unions
        .get(value)
        .records()
        .filter_map(|record| record.a)
        .fold(0, |bits, a| bits | a.octets()[3]);
    if bits == 0 {
        return Ok(0);
    }
    with_a(value, bits, unions)
}

fn with_a(value: u32, bits: u8, unions: &mut Unions<'_>) -> Result<u32, Error> {
    let a = Some(Ipv4Addr::new(127, 1, 0, bits));
    let records = unions
        .get(value)
        .records()
        .map(|record| Record { a, ..record.into() });
    let masked = ValueBuf::new(records);
    unions.intern(&masked)
}

/// Makes the unions of a zone those with one A of all bits.
pub(crate) fn mask_zone(made: &mut DraftZone, unions: &mut Unions<'_>) -> Result<(), Error> {
    let mut known: HashMap<u32, u32> = HashMap::new();
    let mut new = |value: u32| -> Result<u32, Error> {
        if let Some(&new) = known.get(&value) {
            return Ok(new);
        }
        let new = with_all_bits(value, unions)?;
        known.insert(value, new);
        Ok(new)
    };
    zone::map_runs(&mut made.v4, &mut new)?;
    zone::map_runs(&mut made.v6, &mut new)?;
    names::map_values(&mut made.names, &mut new)
}
