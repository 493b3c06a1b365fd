//! The commands that are disturbed, and what there may be afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{self, rblmap};
use crate::peers::{self, Feed};

/// A command and what it is to do. It works in the folder `work`, which begins as a copy of `before`.
pub(crate) struct Scene {
    pub name: &'static str,
    pub args: Vec<String>,
    stage: Stage,
    found: Box<Look>,
}

/// Looks what is there.
type Look = dyn Fn(&Stage) -> Result<Found, String>;

/// What is there after a run; an error if it is neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Old,
    /// The new, and something that goes with it is missing.
    Part,
    New,
}

/// A copy of a folder in place of another.
pub(crate) fn renew(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

impl Scene {
    fn new(
        name: &'static str,
        stage: Stage,
        args: &[&str],
        found: impl Fn(&Stage) -> Result<Found, String> + 'static,
    ) -> Scene {
        Scene {
            name,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            stage,
            found: Box::new(found),
        }
    }

    pub(crate) fn before(&self) -> PathBuf {
        self.stage.feed.path("before")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.stage.feed.path("work")
    }

    /// A folder beside the others.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.stage.feed.path(name)
    }

    pub(crate) fn found(&self) -> Result<Found, String> {
        (self.found)(&self.stage)
    }

    /// The command once more, undisturbed: it succeeds, the new is there, and nothing is left over.
    pub(crate) fn next_run(&self, whole: impl Fn(Found) -> bool) -> Result<(), String> {
        let next = rblmap(&self.args);
        if next.code != 0 {
            return Err(format!("the next run: {}: {}", next.code, next.stderr));
        }
        let found = self.found()?;
        if !whole(found) {
            return Err(format!("after the next run: {found:?}"));
        }
        match self.left_over().as_slice() {
            [] => Ok(()),
            left => Err(format!("left over after the next run: {left:?}")),
        }
    }

    /// Names in the work folder that only unfinished files have.
    pub(crate) fn left_over(&self) -> Vec<String> {
        left_over(&self.work())
    }
}

fn left_over(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(".rblmap-") || name.starts_with(".tmp") {
            names.push(path.display().to_string());
        }
        if path.is_dir() && !path.is_symlink() {
            names.extend(left_over(&path));
        }
    }
    names
}

/// Whether a file is the new one or the old one.
fn file(path: &Path, old: &[u8], new: &[u8]) -> Result<Found, String> {
    let found = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    match () {
        () if found == new => Ok(Found::New),
        () if found == old => Ok(Found::Old),
        () => Err(format!("{}: neither old nor new", path.display())),
    }
}

/// Two images, `old.rbl` and `new.rbl`, and what else the commands begin with.
struct Stage {
    feed: Feed,
}

impl Stage {
    fn new() -> Stage {
        let feed = Feed::new();
        fs::create_dir(feed.path("before")).unwrap();
        let stage = Stage { feed };
        stage.image("old", 300);
        stage.image("new", 310);
        stage
    }

    fn image(&self, name: &str, count: u32) {
        let list = self.feed.path(&format!("{name}.txt"));
        fs::write(&list, peers::list(count)).unwrap();
        let image = self.arg(&format!("{name}.rbl"));
        let spec = format!("ops.example:plain:{}", list.display());
        self.run(&["build", "-q", "-o", &image, &spec]);
    }

    fn run(&self, args: &[&str]) {
        let run = rblmap(args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.feed.path(name)).unwrap()
    }

    fn arg(&self, name: &str) -> String {
        self.feed.arg(name)
    }

    fn publish(&self, image: &str) {
        let (feed, image, key) = (
            self.arg("before/feed"),
            self.arg(image),
            self.arg("ops.key"),
        );
        self.run(&["publish", "-q", &feed, &image, "--key", &key]);
    }

    /// A feed at its first image, and a copy of it that a command keeps: `mirror` or `relay`.
    fn with_feed(&self, kept_by: &str) -> [String; 2] {
        self.publish("old.rbl");
        let (feed, public) = (self.arg("before/feed"), self.arg("ops.pub"));
        let folder = self.arg(&format!("before/{kept_by}"));
        self.run(&[kept_by, "-q", &feed, &folder, "--key", &public]);
        ["old.rbl", "new.rbl"].map(|name| content(&self.feed.path(name)).unwrap())
    }

    /// What two mirrors get from a feed: one that is behind, and a new one.
    fn by_mirrors(&self, source: &str, behind: &Path, ids: &[String; 2]) -> Result<Found, String> {
        renew(behind, &self.feed.path("behind"));
        let _ = fs::remove_dir_all(self.feed.path("fresh"));
        let public = self.arg("ops.pub");
        let found = ["behind", "fresh"].map(|name| {
            let run = rblmap(["mirror", "-q", source, &self.arg(name), "--key", &public]);
            match run.code {
                0 => image(&self.feed.path(name).join("ops.example.rbl"), ids),
                code => Err(format!("a mirror {name}: {code}: {}", run.stderr)),
            }
        });
        match found {
            [Ok(behind), Ok(fresh)] if behind == fresh => Ok(behind),
            other => Err(format!("two mirrors: {other:?}")),
        }
    }
}

/// The content of an image, which must be whole.
fn content(image: &Path) -> Result<String, String> {
    let image = image.to_str().unwrap();
    let verified = rblmap(["verify", image]);
    let info = rblmap(["info", "--json", image]).stdout;
    match (verified.code, info.split_once("\"content_id\":\"")) {
        (0, Some((_, id))) => Ok(id[..64].to_owned()),
        _ => Err(format!("{}{info}", verified.stderr)),
    }
}

/// Which of the two contents an image has.
fn image(path: &Path, [old, new]: &[String; 2]) -> Result<Found, String> {
    match content(path)? {
        found if found == *new => Ok(Found::New),
        found if found == *old => Ok(Found::Old),
        found => Err(format!("neither old nor new: {found}")),
    }
}

/// Whether the history of a folder has the second image, and no gap.
fn with_history(folder: &str, found: Found) -> Found {
    let said = rblmap(["history", folder, "ops.example", "10.0.19.95"]);
    let known = said.stdout.contains("\tlisted") && !said.stderr.contains("nothing is known");
    match found {
        Found::New if !known => {
            println!("history: {}{}", said.stdout, said.stderr);
            Found::Part
        }
        found => found,
    }
}

pub(crate) fn build() -> Scene {
    let stage = Stage::new();
    let feed = &stage.feed;
    fs::copy(feed.path("old.rbl"), feed.path("before/out.rbl")).unwrap();
    fs::copy(feed.path("new.txt"), feed.path("before/new.txt")).unwrap();
    let (old, new) = (stage.read("old.rbl"), stage.read("new.rbl"));
    let out = stage.arg("work/out.rbl");
    let spec = format!("ops.example:plain:{}", stage.arg("work/new.txt"));
    Scene::new(
        "build",
        stage,
        &["build", "-q", "-o", &out.clone(), &spec],
        move |_| file(Path::new(&out), &old, &new),
    )
}

pub(crate) fn apply() -> Scene {
    let stage = Stage::new();
    let feed = &stage.feed;
    let (delta, out) = (stage.arg("before/change.rbd"), stage.arg("work/old.rbl"));
    let (from, to) = (stage.arg("old.rbl"), stage.arg("new.rbl"));
    stage.run(&["diff", "-q", &from, &to, "-o", &delta]);
    fs::copy(feed.path("old.rbl"), feed.path("before/old.rbl")).unwrap();
    fs::copy(feed.path("old.rbl"), feed.path("before/base.rbl")).unwrap();
    let (old, new) = (stage.read("old.rbl"), stage.read("new.rbl"));
    let (base, change) = (stage.arg("work/base.rbl"), stage.arg("work/change.rbd"));
    let args = ["apply", "-q", &base, &change, "-o", &out.clone()];
    Scene::new("apply", stage, &args, move |_| {
        file(Path::new(&out), &old, &new)
    })
}

pub(crate) fn publish() -> Scene {
    let stage = Stage::new();
    let ids = stage.with_feed("mirror");
    let (key, new) = (stage.arg("ops.key"), stage.arg("new.rbl"));
    let published = stage.arg("work/feed");
    let args = ["publish", "-q", &published.clone(), &new, "--key", &key];
    Scene::new("publish", stage, &args, move |stage| {
        let found = stage.by_mirrors(&published, &stage.feed.path("before/mirror"), &ids)?;
        Ok(with_history(&published, found))
    })
}

/// With its history, whose first updates are merged with this one's.
pub(crate) fn mirror() -> Scene {
    let stage = Stage::new();
    let ids = stage.with_feed("mirror");
    let (source, folder) = (stage.arg("before/feed"), stage.arg("before/mirror"));
    let public = stage.arg("ops.pub");
    for _ in 0..3 {
        for name in ["new.rbl", "old.rbl"] {
            stage.publish(name);
            stage.run(&["mirror", "-q", &source, &folder, "--key", &public]);
        }
    }
    stage.publish("new.rbl");
    let (source, folder) = (stage.arg("work/feed"), stage.arg("work/mirror"));
    let args = ["mirror", "-q", &source, &folder.clone(), "--key", &public];
    Scene::new("mirror", stage, &args, move |stage| {
        let found = image(&stage.feed.path("work/mirror/ops.example.rbl"), &ids)?;
        Ok(with_history(&folder, found))
    })
}

pub(crate) fn relay() -> Scene {
    let stage = Stage::new();
    let ids = stage.with_feed("relay");
    let (feed, behind) = (stage.arg("before/feed"), stage.arg("mirror"));
    let public = stage.arg("ops.pub");
    stage.run(&["mirror", "-q", &feed, &behind, "--key", &public]);
    stage.publish("new.rbl");
    let (source, folder) = (stage.arg("work/feed"), stage.arg("work/relay"));
    let args = ["relay", "-q", &source, &folder.clone(), "--key", &public];
    Scene::new("relay", stage, &args, move |stage| {
        stage.by_mirrors(&folder, &stage.feed.path("mirror"), &ids)
    })
}

/// A server of `mail.toml`, which never ends by itself.
pub(crate) fn serve() -> Scene {
    let stage = Stage::new();
    let feed = &stage.feed;
    fs::copy(feed.path("old.rbl"), feed.path("before/ops.example.rbl")).unwrap();
    let work = feed.path("work");
    let config = format!(
        "[listen]\npolicy = [\"unix:{0}/policy\"]\n\
         [[zone]]\nname = \"ops.example\"\nfrom = \"{0}\"\nmode = \"reject\"\n",
        work.display()
    );
    fs::write(feed.path("before/mail.toml"), config).unwrap();
    let config = stage.arg("work/mail.toml");
    Scene::new(
        "serve",
        stage,
        &["serve", "--allow-root", "--config", &config],
        |_| Ok(Found::New),
    )
}

pub(crate) fn page() -> Scene {
    let stage = Stage::new();
    stage.with_feed("mirror");
    let feed = &stage.feed;
    let config = "[site]\nname = \"Lists\"\nurl = \"https://lists.example/\"\n\
        contact = \"postmaster@lists.example\"\n[[zone]]\nname = \"ops.example\"\n";
    fs::write(feed.path("before/page.toml"), config).unwrap();
    let args = |folder: &str| {
        let arg = |name: &str| feed.arg(&format!("{folder}/{name}"));
        let words = [
            "page".to_owned(),
            "-q".to_owned(),
            arg("feed"),
            "--config".to_owned(),
        ];
        let more = [arg("page.toml"), "-o".to_owned(), arg("site")];
        words.into_iter().chain(more).collect::<Vec<String>>()
    };
    // What a whole site is.
    renew(&feed.path("before"), &feed.path("whole"));
    assert_eq!(rblmap(args("whole")).code, 0);
    let whole = common::files(&feed.path("whole/site"));
    let args = args("work");
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Scene::new("page", stage, &args, move |stage| {
        let site = stage.feed.path("work/site");
        let same = |name: &String| {
            let there = fs::read(site.join(name));
            let right = fs::read(stage.feed.path("whole/site").join(name)).unwrap();
            there.is_ok_and(|there| there == right)
        };
        let is_file = |name: &&String| stage.feed.path("whole/site").join(name).is_file();
        let whole = site.is_dir() && whole.iter().filter(is_file).all(same);
        Ok(if whole { Found::New } else { Found::Old })
    })
}
