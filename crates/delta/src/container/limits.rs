//! What a snapshot or delta may ask for.

use crate::error::Error;

/// Limits on what is unpacked. Each is compared before memory is asked for or time is spent.
///
/// Whoever knows how large the result is takes [`Limits::for_image`]: a manifest says so.
///
/// See the example of [`Limits::for_image`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the payload behind zstd, and of the texts and names that come of it.
    pub payload: u64,
    /// Edits, values and names that a file may hold, or four for each of its bytes if that is more: a run of
    /// the densest lists takes half a byte. So a list of any size can be sent, and a small file cannot ask
    /// for much.
    pub entries: u64,
    /// Zones that the result may have.
    pub zones: u64,
}

impl Default for Limits {
    /// 4 GiB, 200 million entries as `build` has them, and 100,000 zones.
    fn default() -> Limits {
        Limits {
            payload: 4 << 30,
            entries: 200_000_000,
            zones: 100_000,
        }
    }
}

impl Limits {
    /// The limits for a file that leads to an image of so many bytes: 16 times as many bytes of
    /// payload and 1 MiB, 16 entries a byte, and a zone for each 64 bytes; never more than the default.
    ///
    /// An image needs a tenth of a byte for an address at the very least, 16 bytes for a name and 64
    /// for a zone, and a delta can remove as much as it adds.
    ///
    /// ```
    /// use rblmap_delta::Limits;
    /// assert_eq!(Limits::for_image(1 << 20).payload, 17 << 20);
    /// assert_eq!(Limits::for_image(u64::MAX), Limits::default());
    /// ```
    pub fn for_image(bytes: u64) -> Limits {
        let most = Limits::default();
        let scaled = bytes.saturating_mul(16);
        Limits {
            payload: scaled.saturating_add(1 << 20).min(most.payload),
            entries: scaled.saturating_add(1 << 16).min(most.entries),
            zones: (bytes / 64).saturating_add(1).min(most.zones),
        }
    }

    /// The limits for a file with so many bytes behind its header.
    pub(crate) fn of_file(&self, bytes: usize) -> Limits {
        let entries = self.entries.max((bytes as u64).saturating_mul(4));
        Limits { entries, ..*self }
    }

    /// # Errors
    /// If there are more of them than the limit says.
    pub(crate) fn check(&self, what: &'static str, size: u64, limit: u64) -> Result<(), Error> {
        match size <= limit {
            true => Ok(()),
            false => Err(Error::Limit { what, size, limit }),
        }
    }
}
