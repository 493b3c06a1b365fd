//! Decides what a query is answered with: the zone, the code, the listing. Nothing is written here.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use domain::base::iana::{Class, Opcode, Rcode, Rtype};
use rblmap::{Answer, NameKey, Record, Zone};
use rblmap_format::facts::{Facts, Ttls};
use rblmap_policy::{Codes, Ent, Policy};

use super::below;
use super::facts::DnsFacts;
use super::name::{Asked, QueryName};
use super::query::Query;
use super::rows::{self, MxRecord};
use super::zones::{Loaded, ServedZone, Zones};

/// What is the same for all queries.
#[derive(Debug)]
pub(crate) struct Settings {
    policy: Arc<Policy>,
    /// The text at `version.bind` in class CH; `None`: refused.
    version: Option<&'static str>,
}

impl Settings {
    /// As a policy says.
    pub(crate) fn of(policy: Arc<Policy>) -> Settings {
        let version = concat!("rblmap ", env!("CARGO_PKG_VERSION"));
        Settings {
            version: Some(version).filter(|_| policy.listen.dns_version),
            policy,
        }
    }

    /// Whether allow-lists and codes of the policy hold here.
    fn has_policy(&self) -> bool {
        self.policy.listen.dns_policy
    }

    /// Which records of a zone count; all without the policy.
    fn codes(&self, zone: usize) -> Option<&Codes> {
        let zone = self.policy.zones.get(zone).filter(|_| self.has_policy());
        zone.map(|zone| &zone.codes)
    }

    /// Whether the policy allows what is asked for.
    fn allows(&self, asked: Asked, name: &QueryName, labels: usize) -> bool {
        if !self.has_policy() {
            return false;
        }
        let place = match asked {
            Asked::V4(address) | Asked::OddV4(address) => self
                .policy
                .allows_address(Ipv4Addr::from_bits(address).into()),
            Asked::V6(address) => self
                .policy
                .allows_address(Ipv6Addr::from_bits(address).into()),
            Asked::Name => {
                let key = name.key(labels).map(|key| key.to_string());
                return key.is_ok_and(|key| self.policy.allows_name(&key).is_some());
            }
        };
        place.is_some()
    }

    /// Whether a name that only has names below it exists (RFC 8020). rbldnsd says that it does not.
    fn ent_exists(&self) -> bool {
        match self.policy.listen.ent {
            Ent::Noerror => true,
            Ent::Nxdomain => false,
        }
    }
}

/// What a query was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Records of a listing.
    Listed,
    /// The name is there, but has no records of the type.
    NoData,
    /// The name is not there.
    NotListed,
    /// SOA or NS records of the zone.
    Zone,
    /// The server's version.
    Version,
    /// SERVFAIL: the zone is missing, expired or retired.
    Failed,
    /// REFUSED: not one of our zones, or not a class of ours.
    Refused,
    /// NOTIMP: not a query, or a type that asks for more than records.
    NotImplemented,
    /// No reply: bytes that are no query.
    Dropped,
}

impl Kind {
    /// All of them, in the order of their counters.
    pub(crate) const ALL: [Kind; 9] = [
        Kind::Listed,
        Kind::NoData,
        Kind::NotListed,
        Kind::Zone,
        Kind::Version,
        Kind::Failed,
        Kind::Refused,
        Kind::NotImplemented,
        Kind::Dropped,
    ];

    /// The word for it in metrics and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Listed => "listed",
            Kind::NoData => "nodata",
            Kind::NotListed => "nxdomain",
            Kind::Zone => "zone",
            Kind::Version => "version",
            Kind::Failed => "servfail",
            Kind::Refused => "refused",
            Kind::NotImplemented => "notimp",
            Kind::Dropped => "dropped",
        }
    }
}

/// What a reply is to say.
pub(crate) struct Decision<'z> {
    pub(crate) zone: Option<usize>,
    pub(crate) kind: Kind,
    pub(crate) rcode: Rcode,
    pub(crate) authoritative: bool,
    /// Whether the bit that asks for recursion is repeated.
    pub(crate) keeps_rd: bool,
    pub(crate) body: Body<'z>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, on the stack of its thread"
)]
pub(crate) enum Body<'z> {
    /// The question alone.
    Empty,
    /// The version, in class CH.
    Version(&'z str),
    /// What a zone says.
    Zone(ZoneBody<'z>),
}

/// What a zone says of a name.
pub(crate) struct ZoneBody<'z> {
    /// Facts of the zone whose SOA and NS go with the answer.
    pub(crate) facts: &'z DnsFacts,
    /// How many of the question's last labels are that zone's name.
    pub(crate) apex_labels: usize,
    /// The serial where the facts have none.
    pub(crate) serial: u32,
    /// Whether an answer with records names that zone's servers.
    pub(crate) names_servers: bool,
    /// Whether the name is that zone's own.
    pub(crate) is_apex: bool,
    /// TTLs of the listing's records.
    pub(crate) ttls: Ttls,
    /// The MX records of the name.
    pub(crate) mail: &'z [MxRecord],
    pub(crate) listing: Option<Answer<'z>>,
    /// Which records of the listing count; all where there are no codes.
    pub(crate) codes: Option<&'z Codes>,
}

/// Whether the A record of a listing is one of the codes that count.
pub(crate) fn has_code(record: &Record<'_>, codes: &Codes) -> bool {
    record.a().is_some_and(|a| codes.contains(a))
}

/// Room for what a decision borrows.
#[derive(Default)]
pub(crate) struct Room {
    key: Option<NameKey>,
    own: Option<DnsFacts>,
    above: Option<DnsFacts>,
}

impl<'z> Decision<'z> {
    fn error(zone: Option<usize>, kind: Kind, rcode: Rcode) -> Decision<'z> {
        Decision {
            zone,
            kind,
            rcode,
            authoritative: false,
            keeps_rd: true,
            body: Body::Empty,
        }
    }
}

/// Decides on a query. `room` has to be a new one.
pub(crate) fn decide<'z>(
    zones: &'z Zones,
    settings: &'z Settings,
    query: &'z Query<'_>,
    now: u64,
    room: &'z mut Room,
) -> Decision<'z> {
    let header = query.header;
    if header.opcode() != Opcode::QUERY || header.aa() || header.tc() {
        let mut decision = Decision::error(None, Kind::NotImplemented, Rcode::NOTIMP);
        decision.keeps_rd = false;
        return decision;
    }
    match query.class {
        Class::IN | Class::ANY => {}
        Class::CH if asks_version(query) => return version(settings),
        _ => return Decision::error(None, Kind::Refused, Rcode::REFUSED),
    }
    if query.rtype != Rtype::ANY && query.rtype >= Rtype::TSIG {
        return Decision::error(None, Kind::NotImplemented, Rcode::NOTIMP);
    }
    let Some(zone) = zones.of_name(&query.labels) else {
        return Decision::error(None, Kind::Refused, Rcode::REFUSED);
    };
    let failed = Decision::error(Some(zone.number()), Kind::Failed, Rcode::SERVFAIL);
    let Ok(loaded) = zone.loaded() else {
        return failed;
    };
    if settings.has_policy() && zone.trouble().is_some() {
        return failed;
    }
    let decided = in_zone(zone, loaded, settings, query, now, room);
    decided.unwrap_or(failed)
}

fn asks_version(query: &Query<'_>) -> bool {
    let labels = &query.labels;
    query.rtype == Rtype::TXT
        && labels.label_count() == 2
        && labels.label(0) == b"version"
        && matches!(labels.label(1), b"bind" | b"server")
}

fn version(settings: &Settings) -> Decision<'_> {
    match settings.version {
        None => Decision::error(None, Kind::Refused, Rcode::REFUSED),
        Some(text) => Decision {
            body: Body::Version(text),
            ..Decision::error(None, Kind::Version, Rcode::NOERROR)
        },
    }
}

/// Where a name of an image is: its zone, and the zone whose SOA and NS hold for that one.
struct Place<'z> {
    found: Zone<'z>,
    owner: Zone<'z>,
    /// How many labels of the question are below the image's base.
    relative: usize,
    /// How many labels of it are below the zone.
    rest: usize,
    /// How many labels the owner's name has, relative to the base.
    owner_labels: usize,
}

impl<'z> Place<'z> {
    /// `None` if the image is damaged there, or the zone is past its expiry.
    fn find(loaded: &'z Loaded, query: &Query<'_>, now: u64) -> Option<Place<'z>> {
        let relative = query.labels.label_count() - loaded.base_labels();
        let place = if loaded.has_subzones() {
            let key = query.labels.key(relative).ok()?;
            let found = loaded.image().zone_of(&key).ok()?;
            let owner = owner(loaded, found)?;
            Place {
                rest: relative - found.name().label_count(),
                owner_labels: owner.name().label_count(),
                found,
                owner,
                relative,
            }
        } else {
            let base = *loaded.base()?;
            Place {
                rest: relative,
                owner_labels: 0,
                found: base,
                owner: base,
                relative,
            }
        };
        (!place.owner.expired_at(now)).then_some(place)
    }

    /// What is listed there; `key` keeps the name.
    fn listing(
        &self,
        loaded: &'z Loaded,
        query: &Query<'_>,
        asked: Asked,
        key: &'z mut Option<NameKey>,
    ) -> Option<Answer<'z>> {
        Some(match asked {
            Asked::V4(address) => self.found.lookup_v4(address),
            Asked::V6(address) => self.found.lookup_v6(address),
            // Of the zones of the image the same one is found again; few spell addresses like this.
            Asked::OddV4(_) => {
                let key = key.insert(query.labels.key(self.relative).ok()?);
                loaded.image().query(key).ok()?
            }
            Asked::Name => {
                let key = key.insert(query.labels.key(self.rest).ok()?);
                self.found.lookup_name(key)
            }
        })
    }
}

/// What a zone with an image says; `None` if it cannot say anything.
fn in_zone<'z>(
    zone: &'z ServedZone,
    loaded: &'z Loaded,
    settings: &'z Settings,
    query: &'z Query<'_>,
    now: u64,
    room: &'z mut Room,
) -> Option<Decision<'z>> {
    let place = Place::find(loaded, query, now)?;
    let Room { key, own, above } = room;
    let own = loaded.facts_of(&place.found, own);
    let asked = query.labels.asked(place.rest);
    let listing = place.listing(loaded, query, asked, key)?;
    let codes = settings.codes(zone.number());
    let counts = |record: Record<'_>| codes.is_none_or(|codes| has_code(&record, codes));
    let is_listed =
        listing.records().any(counts) && !settings.allows(asked, &query.labels, place.rest);
    let (mut ttls, mut mail) = (rows::both(own.ttl), &[][..]);
    if own.has_rows {
        let name = query.labels.key(place.rest).ok()?;
        ttls = rows::ttls_of(&own.ttls, &listing, &name, own.ttl);
        mail = rows::mail_of(&own.mail, &name);
    }
    let apex_labels = loaded.base_labels() + place.owner_labels;
    let body = ZoneBody {
        facts: loaded.facts_of(&place.owner, above),
        apex_labels,
        names_servers: !settings.policy.listen.dns_minimal,
        serial: loaded.serial(),
        is_apex: apex_labels == query.labels.label_count(),
        ttls,
        mail,
        codes,
        listing: Some(listing).filter(|_| is_listed),
    };
    let exists = place.rest == 0
        || is_listed
        || !mail.is_empty()
        || settings.ent_exists() && below::exists(&place.found, &query.labels, place.rest);
    Some(verdict(zone, query, body, exists))
}

/// The zone whose SOA and NS hold for one of an image: itself, or the closest above that is a zone
/// of its own.
fn owner<'z>(loaded: &'z Loaded, found: Zone<'z>) -> Option<Zone<'z>> {
    let mut zone = found;
    while zone.name().label_count() > 0 && !Facts::is_own(zone.facts()) {
        let above = zone.name().parent()?;
        zone = loaded.image().zone_of(&above).ok()?;
    }
    Some(zone)
}

fn verdict<'z>(
    zone: &ServedZone,
    query: &Query<'_>,
    body: ZoneBody<'z>,
    exists: bool,
) -> Decision<'z> {
    let number = Some(zone.number());
    let any = query.rtype == Rtype::ANY;
    if body.is_apex {
        let lacks_soa = body.facts.soa.is_none() && (any || query.rtype == Rtype::SOA);
        let lacks_ns = body.facts.servers.is_empty() && (any || query.rtype == Rtype::NS);
        if lacks_soa || lacks_ns {
            return Decision::error(number, Kind::Refused, Rcode::REFUSED);
        }
    }
    let kind = match exists {
        false => Kind::NotListed,
        true if body.is_apex && matches!(query.rtype, Rtype::SOA | Rtype::NS | Rtype::ANY) => {
            Kind::Zone
        }
        true => Kind::NoData, // or what the records turn out to be
    };
    Decision {
        zone: number,
        kind,
        rcode: if exists {
            Rcode::NOERROR
        } else {
            Rcode::NXDOMAIN
        },
        authoritative: query.class == Class::IN,
        keeps_rd: true,
        body: Body::Zone(body),
    }
}
