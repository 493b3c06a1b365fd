//! Announces the next key, or removes one with the offline key.

use std::path::Path;

use crate::error::Error;
use crate::key::{PublicKey, Role, SigningKey};
use crate::keyset::{Statement, StatementText};

use super::critical::Critical;
use super::facts::FeedFacts;
use super::tree::Tree;
use super::{Issuer, PublishOptions, PublishReport};

/// What to say of keys.
///
/// See the example of [`change_keys`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyChange {
    /// The key that will sign next. With an online key mirrors wait before they trust it, with the
    /// offline key they trust it at once.
    pub announce: Option<PublicKey>,
    /// Keys to trust no more; only the offline key can say so.
    pub remove: Vec<PublicKey>,
}

/// Says something of keys in all manifests of a feed, from now on. A zone whose files are damaged
/// does not keep the others.
///
/// ```
/// # use rblmap_feed::{PublishOptions, publish};
/// use rblmap_feed::{KeyChange, Role, SigningKey, change_keys, keygen, read_public};
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// # let (feed, now, options) = (dir.join("feed"), 1_790_000_000, PublishOptions::default());
/// let old = keygen(&dir.join("2026"), None)?;
/// let key = SigningKey::read(&old.online, None)?;
/// # publish(&feed, &["testdata/three.rbl".into()], &key, &options, now)?;
/// let new = keygen(&dir.join("2027"), None)?;
/// let online = |(_, role): &(_, Role)| *role == Role::Online;
/// let next = read_public(&new.public)?.into_iter().find(online).map(|(key, _)| key);
/// let change = KeyChange { announce: next, remove: Vec::new() };
/// for report in change_keys(&feed, &key, &change, &options, now)? {
///     report.result?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A key that may not say this; a feed that cannot be written or is locked by another run.
pub fn change_keys(
    feed: &Path,
    key: &SigningKey,
    change: &KeyChange,
    options: &PublishOptions,
    now: u64,
) -> Result<Vec<PublishReport>, Error> {
    let role = key.role();
    if role == Role::Online && !change.remove.is_empty() {
        return Err(Error::Key {
            path: feed.to_owned(),
            what: "only the offline key removes a key".to_owned(),
        });
    }
    let tree = Tree::new(feed);
    let _lock = tree.lock(options.wait)?;
    tree.clean()?;
    let mut facts = FeedFacts::of(&tree, key, options)?;
    match role {
        Role::Online => facts.next_key.clone_from(&change.announce),
        Role::Offline => {
            let text = extend(facts.statement_text(), change);
            facts.next_key = facts.next_key.filter(|key| !text.remove.contains(key));
            facts.statement = Some(Statement::sign(&text, key)?);
        }
    }
    let issuer = Issuer {
        tree: &tree,
        facts: &facts,
        key,
        options,
        critical: &Critical::default(),
        now,
    };
    issuer.refresh_all()
}

fn extend(mut text: StatementText, change: &KeyChange) -> StatementText {
    text.number += 1;
    for key in &change.remove {
        text.add.retain(|added| added != key);
        if !text.remove.contains(key) {
            text.remove.push(key.clone());
        }
    }
    if let Some(key) = &change.announce
        && !text.add.contains(key)
    {
        text.add.push(key.clone());
    }
    text
}
