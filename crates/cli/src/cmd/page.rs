//! `rblmap page`: the site for the person whose mail bounced.

use std::io::Write;
use std::path::{Path, PathBuf};

use rblmap_report::page::{self, Config, Options, WebServer};

use crate::exit::Exit;
use crate::failure::{Classify, Failure, reading};
use crate::output::Output;

/// Write the page that a bounce points to, as a site of plain files
///
/// The site explains in plain words why mail was refused and who can help, and looks addresses up
/// inside the browser, over whole images that are copied into the site. The text that refuses mail
/// links to it as URL#a=ADDRESS&z=ZONE; what stands after the # never reaches the server.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file page.toml:
  [site]
  name = \"Example Lists\"
  url = \"https://lists.example/\"
  contact = \"postmaster@lists.example\"
  languages = [\"en\", \"de\"]                 # there are en, de, fr, es, ar
  [[zone]]
  name = \"ops.example\"                      # only the name is needed
  title = \"Open proxies\"
  lists = \"Computers that forward mail for everybody.\"
  why = \"Spammers hide behind them.\"        # or one a language: { en = \"...\", de = \"...\" }
  since = \"30 days after the last sighting.\"
  removal_url = \"https://lists.example/remove?ip=%a\"
  removal_by = \"the owner of the address, at once\"
  evidence_url = \"https://lists.example/evidence/%a\"
  source_url = \"https://lists.example/ops\"
  image = \"whole\"                           # \"snapshot\": packed, for large lists; \"none\": no lookup

Examples:
  rblmap page /srv/feed --config page.toml -o /srv/www/lists        an operator's feed
  rblmap page /var/lib/rblmap --config page.toml -o /srv/www/lists  an ISP's mirror
  rblmap page --headers nginx > /etc/nginx/snippets/rblmap-page.conf")]
pub(crate) struct Args {
    /// A publisher's feed, or a mirror's folder
    #[arg(value_name = "FEED|DIR", required_unless_present = "headers")]
    source: Option<PathBuf>,
    /// What the page says of whom
    #[arg(long, value_name = "FILE", required_unless_present = "headers")]
    config: Option<PathBuf>,
    /// The folder to write the site into; other files in it stay
    #[arg(short, long, value_name = "SITE", required_unless_present = "headers")]
    output: Option<PathBuf>,
    /// Put the lists into the script, so that the page also looks up as a local file (file://)
    #[arg(long)]
    inline: bool,
    /// Print what a web server should send with the site, and do nothing else
    #[arg(long, value_name = "SERVER", conflicts_with_all = ["source", "config", "output", "inline"])]
    headers: Option<Server>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Server {
    Nginx,
    Apache,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    match (args.headers, args.source, args.config, args.output) {
        (Some(server), ..) => print_headers(server),
        (None, Some(source), Some(config), Some(site)) => write_site(
            &source,
            &config,
            &site,
            Options {
                inline: args.inline,
            },
            output,
        ),
        // clap asks for all three before it comes to this.
        _ => Err(Failure::new(
            Exit::Usage,
            "a source, --config and -o are needed",
        )),
    }
}

fn print_headers(server: Server) -> Result<Exit, Failure> {
    let server = match server {
        Server::Nginx => WebServer::Nginx,
        Server::Apache => WebServer::Apache,
    };
    let written = std::io::stdout().write_all(server.headers().as_bytes());
    written.map_err(|error| Failure::printing(&error))?;
    Ok(Exit::Done)
}

fn write_site(
    source: &Path,
    config: &Path,
    folder: &Path,
    options: Options,
    output: &Output,
) -> Result<Exit, Failure> {
    let config = Config::read(config)?;
    let site = page::build(source, &config, options)?;
    site.write(folder)?;
    let bytes: usize = site.files().iter().map(|file| file.bytes.len()).sum();
    let count = site.files().len();
    output.note(format_args!(
        "{}: {count} files, {bytes} bytes",
        folder.display()
    ));
    Ok(Exit::Done)
}

impl Classify for page::Error {
    fn exit(&self) -> Exit {
        match self {
            page::Error::Image { cause, .. } => cause.exit(),
            page::Error::History(cause) => cause.exit(),
            page::Error::Reading { cause, .. } => reading(cause),
            page::Error::Writing { .. } => Exit::Disk,
            _ => Exit::BadInput,
        }
    }
}
