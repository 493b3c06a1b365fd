//! Announces the next key, or removes one with the offline key.

use std::path::Path;

use crate::error::Error;
use crate::folder;
use crate::key::{PublicKey, Role, SigningKey};
use crate::keyset::{Said, Statement};

use super::shelf::STATE;
use super::tree::{self, Tree};
use super::{PublishOptions, zone};

/// What to say of keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyChange {
    /// The key that will sign next. With an online key mirrors wait before they trust it, with the
    /// offline key they trust it at once.
    pub announce: Option<PublicKey>,
    /// Keys to trust no more; only the offline key can say so.
    pub remove: Vec<PublicKey>,
}

/// Says something of keys in all manifests of a feed, from now on.
///
/// # Errors
/// A key that may not say this; whatever [`super::publish`] fails with.
pub fn change_keys(
    feed: &Path,
    key: &SigningKey,
    change: &KeyChange,
    options: &PublishOptions,
    now: u64,
) -> Result<(), Error> {
    let role = key.role();
    if role == Role::Online && !change.remove.is_empty() {
        return Err(Error::Key {
            path: feed.to_owned(),
            what: "only the offline key removes a key".to_owned(),
        });
    }
    let _lock = folder::lock(&feed.join(STATE))?;
    let tree = Tree::new(feed);
    for zone in tree.zones()? {
        let Some(mut manifest) = tree.manifest(&zone)? else {
            continue;
        };
        match role {
            Role::Online => manifest.next_key.clone_from(&change.announce),
            Role::Offline => {
                let before = manifest.statement.as_ref().and_then(Statement::said);
                let said = extend(before.unwrap_or_default(), change);
                manifest.statement = Some(Statement::sign(&said, key)?);
                manifest.next_key = manifest.next_key.filter(|key| !said.remove.contains(key));
            }
        }
        zone::reissue(&tree, manifest, key, options, now)?;
    }
    tree::publish_index(&tree, key, options, now)
}

fn extend(mut said: Said, change: &KeyChange) -> Said {
    said.number += 1;
    for key in &change.remove {
        said.add.retain(|added| added != key);
        if !said.remove.contains(key) {
            said.remove.push(key.clone());
        }
    }
    if let Some(key) = &change.announce
        && !said.add.contains(key)
    {
        said.add.push(key.clone());
    }
    said
}
