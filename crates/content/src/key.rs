//! Keys: what an entry of a list is about.

use std::str::FromStr;

use rblmap_format::NameKey;

/// A key of a list, with all that it covers.
///
/// ```
/// use rblmap_content::{ListedKey, NameScope};
/// use rblmap_format::NameKey;
/// // 192.0.2.0/24, and spam.example with all names below it.
/// let network = ListedKey::V4(0xc000_0200, 0xc000_02ff);
/// let name = ListedKey::Name(NameKey::parse(b"spam.example")?, NameScope::Both);
/// assert_ne!(network, name);
/// # Ok::<(), rblmap_format::NameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub enum ListedKey {
    /// IPv4 addresses, both ends included.
    V4(u32, u32),
    /// IPv6 addresses, both ends included.
    V6(u128, u128),
    /// A name, the names below it, or both.
    Name(NameKey, NameScope),
}

/// What a name lists: itself, the names below it, or both.
///
/// ```
/// use rblmap_content::NameScope;
/// assert_eq!("both".parse(), Ok(NameScope::Both));
/// assert!("all".parse::<NameScope>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NameScope {
    /// The name alone.
    #[default]
    Exact,
    /// The names below it, at any depth.
    Below,
    /// The name and those below it.
    Both,
}

/// A word that is none of `exact`, `below` and `both`.
///
/// See the example of [`NameScope`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of exact, below and both")]
pub struct NameScopeError(String);

impl FromStr for NameScope {
    type Err = NameScopeError;

    fn from_str(text: &str) -> Result<NameScope, NameScopeError> {
        match text {
            "exact" => Ok(NameScope::Exact),
            "below" => Ok(NameScope::Below),
            "both" => Ok(NameScope::Both),
            _ => Err(NameScopeError(text.to_owned())),
        }
    }
}
