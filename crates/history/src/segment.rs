//! One file of a history: what some updates changed.

mod codec;
mod entries;
mod layout;
mod version;
mod write;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rblmap::Value;

use crate::error::Error;
pub(crate) use codec::{Said, Step};
use entries::Entries;
use layout::Layout;
pub use version::Version;
pub(crate) use write::{Part, Writer, merge};

/// A segment in memory, whose bytes were found to be whole.
///
/// See the example of [`Segment::read`].
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    bytes: Vec<u8>,
    layout: Layout,
}

impl Segment {
    /// Reads a segment and compares it with its hash. Linear in its bytes.
    ///
    /// ```
    /// use rblmap_history::{Error, Segment};
    /// let missing = Segment::read("no/such.segment".as_ref());
    /// assert!(matches!(missing, Err(Error::Read { .. })));
    /// ```
    ///
    /// # Errors
    /// A file that cannot be read, is no segment, is of another version, or is damaged.
    pub fn read(path: &Path) -> Result<Segment, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Segment::from_bytes(path, bytes)
    }

    pub(crate) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Segment, Error> {
        let layout = Layout::read(path, &bytes)?;
        Ok(Segment {
            path: path.to_owned(),
            bytes,
            layout,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        std::str::from_utf8(self.slice(&self.layout.zone)).unwrap_or_default()
    }

    /// The content before the first update.
    pub fn base(&self) -> Version {
        self.layout.base
    }

    /// What the updates led to, in their order. There are none where the history begins.
    pub fn versions(&self) -> impl ExactSizeIterator<Item = Version> + '_ {
        (0..self.layout.versions).map(|index| self.layout.version(&self.bytes, index))
    }

    /// The last content that the segment knows.
    pub fn last(&self) -> Version {
        self.versions().last().unwrap_or_else(|| self.base())
    }

    /// How many networks and names changed.
    pub fn key_count(&self) -> usize {
        self.layout.keys
    }

    /// How many changes there were.
    pub fn event_count(&self) -> u64 {
        self.layout.event_count.into()
    }

    /// How many values there are.
    pub fn value_count(&self) -> usize {
        self.layout.values
    }

    /// How many bytes the file has.
    pub fn byte_count(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// How often each kind of change occurs. Reads all of them.
    pub fn kinds(&self) -> BTreeMap<&'static str, u64> {
        let mut kinds = BTreeMap::new();
        self.each(|_, steps| {
            for step in steps {
                *kinds.entry(step.word()).or_default() += 1;
            }
        });
        kinds
    }

    /// Whether networks of this length occur; `width` is 32 for IPv4 and 128 for IPv6.
    pub(crate) fn has_length(&self, width: u8, len: u8) -> bool {
        if width == 32 {
            return self.layout.v4_lengths >> len & 1 == 1;
        }
        let word = self.layout.v6_lengths.get(usize::from(len / 64));
        word.is_some_and(|word| word >> (len % 64) & 1 == 1)
    }

    /// The content of an update, by its place.
    pub(crate) fn version(&self, place: u32) -> Version {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if place < self.layout.versions {
            self.layout.version(&self.bytes, place)
        } else {
            self.last()
        }
    }

    /// The value of an id; the empty one where there is none.
    pub(crate) fn value(&self, id: u32) -> Value<'_> {
        Value::new(self.layout.value(&self.bytes, id))
    }

    /// The steps of a key, oldest first.
    pub(crate) fn steps(&self, key: &[u8]) -> Vec<Step> {
        self.entries().steps(key)
    }

    /// The steps of every key from `first` to `last`, both included.
    pub(crate) fn each_between(
        &self,
        first: &[u8],
        last: &[u8],
        mut see: impl FnMut(&[u8], &[Step]),
    ) {
        let mut cursor = self.entries().seek(first);
        while let Some((key, steps)) = cursor.entry().filter(|(key, _)| *key <= last) {
            see(key, steps);
            cursor.advance();
        }
    }

    /// The steps of every key.
    pub(crate) fn each(&self, mut see: impl FnMut(&[u8], &[Step])) {
        let mut cursor = self.entries().first();
        while let Some((key, steps)) = cursor.entry() {
            see(key, steps);
            cursor.advance();
        }
    }

    fn entries(&self) -> Entries<'_> {
        Entries {
            bytes: self.slice(&self.layout.entries),
            offsets: self.slice(&self.layout.offsets),
            keys: self.layout.keys,
            values: self.layout.values,
        }
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

impl Segment {
    /// What merging reads.
    pub(crate) fn part(&self) -> Part<'_> {
        let count = u32::try_from(self.layout.values).unwrap_or(u32::MAX);
        Part {
            versions: self.versions().collect(),
            values: (0..count).map(|id| self.value(id).as_bytes()).collect(),
            entries: self.entries(),
        }
    }
}
