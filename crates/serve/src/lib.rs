//! Block list images for mail servers: one process, one policy file, the protocols that mail
//! servers speak. `rblmap-policy` decides the answer; this crate speaks the protocols. [`serve`] runs
//! until it is told to stop; [`filter_opensmtpd`] is the process that OpenSMTPD starts for itself.
//!
//! One thread serves all connections of the mail adapters by events (`server`); an idle
//! connection stays open for 1,000 s and costs a few hundred bytes. A second thread looks for
//! new images and changes of the zones' health (`follow`), a third one writes the log (`log`). DNS
//! has workers of its own (`dns`).
//!
//! # DNS
//!
//! `dns` is a module that the others do not reach into. The server calls three functions of it: `Dns::start`
//! once, `Dns::reload` before another policy comes into force (SIGHUP), `Dns::stop` at the end.
//! What it needs of the rest is in `shared::Shared`:
//!
//! - `policy()` is the policy in force: `listen.dns`, `listen.dns_public`, `listen.dns_policy`,
//!   `listen.ent`, and `zones`, each with `name()` and `followed`, from which a thread makes a
//!   `ZoneReader` for itself; `ZoneReader::current(now)` gives the image and the zone in it, or why
//!   there is none (missing, damaged, expired, retired, lists 127.0.0.1).
//! - `generation()` rises when the policy is another one, so that a worker makes new readers.
//! - `metrics.number(FAMILY, labels)` gives a counter or gauge to keep; `log.say(level, line)`
//!   writes a line without waiting for standard error.

mod connection;
mod desk;
mod dns;
mod error;
mod filter;
mod follow;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod listener;
mod log;
mod metrics;
mod notify;
mod passed;
mod server;
mod session;
mod shared;
mod signals;
mod since;
mod table;
mod wire;

pub use error::Error;
pub use filter::filter_opensmtpd;
pub use server::{Options, host_name, serve};
pub use since::look;
