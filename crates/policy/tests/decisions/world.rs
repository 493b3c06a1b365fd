//! Images and policies for a test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rblmap_image::{Stamp, encode};
use rblmap_policy::{Decider, Decision, Policy, Request};
use rblmap_zonefile::{Options, Spec};
use tempfile::TempDir;

pub(crate) const NOW: u64 = 1_800_000_000;

/// A folder of images.
pub(crate) struct World {
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        World {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Builds the image of a zone from a plain list.
    pub(crate) fn zone(&self, name: &str, list: &str) -> PathBuf {
        self.zone_of(name, "plain", list)
    }

    pub(crate) fn zone_of(&self, name: &str, kind: &str, list: &str) -> PathBuf {
        let source = self.path(&format!("{name}.txt"));
        std::fs::write(&source, list).unwrap();
        let spec: Spec = format!("{name}:{kind}:{}", source.display())
            .parse()
            .unwrap();
        let options = Options {
            now: NOW,
            ..Options::default()
        };
        let built = rblmap_zonefile::build(&[spec], &options).unwrap();
        let image = self.path(&format!("{name}.rbl"));
        std::fs::write(
            &image,
            encode(
                &built.content,
                Stamp {
                    serial: 1,
                    created: 1,
                },
            )
            .unwrap(),
        )
        .unwrap();
        image
    }

    /// A decider by a policy's text, in which `DIR` is the folder.
    pub(crate) fn decider(&self, text: &str) -> Decider {
        let policy = Arc::new(self.policy(text).unwrap());
        policy.look();
        Decider::new(&policy)
    }

    pub(crate) fn policy(&self, text: &str) -> Result<Policy, rblmap_policy::Error> {
        let text = text.replace("DIR", self.dir.path().to_str().unwrap());
        Policy::parse(&text, Path::new("mail.toml"), "mx.example.net")
    }

    pub(crate) fn decide(&self, text: &str, request: &Request<'_>) -> Decision {
        self.decider(text).decide(request, NOW)
    }
}

pub(crate) const OPS: &str = "[[zone]]\nname = \"ops.example\"\nfrom = \"DIR/ops.example.rbl\"\n";
pub(crate) const LISTED: &str = "192.0.2.1";

pub(crate) fn ops() -> World {
    let world = World::new();
    world.zone(
        "ops.example",
        "127.0.0.2\n192.0.2.0/24 127.0.0.4\n2001:db8:bad::/64\n.bad.example\n",
    );
    world
}

pub(crate) fn client(address: &str) -> Request<'_> {
    Request::of_client(address)
}
