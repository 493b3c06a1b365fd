//! What travels: for the tests of answers here and of the command.
#![allow(unreachable_pub, reason = "a module of tests")]
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use rblmap::Image;
use rblmap_delta::{Limits, Session};

/// The image is the same after it was packed and unpacked, and after a delta from another one.
pub fn moved(image: &Image, before: Option<&Image>) {
    let limits = Limits::default();
    let packed = rblmap_delta::pack(image, Session::default()).unwrap();
    let unpacked = rblmap_delta::unpack(&packed, &limits).unwrap();
    assert!(
        unpacked == image.as_bytes(),
        "another image after pack and unpack"
    );
    if let Some(before) = before {
        let delta = rblmap_delta::diff(before, image, Session::default()).unwrap();
        let applied = rblmap_delta::apply(before, &[&delta], &limits).unwrap();
        assert!(applied == image.as_bytes(), "another image after a delta");
    }
}
