//! Several deltas as one.

use rblmap::Image;
use rblmap_content::ContentId;

use crate::apply::{check_result, follow};
use crate::container::header::{Header, Kind};
use crate::container::ids::IdPrefix;
use crate::container::limits::Limits;
use crate::diff;
use crate::error::Error;

/// One delta that does what `deltas` do one after the other from `base`. Values that come and go
/// in between leave nothing behind.
///
/// ```
/// # use rblmap_delta::{Session, Limits, diff, merge};
/// let image = rblmap::Image::read("testdata/three.rbl")?;
/// let nothing = diff(&image, &image, Session(0))?;
/// assert_eq!(merge(&image, &[&nothing, &nothing], &Limits::default())?, nothing);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As for [`crate::apply`].
pub fn merge(base: &Image, deltas: &[&[u8]], limits: &Limits) -> Result<Vec<u8>, Error> {
    let whole = base.verify().map_err(rblmap_image::Error::from);
    let from = whole.and_then(|()| rblmap_image::edited(base));
    let from = from.map_err(Error::OldImage)?;
    let (last, to) = follow(from.clone(), base, deltas, limits)?;
    check_result(&last, &to).map_err(|error| error.of_last(deltas))?;
    let header = Header {
        kind: Kind::Delta {
            base: IdPrefix::of(&ContentId::from_bytes(base.content_id())),
            from_serial: base.serial(),
        },
        ..last
    };
    Ok(header.seal(&diff::write(&from, &to, &diff::Known::new())?))
}
