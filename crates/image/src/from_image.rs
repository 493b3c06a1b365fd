//! Image to content.

use rayon::prelude::*;
use rblmap::{Image, NameKey, ValueId, Zone};

use crate::content::{Content, Draft};
use crate::error::Error;
use crate::facts::Facts;
use crate::v4::{V4Image, V4Runs, list_of};
use crate::value::is_canonical;
use crate::values::{Interner, Values};

impl Content {
    /// Reads all that an image says. The result is in normal form whatever the image holds;
    /// [`Content::id`] tells whether it is what the image's header names.
    ///
    /// ```
    /// # let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
    /// let content = rblmap_image::Content::from_image(&image)?;
    /// assert_eq!(content.id().as_bytes(), &image.content_id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Sections that do not fit together, values that are not canonical, runs or names that do
    /// not rise: an image that [`crate::encode`] did not write.
    pub fn from_image(image: &Image) -> Result<Content, Error> {
        read(image, list_of)
    }
}

impl<'a> Content<V4Image<'a>> {
    /// As [`Content::from_image`], but the IPv4 runs of large zones stay in the image: for updates,
    /// which change few of them. What the image holds of a /16 that is not changed is copied as it
    /// is when the content is encoded, so [`Image::verify`] comes first.
    ///
    /// ```
    /// # let image = rblmap::Image::read("../../testdata/golden/three.rbl")?;
    /// use rblmap_image::{Content, encode};
    /// let content = Content::over_image(&image)?;
    /// assert_eq!(content.id().as_bytes(), &image.content_id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Content::from_image`].
    pub fn over_image(image: &'a Image) -> Result<Content<V4Image<'a>>, Error> {
        read(image, |zone| V4Image::of(zone, image.value_count()))
    }
}

fn read<'a, V4: V4Runs>(
    image: &'a Image,
    v4: impl Fn(&Zone<'a>) -> V4,
) -> Result<Content<V4>, Error> {
    let bad = |what| Error::NotNormal { what };
    let name = image.name().parse().map_err(|_| bad("a zone name"))?;
    let mut draft = Draft::<V4>::empty(name);
    // The n-th value gets the n-th id, so ids of the image are ids of the draft.
    draft.values = Interner::of_sorted(read_values(image)?);
    for zone in image.zones() {
        read_zone(&zone?, &mut draft, &v4)?;
    }
    draft.finish()
}

fn read_values(image: &Image) -> Result<Values, Error> {
    let bad = |what| Error::NotNormal { what };
    let mut values = Values::default();
    for rank in 0..image.value_count() {
        let id = u32::try_from(rank).ok().and_then(ValueId::from_rank);
        values.push(image.value(id.ok_or(bad("values"))?));
    }
    let is_value = |rank| {
        let bytes = values.bytes_of(rank);
        !bytes.is_empty() && is_canonical(bytes)
    };
    if !(0..values.len()).into_par_iter().all(is_value) {
        return Err(bad("a value"));
    }
    if !values.are_sorted(0) {
        return Err(bad("the order of values"));
    }
    Ok(values)
}

fn read_zone<'a, V4: V4Runs>(
    zone: &Zone<'a>,
    draft: &mut Draft<V4>,
    v4: impl Fn(&Zone<'a>) -> V4,
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
        Content::from_image(&Image::from_vec(bytes).unwrap())
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
