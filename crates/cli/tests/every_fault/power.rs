//! Cuts the power at each call, in two ways: by what POSIX allows to be lost, that is all that was not
//! waited for, in any order; and on a real ext4, of which a copy is taken at each call.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::record::{Before, Event, Recorder};
use crate::scenes::{Found, Scene, renew};
use crate::tracer;

/// How many states are tried where not all are.
const SOME: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Folder,
    /// A file, by its number.
    File(usize),
}

/// A change of the names in a folder.
#[derive(Debug, Clone)]
enum Change {
    Set(PathBuf, Node),
    Moved(PathBuf, PathBuf, Node),
    Gone(PathBuf),
}

/// What there is of a file after a cut: of what was sure, and what was written.
type Kept = fn(&[u8], &[u8]) -> Vec<u8>;
type Names = BTreeMap<PathBuf, Node>;
/// What there is after a cut: files with their bytes, and folders.
type State = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A disk, as processes see it and as it is.
#[derive(Debug, Default)]
struct Disk {
    bytes: Vec<Vec<u8>>,
    /// What of each file is sure to be there.
    sure: Vec<Vec<u8>>,
    names: Names,
    sure_names: Names,
    /// The changes of names that are not sure yet, with their folders.
    pending: Vec<(PathBuf, Change)>,
}

impl Disk {
    fn read(folder: &Path) -> Disk {
        let mut disk = Disk::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                assert!(!path.is_symlink(), "{}", path.display());
                if path.is_dir() {
                    disk.names.insert(path.clone(), Node::Folder);
                    folders.push(path);
                } else {
                    let file = disk.file(fs::read(&path).unwrap());
                    disk.names.insert(path, file);
                }
            }
        }
        disk.sure = disk.bytes.clone();
        disk.sure_names = disk.names.clone();
        disk
    }

    fn file(&mut self, bytes: Vec<u8>) -> Node {
        self.bytes.push(bytes);
        self.sure.push(Vec::new());
        Node::File(self.bytes.len() - 1)
    }

    /// The number of a file; none if its name is gone.
    fn number(&self, path: &Path) -> Option<usize> {
        match self.names.get(path) {
            Some(Node::File(number)) => Some(*number),
            _ => None,
        }
    }

    fn change(&mut self, change: Change) {
        apply(&change, &mut self.names);
        let (Change::Set(path, _) | Change::Moved(_, path, _) | Change::Gone(path)) = &change;
        let folder = path.parent().unwrap().to_owned();
        self.pending.push((folder, change));
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Created(path) => {
                let file = self.file(Vec::new());
                self.change(Change::Set(path.clone(), file));
            }
            Event::Folder(path) => self.change(Change::Set(path.clone(), Node::Folder)),
            Event::Removed(path) => self.change(Change::Gone(path.clone())),
            Event::Linked(from, to) => {
                let node = self.names[from];
                self.change(Change::Set(to.clone(), node));
            }
            Event::Moved(from, to) => {
                let node = self.names[from];
                assert!(
                    node != Node::Folder,
                    "a folder is moved: {}",
                    from.display()
                );
                self.change(Change::Moved(from.clone(), to.clone(), node));
            }
            Event::Written { path, at, bytes } => {
                if let Some(number) = self.number(path) {
                    let file = &mut self.bytes[number];
                    file.resize(file.len().max(at + bytes.len()), 0);
                    file[*at..at + bytes.len()].copy_from_slice(bytes);
                }
            }
            Event::Cut(path, length) => {
                if let Some(number) = self.number(path) {
                    self.bytes[number].resize(*length, 0);
                }
            }
            Event::Synced(path) => self.sync(path),
        }
    }

    fn sync(&mut self, path: &Path) {
        if let Some(number) = self.number(path) {
            self.sure[number].clone_from(&self.bytes[number]);
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        for (folder, change) in pending {
            match folder == path {
                true => apply(&change, &mut self.sure_names),
                false => self.pending.push((folder, change)),
            }
        }
    }

    /// The states that a cut may leave: of the changes of names none, all, each alone, the first of
    /// each folder, or any; of what was written nothing, all, zeros, or half.
    fn states(&self, seed: u64) -> Vec<State> {
        let mut random = fastrand::Rng::with_seed(seed);
        let all: Vec<usize> = (0..self.pending.len()).collect();
        let mut chosen = vec![Vec::new(), all.clone()];
        chosen.extend(all.iter().map(|one| vec![*one]));
        for _ in 0..2 {
            let mut first: BTreeMap<&Path, bool> = BTreeMap::new();
            let keeps = |at: &usize| {
                let keeps = first.entry(&self.pending[*at].0).or_insert(true);
                *keeps = *keeps && random.bool();
                *keeps
            };
            chosen.push(all.iter().copied().filter(keeps).collect());
            chosen.push(all.iter().copied().filter(|_| random.bool()).collect());
        }
        let kept: [Kept; 4] = [
            |sure, _| sure.to_vec(),
            |_, written| written.to_vec(),
            |_, written| vec![0; written.len()],
            |_, written| written[..written.len() / 2].to_vec(),
        ];
        let mut states = Vec::new();
        for changes in &chosen {
            let mut names = self.sure_names.clone();
            let changes = changes.iter().map(|at| &self.pending[*at].1);
            changes.for_each(|change| apply(change, &mut names));
            states.extend(kept.iter().map(|kept| self.state(&names, kept)));
        }
        states
    }

    fn state(&self, names: &Names, kept: &Kept) -> State {
        // What is in a folder that is not there is not there either.
        let top = self.top();
        let reached = |path: &Path| {
            let mut above = path.ancestors().take_while(|path| *path != top);
            above.all(|path| names.contains_key(path))
        };
        let content = |node: &Node| match node {
            Node::Folder => None,
            Node::File(number) => {
                let (sure, written) = (&self.sure[*number], &self.bytes[*number]);
                Some(if sure == written {
                    sure.clone()
                } else {
                    kept(sure, written)
                })
            }
        };
        let names = names.iter().filter(|(path, _)| reached(path));
        names
            .map(|(path, node)| (path.clone(), content(node)))
            .collect()
    }

    fn top(&self) -> PathBuf {
        let shortest = self
            .sure_names
            .keys()
            .min_by_key(|path| path.components().count());
        shortest.unwrap().parent().unwrap().to_owned()
    }
}

fn apply(change: &Change, names: &mut Names) {
    match change {
        Change::Set(path, node) => drop(names.insert(path.clone(), *node)),
        Change::Moved(from, to, node) => {
            names.remove(from);
            names.insert(to.clone(), *node);
        }
        Change::Gone(path) => drop(names.remove(path)),
    }
}

/// The files of which one state has other bytes than another, or that only one has.
fn difference(one: &State, other: &State) -> Vec<PathBuf> {
    let names: BTreeSet<&PathBuf> = one.keys().chain(other.keys()).collect();
    let differs = |path: &&&PathBuf| one.get(**path) != other.get(**path);
    names
        .iter()
        .filter(differs)
        .map(|path| (*path).clone())
        .collect()
}

fn put(state: &State, work: &Path) {
    fs::remove_dir_all(work).unwrap();
    fs::create_dir(work).unwrap();
    for (path, content) in state {
        match content {
            None => fs::create_dir(path).unwrap(),
            Some(bytes) => fs::write(path, bytes).unwrap(),
        }
    }
}

/// Old or new is there, new if the command had ended; and the next run goes on.
fn holds(scene: &Scene, ended: bool) -> Result<(), String> {
    let found = scene.found()?;
    if ended && found != Found::New {
        return Err(format!("it had said that it was done: {found:?}"));
    }
    scene.next_run(|found| found == Found::New)
}

/// Cuts the power at each call of the command, with what POSIX allows to be lost.
pub(crate) fn play(scene: &Scene) {
    let work = scene.work();
    renew(&scene.before(), &work);
    let mut recorder = Recorder::default();
    let run = tracer::run(&scene.args, &work, &mut recorder);
    assert_eq!(run.code, 0, "{}", run.stderr);
    renew(&scene.before(), &work);
    let (mut disk, mut seen, mut states) = (Disk::read(&work), HashSet::new(), Vec::new());
    let events = recorder.events;
    for at in 0..=events.len() {
        let all: Kept = |_, written| written.to_vec();
        let whole = disk.state(&disk.names, &all);
        for state in disk.states(at as u64) {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            // The same state may follow a command that has ended, and one that has not.
            if seen.insert((hasher.finish(), at == events.len())) {
                let lost = difference(&whole, &state);
                states.push((at, state, lost));
            }
        }
        if let Some(event) = events.get(at) {
            disk.take(event);
        }
    }
    let step = if crate::all() {
        1
    } else {
        states.len().div_ceil(SOME)
    };
    let (mut runs, mut wrong) = (0, Vec::new());
    for (at, state, lost) in states.iter().rev().step_by(step) {
        put(state, &work);
        runs += 1;
        if let Err(what) = holds(scene, *at == events.len()) {
            let last = at.checked_sub(1).map(|at| &events[at]);
            wrong.push(format!(
                "{}, cut after call {at}, {last:.200?}: {what}; it differs in {lost:?}",
                scene.name
            ));
        }
    }
    let (calls, of) = (events.len(), states.len());
    println!(
        "{}: {runs} states of {of} after a cut at each of {calls} calls",
        scene.name
    );
    assert!(
        wrong.is_empty(),
        "{} of {runs}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Lets a server reload its policy, and looks whether it changes anything on the disk: what it never
/// writes, no cut of the power can spoil.
pub(crate) fn reload(scene: &Scene) {
    renew(&scene.before(), &scene.work());
    let mut recorder = Recorder::default();
    let (first, work) = (Arc::clone(&recorder.first), scene.work());
    let operator = std::thread::spawn(move || {
        let server = || Pid::from_raw(first.load(Ordering::Relaxed));
        let _ended = Ended(&server);
        let socket = work.join("policy");
        // It has its name before anybody listens.
        wait_for(|| UnixStream::connect(&socket).is_ok());
        assert!(ask(&socket).starts_with("action=550 "));
        let config = work.join("mail.toml");
        let text = fs::read_to_string(&config)
            .unwrap()
            .replace("reject", "defer");
        fs::write(&config, text).unwrap();
        kill(server(), Signal::SIGHUP).unwrap();
        wait_for(|| ask(&socket).starts_with("action=450 "));
    });
    let run = tracer::run(&scene.args, &scene.work(), &mut recorder);
    operator.join().unwrap();
    assert_eq!(run.code, 0, "{}", run.stderr);
    let socket = scene.work().join("policy");
    let of_socket = |event: &&Event| matches!(event, Event::Removed(path) if *path == socket);
    let others: Vec<&Event> = recorder
        .events
        .iter()
        .filter(|event| !of_socket(event))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Ends the server when the operator is done, or has found something wrong: else it would run for ever.
struct Ended<'s>(&'s dyn Fn() -> Pid);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        // 0 would be the group of this process.
        if (self.0)().as_raw() > 0 {
            let _ = kill((self.0)(), Signal::SIGTERM);
        }
    }
}

fn wait_for(mut there: impl FnMut() -> bool) {
    for _ in 0..400 {
        if there() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("it does not come");
}

/// What the server says of a listed client.
fn ask(socket: &Path) -> String {
    let Ok(mut stream) = UnixStream::connect(socket) else {
        return String::new();
    };
    stream
        .write_all(b"request=smtpd_access_policy\nclient_address=10.0.0.25\n\n")
        .unwrap();
    let mut answer = [0; 512];
    let length = stream.read(&mut answer).unwrap_or(0);
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// An ext4 in a file, at the folder where the command works.
struct Mounted<'a>(&'a Path);

impl Mounted<'_> {
    fn new<'a>(image: &Path, at: &'a Path) -> Mounted<'a> {
        fs::create_dir_all(at).unwrap();
        shell(
            "mount",
            &["-o", "loop", image.to_str().unwrap(), at.to_str().unwrap()],
        );
        Mounted(at)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // A child that another test is about to start may hold it for a moment.
        let free = || {
            Command::new("umount")
                .arg(self.0)
                .output()
                .unwrap()
                .status
                .success()
        };
        wait_for(free);
    }
}

fn shell(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
}

/// Copies the disk before each call that changes it, and goes on from each copy.
pub(crate) fn play_on_ext4(scene: &Scene) {
    let (work, image, copies) = (scene.work(), scene.beside("ext4"), scene.beside("copies"));
    fs::create_dir_all(&copies).unwrap();
    fs::File::create(&image).unwrap().set_len(24 << 20).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    shell("mkfs.ext4", &["-q", "-J", "size=4", &path(&image)]);
    let mut count = 0;
    let mut copy = || {
        let to = path(&copies.join(format!("{count:04}")));
        shell("cp", &["--sparse=always", &path(&image), &to]);
        count += 1;
    };
    {
        let _mounted = Mounted::new(&image, &work);
        shell(
            "cp",
            &["-a", &path(&scene.before().join(".")), &path(&work)],
        );
        shell("sync", &["-f", &path(&work)]);
        let run = tracer::run(&scene.args, &work, &mut Before { call: &mut copy });
        assert_eq!(run.code, 0, "{}", run.stderr);
        copy();
    }
    let mut wrong = Vec::new();
    for at in 0..count {
        let name = copies.join(format!("{at:04}"));
        let _mounted = Mounted::new(&name, &work);
        if let Err(what) = holds(scene, at + 1 == count) {
            wrong.push(format!("{}, ext4, cut at call {at}: {what}", scene.name));
        }
    }
    println!(
        "{}: {count} copies of an ext4, one at each call",
        scene.name
    );
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_was_not_waited_for_may_be_lost_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("kept"), "old").unwrap();
    let mut disk = Disk::read(folder.path());
    let write = |path: PathBuf, bytes: &str| Event::Written {
        path,
        at: 0,
        bytes: bytes.into(),
    };
    disk.take(&Event::Created(path("new")));
    disk.take(&write(path("new"), "news"));
    disk.take(&Event::Moved(path("new"), path("kept")));
    let kept = |disk: &Disk| -> BTreeSet<Option<Vec<u8>>> {
        let states = disk.states(1).into_iter();
        states
            .map(|state| state.get(&path("kept")).cloned().flatten())
            .collect()
    };
    let some = |texts: &[&str]| -> BTreeSet<Option<Vec<u8>>> {
        texts
            .iter()
            .map(|text| Some(text.as_bytes().to_vec()))
            .collect()
    };
    // A rename without a wait for the bytes: empty, half, zeros.
    assert_eq!(kept(&disk), some(&["old", "", "news", "\0\0\0\0", "ne"]));
    disk.take(&Event::Synced(path("kept")));
    assert_eq!(kept(&disk), some(&["old", "news"]));
    disk.take(&Event::Synced(folder.path().to_owned()));
    assert_eq!(kept(&disk), some(&["news"]));
}
