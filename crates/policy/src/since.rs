//! Who says since when a client is listed.

use std::net::IpAddr;

/// What knows since when a zone lists a client: a history, which this crate does not read. The thread
/// that looks for images gives it ([`FollowedZone::set_since_when`](crate::FollowedZone::set_since_when)).
///
/// ```
/// use std::net::IpAddr;
/// use std::sync::Arc;
/// use rblmap_policy::{FollowedZone, SinceWhen};
///
/// #[derive(Debug)]
/// struct Always;
/// impl SinceWhen for Always {
///     fn serial(&self) -> u64 {
///         7
///     }
///     fn since(&self, _: IpAddr) -> Option<String> {
///         Some("2026-11-28".to_owned())
///     }
/// }
/// let zone = FollowedZone::new("ops.example", "testdata/three.rbl".as_ref());
/// zone.set_since_when(Some(Arc::new(Always)));
/// assert_eq!(zone.since_when().map(|known| known.serial()), Some(7));
/// ```
pub trait SinceWhen: std::fmt::Debug + Send + Sync {
    /// The serial of the content that it knows.
    fn serial(&self) -> u64;
    /// Since when a client is listed that is listed now, as a reply says it: a date, or `before` and
    /// one. `None` if that is not known.
    fn since(&self, client: IpAddr) -> Option<String>;
}
