//! Bit masks: several zones as one, whose A record says which of them list a key.

use std::net::Ipv4Addr;
use std::str::FromStr;

use rblmap_content::{Record, ValueBuf, ZoneName};

use crate::error::Error;
use crate::resolve::unions::Unions;

/// Which zones become one, and with which bit of 127.1.0.N each.
///
/// ```
/// use rblmap_zonefile::Mask;
/// let mask = Mask::parse("rbl.example=1,dul.example=2", "plus.example")?;
/// assert_eq!(mask.bits.len(), 2);
/// assert!(Mask::parse("rbl.example=3", "plus.example").is_err());
/// # Ok::<(), rblmap_zonefile::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// The zones and their bits.
    pub bits: Vec<(ZoneName, u8)>,
    /// The zone that they become.
    pub name: ZoneName,
}

impl Mask {
    /// Takes `ZONE=BIT,...` and the name of the zone to make.
    ///
    /// # Errors
    /// Anything else, a bit that is not one of 1 2 4 8 16 32 64 128, a zone twice.
    pub fn parse(bits: &str, name: &str) -> Result<Mask, Error> {
        let bad = || Error::BadMask {
            text: bits.to_owned(),
        };
        let mut parsed: Vec<(ZoneName, u8)> = Vec::new();
        for part in bits.split(',') {
            let (zone, bit) = part.split_once('=').ok_or_else(bad)?;
            let zone: ZoneName = zone.parse()?;
            let bit = u8::from_str(bit).ok().filter(|bit| bit.is_power_of_two());
            if parsed.iter().any(|(other, _)| *other == zone) {
                return Err(bad());
            }
            parsed.push((zone, bit.ok_or_else(bad)?));
        }
        Ok(Mask {
            bits: parsed,
            name: name.parse()?,
        })
    }

    /// The bit of a zone.
    pub(crate) fn bit(&self, zone: &ZoneName) -> Option<u8> {
        let found = self.bits.iter().find(|(name, _)| name == zone);
        found.map(|(_, bit)| *bit)
    }
}

/// A value of one of the zones with the zone's bit as its A; one that lists nothing says nothing.
pub(crate) fn with_bit(value: u32, bit: u8, unions: &mut Unions<'_>) -> Result<u32, Error> {
    if !unions.get(value).is_listed() {
        return Ok(0);
    }
    with_a(value, bit, unions)
}

/// A union of such values with one A of all their bits.
pub(crate) fn with_all_bits(value: u32, unions: &mut Unions<'_>) -> Result<u32, Error> {
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
