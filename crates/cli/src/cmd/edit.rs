//! `rblmap edit`: a handful of changes to an image, without its sources.

mod temporary;
mod time;

use std::path::{Path, PathBuf};

use rblmap::{Image, NameKey};
use rblmap_content::ListedKey;
use rblmap_image::{Additions, Editor, Stamp};
use rblmap_zonefile::{DatasetType, Options, Spec, build_text, listed_key};

use crate::cmd::source_args::SourceArgs;
use crate::cmd::{now, open, write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

use temporary::{Entry, Temporary};
use time::Until;

/// Change a few entries of an image without its sources
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An added key says what its line says from now on, whatever it said before; a removed key is not
listed any more, whatever entry listed it. Removals come before additions. The content id is that
of a build from sources with the same changes.

Examples:
  rblmap edit ops.rbl --add 192.0.2.1 --remove 198.51.100.0/24 -o ops.rbl
  rblmap edit ops.rbl --add '.spam.example :127.0.0.4:see $' --until 24h -o ops.rbl
  rblmap edit ops.rbl --due -o ops.rbl        # what --until has kept up to now")]
pub(crate) struct Args {
    /// The image to change
    image: PathBuf,
    /// A line to add, as a source of the type would have it
    #[arg(long, value_name = "LINE")]
    add: Vec<String>,
    /// A key to take out: an address, a network, a range, a name, `*.name` or `.name`
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
    /// A file of lines to add; a line that begins with `!` or `-` is a key to take out
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The type of the lines to add
    #[arg(long = "type", value_name = "TYPE", default_value = "plain")]
    kind: DatasetType,
    /// Keep what is added until then only, for a later --due: 24h, 7d, seconds since 1970, or
    /// 2026-12-31T00:00:00Z; what is listed already stays as it is
    #[arg(long, value_name = "TIME")]
    until: Option<Until>,
    /// Take out what was added with an --until that has passed
    #[arg(long)]
    due: bool,
    /// The subzone to change, by its name below the base
    #[arg(long, value_name = "SUB", default_value = "@")]
    zone: String,
    /// The time, in seconds since 1970 (default: the clock)
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
    /// The serial to write into the image; 0: not published
    #[arg(long, default_value_t = 0)]
    serial: u64,
    /// The creation time to write into the image, in seconds since 1970; 0: not published
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    created: u64,
    #[command(flatten)]
    sources: SourceArgs,
    /// The image to write; it may be the same file
    #[arg(short, long, value_name = "NEW")]
    output: PathBuf,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    if args.add.is_empty() && args.remove.is_empty() && args.from.is_none() && !args.due {
        let what = "nothing to change: --add, --remove, --from or --due";
        return Err(Failure::new(Exit::Usage, what));
    }
    let now = args.now.unwrap_or_else(now);
    let image = open::image(&args.image)?;
    let at = |error| Failure::at(&args.image, error);
    let mut temporary = Temporary::read(&args.image)?;
    let due = if args.due {
        temporary.take_due(now)
    } else {
        Vec::new()
    };
    let lines = Lines::of(&args)?;
    let mut editor = Editor::new(&image).map_err(at)?;
    let zone = zone_key(&image, &args)?;
    for entry in &due {
        editor.remove(&entry.zone, &entry.key).map_err(at)?;
    }
    for key in &lines.removed {
        if !editor.remove(&zone, &removed_key(key)?).map_err(at)? {
            output.note(format_args!("{key}: was not listed"));
        }
    }
    add(&args, &lines, (&mut editor, &mut temporary, &zone), output)?;
    let stamp = Stamp {
        serial: args.serial,
        created: args.created,
    };
    write::image(&args.output, output, |put| {
        editor.finish_to(stamp, put)?;
        // What is kept for later comes first: an entry too much there does no harm.
        temporary.write(&args.output)
    })?;
    Ok(Exit::Done)
}

/// The name of the zone to change.
fn zone_key(image: &Image, args: &Args) -> Result<NameKey, Failure> {
    let at = |error| Failure::at(&args.image, error);
    let found = image.zone(&args.zone).map_err(at)?;
    let found = found.map(|zone| zone.name());
    found.ok_or_else(|| {
        let what = format!("{}: no zone {:?}", args.image.display(), args.zone);
        Failure::new(Exit::BadInput, what)
    })
}

/// Adds lines.
fn add(
    args: &Args,
    lines: &Lines,
    (editor, temporary, zone): (&mut Editor<'_>, &mut Temporary, &NameKey),
    output: &Output,
) -> Result<(), Failure> {
    if lines.added.trim().is_empty() {
        return Ok(());
    }
    let spec = Spec {
        zone: editor.name().clone(),
        kind: args.kind,
        files: vec![lines.label.clone()],
        reading: None,
    };
    let options = Options {
        reading: args.sources.reading(),
        ..Options::default()
    };
    let built = build_text(&spec, &lines.added, &options)?;
    for warning in &built.warnings {
        output.note(warning);
    }
    if built.counts.entries == 0 {
        return Err(Failure::new(Exit::BadInput, "no line to add is an entry"));
    }
    let added = Additions::of(&built.content);
    let Some(until) = args.until else {
        temporary.forget(zone, &added);
        return Ok(editor.add(zone, &added)?);
    };
    let new = editor.unlisted(zone, &added);
    if new.is_less_than(&added) {
        output.note("listed already, and left as it is: a part of what was to be added");
    }
    let now = args.now.unwrap_or_else(now);
    let time = until.after(now);
    if time <= now {
        output.note("--until has passed: the next --due takes out what is added");
    }
    temporary.keep(new.keys().map(|key| Entry {
        time,
        zone: *zone,
        key,
    }));
    Ok(editor.add(zone, &new)?)
}

/// Reads a key to take out, as a list would write it.
fn removed_key(key: &str) -> Result<ListedKey, Failure> {
    listed_key(key.as_bytes())
        .map_err(|what| Failure::new(Exit::BadInput, format!("key {key}: {what}")))
}

/// Whether a key is one address or one name.
fn is_single(key: &ListedKey) -> bool {
    match key {
        ListedKey::V4(start, end) => start == end,
        ListedKey::V6(start, end) => start == end,
        ListedKey::Name(..) => true,
    }
}

/// The lines of a run: to add, and to take out.
struct Lines {
    added: String,
    removed: Vec<String>,
    /// What remarks about added lines name.
    label: PathBuf,
}

impl Lines {
    fn of(args: &Args) -> Result<Lines, Failure> {
        let mut lines = Lines {
            added: String::new(),
            removed: args.remove.clone(),
            label: "--add".into(),
        };
        for line in &args.add {
            lines.add(line);
        }
        if let Some(path) = &args.from {
            let text = std::fs::read_to_string(path).map_err(|e| Failure::reading(path, &e))?;
            lines.add_file(path, &text)?;
            if args.add.is_empty() {
                lines.label.clone_from(path);
            }
        }
        // A key that is none ends the run before anything is done.
        for key in &lines.removed {
            removed_key(key)?;
        }
        Ok(lines)
    }

    /// Takes the lines of a file. Its last line may have been cut if it has no end.
    fn add_file(&mut self, path: &Path, text: &str) -> Result<(), Failure> {
        let mut rest = text.lines().peekable();
        while let Some(line) = rest.next() {
            let is_open = rest.peek().is_none() && !text.ends_with('\n');
            match line.trim_start().strip_prefix(['!', '-']) {
                Some(key) if is_open && !is_single(&removed_key(key.trim())?) => {
                    let what = format!(
                        "{}: the last line has no end, and a network that is cut is a wider one: {line}",
                        path.display()
                    );
                    return Err(Failure::new(Exit::BadInput, what));
                }
                Some(key) => {
                    self.removed.push(key.trim().to_owned());
                    // Remarks name the lines of the file.
                    self.added.push('\n');
                }
                None if is_open => self.added.push_str(line),
                None => self.add(line),
            }
        }
        Ok(())
    }

    fn add(&mut self, line: &str) {
        self.added.push_str(line);
        self.added.push('\n');
    }
}
