//! The bytes of a section before they have a place in a file: new ones, and some of another image.

/// Bytes that lie in several places, some of them in another image.
///
/// ```
/// use rblmap_format::pieces::{Piece, Pieces};
/// let order = vec![Piece::New(3), Piece::Other(b" as it was "), Piece::New(2)];
/// let pieces = Pieces::new(b"newer".to_vec(), order);
/// assert_eq!(pieces.iter().collect::<Vec<_>>().concat(), b"new as it was er");
/// ```
pub struct Pieces<'a> {
    /// Those that are new, one after the other.
    new: Vec<u8>,
    order: Vec<Piece<'a>>,
}

/// A part of [`Pieces`].
///
/// See the example of [`Pieces`].
pub enum Piece<'a> {
    /// The next so many of the new bytes.
    New(usize),
    /// Bytes that lie elsewhere.
    Other(&'a [u8]),
}

impl<'a> Pieces<'a> {
    /// New bytes, and the order of all.
    pub fn new(new: Vec<u8>, order: Vec<Piece<'a>>) -> Pieces<'a> {
        Pieces { new, order }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        let lens = self.order.iter().map(|piece| match piece {
            Piece::New(count) => *count,
            Piece::Other(bytes) => bytes.len(),
        });
        lens.sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut new = self.new.as_slice();
        self.order.iter().map(move |piece| match piece {
            Piece::New(count) => {
                let next = new.split_off(..*count);
                next.expect("the order names as many new bytes as there are")
            }
            Piece::Other(bytes) => bytes,
        })
    }
}

impl From<Vec<u8>> for Pieces<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Pieces {
            order: vec![Piece::New(bytes.len())],
            new: bytes,
        }
    }
}
