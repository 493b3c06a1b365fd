//! What is said of a feed as a whole, in all its manifests and in its index: publisher, keys to
//! come, and the statement of the offline key. A zone that begins later says it too.

use crate::error::Error;
use crate::key::{PublicKey, Role, SigningKey};
use crate::keyset::{Statement, StatementText};
use crate::manifest::INDEX_LIMIT;
use crate::path::FeedPath;
use crate::pointer::Publisher;

use super::PublishOptions;
use super::tree::Tree;

/// What holds for all zones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FeedFacts {
    pub(super) publisher: Publisher,
    pub(super) next_key: Option<PublicKey>,
    pub(super) statement: Option<Statement>,
}

/// What one document of the feed says.
struct Said {
    publisher: Publisher,
    generated: u64,
    next_key: Option<PublicKey>,
    statement: Option<Statement>,
}

impl FeedFacts {
    /// What the feed says now: the newest statement of all, the key that the newest document
    /// announces. Documents that are damaged have no say.
    pub(super) fn of(
        tree: &Tree,
        key: &SigningKey,
        options: &PublishOptions,
    ) -> Result<FeedFacts, Error> {
        let mut all = Vec::new();
        if let Ok(Some(index)) = tree.index() {
            all.push(Said {
                publisher: index.publisher,
                generated: index.generated,
                next_key: index.next_key,
                statement: index.statement,
            });
        }
        for zone in tree.zones()? {
            if let Ok(Some(manifest)) = tree.manifest(&zone) {
                all.push(Said {
                    publisher: manifest.publisher,
                    generated: manifest.generated,
                    next_key: manifest.next_key,
                    statement: manifest.statement,
                });
            }
        }
        let number = |said: &Said| said.statement.as_ref().map_or(0, Statement::number);
        let statement = all.iter().max_by_key(|said| number(said));
        let statement = statement.and_then(|said| said.statement.clone());
        let newest = all.iter().max_by_key(|said| said.generated);
        let before = newest.map(|said| said.publisher.clone());
        let given = options.config.publisher.clone();
        let own = || Publisher::of_key(key.public());
        Ok(FeedFacts {
            publisher: given.or(before).unwrap_or_else(own),
            next_key: newest.and_then(|said| said.next_key.clone()),
            statement,
        })
    }

    /// Whether nobody has heard of a key: it did not sign the index, was not announced, and the
    /// offline key did not put it in the place of another. Mirrors that know the feed refuse it.
    pub(super) fn is_strange(&self, tree: &Tree, key: &SigningKey) -> bool {
        let public = key.public();
        let Ok(Some(pointer)) = tree.pointer(&FeedPath::index_pointer()) else {
            return false;
        };
        let (path, hash) = (pointer.comment().target(), pointer.comment().hash);
        let Ok(bytes) = tree.checked(&path, INDEX_LIMIT, hash) else {
            return false;
        };
        let announced = self.next_key.as_ref() == Some(public);
        let added = self.statement_text().add.contains(public);
        let signed = pointer.verify(&bytes, [public]).is_ok();
        key.role() == Role::Online && !announced && !added && !signed
    }

    /// The text of the statement, to be extended.
    pub(super) fn statement_text(&self) -> StatementText {
        let text = self.statement.as_ref().and_then(Statement::parsed);
        text.unwrap_or_default()
    }
}
