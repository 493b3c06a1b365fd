//! Keys in minisign's formats: what signs a feed, and whom a mirror trusts.
//!
//! `NAME.key` and `NAME.offline.key` are minisign secret keys, `NAME.pub` holds both public halves,
//! two lines each. minisign itself reads the first of them, which is the online key.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use minisign::{KeyPair, SecretKeyBox};

use crate::access::{PRIVATE, PUBLIC, set_mode};
use crate::error::{Error, reading, writing};

/// What a key may do.
///
/// See the example of [`change_keys`](crate::change_keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Signs pointers, and may announce the key after it.
    Online,
    /// Kept away from the machine that publishes; may also remove keys.
    Offline,
}

/// A public key: minisign's 42 bytes in base64.
///
/// See the example of [`PublicKey::parse`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    text: String,
    key: minisign_verify::PublicKey,
}

/// The key that a publisher signs with.
///
/// See the example of [the crate](crate).
pub struct SigningKey {
    secret: minisign::SecretKey,
    public: PublicKey,
    role: Role,
}

/// A key file as it is made: the names of its three files.
///
/// See the example of [`change_keys`](crate::change_keys).
#[derive(Debug, Clone)]
pub struct KeyFiles {
    /// The online secret key.
    pub online: PathBuf,
    /// The offline secret key: to be moved to a safe place.
    pub offline: PathBuf,
    /// Both public halves: for the mirrors.
    pub public: PathBuf,
}

const COMMENT: &str = "untrusted comment: ";
const OFFLINE: &str = "untrusted comment: offline ";
/// A public key file holds a handful of keys.
const FILE_LIMIT: u64 = 64 << 10;

impl PublicKey {
    /// Reads minisign's base64 form.
    ///
    /// ```
    /// use rblmap_feed::PublicKey;
    /// let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    /// assert_eq!(PublicKey::parse(key).unwrap().id(), "E7620F1842B4E81F");
    /// assert!(PublicKey::parse("RWQf6LRC").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<PublicKey> {
        // The crate takes padding and white space more freely than we compare.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
        if text.len() != 56 || !text.bytes().all(plain) {
            return None;
        }
        let key = minisign_verify::PublicKey::from_base64(text).ok()?;
        let text = text.to_owned();
        Some(PublicKey { text, key })
    }

    /// The base64 form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key id as minisign prints it. Eight random bytes: a label, not a proof.
    pub fn id(&self) -> String {
        let raw = minisign::PublicKey::from_base64(&self.text);
        let number = raw.map_or([0; 8], |key| key.keynum().try_into().unwrap_or_default());
        format!("{:016X}", u64::from_le_bytes(number))
    }

    /// Whether `signature` is this key's over `bytes`, prehashed.
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &minisign_verify::Signature) -> bool {
        self.key.verify(bytes, signature, false).is_ok()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(text: String) -> Result<PublicKey, String> {
        PublicKey::parse(&text).ok_or_else(|| format!("{text:?} is no minisign public key"))
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.text
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public.id())
    }
}

impl SigningKey {
    /// Reads a secret key; one that a password protects needs it.
    ///
    /// # Errors
    /// A file that cannot be read or is no secret key; no password where one is needed, or another.
    pub fn read(path: &Path, password: Option<&str>) -> Result<SigningKey, Error> {
        let text = fs::read_to_string(path).map_err(reading(path))?;
        let bad = |what: String| Error::Key {
            path: path.to_owned(),
            what,
        };
        let boxed = || SecretKeyBox::from_string(&text).map_err(|e| bad(e.to_string()));
        let secret = match boxed()?.into_unencrypted_secret_key() {
            Ok(key) => key,
            Err(_) if !is_protected(&text) => {
                return Err(bad("not a minisign secret key".to_owned()));
            }
            Err(_) => {
                let password = password.ok_or_else(|| {
                    bad("protected by a password: give it in RBLMAP_PASSWORD".to_owned())
                })?;
                let opened = boxed()?.into_secret_key(Some(password.to_owned()));
                opened.map_err(|_| bad("the password does not open this key".to_owned()))?
            }
        };
        let public = public_of(&secret).ok_or_else(|| bad("no public half".to_owned()))?;
        // What a key may do is what mirrors let it; this is for the publisher's own commands.
        let role = match text.starts_with("untrusted comment: rblmap offline ") {
            true => Role::Offline,
            false => Role::Online,
        };
        Ok(SigningKey {
            secret,
            public,
            role,
        })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What the comment of its file says it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Signs `bytes`, prehashed; the text of the signature file with `comment` as the trusted one.
    pub(crate) fn sign(&self, bytes: &[u8], comment: &str) -> Result<String, Error> {
        let untrusted = format!("signature of key {}", self.public.id());
        let signed = minisign::sign(None, &self.secret, bytes, Some(comment), Some(&untrusted));
        signed.map(|signed| signed.into_string()).map_err(|error| {
            let path = PathBuf::from("key");
            let what = error.to_string();
            Error::Key { path, what }
        })
    }
}

/// Makes an online and an offline key: `NAME.key`, `NAME.offline.key` and `NAME.pub`. Existing
/// files are never overwritten; either all three are made or none.
///
/// See the example of [`change_keys`](crate::change_keys).
///
/// # Errors
/// A file that exists or cannot be written; no random numbers.
pub fn keygen(name: &Path, password: Option<&str>) -> Result<KeyFiles, Error> {
    let with = |end: &str| {
        let mut path = name.as_os_str().to_owned();
        path.push(end);
        PathBuf::from(path)
    };
    let files = KeyFiles {
        online: with(".key"),
        offline: with(".offline.key"),
        public: with(".pub"),
    };
    let paths = [&files.online, &files.offline, &files.public];
    if let Some(path) = paths.into_iter().find(|path| path.exists()) {
        return Err(is_there(path));
    }
    let (online, secret) = pair(&files.online, "online", password)?;
    let (offline, offline_secret) = pair(&files.offline, "offline", password)?;
    let public = format!(
        "{COMMENT}online key {}\n{}\n{OFFLINE}key {}\n{}\n",
        online.id(),
        online.as_str(),
        offline.id(),
        offline.as_str()
    );
    let texts = [
        (secret, PRIVATE),
        (offline_secret, PRIVATE),
        (public, PUBLIC),
    ];
    let mut made = Vec::new();
    for (path, (text, mode)) in paths.into_iter().zip(&texts) {
        if let Err(error) = write_new(path, text.as_bytes(), *mode) {
            for path in made {
                let _ = fs::remove_file(path);
            }
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => is_there(path),
                _ => writing(path)(error),
            });
        }
        made.push(path);
    }
    let folder = name
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(writing(folder))?;
    Ok(files)
}

fn is_there(path: &Path) -> Error {
    Error::Key {
        path: path.to_owned(),
        what: "is there already; nothing is overwritten".to_owned(),
    }
}

/// The keys of a public key file, with what each may do.
///
/// See the example of [`change_keys`](crate::change_keys).
///
/// # Errors
/// A file that cannot be read or holds something else.
pub fn read_public(path: &Path) -> Result<Vec<(PublicKey, Role)>, Error> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(reading(path))?;
    // What is no text is no file of keys.
    let _ = file.take(FILE_LIMIT).read_to_string(&mut text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let bad = || Error::Key {
        path: path.to_owned(),
        what: "not a file of minisign public keys".to_owned(),
    };
    let mut keys = Vec::new();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    while let Some(comment) = lines.next() {
        if !comment.starts_with(COMMENT) {
            return Err(bad());
        }
        let key = PublicKey::parse(lines.next().ok_or_else(bad)?.trim()).ok_or_else(bad)?;
        let role = match comment.starts_with(OFFLINE) {
            true => Role::Offline,
            false => Role::Online,
        };
        keys.push((key, role));
    }
    if keys.is_empty() {
        return Err(bad());
    }
    Ok(keys)
}

/// A pair of keys: the public half, and the text of the secret file.
fn pair(path: &Path, role: &str, password: Option<&str>) -> Result<(PublicKey, String), Error> {
    let bad = |what: &str| Error::Key {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let pair = match password {
        None => KeyPair::generate_unencrypted_keypair(),
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
    };
    let pair = pair.map_err(|error| bad(&error.to_string()))?;
    let comment = format!("rblmap {role} secret key");
    let text = pair.sk.to_box(Some(&comment));
    let text = text.map_err(|error| bad(&error.to_string()))?.into_string();
    let public = PublicKey::parse(&pair.pk.to_base64());
    Ok((public.ok_or_else(|| bad("made no public half"))?, text))
}

fn public_of(secret: &minisign::SecretKey) -> Option<PublicKey> {
    let public = minisign::PublicKey::from_secret_key(secret).ok()?;
    PublicKey::parse(&public.to_base64())
}

/// Whether the text looks like a secret key under a password: "EdSc" in base64.
fn is_protected(text: &str) -> bool {
    let key = text.lines().nth(1).unwrap_or_default();
    key.starts_with("RWRTY")
}

/// Writes a file that was not there, whole or not at all: under another name first, so that a run
/// that is killed leaves no half of a key.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let file = tempfile::Builder::new()
        .prefix(rblmap_image::TEMP_PREFIX)
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.as_file().write_all(bytes)?;
    set_mode(file.as_file(), mode)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)
        .map_err(|failed| failed.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_read_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let files = keygen(&dir.path().join("ops"), None).unwrap();
        let keys = read_public(&files.public).unwrap();
        let roles: Vec<Role> = keys.iter().map(|(_, role)| *role).collect();
        assert_eq!(roles, [Role::Online, Role::Offline]);
        let online = SigningKey::read(&files.online, None).unwrap();
        assert_eq!(online.public(), &keys[0].0);
        let signature = online.sign(b"text", "comment").unwrap();
        let signature = minisign_verify::Signature::decode(&signature).unwrap();
        assert!(keys[0].0.verifies(b"text", &signature));
        assert!(!keys[0].0.verifies(b"texT", &signature));
        assert!(!keys[1].0.verifies(b"text", &signature));
        assert!(keygen(&dir.path().join("ops"), None).is_err());
    }

    #[test]
    fn a_password_protects_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let files = keygen(&dir.path().join("ops"), Some("secret")).unwrap();
        let without = SigningKey::read(&files.online, None)
            .unwrap_err()
            .to_string();
        assert!(without.contains("RBLMAP_PASSWORD"), "{without}");
        assert!(SigningKey::read(&files.online, Some("other")).is_err());
        SigningKey::read(&files.online, Some("secret")).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pub");
        for text in [
            "",
            "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n",
            "untrusted comment: x\n",
            "untrusted comment: x\nRWQ\n",
        ] {
            fs::write(&path, text).unwrap();
            assert!(read_public(&path).is_err(), "{text:?}");
            assert!(SigningKey::read(&path, None).is_err(), "{text:?}");
        }
    }
}
