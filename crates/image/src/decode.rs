//! Image to content.

use std::collections::BTreeMap;

use rblmap::{Image, NameKey, Zone};
use rblmap_content::{
    Content, Difference, Draft, Facts, Interner, LeafHasher, NotValues, V4Runs, Values,
};

use crate::edited::{BothBlocks, V4Image, list_of};
use crate::error::Error;

/// Content of which the values and the IPv4 runs of large zones stay in an image, with edits over them.
///
/// See the example of [`edited`].
pub type EditedContent<'a> = Content<V4Image<'a>>;

/// Reads all that an image says. The result is in normal form whatever the image holds;
/// [`Content::id`] tells whether it is what the image's header names.
///
/// ```
/// # let image = rblmap::Image::read("testdata/three.rbl")?;
/// let content = rblmap_image::decode(&image)?;
/// assert_eq!(content.id().as_bytes(), &image.content_id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Sections that do not fit together, values that are not canonical, runs or names that do not rise:
/// an image that [`crate::encode`] did not write.
pub fn decode(image: &Image) -> Result<Content, Error> {
    read(image, Values::of_table, false, |zone, _| list_of(zone))
}

/// As [`decode`], but the values and the IPv4 runs of large zones stay in the image: for updates, which
/// change few of them. How many runs there are is what the image says, and what it holds of a /16 that is not
/// changed is copied as it is when the content is encoded. So [`Image::verify`] comes first, or what is made of
/// it is given up: whatever a damaged image says here is of no use, but does no harm.
///
/// ```
/// # let image = rblmap::Image::read("testdata/three.rbl")?;
/// let content = rblmap_image::edited(&image)?;
/// assert_eq!(content.id().as_bytes(), &image.content_id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`decode`], but for IPv4 runs of large zones, which are not looked at.
pub fn edited(image: &Image) -> Result<EditedContent<'_>, Error> {
    read(image, Values::in_table, false, |zone, _| {
        V4Image::stored(zone, image.value_count())
    })
}

/// As [`edited`], for whoever asks for the content id next: it is prepared while the runs are counted.
///
/// ```
/// # let image = rblmap::Image::read("testdata/three.rbl")?;
/// let content = rblmap_image::edited_with_id(&image)?;
/// assert_eq!(content.id().as_bytes(), &image.content_id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`decode`].
pub fn edited_with_id(image: &Image) -> Result<EditedContent<'_>, Error> {
    read(image, Values::in_table, true, |zone, hasher| {
        V4Image::of(zone, image.value_count(), hasher)
    })
}

/// What [`edited_both`] reads.
///
/// See the example of [`edited_both`].
#[derive(Debug)]
pub struct Both<'a> {
    /// As [`edited`] gives it, but counted, not believed.
    pub old: Result<EditedContent<'a>, Error>,
    /// As [`edited_with_id`] gives it.
    pub new: Result<EditedContent<'a>, Error>,
    /// Of the zones of which it is known where their IPv4 runs differ: all differences, rising.
    pub differences: BTreeMap<NameKey, Vec<Difference<u32>>>,
}

/// Reads an old image as [`edited`] does and a new one as [`edited_with_id`], for whoever compares both. Where
/// they have the same values, as most have whose lists are two versions of one, lines of large zones that are
/// in both are read once, and it is known then where the others differ.
///
/// ```
/// # let image = rblmap::Image::read("testdata/three.rbl")?;
/// let both = rblmap_image::edited_both(&image, &image);
/// assert_eq!(both.old?.id(), both.new?.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn edited_both<'a>(old: &'a Image, new: &'a Image) -> Both<'a> {
    let mut differences = BTreeMap::new();
    if old.value_table() != new.value_table() {
        // Lines that differ are read for their ranks, which are all if ids moved: one walk counts them.
        let counted = |old| {
            read(old, Values::in_table, false, |zone, _| {
                V4Image::of(zone, old.value_count(), None)
            })
        };
        let (old, new) = rayon::join(|| counted(old), || edited_with_id(new));
        return Both {
            old,
            new,
            differences,
        };
    }
    // Both lists are the same, and looked at once.
    let (ends, bytes) = new.value_table();
    let checked = Values::in_table(ends, bytes);
    let values = new.value_count();
    // The runs of old zones, until the old image is read.
    let mut old_runs: BTreeMap<NameKey, V4Image<'a>> = BTreeMap::new();
    let is = read(
        new,
        |_, _| checked.clone(),
        true,
        |zone, hasher| {
            let both = hasher.and_then(|hasher| {
                let new = zone.v4().blocks()?;
                // Few zones are large: there is time to look for each.
                let named = |it: Zone<'a>| (it.name() == zone.name()).then_some(it);
                let old = old.zones().find_map(|it| named(it.ok()?))?;
                BothBlocks::of(old.v4().blocks()?, new, values, hasher)
            });
            let Some(both) = both else {
                return V4Image::of(zone, values, hasher);
            };
            if let Some(old) = both.old {
                old_runs.insert(zone.name(), V4Image::Blocks(Box::new(old)));
                differences.insert(zone.name(), both.differences);
            }
            V4Image::Blocks(Box::new(both.new))
        },
    );
    let was = read(
        old,
        |_, _| checked.clone(),
        false,
        |zone, _| {
            let known = old_runs.remove(&zone.name());
            known.unwrap_or_else(|| V4Image::of(zone, values, None))
        },
    );
    Both {
        old: was,
        new: is,
        differences,
    }
}

/// As [`edited`], but nothing is copied from the image when the content is encoded: for whoever wants
/// to know whether the image is what its content is written as.
///
/// ```
/// use rblmap_image::{Layout, Stamp, decode_in_place, encode_with};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let content = decode_in_place(&image)?;
/// let stamp = Stamp { serial: image.serial(), created: image.created() };
/// assert_eq!(encode_with(&content, stamp, Layout::of(&image))?, image.as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`decode`].
pub fn decode_in_place(image: &Image) -> Result<EditedContent<'_>, Error> {
    read(image, Values::in_table, true, |zone, hasher| {
        let mut v4 = V4Image::of(zone, image.value_count(), hasher);
        if let V4Image::Blocks(blocks) = &mut v4 {
            blocks.forbid_copies();
        }
        v4
    })
}

/// What an image says. `values` makes a list of where they end and their bytes; `v4` reads the IPv4 runs
/// of a zone, and is given what hashes leaves if these are to be hashed.
fn read<'a, V4: V4Runs>(
    image: &'a Image,
    values: impl FnOnce(&'a [[u8; 4]], &'a [u8]) -> Result<Values<V4::Lender>, NotValues>,
    is_hashed: bool,
    mut v4: impl FnMut(&Zone<'a>, Option<&LeafHasher<'_>>) -> V4,
) -> Result<Content<V4>, Error> {
    let bad = |what| Error::NotNormal { what };
    let name = image.name().parse().map_err(|_| bad("a zone name"))?;
    let mut draft = Draft::<V4>::empty(name);
    let (ends, bytes) = image.value_table();
    let values = values(ends, bytes).map_err(|error| match error {
        NotValues::Value => bad("a value"),
        NotValues::Order => bad("the order of values"),
    })?;
    let hasher = is_hashed.then(|| LeafHasher::new(&values));
    for zone in image.zones() {
        read_zone(&zone?, &mut draft, |zone| v4(zone, hasher.as_ref()))?;
    }
    drop(hasher);
    // The n-th value gets the n-th id, so ids of the image are ids of the draft.
    draft.values = Interner::of_sorted(values);
    Ok(draft.finish()?)
}

fn read_zone<'a, V4: V4Runs>(
    zone: &Zone<'a>,
    draft: &mut Draft<V4>,
    v4: impl FnOnce(&Zone<'a>) -> V4,
) -> Result<(), Error> {
    let facts = Facts::decode(zone.facts()).ok_or(Error::NotNormal { what: "zone facts" })?;
    let name: NameKey = zone.name();
    let into = draft.zone_mut(&name);
    into.expires = zone.expires();
    into.facts = facts;
    into.v4 = v4(zone);
    into.v6 = zone.v6_runs().collect();
    for point in zone.names() {
        into.names
            .push(point.key.as_bytes(), point.exact, point.below);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The image of three entries with something else in its section of values: the ends of two, 2
    /// and 0x2b, then their bytes.
    fn with(change: impl Fn(&mut [u8])) -> Result<Content, Error> {
        let mut bytes = std::fs::read("../../testdata/golden/three.rbl").unwrap();
        change(&mut bytes[0x300..0x333]);
        decode(&Image::from_vec(bytes).unwrap())
    }

    #[test]
    fn values_are_there_canonical_and_in_order() {
        assert!(with(|_| ()).is_ok());
        let says = |change: &dyn Fn(&mut [u8])| match with(change) {
            Err(Error::NotNormal { what }) => what,
            other => panic!("{other:?}"),
        };
        // None, and the records of both in the other one.
        assert_eq!(says(&|values| values[0] = 0), "a value");
        assert_eq!(says(&|values| values[0] = 1), "a value");
        assert_eq!(says(&|values| values[0] = 0x2b), "a value");
        // The second one first.
        let turned = |values: &mut [u8]| {
            values[0] = 0x29;
            values[8..].rotate_left(2);
        };
        assert_eq!(says(&turned), "the order of values");
    }
}
