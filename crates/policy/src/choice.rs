//! Which zones of a policy a question is for.

use crate::policy::Policy;

/// Which zones a question is for.
///
/// ```
/// use std::path::Path;
/// use rblmap_policy::{Choice, Policy};
/// let text = "[[zone]]\nname = \"ops.example\"\nfrom = \"testdata/three.rbl\"\n";
/// let policy = Policy::parse(text, Path::new("mail.toml"), "mx.example.net")?;
/// assert!(Choice::Named("ops.example").is_known(&policy));
/// assert!(!Choice::Named("ops.example+dul.example").is_known(&policy));
/// # Ok::<(), rblmap_policy::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice<'a> {
    /// All of the policy.
    #[default]
    All,
    /// Those named, joined by `+`; `*` is all of them.
    Named(&'a str),
}

impl Choice<'_> {
    /// Whether every zone that it names is there.
    pub fn is_known(&self, policy: &Policy) -> bool {
        match self {
            Choice::All | Choice::Named("*") => true,
            Choice::Named(names) => names
                .split('+')
                .all(|name| policy.zone_index(name).is_some()),
        }
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        match self {
            Choice::All | Choice::Named("*") => true,
            Choice::Named(names) => names.split('+').any(|one| one.eq_ignore_ascii_case(name)),
        }
    }
}
