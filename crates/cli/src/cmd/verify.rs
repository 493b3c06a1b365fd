//! `rblmap verify`: whether a file is whole and says what its header claims.

use std::path::{Path, PathBuf};

use rblmap_image::{Content, ContentId, Stamp, encode};

use crate::cmd::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Check that images are whole: every byte against its digest, the content against its id
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rblmap verify /var/lib/rblmap/ops.example.rbl
  rblmap verify -q *.rbl && echo all are whole")]
pub(crate) struct Args {
    /// The images
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result<Exit, Failure> {
    let mut worst = Exit::Done;
    for path in &args.files {
        match verify(path, output) {
            Ok(id) => output.note(format_args!("{}: whole, content {id}", path.display())),
            Err(failure) => {
                failure.say();
                worst = worst.or_worse(failure.exit());
            }
        }
    }
    Ok(worst)
}

/// The content id, once all that an image claims is found true.
fn verify(path: &Path, output: &Output) -> Result<ContentId, Failure> {
    let image = open::image(path)?;
    let bar = output.working("verifying");
    let at = |error| Failure::at(path, error);
    image.verify().map_err(at)?;
    let at = |error| Failure::at(path, error);
    let content = Content::from_image(&image).map_err(at)?;
    let (id, claimed) = (content.id(), ContentId::from_bytes(image.content_id()));
    if id != claimed {
        let what = format!(
            "{}: the content is {id}, the header says {claimed}",
            path.display()
        );
        return Err(Failure::new(Exit::Damaged, what));
    }
    let stamp = Stamp {
        serial: image.serial(),
        created: image.created(),
    };
    // Digests and id can be right over bytes that no build would write.
    if encode(&content, stamp).map_err(at)? != image.as_bytes() {
        let what = format!(
            "{}: not the bytes that this content is written as",
            path.display()
        );
        return Err(Failure::new(Exit::Damaged, what));
    }
    bar.finish_and_clear();
    Ok(id)
}
