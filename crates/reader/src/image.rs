//! Opens images: header, section table, bounds; nothing else is read until a lookup needs it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use crate::error::{Error, ErrorKind};
use rblmap_format::SectionInfo;
use rblmap_format::Value;
use rblmap_format::ValueId;
use rblmap_format::bytes::{array_at, u16_at, u32_at, u64_at};
use rblmap_format::sections::{self as layout, SECTION_LEN, kind};

/// A block list image: what a zone and its subzones say.
///
/// See the example of [`Image::read`].
#[derive(Debug)]
pub struct Image {
    data: Data,
    values: usize,
    /// Ids up to this one are known to be of values with an A record.
    listing: u32,
    /// Where the ends and the bytes of the values lie, checked once.
    value_ends: Range<usize>,
    value_bytes: Range<usize>,
}

#[derive(Debug)]
enum Data {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Image {
    /// Maps an image. Costs the same for any size: header and section table are checked, the rest
    /// is read when a lookup comes to it.
    ///
    /// ```no_run
    /// // SAFETY: `rblmap mirror` replaces the file by rename only, and nobody else writes to it.
    /// let image = unsafe { rblmap::Image::map("/var/lib/rblmap/ops.example.rbl") }?;
    /// assert!(image.base().lookup([127, 0, 0, 2]).is_listed());
    /// # Ok::<(), rblmap::Error>(())
    /// ```
    ///
    /// # Safety
    /// Nobody changes or shortens the file while it is mapped. New versions come by renaming
    /// another file over it, as `rblmap build` and `rblmap mirror` do. Where that cannot be
    /// promised (network file systems, editors), use [`Image::read`]: texts of a mapped file that
    /// is written to change under the reader, and one that shrinks ends the process with SIGBUS.
    ///
    /// # Errors
    /// A file that cannot be read, is no image, has a newer format, or another length than it
    /// says.
    #[expect(
        unsafe_code,
        reason = "a promise about the file is asked of the caller"
    )]
    pub unsafe fn map(path: impl AsRef<Path>) -> Result<Image, Error> {
        let path = path.as_ref();
        let image = open_file(path).and_then(|file| Image::map_file(&file, file.metadata()?.len()));
        image.map_err(|error| error.at(path))
    }

    /// Copies an image into memory. Costs reading the file, asks for no promise.
    ///
    /// ```
    /// let image = rblmap::Image::read("testdata/three.rbl")?;
    /// assert_eq!(image.name(), "ops.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Image::map`].
    pub fn read(path: impl AsRef<Path>) -> Result<Image, Error> {
        let path = path.as_ref();
        let image = open_file(path).and_then(Image::read_file);
        image.map_err(|error| error.at(path))
    }

    /// Takes the bytes of an image.
    ///
    /// ```
    /// let bytes = std::fs::read("testdata/three.rbl")?;
    /// assert!(rblmap::Image::from_vec(bytes[..100].to_vec()).is_err());
    /// assert_eq!(rblmap::Image::from_vec(bytes)?.serial(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Image::map`].
    pub fn from_vec(bytes: Vec<u8>) -> Result<Image, Error> {
        Image::check(Data::Owned(bytes))
    }

    /// An image that holds nothing, for who waits for one.
    #[cfg(unix)]
    pub(crate) fn none() -> Image {
        Image {
            data: Data::Owned(Vec::new()),
            values: 0,
            listing: 0,
            value_ends: 0..0,
            value_bytes: 0..0,
        }
    }

    /// The name of the zone, `ops.example`.
    pub fn name(&self) -> &str {
        let bytes = self.as_bytes();
        let len = bytes.get(layout::NAME_AT).copied().map_or(0, usize::from);
        let name = bytes.get(layout::NAME_AT + 1..layout::NAME_AT + 1 + len);
        // Checked when the image was opened.
        name.and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }

    /// The number of the content in its publisher's line; 0 if it was not published.
    pub fn serial(&self) -> u64 {
        u64_at(self.as_bytes(), layout::SERIAL_AT)
    }

    /// When the content was made, in seconds since 1970; 0 if it was not published.
    pub fn created(&self) -> u64 {
        u64_at(self.as_bytes(), layout::CREATED_AT)
    }

    /// The content id that the header names. Only `rblmap verify` compares it with the content.
    pub fn content_id(&self) -> [u8; 32] {
        array_at(self.as_bytes(), layout::CONTENT_ID_AT).unwrap_or_default()
    }

    /// The version of the image format.
    pub fn format(&self) -> u16 {
        u16_at(self.as_bytes(), layout::FORMAT_AT)
    }

    /// All bytes of the image.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.data {
            Data::Mapped(map) => map,
            Data::Owned(bytes) => bytes,
        }
    }

    /// Maps an open file; see [`Image::map`].
    pub(crate) fn map_file(file: &File, len: u64) -> Result<Image, Error> {
        let Some(len) = usize::try_from(len).ok().filter(|&len| len > 0) else {
            return Err(Error::new(ErrorKind::NotAnImage));
        };
        #[expect(
            unsafe_code,
            reason = "mapping a file is a promise about the file system"
        )]
        // SAFETY: the caller was asked to see to it that the file is replaced only by rename, so
        // that the bytes do not change while they are mapped; the mapping is read-only.
        let map = unsafe { memmap2::MmapOptions::new().len(len).map(file) }?;
        Image::check(Data::Mapped(map))
    }

    /// Copies an open file into memory.
    pub(crate) fn read_file(mut file: File) -> Result<Image, Error> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // Of exact length, so that valgrind sees a read outside of it.
        bytes.shrink_to_fit();
        Image::check(Data::Owned(bytes))
    }

    /// How many values the image has.
    pub fn value_count(&self) -> usize {
        self.values
    }

    /// Ids up to this one are known to be of values with an A record.
    pub(crate) fn listing(&self) -> u32 {
        self.listing
    }

    /// The value of an id; the empty one for an id that the image does not have.
    #[inline]
    pub fn value(&self, id: ValueId) -> Value<'_> {
        let ends = self
            .as_bytes()
            .get(self.value_ends.clone())
            .unwrap_or_default();
        let rank = id.rank() as usize;
        let start = rank
            .checked_sub(1)
            .map_or(0, |before| u32_at(ends, before * 4) as usize);
        let end = u32_at(ends, rank.saturating_mul(4)) as usize;
        let all = self.as_bytes().get(self.value_bytes.clone());
        let bytes = all.and_then(|all| all.get(start..end));
        Value::new(bytes.unwrap_or_default())
    }

    /// All values: where each ends, as 32 bits in little-endian order, and the bytes of all of them, one
    /// behind the other.
    ///
    /// ```
    /// let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let (ends, bytes) = image.value_table();
    /// assert_eq!(ends.len(), image.value_count());
    /// assert_eq!(ends.last().map(|end| u32::from_le_bytes(*end) as usize), Some(bytes.len()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value_table(&self) -> (&[[u8; 4]], &[u8]) {
        let all = self.as_bytes();
        let ends = all.get(self.value_ends.clone()).unwrap_or_default();
        let bytes = all.get(self.value_bytes.clone()).unwrap_or_default();
        (ends.as_chunks().0, bytes)
    }

    /// Whether an id is of a value with an A record. Asked only where some value has none.
    #[cold]
    #[inline(never)]
    pub(crate) fn is_listing(&self, id: ValueId) -> bool {
        self.value(id).is_listed()
    }

    /// The section table, for `rblmap info`.
    ///
    /// ```
    /// # let image = rblmap::Image::read("testdata/three.rbl")?;
    /// let names: Vec<&str> = image.sections().map(|section| section.name()).collect();
    /// assert_eq!(names[..2], ["ZONES", "VALUES"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(hidden)]
    pub fn sections(&self) -> impl ExactSizeIterator<Item = SectionInfo> {
        (0..self.section_count()).map(|index| self.section(index))
    }

    fn check(data: Data) -> Result<Image, Error> {
        let mut image = Image {
            data,
            values: 0,
            listing: 0,
            value_ends: 0..0,
            value_bytes: 0..0,
        };
        image.check_header()?;
        image.check_sections()?;
        image.find_values()?;
        image.check_zone_list()?;
        image.zone_at(0)?;
        Ok(image)
    }

    /// The header is of an image of this format, and says how long the file is.
    fn check_header(&self) -> Result<(), Error> {
        let bytes = self.as_bytes();
        let found = bytes.len() as u64;
        let head = bytes
            .get(..layout::MAGIC.len().min(bytes.len()))
            .unwrap_or_default();
        if head.is_empty() || !layout::MAGIC.starts_with(head) {
            return Err(Error::new(ErrorKind::NotAnImage));
        }
        let length = |expected| Err(Error::new(ErrorKind::Length { found, expected }));
        if bytes.len() < layout::HEADER_LEN {
            return length(layout::HEADER_LEN as u64);
        }
        let known = layout::FORMAT;
        match self.format() {
            0 => return bad_field("format version", layout::FORMAT_AT),
            found if found < known => {
                return Err(Error::new(ErrorKind::OlderFormat { found, known }));
            }
            found if found > known => {
                return Err(Error::new(ErrorKind::NewerFormat { found, known }));
            }
            _ => {}
        }
        let expected = u64_at(bytes, layout::FILE_LEN_AT);
        if expected != found {
            return length(expected);
        }
        self.check_name()
    }

    /// The name of the zone is one, and all bytes of the header that are not in use are zero.
    fn check_name(&self) -> Result<(), Error> {
        let bytes = self.as_bytes();
        let name_len = bytes.get(layout::NAME_AT).copied().map_or(0, usize::from);
        let name_end = layout::NAME_AT + 1 + name_len;
        let name = bytes.get(layout::NAME_AT + 1..name_end).unwrap_or_default();
        let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(b);
        if name.is_empty() || name.len() > 253 || !name.iter().all(allowed) {
            return bad_field("zone name", layout::NAME_AT);
        }
        let reserved = [
            (layout::FORMAT_AT + 2, layout::SECTION_COUNT_AT),
            (name_end, layout::CONTENT_ID_AT),
            (layout::ROOT_END, layout::HEADER_LEN),
        ];
        let is_used = |&(from, to): &(usize, usize)| {
            let bytes = bytes.get(from..to).unwrap_or_default();
            bytes.iter().any(|&byte| byte != 0)
        };
        match reserved.iter().find(|range| is_used(range)) {
            Some(&(from, _)) => bad_field("reserved bytes", from),
            None => Ok(()),
        }
    }

    /// Sections lie after the table, one after the other, inside the file; sorted by zone and kind.
    fn check_sections(&self) -> Result<(), Error> {
        let count = self.section_count();
        let len = self.as_bytes().len() as u64;
        let bad_count = Error::new(ErrorKind::Field {
            what: "section count",
            offset: layout::SECTION_COUNT_AT as u64,
        });
        let table_end = count
            .checked_mul(SECTION_LEN)
            .and_then(|len| len.checked_add(layout::HEADER_LEN));
        let Some(table_end) = table_end.filter(|end| *end as u64 <= len) else {
            return Err(bad_count);
        };
        let mut end = table_end as u64;
        let mut last = None;
        for index in 0..count {
            let section = self.section(index);
            self.check_row(index, &section, last)?;
            let section_end = section.offset.checked_add(section.len);
            let section_end = section_end.filter(|section_end| *section_end <= len);
            end = section_end
                .filter(|_| section.offset >= end)
                .ok_or(bad(&section))?;
            last = Some(section);
        }
        if end == len {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Length {
                found: len,
                expected: end,
            }))
        }
    }

    /// A row of the section table is of a variant that is known, behind the row before it.
    fn check_row(
        &self,
        index: usize,
        section: &SectionInfo,
        last: Option<SectionInfo>,
    ) -> Result<(), Error> {
        let at = layout::HEADER_LEN + index * SECTION_LEN;
        if !section.offset.is_multiple_of(layout::ALIGN as u64) {
            return Err(bad(section));
        }
        if last.is_some_and(|last| last.order() >= section.order()) {
            return bad_field("section order", at);
        }
        if u16_at(self.as_bytes(), at + 2) != layout::VARIANT {
            return bad_field("section variant", at + 2);
        }
        Ok(())
    }

    /// There is a base, and each zone has its offset: a damaged count must not be walked.
    fn check_zone_list(&self) -> Result<(), Error> {
        let no_list = Error::new(ErrorKind::Field {
            what: "zone list",
            offset: 0,
        });
        let Some(section) = self.find(0, kind::ZONES) else {
            return Err(no_list);
        };
        let most = section.len / 4;
        if section.parameter == 0
            || section.parameter > most
            || !self.zone_record(0)?.key.is_empty()
        {
            return Err(bad(&section));
        }
        Ok(())
    }

    fn find_values(&mut self) -> Result<(), Error> {
        let Some(section) = self.find(0, kind::VALUES) else {
            return Ok(());
        };
        let bytes = self.bytes_of(&section);
        let flags = section.parameter >> 32;
        if flags > layout::SOME_WITHOUT_A {
            return Err(bad(&section));
        }
        let count = usize::try_from(section.parameter & 0xffff_ffff).ok();
        let ends_len = count.and_then(|count| count.checked_mul(4));
        let Some((count, ends_len)) = count.zip(ends_len).filter(|(_, len)| *len <= bytes.len())
        else {
            return Err(bad(&section));
        };
        let last = ends_len
            .checked_sub(4)
            .map_or(0, |at| u32_at(bytes, at) as usize);
        if last != bytes.len() - ends_len {
            return Err(bad(&section));
        }
        let start = usize::try_from(section.offset).map_err(|_| bad(&section))?;
        self.value_bytes = start + ends_len..start + bytes.len();
        self.value_ends = start..start + ends_len;
        self.values = count;
        if flags & layout::SOME_WITHOUT_A == 0 {
            self.listing = u32::try_from(count).unwrap_or(0);
        }
        Ok(())
    }

    fn section_count(&self) -> usize {
        u32_at(self.as_bytes(), layout::SECTION_COUNT_AT) as usize
    }

    pub(crate) fn section(&self, index: usize) -> SectionInfo {
        let table = self.as_bytes().get(layout::HEADER_LEN..);
        SectionInfo::read(table.unwrap_or_default(), index)
    }

    pub(crate) fn find(&self, zone: u32, kind: u16) -> Option<SectionInfo> {
        let wanted = (kind == kind::DIGESTS, zone, kind);
        let (mut low, mut high) = (0, self.section_count());
        while low < high {
            let mid = low.midpoint(high);
            let section = self.section(mid);
            match section.order().cmp(&wanted) {
                std::cmp::Ordering::Less => low = mid + 1,
                std::cmp::Ordering::Greater => high = mid,
                std::cmp::Ordering::Equal => return Some(section),
            }
        }
        None
    }

    pub(crate) fn bytes_of(&self, section: &SectionInfo) -> &[u8] {
        let range = usize::try_from(section.offset)
            .ok()
            .zip(usize::try_from(section.len).ok());
        let range = range.and_then(|(start, len)| Some(start..start.checked_add(len)?));
        range
            .and_then(|range| self.as_bytes().get(range))
            .unwrap_or_default()
    }
}

/// A field of the header or of the section table that holds what the format does not allow.
fn bad_field(what: &'static str, at: usize) -> Result<(), Error> {
    let offset = at as u64;
    Err(Error::new(ErrorKind::Field { what, offset }))
}

/// A section whose bytes do not fit together.
pub(crate) fn bad(section: &SectionInfo) -> Error {
    Error::new(ErrorKind::Section {
        what: section.name(),
        offset: section.offset,
        len: section.len,
    })
}

/// Opens a file that can be read from start to end; a pipe would block for ever.
fn open_file(path: &Path) -> Result<File, Error> {
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file").into());
    }
    Ok(File::open(path)?)
}
