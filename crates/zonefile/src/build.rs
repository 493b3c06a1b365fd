//! Specs to content.

mod ttls;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use rblmap::NameKey;
use rblmap_content::{Content, DEFAULT_TTL, Draft, DraftZone, Facts, ZoneName};

use crate::dataset::Taken;
use crate::dataset_type::{DatasetType, SourceOption};
use crate::error::Error;
use crate::lint;
use crate::list::auto::{self, Guess};
use crate::load::{self, Dataset, Loaded};
use crate::mask::Mask;
use crate::resolve::attached::{Attached, Group};
use crate::resolve::masked;
use crate::resolve::names::Names;
use crate::resolve::subzones::{self, Subzones};
use crate::resolve::unions::Unions;
use crate::resolve::zone::{self, Parts};
use crate::resolve::zone_order;
use crate::resolve::{self, Layer, Places};
use crate::source::{Source, SourceText};
use crate::spec::{Options, Reading, Spec};
use crate::test_points;
use crate::warning::{Class, Warning};

/// What came of the sources.
///
/// See the example of [`build`].
#[derive(Debug)]
pub struct Built {
    /// What the zone says.
    pub content: Content,
    /// Remarks, by spec, file and line.
    pub warnings: Vec<Warning>,
    /// What is to be known of sources and is no warning: what `auto` took them for.
    pub notes: Vec<String>,
    /// How much was read.
    pub counts: Counts,
}

/// How much was read.
///
/// See the example of [`build_text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lines of all sources.
    pub lines: u64,
    /// Entries among them.
    pub entries: u64,
    /// Plain keys with a port.
    pub ports: u64,
    /// Plain keys out of a URL.
    pub urls: u64,
}

/// Reads sources and resolves them.
///
/// The base zone is the zone of the first spec (or the one that a mask makes). Specs with an equal
/// zone unite, zones below the base become its subzones.
///
/// ```
/// use rblmap_zonefile::{Options, Spec, build};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("ops.zone");
/// # std::fs::write(&path, ":2:See http://ops.example/?$\n192.0.2.0/24\n")?;
/// let spec: Spec = format!("ops.example:ip4set:{}", path.display()).parse()?;
/// let built = build(&[spec], &Options::default())?;
/// assert!(built.warnings.is_empty());
/// assert_eq!(built.content.base().v4().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Sources that cannot be read or that rbldnsd would refuse, zones that do not fit together, and
/// what is over the limits.
pub fn build(specs: &[Spec], options: &Options) -> Result<Built, Error> {
    build_of(specs, options, |spec, options, warnings| {
        let sources = spec.files.iter();
        sources
            .map(|path| Source::open(path, spec.kind, options, warnings))
            .collect()
    })
}

/// As [`build`], of a text in memory instead of the files of a spec. What is said of it names the
/// first file of the spec.
///
/// ```
/// use rblmap_zonefile::{Options, Spec, build_text};
/// let spec: Spec = "ops.example:plain:line".parse()?;
/// let built = build_text(&spec, "192.0.2.1\n", &Options::default())?;
/// assert_eq!(built.counts.entries, 1);
/// # Ok::<(), rblmap_zonefile::Error>(())
/// ```
///
/// # Errors
/// As for [`build`].
pub fn build_text(spec: &Spec, text: &str, options: &Options) -> Result<Built, Error> {
    build_of(std::slice::from_ref(spec), options, |spec, _, _| {
        let path = spec.files.first().ok_or(Error::NoSpecs)?;
        let text = SourceText::Whole(text.as_bytes().to_vec());
        let path: Arc<Path> = path.as_path().into();
        Ok(vec![Source { path, text }])
    })
}

/// Gives the sources of a spec.
type Open<'f> = &'f mut dyn FnMut(&Spec, &Options, &mut Vec<Warning>) -> Result<Vec<Source>, Error>;

fn build_of(
    specs: &[Spec],
    options: &Options,
    open: impl FnMut(&Spec, &Options, &mut Vec<Warning>) -> Result<Vec<Source>, Error> + Send,
) -> Result<Built, Error> {
    // On a thread of the pool: a step of little work is then done there and then, where another thread
    // would have to be woken and waited for. There are a dozen steps for each dataset of a zone.
    rayon::scope(|_| build_here(specs, options, open))
}

fn build_here(
    specs: &[Spec],
    options: &Options,
    mut open: impl FnMut(&Spec, &Options, &mut Vec<Warning>) -> Result<Vec<Source>, Error>,
) -> Result<Built, Error> {
    let base = base_of(specs, options.mask.as_ref())?;
    let mut draft = Draft::new(base.clone());
    let mut unions = Unions::new(&mut draft.values, options.limits.records);
    let mut work = Work::new(base, options, Taken::Records);
    work.read_all(specs, &mut open, &mut unions)?;
    work.tell_idle_options(specs);
    let has_ttls = work.has_ttls();
    let mut zones = work.unite(&mut unions)?;
    if has_ttls {
        work.put_ttls(specs, &mut open, &mut zones)?;
    }
    if options.test_points {
        test_points::add(&mut zones, &mut unions)?;
    }
    for (name, zone) in zones {
        *draft.zone_mut(&name) = zone;
    }
    Ok(Built {
        content: draft.finish()?,
        warnings: work.warnings,
        notes: work.notes,
        counts: work.counts,
    })
}

/// What rbldnsd keeps for a zone of its command line.
#[derive(Debug, Default)]
struct Asked {
    /// The first source of the zone, for what is said of the whole zone.
    file: Option<Arc<Path>>,
    facts: Facts,
    expires: Option<u64>,
}

/// A spec with its sources, as they are read.
#[derive(Clone, Copy)]
struct Read<'a> {
    index: usize,
    /// The number of the first spec of the same zone.
    zone_number: usize,
    spec: &'a Spec,
    sources: &'a [Source],
    options: &'a Options,
}

struct Work<'o> {
    base: ZoneName,
    options: &'o Options,
    taken: Taken,
    counts: Counts,
    /// Whether some record has a TTL of its own, or is an MX record.
    has_own_ttls: bool,
    warnings: Vec<Warning>,
    notes: Vec<String>,
    /// The type that each spec was read as, and how many texts were found in it.
    read: Vec<(DatasetType, u64)>,
    /// Layers by the zone they answer in.
    attached: BTreeMap<NameKey, Vec<Attached>>,
    /// The zones of the specs.
    asked: BTreeMap<NameKey, Asked>,
}

impl<'o> Work<'o> {
    fn new(base: ZoneName, options: &'o Options, taken: Taken) -> Work<'o> {
        Work {
            base,
            options,
            taken,
            counts: Counts::default(),
            has_own_ttls: false,
            warnings: Vec::new(),
            notes: Vec::new(),
            read: Vec::new(),
            attached: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Reads the sources of all specs, and resolves each on its own.
    fn read_all(
        &mut self,
        specs: &[Spec],
        open: Open<'_>,
        unions: &mut Unions<'_>,
    ) -> Result<(), Error> {
        for (index, (spec, zone_number)) in specs.iter().zip(zone_numbers(specs)).enumerate() {
            let own = of_spec(self.options, spec);
            let from = self.warnings.len();
            let sources = open(spec, &own, &mut self.warnings)?;
            let (spec, own) = self.known(spec, &sources, own)?;
            let read = Read {
                index,
                zone_number,
                spec: &spec,
                sources: &sources,
                options: &own,
            };
            self.spec(&read, unions)?;
            sort_by_line(self.warnings.get_mut(from..).unwrap_or_default(), &sources);
        }
        Ok(())
    }

    fn spec(&mut self, read: &Read<'_>, unions: &mut Unions<'_>) -> Result<(), Error> {
        let Read {
            index,
            zone_number,
            spec,
            sources,
            options,
        } = *read;
        let name = self.relative(&spec.zone)?;
        let mut loaded = load::load(spec, sources, (options, self.taken), &mut self.warnings)?;
        self.read.push((spec.kind, loaded.tally.texts));
        self.has_own_ttls |= loaded.tally.ttls > 0;
        self.take_facts(name, &loaded);
        if let (Some(asked), Some(first)) = (self.asked.get_mut(&name), sources.first()) {
            asked.file.get_or_insert_with(|| first.path.clone());
        }
        // Rows of a dump have subzones of their own, as `combined` has. The datasets of a zone are
        // asked together, those of a combined one apart.
        let is_apart = spec.kind == DatasetType::Combined || loaded.datasets.len() > 1;
        for dataset in std::mem::take(&mut loaded.datasets) {
            let subzones = dataset.subzones.clone();
            let ttl = dataset.ttl;
            let layer = Arc::new(self.layer(dataset, &spec.zone, unions)?);
            for subzone in subzones {
                // Too long together: nobody can ask for it.
                let Some(zone) = below(&name, &subzone) else {
                    continue;
                };
                self.attached.entry(zone).or_default().push(Attached {
                    zone,
                    owner: name,
                    group: if is_apart {
                        Group::Spec(index)
                    } else {
                        Group::Zone(zone_number)
                    },
                    ttl,
                    layer: layer.clone(),
                });
            }
        }
        Ok(())
    }

    /// What a dataset of a zone says, with the findings of `--check` and the zone's bit of the mask.
    fn layer(
        &mut self,
        mut dataset: Dataset<'_>,
        zone: &ZoneName,
        unions: &mut Unions<'_>,
    ) -> Result<Layer, Error> {
        resolve::take_values(&mut dataset, unions)?;
        if let Some(check) = &self.options.check {
            let places = Places::of(&dataset.pieces);
            let findings = lint::check_dataset(&dataset, check, &places, unions);
            self.warnings.extend(findings);
        }
        let mut layer = resolve::layer(dataset, unions, &mut self.warnings)?;
        let mask = self.options.mask.as_ref();
        if let Some(bit) = mask.and_then(|mask| mask.bit(zone)) {
            zone::map_values(&mut layer, |value| masked::with_bit(value, bit, unions))?;
        }
        Ok(layer)
    }

    /// The spec with the type that its files have, where it leaves that to them.
    fn known<'a>(
        &mut self,
        spec: &'a Spec,
        sources: &[Source],
        options: Cow<'a, Options>,
    ) -> Result<(Cow<'a, Spec>, Cow<'a, Options>), Error> {
        if spec.kind != DatasetType::Auto {
            return Ok((Cow::Borrowed(spec), options));
        }
        let (mut spec, mut options) = (spec.clone(), options.into_owned());
        let mut first: Option<Guess> = None;
        for source in sources {
            let unsure = |why: String| Error::Unsure {
                path: source.path.to_path_buf(),
                why,
            };
            let SourceText::Whole(text) = &source.text else {
                debug_assert!(false, "sources of type auto are opened whole");
                continue;
            };
            load::check_text(source, text)?;
            let guess = auto::guess(text, &options).map_err(unsure)?;
            let note = format!(
                "{}: taken as {}: {}",
                source.path.display(),
                guess.kind,
                guess.why
            );
            self.notes.push(note);
            match &first {
                Some(other) if (other.kind, &other.csv) != (guess.kind, &guess.csv) => {
                    let why = format!(
                        "it is {} where the file before is {}",
                        guess.kind, other.kind
                    );
                    return Err(unsure(why));
                }
                _ => first = Some(guess),
            }
        }
        if let Some(guess) = first {
            spec.kind = guess.kind;
            let asked = &mut options.reading.csv;
            if let (None, Some(csv)) = (&asked.column, guess.csv) {
                *asked = csv;
            }
        }
        Ok((Cow::Owned(spec), Cow::Owned(options)))
    }

    /// Tells which options no source reads, or reads in vain.
    fn tell_idle_options(&mut self, specs: &[Spec]) {
        for (reading, of_all) in readings(self.options, specs) {
            let own = specs
                .iter()
                .zip(&self.read)
                .filter(|(spec, _)| match &spec.reading {
                    Some(own) => std::ptr::eq(&raw const **own, reading),
                    None => of_all,
                });
            let own: Vec<(DatasetType, u64)> = own.map(|(_, read)| *read).collect();
            for &option in &reading.given {
                let mut readers = own.iter().filter(|(kind, _)| kind.reads(option)).peekable();
                let why = if readers.peek().is_none() {
                    "no source here reads it"
                } else if !finds_texts(option) || readers.any(|(_, texts)| *texts > 0) {
                    continue;
                } else {
                    "nothing of the kind was found"
                };
                let file: &Path = option.flag().as_ref();
                self.warnings.push(Warning {
                    detail: Some(why.into()),
                    ..Warning::new(file.into(), 0, Class::IdleOption)
                });
            }
        }
    }

    fn take_facts(&mut self, name: NameKey, loaded: &Loaded<'_>) {
        self.counts.lines += loaded.lines;
        self.counts.entries += loaded.entries;
        self.counts.ports += loaded.tally.ports;
        self.counts.urls += loaded.tally.urls;
        let asked = self.asked.entry(name).or_default();
        asked.expires = earliest(asked.expires, loaded.expires);
        let facts = &mut asked.facts;
        facts.soa = facts.soa.take().or_else(|| loaded.facts.soa.clone());
        facts.ns = facts.ns.take().or_else(|| loaded.facts.ns.clone());
    }

    /// The zone's name relative to the base.
    fn relative(&self, zone: &ZoneName) -> Result<NameKey, Error> {
        if self.options.mask.is_some() {
            return Ok(NameKey::ROOT);
        }
        let outside = || Error::Outside {
            zone: zone.clone(),
            base: self.base.clone(),
        };
        let key = |name: &ZoneName| NameKey::parse(name.as_str().as_bytes());
        let (Ok(whole), Ok(base)) = (key(zone), key(&self.base)) else {
            return Err(outside());
        };
        if !whole.is_within(&base) {
            return Err(outside());
        }
        let rest = whole.as_bytes().get(base.as_bytes().len()..);
        NameKey::from_key(rest.unwrap_or_default()).map_err(|_| outside())
    }

    fn unite(&mut self, unions: &mut Unions<'_>) -> Result<BTreeMap<NameKey, DraftZone>, Error> {
        let mut attached = std::mem::take(&mut self.attached);
        let all = attached.values().flatten();
        let subzones = Subzones::new(self.asked.keys().copied(), all);
        // A subzone of a combined dataset inside another zone of a spec is never asked.
        for layers in attached.values_mut() {
            layers.retain(|one| subzones.owner(&one.zone) == Some(one.owner));
        }
        attached.retain(|_, layers| !layers.is_empty());
        let mut names: Vec<NameKey> = attached.keys().chain(self.asked.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        let mut moved = moved_names(&names, &attached, &subzones, unions)?;
        let mut zones = BTreeMap::new();
        for name in &names {
            let attached = attached.remove(name).unwrap_or_default();
            let ttl = shortest_ttl(&attached);
            let parts = Parts {
                attached,
                moved: moved.remove(name).unwrap_or_default(),
            };
            let mut zone = zone::unite(parts, &names, &subzones, unions, &mut self.warnings)?;
            if self.options.mask.is_some() {
                masked::mask_zone(&mut zone, unions)?;
            }
            if let Some((asked, kept)) = subzones
                .owner(name)
                .and_then(|owner| self.asked.get_key_value(&owner))
            {
                zone.expires = kept.expires;
                if let (Some(file), true) = (&kept.file, self.options.check.is_some()) {
                    let findings = lint::check_zone(&mut zone, file, unions);
                    self.warnings.extend(findings);
                }
                if asked == name {
                    zone.facts = kept.facts.clone();
                    zone.facts.own = name.label_count() > 0;
                }
            }
            zone.facts.ttl = ttl;
            zones.insert(*name, zone);
        }
        Ok(zones)
    }
}

/// The shortest TTL of the datasets that answer in a zone, since an answer of several has the shortest;
/// `None` for the default.
fn shortest_ttl(attached: &[Attached]) -> Option<u32> {
    let stated = attached.iter().map(Attached::ttl);
    stated.min().filter(|&ttl| ttl != DEFAULT_TTL)
}

/// How the sources of a spec are read.
fn of_spec<'a>(options: &'a Options, spec: &Spec) -> Cow<'a, Options> {
    match &spec.reading {
        None => Cow::Borrowed(options),
        Some(reading) => Cow::Owned(Options {
            reading: (**reading).clone(),
            ..options.clone()
        }),
    }
}

/// All ways of reading that were asked for, and whether it is the one of all specs without their
/// own.
fn readings<'a>(options: &'a Options, specs: &'a [Spec]) -> Vec<(&'a Reading, bool)> {
    let own = specs.iter().filter_map(|spec| spec.reading.as_deref());
    let all = std::iter::once((&options.reading, true));
    all.chain(own.map(|reading| (reading, false))).collect()
}

/// Whether an option is about texts that a source may turn out not to have.
fn finds_texts(option: SourceOption) -> bool {
    matches!(option, SourceOption::JsonText | SourceOption::TextAfter)
}

/// What the names of datasets say in zones that are subzones of other datasets only.
fn moved_names(
    zones: &[NameKey],
    attached: &BTreeMap<NameKey, Vec<Attached>>,
    subzones: &Subzones,
    unions: &mut Unions<'_>,
) -> Result<BTreeMap<NameKey, Vec<Names>>, Error> {
    let mut moved: BTreeMap<NameKey, Vec<Names>> = BTreeMap::new();
    if !subzones.is_mixed() {
        return Ok(moved);
    }
    for one in attached.values().flatten() {
        if one.layer.names.is_empty() {
            continue;
        }
        for sub in zone_order::inside(zones, &one.zone) {
            if subzones.asked_in(one.group, sub) != Some(one.zone) {
                continue;
            }
            let rest = sub.as_bytes().get(one.zone.as_bytes().len()..);
            let Ok(rest) = NameKey::from_key(rest.unwrap_or_default()) else {
                continue;
            };
            let mut names = subzones::moved(&one.layer.names, &rest, unions)?;
            let deeper = zone_order::inside(zones, sub).iter();
            let deeper: Vec<&[u8]> = deeper
                .filter_map(|zone| zone.as_bytes().strip_prefix(sub.as_bytes()))
                .collect();
            if !deeper.is_empty() {
                names.retain(|key| zone_order::longest(&deeper, key, |zone| zone).is_none());
            }
            if !names.is_empty() {
                moved.entry(*sub).or_default().push(names);
            }
        }
    }
    Ok(moved)
}

fn base_of(specs: &[Spec], mask: Option<&Mask>) -> Result<ZoneName, Error> {
    let first = specs.first().ok_or(Error::NoSpecs)?;
    let Some(mask) = mask else {
        return Ok(first.zone.clone());
    };
    if let Some(spec) = specs.iter().find(|spec| mask.bit(&spec.zone).is_none()) {
        let zone = spec.zone.clone();
        return Err(Error::MaskZone { zone, named: false });
    }
    let idle = |(zone, _): &&(ZoneName, u8)| specs.iter().all(|spec| spec.zone != *zone);
    if let Some((zone, _)) = mask.bits.iter().find(idle) {
        let zone = zone.clone();
        return Err(Error::MaskZone { zone, named: true });
    }
    Ok(mask.name.clone())
}

fn below(zone: &NameKey, subzone: &NameKey) -> Option<NameKey> {
    NameKey::from_key(&[zone.as_bytes(), subzone.as_bytes()].concat()).ok()
}

/// A number for each spec, the same one for specs of the same zone.
fn zone_numbers(specs: &[Spec]) -> Vec<usize> {
    let mut firsts: HashMap<&ZoneName, usize> = HashMap::new();
    let specs = specs.iter().enumerate();
    specs
        .map(|(index, spec)| *firsts.entry(&spec.zone).or_insert(index))
        .collect()
}

fn earliest<T: Ord + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Warnings come in the order in which they are found; readers want that of the lines.
fn sort_by_line(warnings: &mut [Warning], sources: &[Source]) {
    let rank = |warning: &Warning| sources.iter().position(|s| s.path == warning.file);
    warnings.sort_by_cached_key(|warning| (rank(warning), warning.line));
}
