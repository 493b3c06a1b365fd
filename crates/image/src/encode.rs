//! Content to image: sections made in parallel, and [`Assembly`] that puts them one after the other.

use std::io;

use rblmap::Image;
use rblmap_content::{Content, ContentId, V4Runs, ZoneContent};
use rblmap_format::names::{codes, sorted as sorted_names};
use rblmap_format::pieces::Pieces;
use rblmap_format::sections::{self as layout, kind};
use rblmap_format::{sorted, v4, v6};

use crate::assembly::Assembly;
use crate::edited::{V4Source, V4View};
use crate::error::Error;
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
    Ok(assembly_of(content, id, stamp, layout)?.to_vec())
}

/// As [`encode_named`], to wherever `put` brings the bytes: it is given all parts of the image, each
/// with the offset of its first byte, in any order and from several threads, but for the first one, which has no
/// bytes and lies where the image ends ([`Put`](crate::Put)). So nobody holds a whole image to write it to a
/// file. Gives the root of the image.
///
/// ```
/// use std::os::unix::fs::FileExt;
/// # use rblmap_content::Draft;
/// # use rblmap_image::{Layout, Stamp, encode_to};
/// let content = Draft::new("ops.example".parse()?).finish()?;
/// let file = tempfile::NamedTempFile::new()?;
/// let put = |offset, part: &[u8]| file.as_file().write_all_at(part, offset);
/// let root = encode_to(&content, content.id(), Stamp::default(), Layout::default(), put)?;
/// let image = rblmap::Image::read(file.path())?;
/// image.verify()?;
/// assert_eq!(image.root(), root);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`encode`], and what `put` says: then some parts may be missing.
pub fn encode_to<V4: V4Source>(
    content: &Content<V4>,
    id: ContentId,
    stamp: Stamp,
    layout: Layout,
    put: impl Fn(u64, &[u8]) -> io::Result<()> + Sync,
) -> Result<[u8; 32], Error> {
    let assembly = assembly_of(content, id, stamp, layout)?;
    assembly.write(&put).map_err(Error::Write)
}

fn assembly_of<V4: V4Source>(
    content: &Content<V4>,
    id: ContentId,
    stamp: Stamp,
    layout: Layout,
) -> Result<Assembly<'_>, Error> {
    let sections = sections_of(content, id, layout)?;
    Ok(Assembly::of(content.name(), id, stamp, sections))
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
        encode_v4(number, zone.v4_runs().view(), values, &mut sections)?;
        encode_v6(number, zone, width, &mut sections)?;
        encode_names(number, zone, values, (id, layout), &mut sections)?;
    }
    sections.sort_by_key(|section| (section.zone, section.kind));
    Ok(sections)
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
    let stamp = Stamp {
        serial: image.serial(),
        created: image.created(),
    };
    let assembly = assembly_of(content, id, stamp, Layout::of(image))?;
    Ok(assembly.is(image.as_bytes()))
}

fn encode_v4<'a>(
    number: u32,
    runs: V4View<'a>,
    values: u32,
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
        let (lines, counts) = section::v4::encode(runs, values)?;
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
        push(kind::V4_RUN_COUNTS, 0, vec![counts.to_bytes().into()]);
    } else if !runs.is_empty() {
        let width = layout::id_width(values);
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
