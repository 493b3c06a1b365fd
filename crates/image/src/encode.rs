//! Content to image: sections made in parallel, put one after the other, digests and root last.

use rblmap::Image;
use rblmap_content::{Content, ContentId, V4Runs, ZoneContent, ZoneName};
use rblmap_format::bytes::put_bytes;
use rblmap_format::names::{codes, sorted as sorted_names};
use rblmap_format::pieces::Pieces;
use rblmap_format::sections::{self as layout, SECTION_LEN, kind};
use rblmap_format::{SectionInfo, sorted, v4, v6};

use crate::edited::{V4Source, V4View};
use crate::error::Error;
use crate::lines::V4Lines;
use crate::section::{self, Section};
use crate::stamp::Stamp;

/// The bytes of the image of a content: a function of its arguments alone, not of threads, time
/// or machine. `docs/format.md` describes them.
///
/// ```
/// # use rblmap_content::Draft;
/// # use rblmap_image::{Stamp, encode};
/// let content = Draft::new("ops.example".parse()?).finish()?;
/// let bytes = encode(&content, Stamp { serial: 7, created: 1_700_000_000 })?;
/// let image = rblmap::Image::from_vec(bytes)?;
/// assert_eq!((image.name(), image.serial()), ("ops.example", 7));
/// image.verify()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Content that the format cannot hold: 4 GiB of values or of names, 1 GiB of IPv4 lines.
pub fn encode<V4: V4Source>(content: &Content<V4>, stamp: Stamp) -> Result<Vec<u8>, Error> {
    encode_with(content, stamp, Layout::default())
}

/// What may be left out of an image.
///
/// See the example of [`encode_with`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Whether large zones have the order of their names: for dumps and updates without sorting,
    /// and to list the names below one. Lookups do not need it; it takes 4 bytes a name.
    pub name_index: bool,
}

impl Default for Layout {
    fn default() -> Layout {
        Layout { name_index: true }
    }
}

impl Layout {
    /// The layout of an image, to write another like it.
    pub fn of(image: &Image) -> Layout {
        let has = |wanted| image.sections().any(|section| section.kind == wanted);
        Layout {
            name_index: has(kind::NAMES_ORDER) || !has(kind::NAMES_MODEL),
        }
    }
}

/// As [`encode`], in a chosen layout.
///
/// ```
/// # use rblmap_content::Draft;
/// # use rblmap_image::{Layout, Stamp, encode, encode_with};
/// let content = Draft::new("ops.example".parse()?).finish()?;
/// let layout = Layout { name_index: false };
/// let bytes = encode_with(&content, Stamp::default(), layout)?;
/// // Few names are sorted anyway.
/// assert_eq!(bytes, encode(&content, Stamp::default())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`encode`].
pub fn encode_with<V4: V4Source>(
    content: &Content<V4>,
    stamp: Stamp,
    layout: Layout,
) -> Result<Vec<u8>, Error> {
    encode_named(content, content.id(), stamp, layout)
}

/// As [`encode_with`], for whoever has computed the content's id already; `id` is what
/// [`Content::id`] gives.
///
/// ```
/// # use rblmap_content::Draft;
/// # use rblmap_image::{Layout, Stamp, encode, encode_named};
/// let content = Draft::new("ops.example".parse()?).finish()?;
/// let bytes = encode_named(&content, content.id(), Stamp::default(), Layout::default())?;
/// assert_eq!(bytes, encode(&content, Stamp::default())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`encode`].
pub fn encode_named<V4: V4Source>(
    content: &Content<V4>,
    id: ContentId,
    stamp: Stamp,
    layout: Layout,
) -> Result<Vec<u8>, Error> {
    let sections = sections_of(content, id, layout)?;
    Ok(assemble(content.name(), id, stamp, sections))
}

fn sections_of<V4: V4Source>(
    content: &Content<V4>,
    id: ContentId,
    layout: Layout,
) -> Result<Vec<Section<'_>>, Error> {
    let mut sections = vec![Section {
        kind: kind::ZONES,
        zone: 0,
        parameter: content.zones().len() as u64,
        bytes: vec![section::zones::encode_zones(content)?.into()],
    }];
    if !content.values().is_empty() {
        sections.push(Section {
            kind: kind::VALUES,
            zone: 0,
            parameter: section::zones::values_parameter(content.values()),
            bytes: vec![section::zones::encode_values(content.values())?],
        });
    }
    let values = u32::try_from(content.values().len()).expect("the id of a value is a u32");
    for (number, zone) in (0u32..).zip(content.zones()) {
        let width = layout::id_width(values);
        encode_v4(number, zone.v4_runs().view(), width, &mut sections)?;
        encode_v6(number, zone, width, &mut sections)?;
        encode_names(number, zone, values, (id, layout), &mut sections)?;
    }
    sections.sort_by_key(|section| (section.zone, section.kind));
    Ok(sections)
}

/// An image to be, of content whose addresses are lines: all of it but these, so that the memory which
/// has them can become that of the image.
///
/// ```
/// use rblmap_content::Draft;
/// use rblmap_format::{NameKey, Run};
/// use rblmap_image::{AroundLines, Layout, LineWriter, Stamp, V4Image, encode};
/// # use rblmap_content::{Record, ValueBuf};
///
/// # let a = Some([127, 0, 0, 2].into());
/// # let value = ValueBuf::new([Record { a, text: None }]);
/// let mut draft = Draft::<V4Image<'_>>::empty("ops.example".parse()?);
/// let value = draft.values.intern(&value).expect("not empty");
/// let every_other = (0..140_000).map(|n| Run { start: 2 * n, end: 2 * n, value });
/// let mut writer = LineWriter::new(1);
/// writer.push(&every_other.collect::<Vec<_>>())?;
/// let lines = [Some(writer.finish()?)];
/// let runs = lines[0].as_ref().and_then(|lines| lines.runs());
/// draft.zone_mut(&NameKey::ROOT).v4 = runs.expect("they are what was written");
/// let content = draft.finish()?;
///
/// let expected = encode(&content, Stamp::default())?;
/// let id = content.id();
/// let around = AroundLines::of(&content, &lines, (id, Stamp::default()), Layout::default())?;
/// drop(content);
/// assert!(around.put(lines.into()) == expected);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AroundLines {
    name: ZoneName,
    id: ContentId,
    stamp: Stamp,
    /// Those that are lines have no bytes, but the number of these lines.
    sections: Vec<(Section<'static>, Option<usize>)>,
}

impl AroundLines {
    /// Makes it, of content with addresses in these lines.
    ///
    /// # Errors
    /// As for [`encode`].
    pub fn of<V4: V4Source>(
        content: &Content<V4>,
        lines: &[Option<V4Lines>],
        (id, stamp): (ContentId, Stamp),
        layout: Layout,
    ) -> Result<AroundLines, Error> {
        let apart = |section: Section<'_>| {
            let is_section = |lines: &Option<V4Lines>| {
                let lines = lines.as_ref().map(V4Lines::as_bytes);
                lines.is_some_and(|lines| section.is(lines))
            };
            match lines.iter().position(is_section) {
                Some(nth) => (section.without_bytes(), Some(nth)),
                None => (section.into_owned(), None),
            }
        };
        let sections = sections_of(content, id, layout)?;
        Ok(AroundLines {
            name: content.name().clone(),
            id,
            stamp,
            sections: sections.into_iter().map(apart).collect(),
        })
    }

    /// The bytes of the image, with the lines that it was made of.
    pub fn put(self, mut lines: Vec<Option<V4Lines>>) -> Vec<u8> {
        let whole = |(mut section, nth): (Section<'static>, Option<usize>)| {
            let lines = nth.and_then(|nth| lines.get_mut(nth)?.take());
            section
                .bytes
                .extend(lines.map(|lines| lines.into_bytes().into()));
            section
        };
        let sections = self.sections.into_iter().map(whole).collect();
        assemble(&self.name, self.id, self.stamp, sections)
    }
}

fn encode_v4<'a>(
    number: u32,
    runs: V4View<'a>,
    width: usize,
    sections: &mut Vec<Section<'a>>,
) -> Result<(), Error> {
    let mut push = |kind, parameter, bytes: Vec<Pieces<'a>>| {
        sections.push(Section {
            kind,
            zone: number,
            parameter,
            bytes,
        });
    };
    // Each run makes one entry at least.
    let many = runs.len() > layout::V4_SORTED_MAX
        || sorted::entry_count(&runs.to_list()) > layout::V4_SORTED_MAX;
    if many {
        let lines = section::v4::encode(runs, width)?;
        let len: usize = lines.lines.iter().map(Pieces::len).sum();
        let count = (len / v4::shape::LINE) as u64;
        let bits = (len >= layout::V4_BITS_FROM).then(|| section::v4::bits(&lines, runs));
        push(kind::V4_TOP, 0, vec![lines.top.into()]);
        push(kind::V4_STARTS, count, vec![lines.starts.into()]);
        if !lines.counts.is_empty() {
            push(
                kind::V4_COUNTS,
                (lines.counts.len() / 8) as u64,
                vec![lines.counts.into()],
            );
        }
        if let Some(bits) = bits {
            push(kind::V4_BITS, 0, vec![bits.into()]);
        }
        push(kind::V4_LINES, count, lines.lines);
    } else if !runs.is_empty() {
        let (bytes, parameter) = sorted::write(&runs.to_list(), width);
        push(kind::V4_SORTED, parameter, vec![bytes.into()]);
    }
    Ok(())
}

fn encode_v6<V4: V4Runs>(
    number: u32,
    zone: &ZoneContent<V4>,
    width: usize,
    sections: &mut Vec<Section<'_>>,
) -> Result<(), Error> {
    let mut push = |kind, parameter, bytes: Vec<u8>| {
        sections.push(Section {
            kind,
            zone: number,
            parameter,
            bytes: vec![bytes.into()],
        });
    };
    if sorted::entry_count(zone.v6()) > layout::V6_SORTED_MAX {
        let lines = v6::write::write(zone.v6(), width)?;
        let count = (lines.lines.len() / v6::shape::LINE) as u64;
        push(kind::V6_TOP, 0, lines.top);
        if !lines.ranges.is_empty() {
            let rows = lines.ranges.len() / v6::shape::RANGE_LEN;
            push(kind::V6_RANGES, rows as u64, lines.ranges);
        }
        push(kind::V6_STARTS, count, lines.starts);
        push(kind::V6_LINES, count, lines.lines);
        if !lines.inside.is_empty() {
            let count = lines.inside.len() / v6::shape::LINE;
            push(kind::V6_INSIDE_64, count as u64, lines.inside);
        }
    } else if !zone.v6().is_empty() {
        let (bytes, parameter) = sorted::write(zone.v6(), width);
        push(kind::V6_SORTED, parameter, bytes);
    }
    Ok(())
}

fn encode_names<V4: V4Runs>(
    number: u32,
    zone: &ZoneContent<V4>,
    values: u32,
    (id, layout): (ContentId, Layout),
    sections: &mut Vec<Section<'_>>,
) -> Result<(), Error> {
    let names = zone.names();
    let width = layout::rule_width(values);
    let mut push = |kind, parameter: usize, bytes: Vec<u8>| {
        sections.push(Section {
            kind,
            zone: number,
            parameter: parameter as u64,
            bytes: vec![bytes.into()],
        });
    };
    if names.is_empty() {
        return Ok(());
    }
    if names.len() <= layout::NAMES_SORTED_MAX {
        let bytes = sorted_names::write(names.iter(), width)?;
        push(kind::NAMES_SORTED, names.len(), bytes);
        return Ok(());
    }
    // Whoever adds names to a list cannot know the id that it will have with them.
    let key = id.as_bytes().first_chunk().copied().unwrap_or_default();
    let section::names::Encoded {
        model,
        filter,
        sections: lines,
    } = section::names::encode(names, key, width)?;
    let (suffixes, places) = model.suffixes();
    push(
        kind::NAMES_MODEL,
        names.len(),
        model.section(names.find(b"")),
    );
    push(kind::NAMES_COMMON_SUFFIXES, places, suffixes.to_vec());
    push(kind::NAMES_FILTER, filter.len() / codes::LINE, filter);
    push(
        kind::NAMES_LINES,
        lines.lines.len() / codes::LINE,
        lines.lines,
    );
    if !lines.overflow.is_empty() {
        let overflow = lines.overflow.iter();
        let overflow = overflow.filter_map(|index| names.get(*index));
        let bytes = sorted_names::write(overflow, width)?;
        push(kind::NAMES_OVERFLOW, lines.overflow.len(), bytes);
    }
    if layout.name_index {
        push(kind::NAMES_ORDER, lines.order.len() / 4, lines.order);
    }
    Ok(())
}

/// Where sections stand in the file.
struct Places {
    starts: Vec<usize>,
    /// A row for each section, in their order.
    table: Vec<u8>,
    table_end: usize,
    /// Behind the last section, where the digests begin.
    end: usize,
    digests_len: usize,
}

impl Places {
    fn of(sections: &[Section<'_>]) -> Places {
        let count = sections.len() + 1;
        let table_end = layout::HEADER_LEN + count * SECTION_LEN;
        let mut table = Vec::with_capacity(count * SECTION_LEN);
        let mut starts = Vec::with_capacity(sections.len());
        let mut end = table_end;
        for section in sections {
            let start = aligned(end, section.len());
            push_row(&mut table, section, start);
            starts.push(start);
            end = start + section.len();
        }
        end = aligned(end, 0);
        let digests_len = (end - table_end).div_ceil(layout::CHUNK) * 32;
        let last = SectionInfo {
            kind: kind::DIGESTS,
            zone: 0,
            offset: end as u64,
            len: digests_len as u64,
            parameter: 0,
        };
        last.write(&mut table);
        Places {
            starts,
            table,
            table_end,
            end,
            digests_len,
        }
    }

    fn file_len(&self) -> usize {
        self.end + self.digests_len
    }

    /// Writes header, section table and root; the digests are of the sections.
    fn put_head(
        &self,
        out: &mut [u8],
        (name, id): (&ZoneName, ContentId),
        stamp: Stamp,
        digests: &[u8],
    ) {
        put_bytes(out, layout::HEADER_LEN, &self.table);
        put_header(
            out,
            (name, id),
            stamp,
            (self.starts.len() + 1, self.file_len()),
        );
        if let Some(root) = rblmap::root_digest(out, self.table_end, digests) {
            put_bytes(out, layout::ROOT_AT, &root);
        }
    }
}

/// Gives each section its place, then adds digests, table, header and root.
fn assemble(name: &ZoneName, id: ContentId, stamp: Stamp, sections: Vec<Section<'_>>) -> Vec<u8> {
    let places = Places::of(&sections);
    let starts = places.starts.iter().copied();
    let mut placed: Vec<(usize, Section<'_>)> = starts.zip(sections).collect();
    let mut out = room(&mut placed, places.file_len());
    let covered = places.table_end..places.end;
    let digests = section::copy_all(&placed, &mut out, covered);
    drop(placed);
    put_bytes(&mut out, places.end, &digests);
    places.put_head(&mut out, (name, id), stamp, &digests);
    out
}

/// Whether an image is what its content is written as, byte for byte. The image is not made once more
/// for that, so this takes the memory of one. The caller has verified the image: its digests are
/// believed. `id` is what [`Content::id`] gives.
///
/// ```
/// use rblmap_image::{decode_in_place, is_written_as};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// image.verify()?;
/// let content = decode_in_place(&image)?;
/// assert!(is_written_as(&image, &content, content.id())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`encode`].
pub fn is_written_as<V4: V4Source>(
    image: &Image,
    content: &Content<V4>,
    id: ContentId,
) -> Result<bool, Error> {
    let sections = sections_of(content, id, Layout::of(image))?;
    let places = Places::of(&sections);
    let bytes = image.as_bytes();
    if bytes.len() != places.file_len() {
        return Ok(false);
    }
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let (mut rest, mut at) = (bytes, 0);
    // What comes next up to there; nothing more is asked for than the image has.
    let mut up_to = |end: usize| {
        let next = rest.split_off(..end - at).unwrap_or_default();
        at = end;
        next
    };
    let head = up_to(places.table_end);
    for (start, section) in places.starts.iter().zip(&sections) {
        let same = is_zero(up_to(*start)) && section.equals(up_to(start + section.len()));
        if !same {
            return Ok(false);
        }
    }
    let rest_is_zero = is_zero(up_to(places.end));
    let stamp = Stamp {
        serial: image.serial(),
        created: image.created(),
    };
    let mut expected = vec![0; places.table_end];
    let digests = up_to(places.file_len());
    places.put_head(&mut expected, (content.name(), id), stamp, digests);
    Ok(rest_is_zero && head == expected)
}

/// Zeros, with the longest section in its place if it is one vector and at least half of all: its memory
/// becomes that of the image, so that it is not held twice. Else nothing is written here: the system
/// gives pages of zeros when they are written to, which takes most of the time.
fn room(placed: &mut [(usize, Section<'_>)], len: usize) -> Vec<u8> {
    let is_vector = |section: &Section<'_>| {
        section.bytes.len() == 1 && section.bytes.iter().all(Pieces::is_new)
    };
    let vectors = placed.iter_mut();
    let vectors = vectors.filter(|(_, it)| is_vector(it) && it.len() >= len / 2);
    let Some((start, section)) = vectors.max_by_key(|(_, section)| section.len()) else {
        return vec![0; len];
    };
    let mut out = section
        .bytes
        .pop()
        .map(Pieces::into_vec)
        .unwrap_or_default();
    let had = out.len();
    out.reserve_exact(len - had);
    out.resize(len, 0);
    out.copy_within(..had, *start);
    let before = out.get_mut(..had.min(*start));
    before.unwrap_or_default().fill(0);
    out
}

fn put_header(
    out: &mut [u8],
    (name, id): (&ZoneName, ContentId),
    stamp: Stamp,
    (sections, file_len): (usize, usize),
) {
    let name = name.as_str().as_bytes();
    let file_len = file_len as u64;
    put_bytes(out, 0, &layout::MAGIC);
    put_bytes(out, layout::FORMAT_AT, &layout::FORMAT.to_le_bytes());
    let sections = u32::try_from(sections).expect("a list has far fewer than 2^32 subzones");
    put_bytes(out, layout::SECTION_COUNT_AT, &sections.to_le_bytes());
    put_bytes(out, layout::FILE_LEN_AT, &file_len.to_le_bytes());
    put_bytes(out, layout::SERIAL_AT, &stamp.serial.to_le_bytes());
    put_bytes(out, layout::CREATED_AT, &stamp.created.to_le_bytes());
    let name_len = u8::try_from(name.len()).expect("a zone name has at most 253 bytes");
    put_bytes(out, layout::NAME_AT, &[name_len]);
    put_bytes(out, layout::NAME_AT + 1, name);
    put_bytes(out, layout::CONTENT_ID_AT, id.as_bytes());
}

fn push_row(table: &mut Vec<u8>, section: &Section<'_>, offset: usize) {
    let row = SectionInfo {
        kind: section.kind,
        zone: section.zone,
        offset: offset as u64,
        len: section.len() as u64,
        parameter: section.parameter,
    };
    row.write(table);
}

/// Where a section of so many bytes begins behind another one.
fn aligned(end: usize, next_len: usize) -> usize {
    let align = if next_len < layout::BIG_SECTION {
        layout::ALIGN
    } else {
        layout::BIG_ALIGN
    };
    end.next_multiple_of(align)
}
