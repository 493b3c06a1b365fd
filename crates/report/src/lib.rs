//! What a block list would have done to the mail of yesterday's log, what it looks like, and the page
//! for the person whose mail bounced.
//!
//! [`Tally`] reads lines of mail logs and counts them by client, and [`Impact`] asks images about the
//! clients. Counting comes first and needs no image, so the counts of many machines can be
//! added up ([`partial`]) before any list is asked, and any number of lists costs little more than
//! one. Nothing is estimated.
//!
//! ```
//! use rblmap_policy::Score;
//! use rblmap_report::{Impact, List, Question, Tally};
//!
//! let tally = Tally::new();
//! let mut counting = tally.counting();
//! counting.line(b"Nov 28 17:45:19 mx postfix/smtpd[1]: connect from a.example[192.0.2.1]");
//! counting.line(b"Nov 28 17:45:20 mx postfix/smtpd[1]: connect from b.example[198.51.100.7]");
//! counting.finish();
//!
//! let image = rblmap::Image::read("testdata/three.rbl")?;
//! let list = List { name: "ops.example".to_owned(), zone: image.base(), weight: Score::ONE };
//! let impact = Impact::of(tally, Question { lists: &[list], ..Question::default() })?;
//! assert_eq!((impact.clients, impact.zones["ops.example"].clients), (2, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | logs as files, packed ones too, read by several threads | [`input`] |
//! | what lists would have done, in numbers and as a page | [`Impact`], [`html`] |
//! | networks with names, and the mail host's own | [`Labels`], [`Own`] |
//! | a list as a picture | [`map`] |
//! | the site that tells people whether and why they are listed | [`page`] |

mod error;
pub mod html;
mod impact;
pub mod input;
mod labels;
mod log;
mod mailboxes;
pub mod map;
mod network;
pub mod page;
pub mod partial;
mod tally;

pub use error::Error;
pub use impact::{Apart, Impact, List, MAX_LISTS, Network, Question, ZoneCounts};
pub use labels::Labels;
pub use mailboxes::Recipient;
pub use network::Own;
pub use tally::{ClientCounts, Counting, Tally, Totals, UnreadLine};
