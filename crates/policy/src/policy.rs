//! The policy of a mail host, made from its file.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;

use crate::allow::{Allow, Allowed, network};
use crate::codes::Codes;
use crate::config::{self, File, Text, line_of};
use crate::error::Error;
use crate::listen::{DEFAULT_DNS_RATE, DEFAULT_DNS_TCP_CLIENTS, Listen, ListenAddress, ListenOn};
use crate::mode::{Look, Mode, OnTrouble};
use crate::nearest::nearest;
use crate::recipients::Recipients;
use crate::reply::ReplyTemplate;
use crate::score::Score;
use crate::zones::FollowedZone;

/// What a mail host decides, as its file says.
///
/// ```
/// use std::path::Path;
/// use rblmap_policy::{Ent, ListenAddress, Mode, Policy};
///
/// let text = r#"
/// [listen]
/// policy = ["unix:/run/rblmap/policy?mode=666"]
/// [[zone]]
/// name = "ops.example"
/// from = "testdata/three.rbl"
/// mode = "reject"
/// [[allow]]
/// networks = ["192.0.2.0/24"]
/// "#;
/// let policy = Policy::parse(text, Path::new("mail.toml"), "mx.example.net")?;
/// assert_eq!(policy.zones[0].mode, Mode::Reject);
/// assert_eq!(policy.allows_address([192, 0, 2, 1].into()).map(|at| at.line), Some(9));
///
/// let listen = &policy.listen;
/// assert_eq!((listen.policy[0].line, listen.ent), (3, Ent::Nxdomain));
/// let ListenAddress::Unix(unix) = &listen.policy[0].address else { panic!("a unix socket") };
/// assert_eq!((unix.path.as_path(), unix.mode), (Path::new("/run/rblmap/policy"), 0o666));
/// # Ok::<(), rblmap_policy::Error>(())
/// ```
#[derive(Debug)]
pub struct Policy {
    /// The file.
    pub path: PathBuf,
    /// The name of this host, in replies.
    pub host: String,
    /// Where `rblmap serve` listens.
    pub listen: Listen,
    /// The zones, in the order of the file.
    pub zones: Vec<ZonePolicy>,
    /// From which sum on what is done; without it the strongest mode decides.
    pub(crate) score: Option<Thresholds>,
    pub(crate) allow: Allow,
    pub(crate) exempt: Exempt,
    pub(crate) recipients: Vec<RecipientRule>,
    pub(crate) on_trouble: OnTrouble,
}

/// One zone, and what its listings count for.
///
/// See the example of [`Policy`].
#[derive(Debug)]
pub struct ZonePolicy {
    /// Where its image comes from.
    pub followed: Arc<FollowedZone>,
    /// Which A records count.
    pub codes: Codes,
    /// What is looked up, `None` for what the zone holds.
    pub looks: Option<Vec<Look>>,
    /// What it may do.
    pub mode: Mode,
    /// What it adds to the sum.
    pub weight: Score,
    pub(crate) reply: Option<ReplyTemplate>,
    pub(crate) url: Option<ReplyTemplate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thresholds {
    pub(crate) reject: Option<Score>,
    pub(crate) defer: Option<Score>,
    pub(crate) tag: Option<Score>,
}

#[derive(Debug, Default)]
pub(crate) struct Exempt {
    pub(crate) recipients: Recipients,
    pub(crate) authenticated: bool,
    pub(crate) ports: Vec<u16>,
    pub(crate) networks: Allow,
    pub(crate) forwarders: Allow,
}

/// For these recipients the zones act at most so strongly.
#[derive(Debug)]
pub(crate) struct RecipientRule {
    who: Recipients,
    mode: Mode,
    /// Indexes into the zones; `None` for all.
    zones: Option<Vec<usize>>,
}

/// A file of more bytes is no policy.
const LIMIT: u64 = 16 << 20;
const MAX_DNS_WORKERS: u32 = 256;
const MAX_DNS_TCP_CLIENTS: u32 = 65_536;

impl Policy {
    /// Reads a policy file and the allow-lists that it names. `host` is this machine's name, for
    /// files that name none. No image is opened yet, see [`Policy::look`].
    ///
    /// # Errors
    /// A file that cannot be read, or the first line that cannot be used.
    pub fn read(path: &Path, host: &str) -> Result<Policy, Error> {
        let read = || -> std::io::Result<String> {
            use std::io::{Error, ErrorKind, Read};
            let mut bytes = Vec::new();
            std::fs::File::open(path)?
                .take(LIMIT + 1)
                .read_to_end(&mut bytes)?;
            if bytes.len() as u64 > LIMIT {
                return Err(Error::new(ErrorKind::FileTooLarge, "over 16 MiB"));
            }
            String::from_utf8(bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error))
        };
        let text = read().map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Policy::parse(&text, path, host)
    }

    /// The same from the text of a file; `path` is its name in messages.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn parse(text: &str, path: &Path, host: &str) -> Result<Policy, Error> {
        let file = config::read(text, path)?;
        Maker { text, path }.policy(file, host)
    }

    /// Looks for other images, of all zones. May wait for the disk.
    pub fn look(&self) {
        self.zones.iter().for_each(|zone| zone.followed.look());
    }

    /// Takes over the images of another policy that follows the same zones.
    pub fn adopt(&mut self, other: &Policy) {
        for zone in &mut self.zones {
            let same = |theirs: &&ZonePolicy| {
                theirs.followed.name() == zone.followed.name()
                    && theirs.followed.from() == zone.followed.from()
            };
            if let Some(theirs) = other.zones.iter().find(same) {
                zone.followed = Arc::clone(&theirs.followed);
            }
        }
    }

    /// The index of a zone by its full name; case is ignored.
    pub fn zone_index(&self, name: &str) -> Option<usize> {
        let is = |zone: &ZonePolicy| zone.followed.name().eq_ignore_ascii_case(name);
        self.zones.iter().position(is)
    }

    /// The full name of the zone of this index; empty where there is none.
    pub(crate) fn zone_name(&self, index: usize) -> &str {
        self.zones.get(index).map_or("", ZonePolicy::name)
    }

    /// Whether a decision may be to add a header.
    pub fn may_tag(&self) -> bool {
        let limited = |rule: &RecipientRule| rule.mode == Mode::Tag;
        self.score.is_some_and(|score| score.tag.is_some())
            || self.zones.iter().any(|zone| zone.mode == Mode::Tag)
            || self.recipients.iter().any(limited)
    }

    /// Where an address is allowed, if it is.
    pub fn allows_address(&self, address: IpAddr) -> Option<&Allowed> {
        self.allow.find_network(address)
    }

    /// Where a name is allowed in any look, if it is.
    pub fn allows_name(&self, name: &str) -> Option<&Allowed> {
        let looks = [Look::Helo, Look::Sender, Look::Rdns];
        looks
            .iter()
            .find_map(|&look| self.allow.find_name(name, look))
    }

    /// The mode of a zone for a recipient: its own, or the weaker one of the first rule for both.
    pub(crate) fn mode_for(&self, zone: usize, recipient: &str) -> Mode {
        let own = self.zones.get(zone).map_or(Mode::Off, |zone| zone.mode);
        let applies = |rule: &&RecipientRule| {
            let of_zone = rule
                .zones
                .as_ref()
                .is_none_or(|zones| zones.contains(&zone));
            of_zone && rule.who.find(recipient).is_some()
        };
        let rule = self.recipients.iter().find(applies);
        rule.map_or(own, |rule| own.min(rule.mode))
    }
}

impl ZonePolicy {
    /// The full name.
    pub fn name(&self) -> &str {
        self.followed.name()
    }

    /// Whether its reply or URL says since when a client is listed (`%s`), so that
    /// [`FollowedZone::set_since_when`] is worth a call.
    pub fn tells_since(&self) -> bool {
        let templates = [&self.reply, &self.url];
        let mut templates = templates.into_iter().flatten();
        templates.any(ReplyTemplate::tells_since)
    }
}

/// Makes the policy from what is written, and knows where it is written.
struct Maker<'t> {
    text: &'t str,
    path: &'t Path,
}

impl Maker<'_> {
    fn policy(&self, file: File, host: &str) -> Result<Policy, Error> {
        if file.zone.is_empty() {
            return Err(self.error(
                self.text.len(),
                "there is no [[zone]]: nothing would be looked up".to_owned(),
            ));
        }
        let zones = self.zones(&file.zone)?;
        let recipients = file
            .recipient
            .iter()
            .map(|rule| self.recipient_rule(rule, &zones));
        let recipients = recipients.collect::<Result<_, _>>()?;
        Ok(Policy {
            path: self.path.to_owned(),
            host: file
                .host
                .map_or_else(|| host.to_owned(), Spanned::into_inner),
            listen: self.listen(&file.listen)?,
            score: file
                .score
                .map(|score| self.thresholds(&score))
                .transpose()?,
            allow: self.allow(&file.allow)?,
            exempt: self.exempt(&file.exempt)?,
            recipients,
            zones,
            on_trouble: file.trouble.answer,
        })
    }

    fn listen(&self, file: &config::Listen) -> Result<Listen, Error> {
        let mut seen = Vec::new();
        let mut all = |list: &[Text], public: bool, unix: bool| -> Result<Vec<ListenOn>, Error> {
            let read = |text: &Text| {
                let address =
                    ListenAddress::parse(text.get_ref()).map_err(|why| self.at(text, why))?;
                if matches!(address, ListenAddress::Unix(_)) && !unix {
                    return Err(self.at(text, "DNS listens at an address with a port".to_owned()));
                }
                if !address.is_local() && !public {
                    let why = if unix {
                        ""
                    } else {
                        " without dns_public = true"
                    };
                    return Err(self.at(text, format!("{address} is not a loopback address{why}")));
                }
                if seen.contains(&address) {
                    return Err(self.at(text, format!("{address} is listened at already")));
                }
                if !matches!(&address, ListenAddress::Tcp(tcp) if tcp.port() == 0) {
                    seen.push(address.clone());
                }
                Ok(ListenOn {
                    address,
                    line: self.line(text),
                })
            };
            list.iter().map(read).collect()
        };
        let dns_public = file.dns_public.unwrap_or(false);
        Ok(Listen {
            policy: all(&file.policy, false, true)?,
            socketmap: all(&file.socketmap, false, true)?,
            milter: all(&file.milter, false, true)?,
            query: all(&file.query, false, true)?,
            metrics: all(&file.metrics, false, true)?,
            dns: all(&file.dns, dns_public, false)?,
            dns_public,
            dns_policy: file.dns_policy.unwrap_or(false),
            ent: file.ent.unwrap_or_default(),
            dns_minimal: file.dns_minimal.unwrap_or(true),
            dns_version: file.dns_version.unwrap_or(false),
            dns_workers: self.number(file.dns_workers.as_ref(), (1, MAX_DNS_WORKERS))?,
            // The limit is there for queries with forged addresses, which loopback does not see.
            dns_rate: match file.dns_rate {
                None => dns_public.then_some(DEFAULT_DNS_RATE),
                Some(0) => None,
                rate => rate,
            },
            dns_tcp_clients: self.number(
                file.dns_tcp_clients.as_ref(),
                (DEFAULT_DNS_TCP_CLIENTS, MAX_DNS_TCP_CLIENTS),
            )?,
            dns_log: file.dns_log.unwrap_or(0),
        })
    }

    /// A number from 1 to the most there may be; the usual one where none is written.
    fn number(
        &self,
        written: Option<&Spanned<u32>>,
        (usual, most): (u32, u32),
    ) -> Result<usize, Error> {
        let number = written.map_or(usual, |number| *number.get_ref());
        if let Some(written) = written
            && !(1..=most).contains(&number)
        {
            let why = format!("{number} is not a number from 1 to {most}");
            return Err(self.error(written.span().start, why));
        }
        Ok(number as usize)
    }

    fn zones(&self, written: &[config::Zone]) -> Result<Vec<ZonePolicy>, Error> {
        let mut zones: Vec<ZonePolicy> = Vec::new();
        for zone in written {
            let name = self.zone_name(&zone.name)?;
            if zones.iter().any(|other| other.name() == name) {
                return Err(self.at(&zone.name, format!("zone {name} is there twice")));
            }
            if zone.from.get_ref().is_empty() {
                return Err(self.at(
                    &zone.from,
                    "the path of a mirror's folder or of an image".to_owned(),
                ));
            }
            let from = Path::new(zone.from.get_ref());
            let codes = zone
                .codes
                .as_ref()
                .map(|text| Codes::parse(text.get_ref()).map_err(|why| self.at(text, why)));
            if let Some(looks) = &zone.looks
                && looks.get_ref().is_empty()
            {
                return Err(self.error(
                    looks.span().start,
                    "looks is empty: write client, helo, sender or rdns".to_owned(),
                ));
            }
            zones.push(ZonePolicy {
                followed: Arc::new(FollowedZone::new(&name, from)),
                codes: codes.transpose()?.unwrap_or_default(),
                looks: zone.looks.as_ref().map(|looks| looks.get_ref().clone()),
                mode: zone.mode,
                weight: zone.weight.unwrap_or(Score::ONE),
                reply: self.template(zone.reply.as_ref())?,
                url: self.template(zone.url.as_ref())?,
            });
        }
        Ok(zones)
    }

    fn zone_name(&self, text: &Text) -> Result<String, Error> {
        let name = text.get_ref().trim_end_matches('.').to_ascii_lowercase();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(allowed);
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(self.at(
                text,
                format!("\"{}\" is not the name of a zone", text.get_ref()),
            ));
        }
        Ok(name)
    }

    fn template(&self, text: Option<&Text>) -> Result<Option<ReplyTemplate>, Error> {
        let read =
            |text: &Text| ReplyTemplate::parse(text.get_ref()).map_err(|why| self.at(text, why));
        text.map(read).transpose()
    }

    fn thresholds(&self, score: &config::Thresholds) -> Result<Thresholds, Error> {
        let mut above: Option<(&str, Score)> = None;
        for (name, value) in [
            ("reject", &score.reject),
            ("defer", &score.defer),
            ("tag", &score.tag),
        ] {
            let Some(value) = value else { continue };
            let (at, value) = (value.span().start, *value.get_ref());
            if value <= Score::ZERO {
                return Err(self.error(at, format!("{name} = {value}: a threshold is above 0")));
            }
            if let Some((other, limit)) = above
                && value > limit
            {
                return Err(self.error(at, format!("{name} = {value} is above {other} = {limit}: it would never be reached alone")));
            }
            above = Some((name, value));
        }
        if above.is_none() {
            return Err(self.error(
                self.text.find("[score]").unwrap_or(0),
                "[score] without reject, defer or tag".to_owned(),
            ));
        }
        let of = |value: &Option<Spanned<Score>>| value.as_ref().map(|value| *value.get_ref());
        Ok(Thresholds {
            reject: of(&score.reject),
            defer: of(&score.defer),
            tag: of(&score.tag),
        })
    }

    fn allow(&self, lists: &[config::Allow]) -> Result<Allow, Error> {
        let mut allow = Allow::default();
        for list in lists {
            let looks = list.looks.as_deref().unwrap_or(&Look::ALL);
            self.add_networks(&mut allow, &list.networks)?;
            for name in &list.names {
                allow
                    .add_name(name.get_ref(), looks, self.place(name))
                    .map_err(|why| self.at(name, why))?;
            }
            for file in &list.files {
                match allow.add_file(Path::new(file.get_ref()), looks) {
                    Ok(()) => {}
                    Err(Error::Read { path, source }) => {
                        return Err(self.at(
                            file,
                            format!("{}: cannot be read: {source}", path.display()),
                        ));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(allow)
    }

    fn exempt(&self, written: &config::Exempt) -> Result<Exempt, Error> {
        let recipients = match &written.recipients {
            Some(list) => self.recipients(list)?,
            None => Recipients::parse(["postmaster", "abuse"]).map_err(|why| self.error(0, why))?,
        };
        let (mut networks, mut forwarders) = (Allow::default(), Allow::default());
        self.add_networks(&mut networks, &written.networks)?;
        self.add_networks(&mut forwarders, &written.forwarders)?;
        Ok(Exempt {
            recipients,
            authenticated: written.authenticated,
            ports: written.ports.clone(),
            networks,
            forwarders,
        })
    }

    fn add_networks(&self, allow: &mut Allow, list: &[Text]) -> Result<(), Error> {
        for text in list {
            let Some(network) = network(text.get_ref()) else {
                let why = format!(
                    "\"{}\" is neither an address nor a network, such as 192.0.2.0/24",
                    text.get_ref()
                );
                return Err(self.at(text, why));
            };
            allow.add_network(network, self.place(text));
        }
        Ok(())
    }

    fn recipients(&self, list: &[Text]) -> Result<Recipients, Error> {
        for text in list {
            Recipients::parse([text.get_ref().as_str()]).map_err(|why| self.at(text, why))?;
        }
        Recipients::parse(list.iter().map(|text| text.get_ref().as_str()))
            .map_err(|why| self.error(0, why))
    }

    fn recipient_rule(
        &self,
        rule: &config::Recipient,
        zones: &[ZonePolicy],
    ) -> Result<RecipientRule, Error> {
        let index = |text: &Text| {
            let name = text.get_ref();
            let found = zones
                .iter()
                .position(|zone| zone.name().eq_ignore_ascii_case(name));
            found.ok_or_else(|| {
                let near = nearest(name, zones.iter().map(ZonePolicy::name));
                let near = near
                    .map(|near| format!("; did you mean {near}?"))
                    .unwrap_or_default();
                self.at(text, format!("there is no zone {name}{near}"))
            })
        };
        if rule.who.get_ref().is_empty() {
            return Err(self.error(rule.who.span().start, "who is empty".to_owned()));
        }
        let only = rule
            .zones
            .as_ref()
            .map(|list| list.iter().map(index).collect::<Result<_, _>>());
        Ok(RecipientRule {
            who: self.recipients(rule.who.get_ref())?,
            mode: rule.mode,
            zones: only.transpose()?,
        })
    }

    fn line(&self, text: &Text) -> usize {
        line_of(self.text, text.span().start)
    }

    fn place(&self, text: &Text) -> Allowed {
        Allowed {
            file: Arc::new(self.path.to_owned()),
            line: self.line(text),
        }
    }

    fn at(&self, text: &Text, what: String) -> Error {
        self.error(text.span().start, what)
    }

    fn error(&self, at: usize, what: String) -> Error {
        Error::Config {
            path: self.path.to_owned(),
            line: line_of(self.text, at),
            what,
        }
    }
}
