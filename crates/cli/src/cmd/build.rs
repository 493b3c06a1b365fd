//! `rblmap build`: sources to an image, or to all images of a feed.

mod config;
mod tell;

use std::path::{Path, PathBuf};

use rblmap_image::{Layout, Stamp, encode_to};
use rblmap_zonefile::{Built, Check, Limits, Mask, Options, Spec, build};

use crate::cmd::source_args::SourceArgs;
use crate::cmd::{now, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

use tell::Told;

/// Compile zone files and lists into an image
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The image to write; with --config, the folder for the images
    #[arg(short, long, value_name = "FILE", required_unless_present_any = ["check", "config"])]
    output: Option<PathBuf>,
    /// The serial to write into the image; 0: not published
    #[arg(long, default_value_t = 0)]
    serial: u64,
    /// The creation time to write into the image, in seconds since 1970; 0: not published
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    created: u64,
    /// The time that $TIMESTAMP is compared with, in seconds since 1970 (default: the clock)
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// Any warning is an error
    #[arg(long)]
    strict: bool,
    /// Make one zone of several, with an A record that says by bits which of them list a key
    #[arg(long, value_name = "ZONE=BIT,...", requires = "mask_as")]
    mask: Option<String>,
    /// The name of the zone that --mask makes
    #[arg(long = "as", value_name = "NAME", id = "mask_as", requires = "mask")]
    mask_as: Option<String>,
    /// Look for what may be meant otherwise, and write no image: test points of RFC 5782, reserved
    /// space, wide networks, entries and exclusions without effect, odd names, texts without the key
    #[arg(long, conflicts_with = "output")]
    check: bool,
    /// --check: the prefix lengths of the widest networks without a remark
    #[arg(
        long,
        value_name = "V4,V6",
        default_value = "8,16",
        requires = "check",
        value_parser = widest
    )]
    widest: Check,
    /// Add the test points of RFC 5782 to zones that lack them
    #[arg(long)]
    test_points: bool,
    /// Write all warnings into a file of tab-separated file, line and class
    #[arg(long, value_name = "FILE")]
    warnings: Option<PathBuf>,
    /// Leave the order of names out of zones with many: 4 bytes a name less, but dumps and updates
    /// have to sort them
    #[arg(long)]
    no_name_index: bool,
    /// Refuse compressed sources
    #[arg(long)]
    no_gzip: bool,
    /// Most bytes of one source, decompressed
    #[arg(long, value_name = "N", default_value_t = Limits::default().source_bytes)]
    max_source_bytes: u64,
    /// Most entries of all sources
    #[arg(long, value_name = "N", default_value_t = Limits::default().entries)]
    max_entries: u64,
    /// Most records of all answers that overlapping entries share
    #[arg(long, value_name = "N", default_value_t = Limits::default().records)]
    max_records: u64,
    /// All zones of a feed, with their sources, from one file (docs/lists.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["specs", "mask"])]
    config: Option<PathBuf>,
    #[command(flatten)]
    sources: SourceArgs,
    /// ZONE:TYPE:FILE[,FILE...] as on the command line of rbldnsd, with its types or those of
    /// lists; specs of the same zone unite, zones below the first become its subzones
    #[arg(required_unless_present = "config", value_name = "SPEC")]
    specs: Vec<String>,
}

const AFTER_HELP: &str = "\
ZONE is a name of your own for what is looked up, such as bl.example. TYPE is one of
  ip4set ip4trie ip4tset ip6trie ip6tset dnset generic combined   zone files of rbldnsd
  dnhash                                 the same, of the rbldnsd of rspamd
  plain       one address, network, range, name or URL a line
  hosts       0.0.0.0 NAME... as in /etc/hosts
  ranges      A - B, two columns, netmasks, wildcards; P2P, eMule and DShield lists
  csv         columns: --column, --header, --delimiter
  json        documents, arrays or lines: --json-key, --json-text
  plain-json  one JSON object a line
  adblock dnsmasq rpz postfix            the lines of these programs that are about whole names
  tor rir                                exit addresses; delegated-* of the registries
  ipset nft                              what `ipset save` and `nft list ruleset` write
  auto        looks at the file, says what it took it for, and refuses when unsure
docs/lists.md has the grammar of each. Gzip and zstd are unpacked.

Examples:
  rblmap build -o ads.rbl ads.example:hosts:/etc/hosts.blocked
  rblmap build -o cloud.rbl --json-key 'prefixes[].ip_prefix,ipv6_prefixes[].ipv6_prefix' \\
      cloud.example:json:ip-ranges.json
  ipset save bl > bl.save && rblmap build -o bl.rbl bl.example:ipset:bl.save
  rblmap build -o drop.rbl --text-after ';' drop.example:plain:drop.txt
  rblmap build -o ops.rbl ops.example:ip4set:ops.zone
  rblmap build -o ops.rbl --value '127.0.0.2:Open proxy: $' ops.example:plain:list.txt
  rblmap build -o plus.rbl --mask rbl.example=1,ops.example=8 --as plus.example \\
      rbl.example:ip4trie:rbl.zone ops.example:plain:ops.txt
  rblmap build --config lists.toml
  rblmap build --check --strict ops.example:ip4set:ops.zone";

fn widest(text: &str) -> Result<Check, String> {
    let parts = text.split_once(',');
    let parsed = parts.and_then(|(v4, v6)| {
        let (v4, v6) = (v4.parse().ok()?, v6.parse().ok()?);
        (v4 <= 32 && v6 <= 128).then_some(Check {
            widest_v4: v4,
            widest_v6: v6,
        })
    });
    parsed.ok_or_else(|| "not two prefix lengths, such as 8,16".to_owned())
}

/// One image to build.
struct Job {
    specs: Vec<Spec>,
    options: Options,
    /// Where it goes; none where nothing is written.
    image: Option<PathBuf>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let mut told = Told::new(args.warnings.is_some());
    let jobs = match &args.config {
        Some(path) => config::jobs(path, &args)?,
        None => vec![job(&args)?],
    };
    let one = jobs.len() == 1;
    let mut worst = Exit::Done;
    for job in jobs {
        if let Err(failure) = job.run(&args, &mut told, output) {
            if one {
                told.write(args.warnings.as_deref())?;
                return Err(failure);
            }
            // The other zones are none the worse for it.
            failure.say();
            worst = worst.or_worse(failure.exit());
        }
    }
    told.write(args.warnings.as_deref())?;
    Ok(worst)
}

/// What the arguments ask for.
fn job(args: &Args) -> Result<Job, Failure> {
    let specs = args.specs.iter().map(|spec| spec.parse());
    let mask = match (&args.mask, &args.mask_as) {
        (Some(bits), Some(name)) => Some(Mask::parse(bits, name)?),
        _ => None,
    };
    Ok(Job {
        specs: specs.collect::<Result<_, _>>()?,
        options: Options {
            mask,
            reading: args.sources.reading(),
            ..options(args)
        },
        image: args.output.clone(),
    })
}

/// What holds for all zones.
fn options(args: &Args) -> Options {
    Options {
        now: args.now.unwrap_or_else(now),
        limits: Limits {
            source_bytes: args.max_source_bytes,
            entries: args.max_entries,
            records: args.max_records,
        },
        test_points: args.test_points,
        refuse_gzip: args.no_gzip,
        check: args.check.then_some(args.widest),
        ..Options::default()
    }
}

impl Job {
    fn run(&self, args: &Args, told: &mut Told, output: &Output) -> Result<(), Failure> {
        if let Some(image) = &self.image {
            check_folder(image)?;
        }
        let bar = output.working("building");
        let built = build(&self.specs, &self.options);
        bar.finish_and_clear();
        let built = built.map_err(|error| {
            told.refused(&error);
            Failure::from(error)
        })?;
        told.built(&built, output);
        if args.strict && !built.warnings.is_empty() {
            let what = format!(
                "{}: {} warnings, and --strict",
                built.content.name(),
                built.warnings.len()
            );
            return Err(Failure::new(Exit::BadInput, what));
        }
        self.write(built, args, output)
    }

    fn write(&self, built: Built, args: &Args, output: &Output) -> Result<(), Failure> {
        let Some(path) = &self.image else {
            return Ok(());
        };
        let stamp = Stamp {
            serial: args.serial,
            created: args.created,
        };
        let layout = Layout {
            name_index: !args.no_name_index,
        };
        let bar = output.working("writing");
        write::image(path, output, |put| {
            let content = &built.content;
            encode_to(content, content.id(), stamp, layout, put)?;
            Ok(())
        })?;
        bar.finish_and_clear();
        if args.config.is_none() {
            // The process ends: its memory goes back at once, faster than part by part.
            std::mem::forget(built);
        }
        Ok(())
    }
}

/// Sees to it that there is a folder for an image, before a long build.
fn check_folder(image: &Path) -> Result<(), Failure> {
    let folder = image
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let found = std::fs::metadata(folder.unwrap_or_else(|| Path::new(".")));
    match found {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::writing(image, &error)),
    }
}
