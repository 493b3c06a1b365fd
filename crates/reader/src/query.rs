//! Answers a name as a DNS server would that serves the image: what rbldnsd does with a query.

use crate::answer::Answer;
use crate::error::Error;
use crate::image::Image;
use crate::zone::Zone;
use rblmap_format::name::{NameKey, key_labels};

impl Image {
    /// Answers a query for `name`, relative to the base: of the zones that it is in, the one with
    /// the longest name answers alone. There, a name that spells an address backwards (RFC 5782,
    /// sections 2.1 and 2.4) asks for the address, any other for itself.
    ///
    /// For programs that speak DNS, or that compare with one that does. Whoever holds an address
    /// asks [`Zone::lookup`]; whoever holds a domain name, [`Zone::lookup_name`].
    ///
    /// ```
    /// use rblmap::NameKey;
    /// let image = rblmap::Image::read("testdata/three.rbl")?;
    /// assert!(image.query(&NameKey::parse(b"1.2.0.192")?)?.is_listed());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Sections of the zone that do not fit together.
    pub fn query<'q>(&'q self, name: &'q NameKey) -> Result<Answer<'q>, Error> {
        let zone = self.zone_of(name)?;
        let rest = name.as_bytes().get(zone.name().as_bytes().len()..);
        Ok(answer(&zone, rest.unwrap_or_default()))
    }

    /// The zone that a name, relative to the base, is in: of those that are the name or above it,
    /// the one with the longest name. Only that zone answers for the name.
    ///
    /// One binary search over the zones for each label, from the longest name up.
    ///
    /// ```
    /// use rblmap::NameKey;
    /// let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let zone = image.zone_of(&NameKey::parse(b"1.2.0.192")?)?;
    /// assert_eq!(zone.name(), NameKey::ROOT);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Sections of the zone that do not fit together.
    pub fn zone_of(&self, name: &NameKey) -> Result<Zone<'_>, Error> {
        let mut above = Some(*name).filter(|key| key.label_count() > 0);
        while let Some(key) = above {
            if let Some(found) = self.zone_of_key(&key)? {
                return Ok(found);
            }
            above = key.parent();
        }
        Ok(self.base())
    }
}

fn answer<'a>(zone: &Zone<'a>, name: &'a [u8]) -> Answer<'a> {
    let labels = key_labels(name);
    if let Some(address) = spelled_v6(&labels) {
        return zone.lookup_v6(address);
    }
    match spelled_v4(&labels) {
        // `001.2.0.192` is the address, but not the name that a dnset has for it.
        Some(address) => zone.lookup_v4_as(address, name),
        None => zone.lookup_key(name),
    }
}

/// The address whose octets are the labels, from the root: one to three digits each.
fn spelled_v4(labels: &[Vec<u8>]) -> Option<u32> {
    let [a, b, c, d] = labels else { return None };
    [a, b, c, d].into_iter().try_fold(0, |address, label| {
        let octet = number(label, 10, 3).and_then(|n| u8::try_from(n).ok())?;
        Some(address << 8 | u32::from(octet))
    })
}

/// The address whose 32 nibbles are the labels, from the root.
fn spelled_v6(labels: &[Vec<u8>]) -> Option<u128> {
    if labels.len() != 32 {
        return None;
    }
    labels.iter().try_fold(0, |address, label| {
        Some(address << 4 | u128::from(number(label, 16, 1)?))
    })
}

fn number(label: &[u8], radix: u32, most: usize) -> Option<u32> {
    if label.len() > most {
        return None;
    }
    label.iter().try_fold(0, |number, &byte| {
        Some(number * radix + char::from(byte).to_digit(radix)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: &str) -> Vec<Vec<u8>> {
        NameKey::parse(name.as_bytes()).unwrap().labels()
    }

    #[test]
    fn addresses_are_spelled_backwards() {
        assert_eq!(spelled_v4(&labels("1.2.0.192")), Some(0xc000_0201));
        assert_eq!(spelled_v4(&labels("001.02.000.192")), Some(0xc000_0201));
        for other in [
            "2.0.192",
            "256.2.0.192",
            "0001.2.0.192",
            "a.2.0.192",
            "1.2.0.192.5",
        ] {
            assert_eq!(spelled_v4(&labels(other)), None, "{other}");
        }
        let nibbles = format!("1.0.{}8.b.d.0.1.0.0.2", "0.".repeat(22));
        assert_eq!(spelled_v6(&labels(&nibbles)), Some(0x2001_0db8 << 96 | 1));
        assert_eq!(spelled_v6(&labels(&nibbles.replace('8', "g"))), None);
        assert_eq!(spelled_v6(&labels(&nibbles.replacen("1.", "", 1))), None);
    }
}
