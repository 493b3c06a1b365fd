//! `rblmap build`: sources to an image.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use rblmap_image::{Layout, Stamp, encode_with};
use rblmap_zonefile::{
    Built, Check, Class, JsonOptions, Limits, Mask, NameScope, Options, PlainOptions, Spec,
    Warning, build,
};

use crate::cmd::{now, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Compile zone files and lists into an image
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rblmap build -o ops.rbl ops.example:ip4set:ops.zone
  rblmap build -o ops.rbl --value '127.0.0.2:Open proxy: $' ops.example:plain:list.txt
  rblmap build -o plus.rbl --mask rbl.example=1,ops.example=8 --as plus.example \\
      rbl.example:ip4trie:rbl.zone ops.example:plain:ops.txt
  rblmap build --check --strict ops.example:ip4set:ops.zone")]
pub(crate) struct Args {
    /// The image to write
    #[arg(short, long, value_name = "FILE", required_unless_present = "check")]
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
    /// Mask host bits off instead of skipping the line
    #[arg(long)]
    host_bits: bool,
    /// Make one zone of several, with an A record that says by bits which of them list a key
    #[arg(long, value_name = "ZONE=BIT,...", requires = "mask_as")]
    mask: Option<String>,
    /// The name of the zone that --mask makes
    #[arg(long = "as", value_name = "NAME", id = "mask_as", requires = "mask")]
    mask_as: Option<String>,
    /// Look for what may be meant otherwise, and write no image: test points of RFC 5782, reserved
    /// space, wide networks, entries and exclusions without effect, texts without the key
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
    /// Plain lists: what a name lists
    #[arg(long, value_name = "exact|below|both", default_value = "exact")]
    names: NameScope,
    /// Leave the order of names out of zones with many: 4 bytes a name less, but dumps and updates
    /// have to sort them
    #[arg(long)]
    no_name_index: bool,
    /// Plain lists: what follows the key is its text
    #[arg(long)]
    text: bool,
    /// Plain lists: what follows the key is a number; skip lines with a lower one
    #[arg(long, value_name = "N")]
    min_count: Option<u64>,
    /// Plain lists: the value of lines without one
    #[arg(long, value_name = "A[:TXT]", default_value = "127.0.0.2")]
    value: PlainValue,
    /// plain-json: the fields that hold keys
    #[arg(
        long,
        value_name = "FIELD,...",
        value_delimiter = ',',
        default_value = "cidr,ip,domain"
    )]
    json_key: Vec<String>,
    /// plain-json: the field that holds the text
    #[arg(long, value_name = "FIELD")]
    json_text: Option<String>,
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
    /// ZONE:TYPE:FILE[,FILE...] as on the command line of rbldnsd, or with the types plain and
    /// plain-json; specs of the same zone unite, zones below the first become its subzones
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<String>,
}

/// The value of a plain line that has none.
#[derive(Debug, Clone)]
struct PlainValue {
    a: Ipv4Addr,
    template: Option<Vec<u8>>,
}

impl std::str::FromStr for PlainValue {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<PlainValue, std::net::AddrParseError> {
        let (a, template) = match text.split_once(':') {
            Some((a, template)) => (a, Some(template.as_bytes().to_vec())),
            None => (text, None),
        };
        Ok(PlainValue {
            a: a.parse()?,
            template,
        })
    }
}

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

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let built = read(&args, output)?;
    for warning in &built.warnings {
        output.note(warning);
    }
    if let Some(path) = &args.warnings {
        write::file(path, table(&built.warnings).as_bytes())?;
    }
    output.note(summary(&built));
    if args.strict && !built.warnings.is_empty() {
        let what = format!("{} warnings, and --strict", built.warnings.len());
        return Err(Failure::new(Exit::BadInput, what));
    }
    let Some(path) = &args.output else {
        return Ok(Exit::Done);
    };
    let stamp = Stamp {
        serial: args.serial,
        created: args.created,
    };
    let layout = Layout {
        name_index: !args.no_name_index,
    };
    let bar = output.working("writing");
    let image = encode_with(&built.content, stamp, layout)?;
    write::file(path, &image)?;
    bar.finish_and_clear();
    output.detail(format_args!("{}: {} bytes", path.display(), image.len()));
    // The process ends: its memory goes back at once, faster than part by part.
    std::mem::forget((built, image));
    Ok(Exit::Done)
}

/// Reads the sources; a line for which they are refused goes where the warnings go.
fn read(args: &Args, output: &Output) -> Result<Built, Failure> {
    let specs: Vec<Spec> = args
        .specs
        .iter()
        .map(|spec| spec.parse().map_err(Failure::from))
        .collect::<Result<_, _>>()?;
    let options = options(args)?;
    let bar = output.working("building");
    let built = build(&specs, &options);
    bar.finish_and_clear();
    built.map_err(|error| {
        if let (Some(path), Some((class, file, line))) = (&args.warnings, error.refusal()) {
            let row = format!("{}\t{line}\t{}\n", file.display(), class.as_str());
            if let Err(failure) = write::file(path, row.as_bytes()) {
                failure.say();
            }
        }
        error.into()
    })
}

fn options(args: &Args) -> Result<Options, Failure> {
    let mask = match (&args.mask, &args.mask_as) {
        (Some(bits), Some(name)) => Some(Mask::parse(bits, name)?),
        _ => None,
    };
    Ok(Options {
        now: args.now.unwrap_or_else(now),
        host_bits: args.host_bits,
        plain: PlainOptions {
            names: args.names,
            text: args.text,
            min_count: args.min_count,
            a: args.value.a,
            template: args.value.template.clone(),
        },
        json: JsonOptions {
            keys: args.json_key.clone(),
            text: args.json_text.clone(),
        },
        limits: Limits {
            source_bytes: args.max_source_bytes,
            entries: args.max_entries,
            records: args.max_records,
        },
        mask,
        test_points: args.test_points,
        refuse_gzip: args.no_gzip,
        check: args.check.then_some(args.widest),
    })
}

fn table(warnings: &[Warning]) -> String {
    warnings.iter().fold(String::new(), |mut rows, warning| {
        // Writing to a string cannot fail.
        let _ = writeln!(
            rows,
            "{}\t{}\t{}",
            warning.file.display(),
            warning.line,
            warning.class.as_str()
        );
        rows
    })
}

fn summary(built: &Built) -> String {
    let counts = built.counts;
    let mut text = format!(
        "{}: {} lines, {} entries, {} warnings",
        built.content.name(),
        counts.lines,
        counts.entries,
        built.warnings.len()
    );
    let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
    for warning in &built.warnings {
        *classes.entry(warning.class).or_default() += 1;
    }
    for (class, count) in classes {
        // Writing to a string cannot fail.
        let _ = write!(text, ", {} {count}", class.as_str());
    }
    for (count, what) in [(counts.ports, "ports"), (counts.urls, "URLs")] {
        if count > 0 {
            let _ = write!(text, ", {count} {what} dropped");
        }
    }
    text
}
