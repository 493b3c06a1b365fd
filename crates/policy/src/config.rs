//! The file as it is written: its keys and their types. What it means is made of it in `policy`.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::error::Error;
use crate::listen::Ent;
use crate::mode::{Look, Mode, OnTrouble};
use crate::nearest::nearest;
use crate::score::Score;

/// A text and where it stands.
pub(crate) type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) host: Option<Text>,
    #[serde(default)]
    pub(crate) listen: Listen,
    #[serde(default)]
    pub(crate) zone: Vec<Zone>,
    pub(crate) score: Option<Thresholds>,
    #[serde(default)]
    pub(crate) allow: Vec<Allow>,
    #[serde(default)]
    pub(crate) recipient: Vec<Recipient>,
    #[serde(default)]
    pub(crate) exempt: Exempt,
    #[serde(default)]
    pub(crate) trouble: Trouble,
    // The switches of DNS stand in [listen]; before the first table they mean the same.
    dns_public: Option<bool>,
    dns_policy: Option<bool>,
    dns_minimal: Option<bool>,
    dns_version: Option<bool>,
    dns_workers: Option<Spanned<u32>>,
    dns_rate: Option<u32>,
    dns_tcp_clients: Option<Spanned<u32>>,
    dns_log: Option<u64>,
    ent: Option<Ent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Listen {
    pub(crate) policy: Vec<Text>,
    pub(crate) socketmap: Vec<Text>,
    pub(crate) milter: Vec<Text>,
    pub(crate) query: Vec<Text>,
    pub(crate) dns: Vec<Text>,
    pub(crate) metrics: Vec<Text>,
    pub(crate) dns_public: Option<bool>,
    pub(crate) dns_policy: Option<bool>,
    pub(crate) dns_minimal: Option<bool>,
    pub(crate) dns_version: Option<bool>,
    pub(crate) dns_workers: Option<Spanned<u32>>,
    pub(crate) dns_rate: Option<u32>,
    pub(crate) dns_tcp_clients: Option<Spanned<u32>>,
    pub(crate) dns_log: Option<u64>,
    pub(crate) ent: Option<Ent>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zone {
    pub(crate) name: Text,
    pub(crate) from: Text,
    pub(crate) codes: Option<Text>,
    pub(crate) looks: Option<Spanned<Vec<Look>>>,
    #[serde(default)]
    pub(crate) mode: Mode,
    pub(crate) weight: Option<Score>,
    pub(crate) reply: Option<Text>,
    pub(crate) url: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thresholds {
    pub(crate) reject: Option<Spanned<Score>>,
    pub(crate) defer: Option<Spanned<Score>>,
    pub(crate) tag: Option<Spanned<Score>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Allow {
    pub(crate) networks: Vec<Text>,
    pub(crate) names: Vec<Text>,
    pub(crate) files: Vec<Text>,
    pub(crate) looks: Option<Vec<Look>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipient {
    pub(crate) who: Spanned<Vec<Text>>,
    pub(crate) mode: Mode,
    pub(crate) zones: Option<Vec<Text>>,
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exempt {
    pub(crate) recipients: Option<Vec<Text>>,
    pub(crate) authenticated: bool,
    pub(crate) ports: Vec<u16>,
    pub(crate) networks: Vec<Text>,
    pub(crate) forwarders: Vec<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Trouble {
    pub(crate) answer: OnTrouble,
}

impl Default for Exempt {
    fn default() -> Exempt {
        Exempt {
            recipients: None,
            authenticated: true,
            ports: vec![465, 587],
            networks: Vec::new(),
            forwarders: Vec::new(),
        }
    }
}

/// Reads a file's text.
///
/// # Errors
/// The first line that is not as it should be.
pub(crate) fn read(text: &str, path: &Path) -> Result<File, Error> {
    let mut file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Error::Config {
            path: path.to_owned(),
            line: line_of(text, at),
            what: told(error.message()),
        }
    })?;
    file.listen.dns_public = file.listen.dns_public.or(file.dns_public);
    file.listen.dns_policy = file.listen.dns_policy.or(file.dns_policy);
    file.listen.dns_minimal = file.listen.dns_minimal.or(file.dns_minimal);
    file.listen.dns_version = file.listen.dns_version.or(file.dns_version);
    file.listen.dns_workers = file.listen.dns_workers.or(file.dns_workers.take());
    file.listen.dns_rate = file.listen.dns_rate.or(file.dns_rate);
    file.listen.dns_tcp_clients = file.listen.dns_tcp_clients.or(file.dns_tcp_clients.take());
    file.listen.dns_log = file.listen.dns_log.or(file.dns_log);
    file.listen.ent = file.listen.ent.or(file.ent);
    Ok(file)
}

/// The line, from 1, in which a byte of a text stands.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// A message about a word that is not known, with the known word that is nearest.
fn told(message: &str) -> String {
    let line = message.trim().replace('\n', "; ");
    let mut words = line.split('`').skip(1).step_by(2);
    let known = words.next().filter(|_| line.starts_with("unknown"));
    match known.and_then(|word| nearest(word, words)) {
        Some(meant) => format!("{line}; did you mean `{meant}`?"),
        None => line,
    }
}
