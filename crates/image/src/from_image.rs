//! Image to content.

use rblmap::{Image, NameKey, Value, ValueId, Zone};

use crate::content::{Content, Draft};
use crate::error::Error;
use crate::facts::Facts;
use crate::value::{ValueBuf, is_canonical};

impl Content {
    /// Reads all that an image says. The result is in normal form whatever the image holds;
    /// [`Content::id`] tells whether it is what the image's header names.
    ///
    /// ```
    /// # let image = rblmap::Image::open("../../testdata/golden/three.rbl")?;
    /// let content = rblmap_image::Content::from_image(&image)?;
    /// assert_eq!(content.id().as_bytes(), &image.content_id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Sections that do not fit together, values that are not canonical, runs or names that do
    /// not rise: an image that [`crate::encode`] did not write.
    pub fn from_image(image: &Image) -> Result<Content, Error> {
        let bad = |what| Error::NotNormal { what };
        let name = image.name().parse().map_err(|_| bad("a zone name"))?;
        let mut draft = Draft::new(name);
        for rank in 0..image.value_count() {
            let id = u32::try_from(rank).ok().and_then(ValueId::from_rank);
            let value = image.value(id.ok_or(bad("values"))?);
            if !is_canonical(value.as_bytes()) {
                return Err(bad("a value"));
            }
            // The n-th value gets the n-th id, so ids of the image are ids of the draft.
            if draft.values.intern(&to_owned(value)) != id {
                return Err(bad("a value twice"));
            }
        }
        for zone in image.zones() {
            read_zone(&zone?, &mut draft)?;
        }
        draft.finish()
    }
}

fn read_zone(zone: &Zone<'_>, draft: &mut Draft) -> Result<(), Error> {
    let facts = Facts::decode(zone.facts()).ok_or(Error::NotNormal { what: "zone facts" })?;
    let name: NameKey = zone.name();
    let into = draft.zone_mut(&name);
    into.expires = zone.expires();
    into.facts = facts;
    into.v4 = zone.v4_runs().collect();
    into.v6 = zone.v6_runs().collect();
    for point in zone.names() {
        into.names
            .push(point.key.as_bytes(), point.exact, point.below);
    }
    Ok(())
}

fn to_owned(value: Value<'_>) -> ValueBuf {
    ValueBuf::union([value])
}
