//! What a format cannot hold.

use std::collections::BTreeMap;

/// Something that a format cannot hold.
///
/// See the example of [`Omitted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// Names that are hidden although a name above lists those below it.
    Hidden,
    /// Records without an A: what lists nothing.
    Unlisted,
    /// Texts that the format cannot hold.
    Texts,
    /// Values other than 127.0.0.2 without a text.
    Values,
    /// Names, where only addresses can be listed.
    Names,
    /// Names that the format cannot write.
    OddNames,
    /// Entries for all names below a name.
    Below,
    /// Runs of addresses, where only names can be listed.
    Addresses,
    /// IPv6 addresses that the format has for IPv4.
    Mapped,
}

impl Loss {
    /// What was left out.
    pub fn what(self) -> &'static str {
        match self {
            Loss::Hidden => "names that are not listed although a name above lists those below it",
            Loss::Unlisted => "records without an A, which list nothing",
            Loss::Texts => "texts that the format cannot hold",
            Loss::Values => "values (other than 127.0.0.2 without a text)",
            Loss::Names => "names",
            Loss::OddNames => "names that the format cannot write",
            Loss::Below => "entries for all names below a name",
            Loss::Addresses => "runs of addresses",
            Loss::Mapped => "runs of IPv6 addresses that stand for IPv4 ones",
        }
    }
}

/// What a list could not say, by kind.
///
/// ```
/// use rblmap_zonefile::{ListFormat, Loss, Options, build_text, write_list};
/// let spec = "ops.example:plain:list.txt".parse()?;
/// let content = build_text(&spec, "192.0.2.1\nspam.example\n", &Options::default())?.content;
/// let omitted = write_list(&content, content.zones(), ListFormat::Hosts, &mut Vec::new())?;
/// assert_eq!(omitted.get(Loss::Addresses), 1);
/// for (loss, count) in omitted.iter() {
///     eprintln!("{count} {}", loss.what());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Omitted(BTreeMap<Loss, u64>);

impl Omitted {
    /// How often something was left out.
    pub fn get(&self, loss: Loss) -> u64 {
        self.0.get(&loss).copied().unwrap_or(0)
    }

    /// All that was left out.
    pub fn iter(&self) -> impl Iterator<Item = (Loss, u64)> + '_ {
        self.0.iter().map(|(loss, count)| (*loss, *count))
    }

    pub(super) fn add(&mut self, loss: Loss) {
        self.add_all(loss, 1);
    }

    pub(super) fn add_all(&mut self, loss: Loss, count: u64) {
        if count > 0 {
            *self.0.entry(loss).or_default() += count;
        }
    }
}
