//! What is fuzzed: for each reader of foreign bytes a function of bytes that panics if it is wrong.
//!
//! `libfuzzer/` runs these functions under libFuzzer (`scripts/fuzz`), and a test of this crate
//! replays the inputs of `corpus/` through them with the stable toolchain.
//!
//! Where a checksum stands before the code, the target mends it: else no changed byte would get past
//! it. What is read without an error must then hold more: it is written again, and read again to the
//! same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a target panics: so it tells"
)]

mod delta;
mod feed;
mod filter_line;
mod history;
mod image;
mod lines;
mod lists;
mod made;
mod read;
#[cfg(test)]
mod seeds;
mod serve;

/// A function of bytes that panics if what reads them is wrong.
///
/// See the example of [`TARGETS`].
pub type Body = fn(&[u8]);

/// All targets by name.
///
/// ```
/// let (_, body) = rblmap_fuzz::TARGETS.iter().find(|(name, _)| *name == "policy").unwrap();
/// body(b"\x00request=smtpd_access_policy\nclient_address=192.0.2.1\n\n");
/// ```
pub const TARGETS: [(&str, Body); 22] = [
    ("lists", lists::lists),
    ("image", image::image),
    ("image_patch", image::patched),
    ("snapshot", delta::snapshot),
    ("delta", delta::delta),
    ("merge", delta::merge),
    ("manifest", feed::manifest),
    ("pointer", feed::pointer),
    ("statement", feed::statement),
    ("status_page", feed::status_page),
    ("segment", history::segment),
    ("policy", serve::policy),
    ("socketmap", serve::socketmap),
    ("milter", serve::milter),
    ("query", serve::query),
    ("http", serve::http),
    ("opensmtpd", serve::opensmtpd),
    ("dns", serve::dns),
    ("mail_toml", lines::mail_toml),
    ("log", lines::log),
    ("partial", lines::partial),
    ("filter", lines::filter),
];

/// Runs one target; does nothing where there is none of this name.
///
/// ```
/// rblmap_fuzz::run("query", b"192.0.2.1\n");
/// ```
pub fn run(target: &str, bytes: &[u8]) {
    if let Some((_, body)) = TARGETS.iter().find(|(name, _)| *name == target) {
        body(bytes);
    }
}
