//! A life: what each step does, and the model that says what it may lead to.

mod judge;
mod step;
mod trust;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rblmap::{Image, StatusPage};
use rblmap_feed::{
    Class, Folder, KeyChange, Outcome, PublicKey, Published, Role, Settings, SigningKey, Source,
    change_keys, keygen, mirror, publish, read_public,
};
use rblmap_image::{Stamp, encode};
use serde_json::Value;

use crate::world::{DAY, World, list, zone};
use judge::Judged;
pub(crate) use step::Step;
use trust::{Heard, OFFLINE, Said};

/// What a folder says, as the model sees it.
#[derive(Debug, Clone, Default)]
struct View {
    issue: u64,
    session: u32,
    /// A number that changes when a publisher goes on from a backup without saying so.
    line: u32,
    serial: u64,
    content: Vec<u32>,
    expires: u64,
    /// The online key that signed it, by its number, or the offline key.
    signer: u32,
    /// How often the offline key has spoken.
    statement: usize,
    /// The key that it announces.
    announces: Option<u32>,
    generated: u64,
    /// Whether it says that the zone is given up.
    retired: bool,
    broken: Option<u8>,
}

/// What the mirror remembers.
#[derive(Debug, Clone)]
struct Seen {
    /// Unknown after the memory was lost, when the image is the floor.
    issue: Option<u64>,
    session: u32,
    line: u32,
    serial: u64,
    signer: u32,
    retired: bool,
}

pub(crate) struct Life {
    world: World,
    views: [Option<View>; 3],
    backup: Option<(Files, View)>,
    /// The key that signs, and its number.
    key: SigningKey,
    number: u32,
    /// The key that was announced and does not sign yet.
    next: Option<(SigningKey, u32)>,
    /// All online keys that there ever were, by their numbers.
    keys: Vec<PublicKey>,
    said: Said,
    lines: u32,
    seen: Option<Seen>,
    /// What the mirror serves: nothing yet, or unknown while its image is damaged.
    served: Option<Vec<u32>>,
    damaged: bool,
    heard: Heard,
    /// How often the mirror took what a key signed that was only announced, and how often it gave
    /// the zone up.
    pub(crate) by_announced: usize,
    pub(crate) given_up: usize,
}

type Lived = Result<(), String>;
type Files = Vec<(PathBuf, Vec<u8>)>;

impl Life {
    pub(crate) fn new() -> Life {
        let mut world = World::new();
        world.options.expires = Some(2 * DAY);
        world.settings.sources = sources(world.dir.path());
        let key = world.key();
        let mut life = Life {
            world,
            views: [None, None, None],
            backup: None,
            keys: vec![key.public().clone()],
            key,
            number: 0,
            next: None,
            said: Said::default(),
            lines: 0,
            seen: None,
            served: None,
            damaged: false,
            heard: Heard::default(),
            by_announced: 0,
            given_up: 0,
        };
        let first: Vec<u32> = (0..1500)
            .map(|n: u32| n.wrapping_mul(0x9e37_79b1) | 1)
            .collect();
        life.publish(first);
        life.backup = Some((life.world.save(), life.origin().clone()));
        life
    }

    fn origin(&self) -> &View {
        self.views[2].as_ref().unwrap()
    }

    pub(crate) fn take(&mut self, step: &Step) -> Lived {
        match step {
            Step::Publish(seed) => self.publish(self.changed(*seed)),
            Step::PublishKilled(seed) => self.publish_killed(*seed),
            Step::Heartbeat => {
                self.world.now += 60;
                self.signed(&[]);
            }
            Step::Rotate => self.rotate(),
            Step::Announce => self.announce(),
            Step::TakeOver => {
                if let Some((key, number)) = self.next.take() {
                    (self.key, self.number) = (key, number);
                }
            }
            Step::Week => {
                for _ in 0..7 {
                    self.world.now += DAY;
                    self.signed(&[]);
                }
            }
            Step::Retire(offline) => self.retire(*offline),
            Step::Copy(to) => self.copy(*to),
            Step::Drop(which) => {
                let _ = fs::remove_dir_all(self.folder(*which));
                self.views[*which] = None;
            }
            Step::Tamper(which, part) => self.tamper(*which, *part),
            Step::Wait(hours) => self.world.now += hours * 3600,
            Step::Expire => self.world.now += 3 * DAY,
            Step::Forget => {
                let _ = fs::remove_dir_all(self.world.feed().join(".state"));
            }
            Step::Restore(says) => self.restore(*says),
            Step::Mirror => return self.mirror(),
            Step::MirrorKilled(micros) => {
                self.kill_a_mirror(*micros);
                return self.mirror_after(true);
            }
            Step::MirrorForgets => {
                let _ = fs::remove_file(self.world.folder().state(&zone("ops.example")));
                if let Some(seen) = &mut self.seen {
                    (seen.issue, seen.retired) = (None, false);
                }
            }
            Step::MirrorLost => {
                let _ = fs::remove_dir_all(self.world.path("mirror"));
                (self.seen, self.served, self.damaged) = (None, None, false);
                self.heard = Heard::born(self.world.now);
            }
            Step::ImageDamaged => {
                let image = self.world.folder().image(&zone("ops.example"));
                // Turned over twice it would be whole again.
                self.damaged = self.damaged || flip(&image);
            }
            Step::Lie => {
                let image = self.world.folder().image(&zone("ops.example"));
                if image.exists() {
                    let bytes = encode(&list("ops.example", &[9]), Stamp::default()).unwrap();
                    fs::write(image, bytes).unwrap();
                }
            }
            Step::Check => return self.serves(),
        }
        Ok(())
    }

    /// At the end the publisher speaks, and a mirror that asks hears it.
    pub(crate) fn recovers(&mut self) -> Lived {
        if self.number != self.said.base(self.said.last()) {
            // No mirror must have waited until it trusts a key that was only announced.
            self.rotate();
        }
        self.world.options.new_session = true;
        let next = self.changed(1);
        self.session(true);
        self.publish(next);
        self.world.options.new_session = false;
        for copy in [0, 1] {
            self.copy(copy);
        }
        self.mirror()
            .map_err(|fault| format!("at the end: {fault}"))?;
        match self.served.as_ref() == Some(&self.origin().content) {
            true => Ok(()),
            false => Err("at the end: not the newest".to_owned()),
        }
    }

    /// The newest content with a few addresses more and a few less.
    fn changed(&self, seed: u32) -> Vec<u32> {
        let mut random = fastrand::Rng::with_seed(u64::from(seed));
        let mut next = self.origin().content.clone();
        for _ in 0..random.usize(..4) {
            next.swap_remove(random.usize(..next.len()));
        }
        next.extend((0..random.usize(..4)).map(|_| random.u32(..)));
        next.sort_unstable();
        next.dedup();
        next
    }

    fn publish(&mut self, mut content: Vec<u32>) {
        content.sort_unstable();
        self.world.now += 60;
        let image = self.world.path("new.rbl");
        let bytes = encode(&list("ops.example", &content), Stamp::default()).unwrap();
        fs::write(&image, bytes).unwrap();
        let published = self.signed(&[image]);
        let view = self.views[2].as_mut().unwrap();
        view.content = content;
        view.serial = published.serial;
        // What is listed already brings no zone back.
        view.retired &= !published.new_content;
    }

    /// Another line of serials begins, and says so or not.
    fn session(&mut self, says: bool) {
        self.lines += 1;
        let view = self.views[2].as_mut().unwrap();
        view.line = self.lines;
        if says {
            view.session = self.lines;
        }
    }

    /// Publishes or signs afresh, and notes what the folder says now.
    fn signed(&mut self, images: &[PathBuf]) -> Published {
        let World { options, now, .. } = &self.world;
        let reports = publish(&self.world.feed(), images, &self.key, options, *now).unwrap();
        let published = reports.into_iter().map(|report| report.result.unwrap());
        let published = published.last().unwrap();
        self.note(&published, self.number);
        published
    }

    fn note(&mut self, published: &Published, signer: u32) {
        let before = self.views[2].take();
        let kept = before.unwrap_or_default();
        self.views[2] = Some(View {
            issue: published.issue,
            serial: published.serial,
            expires: self.world.now + 2 * DAY,
            signer,
            statement: self.said.last(),
            generated: self.world.now,
            broken: None,
            ..kept
        });
    }

    /// All is in place but the pointer, as it was before the last rename.
    fn publish_killed(&mut self, seed: u32) {
        let next = self.changed(seed);
        let pointer = self.world.pointer();
        let before = fs::read(&pointer).unwrap();
        self.publish(next.clone());
        fs::write(&pointer, before).unwrap();
        self.publish(next);
    }

    /// A new key, and its number.
    fn new_key(&mut self) -> (SigningKey, u32) {
        let name = format!("key{}", self.keys.len());
        let files = keygen(&self.world.path(&name), None).unwrap();
        let online = read_public(&files.public).unwrap();
        let online = online.into_iter().find(|(_, role)| *role == Role::Online);
        self.keys.push(online.unwrap().0);
        let number = u32::try_from(self.keys.len() - 1).unwrap();
        (SigningKey::read(&files.online, None).unwrap(), number)
    }

    fn offline(&self) -> SigningKey {
        SigningKey::read(&self.world.keys.offline, None).unwrap()
    }

    fn rotate(&mut self) {
        let remove = self.keys.clone();
        let (key, number) = self.new_key();
        let change = KeyChange {
            announce: self.keys.last().cloned(),
            remove,
        };
        self.said.replaced_by(number);
        self.change_keys(&change, OFFLINE);
        (self.key, self.number, self.next) = (key, number, None);
        self.views[2].as_mut().unwrap().announces = None;
    }

    fn announce(&mut self) {
        let (next, number) = self.new_key();
        let change = KeyChange {
            announce: self.keys.last().cloned(),
            remove: Vec::new(),
        };
        self.change_keys(&change, self.number);
        self.said.announced(number, self.world.now);
        self.next = Some((next, number));
        self.views[2].as_mut().unwrap().announces = Some(number);
    }

    fn change_keys(&mut self, change: &KeyChange, signer: u32) {
        self.world.now += 60;
        let offline = self.offline();
        let key = match signer {
            OFFLINE => &offline,
            _ => &self.key,
        };
        let World { options, now, .. } = &self.world;
        let reports = change_keys(&self.world.feed(), key, change, options, *now).unwrap();
        let reports = reports.into_iter().map(|report| report.result.unwrap());
        self.note(&reports.last().unwrap(), signer);
    }

    fn retire(&mut self, offline: bool) {
        self.world.now += 60;
        self.world.options.retire = Some("https://ops.example/closed".to_owned());
        if offline {
            self.said.given_up();
            let offline = self.offline();
            let key = std::mem::replace(&mut self.key, offline);
            let number = std::mem::replace(&mut self.number, OFFLINE);
            self.signed(&[]);
            (self.key, self.number) = (key, number);
        } else {
            self.signed(&[]);
        }
        self.world.options.retire = None;
        self.views[2].as_mut().unwrap().retired = true;
    }

    fn folder(&self, source: usize) -> PathBuf {
        match source {
            2 => self.world.feed(),
            _ => self.world.path(&format!("copy{source}")),
        }
    }

    fn copy(&mut self, to: usize) {
        let target = self.folder(to);
        let _ = fs::remove_dir_all(&target);
        for (path, bytes) in self.world.save() {
            let path = target.join(path.strip_prefix(self.world.feed()).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        self.views[to] = self.views[2].clone();
    }

    fn tamper(&mut self, which: usize, part: u8) {
        let zone = self.folder(which).join("ops.example");
        let Some(view) = &mut self.views[which] else {
            return;
        };
        if view.broken.is_some() {
            return;
        }
        let done = match part {
            0 => flip(&zone.join("current.minisig")),
            1 => {
                let begins = format!("{}-", view.issue);
                let is = |path: &PathBuf| {
                    path.file_name()
                        .unwrap()
                        .to_string_lossy()
                        .starts_with(&begins)
                };
                let manifests = crate::world::files(&zone.join("m"));
                manifests
                    .iter()
                    .filter(|path| is(path))
                    .all(|path| flip(path))
            }
            _ => {
                let folders = [zone.join("s"), zone.join("d")];
                let folders = folders.iter().filter(|folder| folder.exists());
                let mut files = folders.flat_map(|folder| crate::world::files(folder));
                files.all(|path| flip(&path))
            }
        };
        assert!(done, "nothing to turn over");
        view.broken = Some(part);
    }

    /// A backup that is older than the last word of the offline key is of no use: it is made anew.
    fn restore(&mut self, says: bool) {
        let (files, view) = self.backup.clone().unwrap();
        if view.statement == self.said.last() {
            self.world.restore(&files);
            // What was announced since is forgotten.
            let next = self.next.take();
            self.next = next.filter(|(_, number)| view.announces == Some(*number));
            self.views[2] = Some(view);
            self.session(says);
            self.world.options.new_session = says;
            let next = self.changed(self.lines);
            self.publish(next);
            self.world.options.new_session = false;
        }
        self.backup = Some((self.world.save(), self.origin().clone()));
    }

    fn mirror(&mut self) -> Lived {
        self.mirror_after(false)
    }

    /// Runs the mirror and compares. After another that was killed, what that one took counts as well.
    fn mirror_after(&mut self, killed: bool) -> Lived {
        let judged: Vec<Judged> = self
            .views
            .iter()
            .map(|view| self.judge(view.as_ref(), killed))
            .collect();
        let reports = mirror(&self.world.folder(), &self.world.settings, self.world.now);
        let mut reports = reports.map_err(|error| format!("the mirror does not run: {error}"))?;
        let report = reports.remove(0);
        let spoken = self.views.iter().flatten();
        let spoken = spoken.filter(|view| !matches!(view.broken, Some(0 | 1)));
        self.heard
            .may_have_heard(spoken.map(|view| view.statement).max().unwrap_or(0));
        self.heard.was_shown(
            &self.said,
            self.views
                .iter()
                .flatten()
                .map(|view| (view.announces, view.generated)),
        );
        let retired = matches!(report.result, Ok(Outcome::Retired { .. }));
        match report.result {
            Ok(Outcome::Current { .. } | Outcome::Updated(_) | Outcome::Retired { .. }) => {
                self.took(&judged, killed, retired)
            }
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => {
                // A mirror that was killed had taken something, which is behind nothing now.
                let known = |class| judged.iter().any(|one| one.classes.contains(&class));
                // What a person has to decide ends the run: other sources are not asked.
                let guarded = error.class() == Class::Guard && known(Class::Guard);
                // What the killed one may have put in place is not known then.
                self.damaged |= killed && guarded;
                if judged.iter().any(|one| one.must) && !guarded {
                    return Err(format!("nothing is taken: {error}"));
                }
                let told = std::iter::once(&error).chain(&report.trouble);
                for error in told {
                    if !known(error.class()) && !self.damaged {
                        return Err(format!("tells {:?}: {error}", error.class()));
                    }
                }
                self.serves()
            }
        }
    }

    /// The mirror took what one of the sources says: which one, its memory tells.
    fn took(&mut self, judged: &[Judged], killed: bool, retired: bool) -> Lived {
        let state = fs::read(self.world.folder().state(&zone("ops.example")));
        let state: Value = serde_json::from_slice(&state.unwrap()).unwrap();
        let issue = state["seen"]["issue"].as_u64().unwrap();
        let of_issue = |at: &usize| {
            self.views[*at]
                .as_ref()
                .is_some_and(|view| view.issue == issue)
        };
        let taken: Vec<usize> = (0..3).filter(of_issue).collect();
        let allowed = |at: &&usize| judged[**at].may;
        let Some(at) = taken.iter().find(allowed) else {
            return Err(format!(
                "takes issue {issue}, which may not be believed (killed before: {killed})"
            ));
        };
        let view = self.views[*at].clone().unwrap();
        if view.retired != retired {
            return Err(format!(
                "takes issue {issue} as one of a zone given up: {retired}"
            ));
        }
        let anew = self.seen.as_ref().and_then(|seen| seen.issue) != Some(issue);
        self.heard.took(
            &self.said,
            view.statement,
            view.announces,
            anew && !killed,
            self.world.now,
        );
        if view.signer != OFFLINE && view.signer > self.said.base(view.statement) {
            self.by_announced += 1;
        }
        self.given_up += usize::from(retired);
        self.seen = Some(Seen {
            issue: Some(issue),
            session: view.session,
            line: view.line,
            serial: view.serial,
            signer: view.signer,
            retired,
        });
        match retired {
            false => (self.served, self.damaged) = (Some(view.content), false),
            // What the killed one may have put in place is not known.
            true => self.damaged |= killed,
        }
        self.tells(retired)?;
        self.serves()
    }

    /// The status page says whether the zone is given up.
    fn tells(&self, retired: bool) -> Lived {
        let path = self.world.folder().status(&zone("ops.example"));
        let page = fs::read(path).map_err(|error| format!("no status page: {error}"))?;
        match StatusPage::read(&page) {
            Ok(page) if page.retired == retired => Ok(()),
            other => Err(format!("given up: {retired}, and the page says {other:?}")),
        }
    }

    /// The image answers what was taken last, byte for byte of content.
    fn serves(&self) -> Lived {
        let path = self.world.folder().image(&zone("ops.example"));
        let Some(content) = self.served.as_ref().filter(|_| !self.damaged) else {
            let there = path.exists() && !self.damaged;
            return if there {
                Err("serves before anything was taken".to_owned())
            } else {
                Ok(())
            };
        };
        let image = Image::read(&path).map_err(|error| format!("serves nothing: {error}"))?;
        image
            .verify()
            .map_err(|error| format!("serves damage: {error}"))?;
        let expected = encode(&list("ops.example", content), Stamp::default()).unwrap();
        let expected = Image::from_vec(expected).unwrap();
        match image.content_id() == expected.content_id() {
            true => Ok(()),
            false => Err(format!(
                "serves serial {} with other content",
                image.serial()
            )),
        }
    }

    fn kill_a_mirror(&self, micros: u64) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--quiet"])
            .env("RBLMAP_FEED_LIFE", self.world.dir.path())
            .env("RBLMAP_FEED_NOW", self.world.now.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(micros));
        // It may have ended already.
        let _ = child.kill();
        child.wait().unwrap();
    }
}

fn sources(dir: &Path) -> Vec<Source> {
    ["copy0", "copy1", "feed"]
        .map(|name| Source::Local(dir.join(name)))
        .to_vec()
}

/// Turns a byte in the middle of a file over.
fn flip(path: &Path) -> bool {
    let Ok(mut bytes) = fs::read(path) else {
        return false;
    };
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(path, bytes).is_ok()
}

/// What the killed mirror does.
pub(crate) fn mirror_alone(dir: &Path, now: u64) {
    let keys = read_public(&dir.join("ops.pub")).unwrap();
    let mut settings = Settings::new(sources(dir), keys);
    settings.zones = vec![zone("ops.example")];
    // Nobody is there to hear it.
    let _ = mirror(&Folder::new(dir.join("mirror")), &settings, now);
}
