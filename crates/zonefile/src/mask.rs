//! Bit masks: several zones as one, whose A record says which of them list a key.

use std::str::FromStr;

use rblmap_content::ZoneName;

use crate::error::Error;

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
