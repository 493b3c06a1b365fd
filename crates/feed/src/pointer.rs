//! The pointer: a minisign signature file over a manifest, whose trusted comment says where the
//! manifest is.
//!
//! The comment is signed together with the manifest, so it can be verified only with the manifest
//! in hand. Before that it is trusted for one thing: the name of the file to fetch.

use std::fmt;

use minisign_verify::Signature;
use rblmap_content::ZoneName;

use crate::digest::FileHash;
use crate::error::Error;
use crate::key::{PublicKey, SigningKey};
use crate::path::FeedPath;

/// A pointer takes less than this, bytes.
pub(crate) const POINTER_LIMIT: u64 = 2048;
/// The trusted comment takes less than this, bytes.
const COMMENT_LIMIT: usize = 1024;

/// What the trusted comment of a pointer says.
///
/// ```text
/// rblmap zone=ops.example publisher=ops session=1 issue=2 serial=3 expires=4 m/2-<hash>.json
/// rblmap publisher=ops issue=2 expires=4 i/2-<hash>.json
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comment {
    /// Zone, session and serial; none for the index.
    pub zone: Option<ZoneLine>,
    /// Who publishes.
    pub publisher: Publisher,
    /// The number of the pointer.
    pub issue: u64,
    /// Until when it holds, seconds since 1970.
    pub expires: u64,
    /// Hash of the manifest or index.
    pub hash: FileHash,
}

/// What the pointer of a zone says beside that of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZoneLine {
    /// The zone.
    pub zone: ZoneName,
    /// The line of serials.
    pub session: u64,
    /// The serial of the content.
    pub serial: u64,
}

/// The name of a publisher: 1 to 64 bytes of letters, digits, `.`, `-` and `_`.
///
/// ```
/// use rblmap_feed::Publisher;
/// assert_eq!(Publisher::parse("ops").unwrap().as_str(), "ops");
/// assert!(Publisher::parse("two words").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Publisher(String);

/// A pointer as fetched.
#[derive(Clone)]
pub(crate) struct Pointer {
    path: FeedPath,
    signature: Signature,
    comment: Comment,
}

impl Publisher {
    /// The name, if it may be one.
    pub fn parse(text: &str) -> Option<Publisher> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Publisher(text.to_owned()))
    }

    /// A name for a publisher who gave none: the id of the key.
    pub(crate) fn of_key(key: &PublicKey) -> Publisher {
        Publisher(key.id())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Publisher {
    type Error = String;

    fn try_from(text: String) -> Result<Publisher, String> {
        Publisher::parse(&text)
            .ok_or_else(|| format!("publisher {text:?}: not 1 to 64 of a-z A-Z 0-9 . - _"))
    }
}

impl From<Publisher> for String {
    fn from(publisher: Publisher) -> String {
        publisher.0
    }
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Comment {
    /// The file that the pointer points to.
    pub(crate) fn target(&self) -> FeedPath {
        match &self.zone {
            Some(line) => FeedPath::manifest(&line.zone, self.issue, self.hash),
            None => FeedPath::index(self.issue, self.hash),
        }
    }

    /// Reads a comment; only the very text that [`Comment`] prints is one.
    fn parse(text: &str) -> Option<Comment> {
        let (rest, file) = text.strip_prefix("rblmap ")?.rsplit_once(' ')?;
        let mut fields = rest.split(' ').peekable();
        let number = |text: &str| text.parse::<u64>().ok();
        let mut line = None;
        if let Some(zone) = fields.peek().and_then(|field| field.strip_prefix("zone=")) {
            fields.next();
            line = Some(zone.parse::<ZoneName>().ok()?);
        }
        let publisher = Publisher::parse(fields.next()?.strip_prefix("publisher=")?)?;
        let session = match line {
            Some(_) => number(fields.next()?.strip_prefix("session=")?)?,
            None => 0,
        };
        let issue = number(fields.next()?.strip_prefix("issue=")?)?;
        let serial = match line {
            Some(_) => number(fields.next()?.strip_prefix("serial=")?)?,
            None => 0,
        };
        let expires = number(fields.next()?.strip_prefix("expires=")?)?;
        let hash = file
            .strip_suffix(".json")?
            .rsplit_once('-')?
            .1
            .parse()
            .ok()?;
        let comment = Comment {
            zone: line.map(|zone| ZoneLine {
                zone,
                session,
                serial,
            }),
            publisher,
            issue,
            expires,
            hash,
        };
        (comment.to_string() == text).then_some(comment)
    }
}

impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (publisher, issue, expires) = (&self.publisher, self.issue, self.expires);
        let hash = self.hash;
        match &self.zone {
            Some(ZoneLine {
                zone,
                session,
                serial,
            }) => write!(
                f,
                "rblmap zone={zone} publisher={publisher} session={session} issue={issue} \
                 serial={serial} expires={expires} m/{issue}-{hash}.json"
            ),
            None => write!(
                f,
                "rblmap publisher={publisher} issue={issue} expires={expires} i/{issue}-{hash}.json"
            ),
        }
    }
}

impl Pointer {
    /// Reads the bytes of a pointer file. Nothing in it is verified yet.
    ///
    /// # Errors
    /// A file that is no pointer, or one of the wrong zone.
    pub(crate) fn read(path: &FeedPath, bytes: &[u8]) -> Result<Pointer, Error> {
        let bad = |what| Error::Pointer {
            path: path.to_string(),
            what,
        };
        let text = std::str::from_utf8(bytes).map_err(|_| bad("not a minisign signature"))?;
        let signature = Signature::decode(text).map_err(|_| bad("not a minisign signature"))?;
        let comment = signature.trusted_comment();
        if comment.len() > COMMENT_LIMIT {
            return Err(bad("its trusted comment is too long"));
        }
        let comment = Comment::parse(comment);
        let comment = comment.ok_or_else(|| bad("its trusted comment is not that of a pointer"))?;
        Ok(Pointer {
            path: path.clone(),
            signature,
            comment,
        })
    }

    /// Signs `bytes`, the manifest or index that `comment` names.
    pub(crate) fn sign(comment: &Comment, bytes: &[u8], key: &SigningKey) -> Result<String, Error> {
        key.sign(bytes, &comment.to_string())
    }

    /// What the comment says; to be believed after [`Pointer::verify`] alone.
    pub(crate) fn comment(&self) -> &Comment {
        &self.comment
    }

    /// Compares `bytes` with the hash in the comment, and the signature with the keys; gives the
    /// key that signed.
    ///
    /// # Errors
    /// Other bytes; no key among them that signed this, prehashed.
    pub(crate) fn verify<'k>(
        &self,
        bytes: &[u8],
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Result<&'k PublicKey, Error> {
        let mut keys = keys.into_iter();
        let signed = keys.find(|key| key.verifies(bytes, &self.signature));
        signed.ok_or_else(|| Error::Signature {
            path: self.path.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(zone: bool) -> Comment {
        Comment {
            zone: zone.then(|| ZoneLine {
                zone: "ops.example".parse().unwrap(),
                session: 7,
                serial: 42,
            }),
            publisher: Publisher::parse("ops-1").unwrap(),
            issue: 29_000_000,
            expires: 1_800_000_000,
            hash: FileHash::of(b"x"),
        }
    }

    #[test]
    fn comments_come_back_from_their_text() {
        for comment in [comment(true), comment(false)] {
            let text = comment.to_string();
            assert_eq!(Comment::parse(&text), Some(comment));
            for cut in 0..text.len() {
                assert_eq!(Comment::parse(&text[..cut]), None, "{}", &text[..cut]);
            }
        }
    }

    #[test]
    fn nothing_but_the_grammar_is_read() {
        let text = comment(true).to_string();
        for (from, to) in [
            ("zone=ops.example", "zone=../ops"),
            ("zone=ops.example", "zone=OPS.example"),
            ("issue=29000000", "issue=+29000000"),
            ("issue=29000000", "issue=029000000"),
            (" m/", " ../m/"),
            (" m/", " /m/"),
            (" m/", "  m/"),
            (".json", ".json "),
            ("rblmap ", "rblmap  "),
            ("publisher=ops-1", "publisher="),
            ("session=7", "session=99999999999999999999"),
        ] {
            let bad = text.replacen(from, to, 1);
            assert_ne!(bad, text);
            assert_eq!(Comment::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_no_pointer_are_refused() {
        let path = FeedPath::index_pointer();
        for bytes in [&b""[..], b"<html>", b"\xff\xfe", b"a\nb\nc\nd\n"] {
            assert!(Pointer::read(&path, bytes).is_err());
        }
    }
}
