//! What each protocol answers. A session gets the bytes that have arrived and says how many it has
//! used; it knows no socket.

mod metrics;
mod milter;
mod policy;
mod query;
mod socketmap;

use crate::desk::{Adapter, Desk};

/// One connection's protocol and what it remembers.
#[derive(Debug)]
pub(crate) enum Session {
    Policy,
    Socketmap,
    Milter(Box<milter::Milter>),
    Query,
    Metrics,
}

/// What a session did with the bytes that have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It used so many bytes, and may use more at once.
    Used(usize),
    /// It waits for more bytes.
    Wait,
    /// The connection is closed when the output is written.
    Close,
}

impl Session {
    pub(crate) fn new(adapter: Adapter) -> Session {
        match adapter {
            Adapter::Policy | Adapter::Opensmtpd => Session::Policy,
            Adapter::Socketmap => Session::Socketmap,
            Adapter::Milter => Session::Milter(Box::default()),
            Adapter::Query => Session::Query,
            Adapter::Metrics => Session::Metrics,
        }
    }

    /// Takes one request from the front of `input`, if one is there, and answers it. `ended` says
    /// that the peer sends no more.
    pub(crate) fn step(
        &mut self,
        input: &[u8],
        ended: bool,
        desk: &mut Desk,
        out: &mut Vec<u8>,
    ) -> Step {
        match self {
            Session::Policy => policy::step(input, desk, out),
            Session::Socketmap => socketmap::step(input, desk, out),
            Session::Milter(milter) => milter.step(input, desk, out),
            Session::Query => query::step(input, ended, desk, out),
            Session::Metrics => metrics::step(input, desk, out),
        }
    }

    /// Whether one connection carries many requests, so that an idle one is kept.
    pub(crate) fn is_kept(&self) -> bool {
        match self {
            Session::Policy | Session::Socketmap | Session::Milter(_) => true,
            Session::Query | Session::Metrics => false,
        }
    }
}
