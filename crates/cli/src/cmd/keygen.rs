//! `rblmap keygen`: the keys of a feed.

use std::path::PathBuf;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Make the keys that sign a feed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes NAME.key, which signs every issue of the feed; NAME.offline.key, which can replace it if it
is stolen: move that one to a safe place, away from this machine; and NAME.pub with both public
halves, for the mirrors. All are in minisign's formats. No file is overwritten.

With --password the secret keys are protected by the password in --password-file or RBLMAP_PASSWORD,
which publish and keys then want in the same way.

Examples:
  rblmap keygen -o ops
  minisign -V -p ops.pub -m feed/ops.example/m/ISSUE-HASH.json \\
      -x feed/ops.example/current.minisig")]
pub(crate) struct Args {
    /// Name of the files, without their ends
    #[arg(short, long, value_name = "NAME")]
    output: PathBuf,
    /// Protect the secret keys with a password
    #[arg(long)]
    password: bool,
    /// A file whose first line is the password [default: that in RBLMAP_PASSWORD]
    #[arg(long, value_name = "FILE", requires = "password")]
    password_file: Option<PathBuf>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let password = super::password(args.password_file.as_deref())?;
    if args.password && password.is_none() {
        return Err(Failure::new(
            Exit::Usage,
            "--password wants a password in --password-file or in the environment variable RBLMAP_PASSWORD",
        ));
    }
    let password = password.filter(|_| args.password);
    let files = rblmap_feed::keygen(&args.output, password.as_deref())?;
    output.note(format_args!(
        "{} signs; {} replaces it, keep it elsewhere; {} is for the mirrors",
        files.online.display(),
        files.offline.display(),
        files.public.display()
    ));
    Ok(Exit::Done)
}
