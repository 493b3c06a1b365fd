//! What a mail host decides about a client: which zones count, how much, and what the client is
//! told. Pure functions over one TOML file and the images that it names.
//!
//! Every adapter (policy delegation, socketmap, milter, query, OpenSMTPD) and `rblmap check` ask
//! [`Decider::decide`], so all of them answer alike. No network and no clock is in a
//! decision: the caller says what time it is. A lock is only in one whose reply says since when.
//!
//! ```
//! use std::path::Path;
//! use std::sync::Arc;
//! use rblmap_policy::{Action, Decider, Policy, Request};
//!
//! let text = r#"
//! [[zone]]
//! name = "ops.example"
//! from = "testdata/three.rbl"
//! mode = "reject"
//! "#;
//! let policy = Arc::new(Policy::parse(text, Path::new("mail.toml"), "mx.example.net")?);
//! policy.look();
//! let mut decider = Decider::new(&policy);
//! let request = Request::of_client("192.0.2.1");
//! let decision = decider.decide(&request, 1_700_000_000);
//! assert_eq!(decision.action, Action::Reject);
//! assert!(decision.reply.starts_with("550 5.7.1 Service unavailable; client [192.0.2.1]"));
//! # Ok::<(), rblmap_policy::Error>(())
//! ```
//!
//! The file is described in `docs/mail.md`.

mod allow;
mod choice;
mod client;
mod codes;
mod config;
mod decide;
mod decider;
mod error;
mod listen;
mod logfmt;
mod mode;
mod nearest;
mod policy;
mod recipients;
mod reply;
mod request;
mod score;
mod since;
mod zones;

pub use allow::Allowed;
pub use choice::Choice;
pub use client::client_address;
pub use codes::Codes;
pub use decide::{Action, Because, Decision, Hit};
pub use decider::Decider;
pub use error::Error;
pub use listen::{Ent, Listen, ListenAddress, ListenOn, UnixAddress};
pub use logfmt::log_line;
pub use mode::{Look, Mode};
pub use policy::{Policy, ZonePolicy};
pub use recipients::Recipients;

pub use request::Request;
pub use score::Score;
pub use since::SinceWhen;
pub use zones::{Current, Facts, FollowedZone, Health, Trouble, ZoneReader};
