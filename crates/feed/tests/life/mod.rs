//! The steps of a life, and the model that says what each may lead to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rblmap::Image;
use rblmap_feed::{
    Class, Folder, KeyChange, Outcome, Published, Role, Settings, SigningKey, Source, change_keys,
    keygen, mirror, publish, read_public,
};
use rblmap_image::{Stamp, encode};
use serde_json::Value;

use crate::world::{DAY, World, list, zone};

/// Something that happens to the publisher, a source or the mirror. Sources 0 and 1 are copies, the
/// third is the publisher's own folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// The publisher adds and removes a few addresses.
    Publish(u32),
    /// The publisher is killed in the middle of that, and tries again.
    PublishKilled(u32),
    Heartbeat,
    /// The offline key removes the online key and puts the next in its place.
    Rotate,
    /// A copy becomes like the publisher's folder.
    Copy(usize),
    /// A copy disappears.
    Drop(usize),
    /// A byte of a copy's pointer (0), manifest (1), or of all its data (2) is turned over.
    Tamper(usize, u8),
    /// Hours go by.
    Wait(u64),
    /// More time than a pointer holds.
    Expire,
    /// The publisher loses what it remembers.
    Forget,
    /// The publisher's folder comes back from a backup; it begins a new session, or does not know.
    Restore(bool),
    /// The mirror runs.
    Mirror,
    /// The mirror is killed after so many microseconds, then runs.
    MirrorKilled(u64),
    /// The mirror loses what it remembers of the zone.
    MirrorForgets,
    /// The mirror loses everything.
    MirrorLost,
    /// A byte of the mirror's image is turned over.
    ImageDamaged,
    /// Not random: the mirror gets an image that nobody published, and what is served is compared.
    Lie,
    Check,
}

impl Step {
    pub(crate) fn random(random: &mut fastrand::Rng) -> Step {
        match random.u8(..42) {
            0..8 => Step::Publish(random.u32(..)),
            8..9 => Step::PublishKilled(random.u32(..)),
            9..11 => Step::Heartbeat,
            11 => Step::Rotate,
            12..17 => Step::Copy(random.usize(..2)),
            17 => Step::Drop(random.usize(..2)),
            18..21 => Step::Tamper(random.usize(..2), random.u8(..3)),
            21..23 => Step::Wait(random.u64(1..6)),
            23 => Step::Expire,
            24 => Step::Forget,
            25 => Step::Restore(random.bool()),
            26..29 => Step::MirrorKilled(random.u64(..20_000)),
            29 => Step::MirrorForgets,
            30 => Step::MirrorLost,
            31 => Step::ImageDamaged,
            _ => Step::Mirror,
        }
    }
}

/// What a folder says, as the model sees it.
#[derive(Debug, Clone)]
struct View {
    issue: u64,
    session: u32,
    /// A number that changes when a publisher goes on from a backup without saying so.
    line: u32,
    serial: u64,
    content: Vec<u32>,
    expires: u64,
    /// The online key that signed it, by its number; the offline key counts as the newest.
    signer: u32,
    /// How often the offline key has spoken.
    rotations: u32,
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
}

/// What a view may lead to.
struct Judged {
    must: bool,
    may: bool,
    /// What is told of it if it is not taken.
    classes: Vec<Class>,
}

pub(crate) struct Life {
    world: World,
    views: [Option<View>; 3],
    backup: Option<(Files, View)>,
    key: SigningKey,
    keys: u32,
    lines: u32,
    seen: Option<Seen>,
    /// What the mirror serves: nothing yet, or unknown while its image is damaged.
    served: Option<Vec<u32>>,
    damaged: bool,
    /// How often the mirror has heard the offline key: at least, at most.
    heard: (u32, u32),
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
            key,
            keys: 0,
            lines: 0,
            seen: None,
            served: None,
            damaged: false,
            heard: (0, 0),
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
                    seen.issue = None;
                }
            }
            Step::MirrorLost => {
                let _ = fs::remove_dir_all(self.world.path("mirror"));
                (self.seen, self.served, self.damaged) = (None, None, false);
                self.heard = (0, 0);
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
    pub(crate) fn recovers(mut self) -> Lived {
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
        self.note(&published, self.keys);
        published
    }

    fn note(&mut self, published: &Published, signer: u32) {
        let (session, line, content) = match &self.views[2] {
            Some(view) => (view.session, view.line, view.content.clone()),
            None => (0, 0, Vec::new()),
        };
        self.views[2] = Some(View {
            issue: published.issue,
            session,
            line,
            serial: published.serial,
            content,
            expires: self.world.now + 2 * DAY,
            signer,
            rotations: self.keys,
            broken: None,
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

    fn rotate(&mut self) {
        let name = format!("key{}", self.keys + 1);
        let next = keygen(&self.world.path(&name), None).unwrap();
        let online = read_public(&next.public).unwrap();
        let online = online.into_iter().find(|(_, role)| *role == Role::Online);
        let change = KeyChange {
            announce: Some(online.unwrap().0),
            remove: vec![self.key.public().clone()],
        };
        let offline = SigningKey::read(&self.world.keys.offline, None).unwrap();
        self.world.now += 60;
        let World { options, now, .. } = &self.world;
        let reports = change_keys(&self.world.feed(), &offline, &change, options, *now).unwrap();
        let reports = reports.into_iter().map(|report| report.result.unwrap());
        let published = reports.last().unwrap();
        self.keys += 1;
        self.key = SigningKey::read(&next.online, None).unwrap();
        self.note(&published, u32::MAX);
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
        if view.rotations == self.keys {
            self.world.restore(&files);
            self.views[2] = Some(view);
            self.session(says);
            self.world.options.new_session = says;
            let next = self.changed(self.lines);
            self.publish(next);
            self.world.options.new_session = false;
        }
        self.backup = Some((self.world.save(), self.origin().clone()));
    }

    fn judge(&self, view: Option<&View>) -> Judged {
        let no = |classes: &[Class]| Judged {
            must: false,
            may: false,
            classes: classes.to_vec(),
        };
        let Some(view) = view else {
            return no(&[Class::Transport]);
        };
        let issue = self.seen.as_ref().and_then(|seen| seen.issue);
        let unreadable = matches!(view.broken, Some(0 | 1));
        let mut damage = vec![Class::Signature, Class::Damaged, Class::Transport];
        if issue.is_some_and(|issue| view.issue < issue) {
            // The number is compared before the signature: a damaged one may be called old as well.
            damage.retain(|_| unreadable);
            damage.push(Class::Behind);
            return no(&damage);
        }
        let loudest = self.views.iter().flatten().map(|view| view.rotations).max();
        let heard = (
            self.heard.0.max(view.rotations),
            self.heard.1.max(loudest.unwrap_or(0)),
        );
        let believed =
            |heard: u32| view.signer >= heard && (view.signer == u32::MAX || view.signer <= heard);
        let knows = believed(heard.0);
        if !knows && !believed(heard.1) {
            return no(&[Class::Signature]);
        }
        if view.expires <= self.world.now {
            damage.retain(|class| unreadable || *class == Class::Signature);
            damage.push(Class::Expired);
            return no(&damage);
        }
        let needed = self.damaged || self.served.as_ref() != Some(&view.content);
        if unreadable {
            // What was verified before is not fetched again, and the pointer only names it.
            let may = !needed && issue == Some(view.issue);
            return Judged { may, ..no(&damage) };
        }
        if needed && view.broken == Some(2) {
            return no(&damage);
        }
        let plain = self.seen.as_ref().is_none_or(|seen| {
            seen.issue.is_some()
                && (view.line == seen.line && view.serial >= seen.serial
                    || view.session != seen.session)
        });
        Judged {
            must: plain && knows && believed(heard.1),
            may: true,
            classes: vec![Class::Signature, Class::Damaged, Class::Behind],
        }
    }

    fn mirror(&mut self) -> Lived {
        self.mirror_after(false)
    }

    /// Runs the mirror and compares. After another that was killed, what that one took counts as well.
    fn mirror_after(&mut self, killed: bool) -> Lived {
        let judged: Vec<Judged> = self
            .views
            .iter()
            .map(|view| self.judge(view.as_ref()))
            .collect();
        let reports = mirror(&self.world.folder(), &self.world.settings, self.world.now);
        let mut reports = reports.map_err(|error| format!("the mirror does not run: {error}"))?;
        let report = reports.remove(0);
        let spoken = self
            .views
            .iter()
            .flatten()
            .filter(|view| !matches!(view.broken, Some(0 | 1)));
        let loudest = spoken.map(|view| view.rotations).max().unwrap_or(0);
        self.heard.1 = self.heard.1.max(loudest);
        match report.result {
            Ok(Outcome::Current { .. } | Outcome::Updated(_)) => self.took(&judged, killed),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => {
                // A mirror that was killed had taken something, which is behind nothing now.
                if judged.iter().any(|one| one.must) {
                    return Err(format!("nothing is taken: {error}"));
                }
                let told = std::iter::once(&error).chain(&report.trouble);
                let known = |class| judged.iter().any(|one| one.classes.contains(&class));
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
    fn took(&mut self, judged: &[Judged], killed: bool) -> Lived {
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
        self.heard.0 = self.heard.0.max(view.rotations);
        self.seen = Some(Seen {
            issue: Some(issue),
            session: view.session,
            line: view.line,
            serial: view.serial,
        });
        (self.served, self.damaged) = (Some(view.content), false);
        self.serves()
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
