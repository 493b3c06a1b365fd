//! `rblmap verify`: whether a file is whole and says what its header claims.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use rblmap::Image;
use rblmap_content::ContentId;
use rblmap_delta::{Kind, Limits, unpack_to};
use rblmap_image::is_written_as;

use crate::cmd::open::{self, Opened};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Check that files are whole: every byte against its digest, the content against its id
///
/// Of an image, also that its bytes are those that its content is written as. Of a delta, what comes
/// of it is seen only with its base: `rblmap apply` checks that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rblmap verify /var/lib/rblmap/ops.example.rbl
  rblmap verify -q *.rbl *.rbs && echo all are whole")]
pub(crate) struct Args {
    /// Images, snapshots and deltas
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let mut worst = Exit::Done;
    for path in &args.files {
        match verify(path, output) {
            Ok(content) => {
                output.note(format_args!("{}: whole, content {content}", path.display()));
            }
            Err(failure) => {
                failure.say();
                worst = worst.or_worse(failure.exit());
            }
        }
    }
    Ok(worst)
}

/// The id of the content, once all that a file claims is found true.
fn verify(path: &Path, output: &Output) -> Result<String, Failure> {
    let bar = output.working("verifying");
    let id = match open::any(path)? {
        Opened::Image(image) => verify_image(path, &image)?.to_string(),
        Opened::Packed(bytes, header) => {
            if header.kind == Kind::Snapshot {
                unpack_to(&bytes, &Limits::default(), |_, _| Ok(()))
                    .map_err(|error| Failure::at(path, error))?;
            }
            header.result.to_string()
        }
    };
    bar.finish_and_clear();
    Ok(id)
}

fn verify_image(path: &Path, image: &Image) -> Result<ContentId, Failure> {
    image.verify().map_err(|error| Failure::at(path, error))?;
    let content = rblmap_image::decode_in_place(image).map_err(|error| Failure::at(path, error))?;
    let (id, claimed) = (content.id(), ContentId::from_bytes(image.content_id()));
    if id != claimed {
        let what = format!("the content is {id}, the header says {claimed}");
        return Err(damaged(path, what));
    }
    // Digests and id can be right over bytes that no build would write.
    let is_written =
        is_written_as(image, &content, id).map_err(|error| Failure::at(path, error))?;
    if !is_written {
        return Err(damaged(
            path,
            "not the bytes that this content is written as",
        ));
    }
    Ok(id)
}

fn damaged(path: &Path, what: impl Display) -> Failure {
    Failure::new(Exit::Damaged, format!("{}: {what}", path.display()))
}
