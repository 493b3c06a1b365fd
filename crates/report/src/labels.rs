//! Labels of networks: countries, operators, abuse contacts. They are the texts of an image that
//! `rblmap build` makes from lines of `NETWORK<TAB>LABEL`; none come with rblmap.

use std::net::IpAddr;

use rblmap::{TextBuf, Zone};

/// What is not labelled.
pub(crate) const NONE: &str = "-";

/// What networks are called.
///
/// ```
/// use rblmap_report::Labels;
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let labels = Labels::new(image.base());
/// assert_eq!(labels.of("203.0.113.9".parse()?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Labels<'i> {
    zone: Zone<'i>,
}

impl<'i> Labels<'i> {
    /// The texts of this zone are labels.
    pub fn new(zone: Zone<'i>) -> Labels<'i> {
        Labels { zone }
    }

    /// The zone that has the labels.
    pub(crate) fn zone(&self) -> &Zone<'i> {
        &self.zone
    }

    /// The label of an address: the text of its answer; of several, all of them. One lookup.
    pub fn of(&self, address: IpAddr) -> Option<String> {
        let mut buffer = TextBuf::new();
        let mut labels: Vec<String> = self
            .zone
            .lookup(address)
            .records()
            .filter_map(|record| {
                let text = record.txt(&mut buffer)?;
                Some(String::from_utf8_lossy(text).into_owned())
            })
            .collect();
        labels.sort();
        labels.dedup();
        (!labels.is_empty()).then(|| labels.join(", "))
    }

    /// The label of what a line of `rblmap diff --list` is about: of a network, that of its first
    /// address; `-` where there is none, as for names. One lookup.
    ///
    /// ```
    /// # use rblmap_report::Labels;
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let labels = Labels::new(image.base());
    /// assert_eq!(labels.of_key("203.0.113.0/24"), "-");
    /// assert_eq!(labels.of_key("*.example.com"), "-");
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    pub fn of_key(&self, key: &str) -> String {
        let address = key.split('/').next().unwrap_or_default().parse();
        let label = address.ok().and_then(|address| self.of(address));
        label.unwrap_or_else(|| NONE.to_owned())
    }
}
