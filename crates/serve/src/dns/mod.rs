//! DNS over UDP and TCP from the images of the policy.

use std::sync::Arc;

use rblmap_policy::Policy;

use crate::error::Error;
use crate::shared::Shared;

/// The DNS listeners and their worker threads.
#[derive(Debug)]
pub(crate) struct Dns;

impl Dns {
    /// Listens at the addresses of `[listen] dns`; does nothing where there are none.
    pub(crate) fn start(shared: &Arc<Shared>) -> Result<Dns, Error> {
        let _ = shared;
        Ok(Dns)
    }

    /// Listens as another policy says, before it comes into force; on an error all stays as it is.
    pub(crate) fn reload(&mut self, shared: &Arc<Shared>, next: &Policy) -> Result<(), Error> {
        let _ = (shared, next);
        Ok(())
    }

    /// Ends the workers and waits for them. [`Shared::is_stopping`] is true already.
    pub(crate) fn stop(self) {}
}
