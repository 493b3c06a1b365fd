//! How much an image lists: what a manifest says and what guards compare.

use rblmap::{Image, Zone};
use serde::{Deserialize, Serialize};

/// Counts over all zones of an image.
///
/// See the example of [`Counts::of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// IPv4 addresses.
    pub v4: u64,
    /// IPv6 networks of 64 bits, those listed in part included; at most `u64::MAX`.
    pub v6: u64,
    /// Names.
    pub names: u64,
    /// Runs of IPv4 and of IPv6 addresses.
    pub runs: u64,
    /// Length of the image, bytes.
    pub image: u64,
}

impl Counts {
    /// Counts an image. One pass over it: about 20 ms for a million runs.
    ///
    /// ```
    /// let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let counts = rblmap_feed::Counts::of(&image)?;
    /// assert_eq!((counts.v4, counts.v6, counts.names), (1, 1 << 32, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Zones that do not fit together.
    pub fn of(image: &Image) -> Result<Counts, rblmap::Error> {
        let mut counts = Counts {
            image: image.as_bytes().len() as u64,
            ..Counts::default()
        };
        for zone in image.zones() {
            counts.add(&zone?);
        }
        Ok(counts)
    }

    fn add(&mut self, zone: &Zone<'_>) {
        for run in zone.v4_runs() {
            self.runs += 1;
            self.v4 += u64::from(run.end - run.start) + 1;
        }
        let (mut networks, mut counted_to) = (0u128, None);
        for run in zone.v6_runs() {
            self.runs += 1;
            let (first, last) = (run.start >> 64, run.end >> 64);
            networks += last - first + u128::from(counted_to != Some(first));
            counted_to = Some(last);
        }
        let networks = u64::try_from(networks).unwrap_or(u64::MAX);
        self.v6 = self.v6.saturating_add(networks);
        self.names += zone.names().count() as u64;
    }

    /// Runs and names together: how much there is to say.
    pub(crate) fn stated(&self) -> u64 {
        self.runs + self.names
    }
}
