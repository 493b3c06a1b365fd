//! `rblmap map`: the listed address space as a picture.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use ipnet::Ipv4Net;
use rblmap_report::Labels;
use rblmap_report::map::{Beside, By, Map, Settings};

use crate::cmd::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Output, escaped};

/// Draw the listed addresses as a picture
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The picture is a Hilbert curve, as in the map of the Internet of xkcd 195 and in ipv4-heatmap: 0/8
at the top left, 1/8 right of it, 255/8 at the top right. A pixel shows the fullest /24 in it.
Beside the picture a table is printed, a row for each 256th of it with anything listed:
  NETWORK<TAB>LISTED        with --old: NETWORK<TAB>LISTED<TAB>ADDED<TAB>REMOVED
With --labels colours and rows are those of labels instead, the label with most addresses first;
`-` is what no label is known of.

Examples:
  rblmap map ops.example.rbl -o map.png
  rblmap map ops.example.rbl --net 192.0.0.0/8 -o map.svg
  rblmap map tuesday.rbl --old monday.rbl -o change.png
  rblmap map ops.example.rbl --labels countries.rbl -o countries.png")]
pub(crate) struct Args {
    /// The image
    image: PathBuf,
    /// The picture to write, *.png or *.svg
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Draw only this network; its length is even
    #[arg(long, value_name = "NETWORK", default_value = "0.0.0.0/0")]
    net: Ipv4Net,
    /// Pixels a side, a power of two from 64 to 4096
    #[arg(long, value_name = "PIXELS", default_value_t = 1024)]
    size: u32,
    /// What the colours say (default: the label with --labels, else the density)
    #[arg(long, value_enum)]
    by: Option<Colors>,
    /// Show what changed since this image
    #[arg(long, value_name = "IMAGE")]
    old: Option<PathBuf>,
    /// Draw the first 32 bits of the IPv6 networks (those of 2000::/4, unless --net says otherwise)
    #[arg(long)]
    v6: bool,
    /// Group listed addresses by the labels of this image
    #[arg(long, value_name = "IMAGE")]
    labels: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Colors {
    /// How many addresses are listed
    Density,
    /// The first A record
    Code,
    /// The zone of the image
    Zone,
    /// The label of the network, with --labels
    Label,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let is_svg = match args.output.extension().and_then(|end| end.to_str()) {
        Some("svg") => true,
        Some("png") => false,
        _ => {
            let what = format!("{}: the name ends with .png or .svg", args.output.display());
            return Err(Failure::new(Exit::Usage, what));
        }
    };
    let image = open::image(&args.image)?;
    let old = args.old.as_deref().map(open::image).transpose()?;
    let labels = args.labels.as_deref().map(open::image).transpose()?;
    let mut settings = Settings {
        net: args.net.trunc(),
        size: args.size,
        by: match args.by {
            None if labels.is_some() => By::Label,
            None | Some(Colors::Density) => By::Density,
            Some(Colors::Code) => By::Code,
            Some(Colors::Zone) => By::Zone,
            Some(Colors::Label) => By::Label,
        },
        v6: args.v6,
    };
    if args.v6 && settings.net.prefix_len() == 0 {
        // All that is given out lies in 2000::/3, nearly all of it in 2000::/4.
        settings.net = Ipv4Net::new_assert([0x20, 0, 0, 0].into(), 4);
    }
    let bar = output.working("drawing");
    let beside = Beside {
        old: old.as_ref(),
        labels: labels.as_ref().map(|image| Labels::new(image.base())),
    };
    let map = Map::new(&image, beside, &settings)?;
    let bytes = if is_svg {
        map.svg()?.into_bytes()
    } else {
        map.png()?
    };
    bar.finish_and_clear();
    let placed = rblmap_image::place(&args.output, &bytes);
    placed.map_err(|error| Failure::writing(&args.output, &error))?;
    print(&map).map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

fn print(map: &Map) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for row in map.rows() {
        write!(out, "{}\t{}", escaped(row.name.as_bytes()), row.listed)?;
        if map.is_difference() {
            write!(out, "\t{}\t{}", row.added, row.removed)?;
        }
        out.write_all(b"\n")?;
    }
    out.flush()
}
