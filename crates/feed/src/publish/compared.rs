//! Compares an image that is made with one that is there, while it is made.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// An image, and what is known of another one that comes in parts. So a check holds no second image.
pub(super) struct Compared<'i> {
    image: &'i [u8],
    /// How many bytes of the other one have come.
    come: AtomicU64,
    differs: AtomicBool,
}

impl<'i> Compared<'i> {
    pub(super) fn with(image: &'i [u8]) -> Compared<'i> {
        Compared {
            image,
            come: AtomicU64::new(0),
            differs: AtomicBool::new(false),
        }
    }

    /// Compares a part of the other one, whose first byte is at an offset. Never fails.
    pub(super) fn put(&self, offset: u64, part: &[u8]) -> io::Result<()> {
        let from = usize::try_from(offset).ok();
        let here = from
            .and_then(|from| self.image.get(from..))
            .unwrap_or_default();
        if !here.starts_with(part) {
            self.differs.store(true, Ordering::Relaxed);
        }
        self.come.fetch_add(part.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the other one, all of which has come, has other bytes or another length.
    pub(super) fn differs(&self) -> bool {
        self.differs.load(Ordering::Relaxed)
            || self.come.load(Ordering::Relaxed) != self.image.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_and_other_lengths_are_seen() {
        let differs = |parts: &[(u64, &[u8])]| {
            let compared = Compared::with(b"an image");
            for (offset, part) in parts {
                compared.put(*offset, part).unwrap();
            }
            compared.differs()
        };
        assert!(!differs(&[(3, b"image"), (0, b"an ")]));
        assert!(differs(&[(3, b"Image"), (0, b"an ")]));
        assert!(differs(&[(3, b"imag"), (0, b"an ")]));
        assert!(differs(&[(3, b"images"), (0, b"an ")]));
        assert!(differs(&[(0, b"an image"), (8, b"s")]));
    }
}
