//! What the real rsync program ends with, and what the mirror makes of it: each code is brought about,
//! not imitated. Whatever happens, the old image goes on answering.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

mod common;
mod peers;

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{Run, command, files, finish, rblmap};
use fastrand::Rng;
use peers::{Disk, Feed, free_port, rsyncd, rsyncd_with};

/// A feed with an older image in the mirror's folder, and news.
fn feed() -> Feed {
    let feed = Feed::new();
    feed.publish(3000);
    assert_eq!(feed.mirror().code, 0);
    feed.publish(3010);
    feed
}

/// A source fails with this code of rsync's, and the old image answers.
fn fails(feed: &Feed, source: &str, code: u32) -> Run {
    let run = feed.mirror_from(source, &["--timeout", "1s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    let said = format!("rsync exit code {code}: ");
    assert!(run.stderr.contains(&said), "{said}{}", run.stderr);
    feed.answers();
    run
}

/// Where the real rsync's exit codes are kept: not all of them are told.
struct Codes {
    path: OsString,
    kept: PathBuf,
}

impl Codes {
    /// Puts a program before rsync that calls it and writes its exit code down.
    fn keep(feed: &Feed) -> Codes {
        let found = Command::new("sh").args(["-c", "command -v rsync"]).output();
        let rsync = String::from_utf8(found.unwrap().stdout).unwrap();
        let (folder, kept) = (feed.path("bin"), feed.path("codes"));
        fs::create_dir(&folder).unwrap();
        let script = format!(
            "#!/bin/sh\n{} \"$@\"\ncode=$?\necho $code >> {}\nexit $code\n",
            rsync.trim(),
            kept.display()
        );
        let program = folder.join("rsync");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let mut path = folder.into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Codes { path, kept }
    }

    /// Runs the mirror: how it ended, and the codes of all runs of rsync.
    fn mirror(&self, feed: &Feed, source: &str) -> (Run, Vec<u32>) {
        let (folder, key) = (feed.arg("mirror"), feed.arg("ops.pub"));
        let mut run = command(["mirror", source, &folder, "--key", &key]);
        run.env("PATH", &self.path);
        let run = finish(run, b"");
        let codes = fs::read_to_string(&self.kept).unwrap();
        fs::remove_file(&self.kept).unwrap();
        (
            run,
            codes.lines().map(|code| code.parse().unwrap()).collect(),
        )
    }
}

#[test]
fn code_5_no_such_module() {
    let feed = feed();
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let url = |module: &str| format!("rsync://127.0.0.1:{}/{module}", server.port);
    let run = fails(&feed, &url("other"), 5);
    assert!(run.stderr.contains("the server refused"), "{}", run.stderr);
    // And by a name that no name server knows (RFC 6761).
    let run = feed.mirror_from("rsync://feed.invalid/feed", &["--timeout", "1s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    feed.answers();
    assert_eq!(feed.mirror_from(&url("feed"), &[]).code, 0);
}

#[test]
fn code_10_nobody_listens() {
    let feed = feed();
    let source = format!("rsync://127.0.0.1:{}/feed", free_port());
    let run = fails(&feed, &source, 10);
    assert!(run.stderr.contains("no connection"), "{}", run.stderr);
}

#[test]
fn code_11_the_disk_is_full() {
    let feed = Feed::new();
    let Some(_disk) = Disk::mount(&feed.path("mirror"), "size=1m") else {
        return;
    };
    feed.publish(3000);
    assert_eq!(feed.mirror().code, 0);
    feed.publish(3010);
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let source = format!("rsync://127.0.0.1:{}/feed", server.port);
    // Room for some folders and no file, or a page or two more: somewhere there rsync runs out of it.
    let mut by_rsync = 0;
    for left in 0..6usize {
        let filler = fs::File::create(feed.path("mirror/filler"));
        let page = [7; 4096];
        let wrote = filler.map(|mut filler| while filler.write_all(&page).is_ok() {});
        assert!(wrote.is_ok());
        let filler = fs::OpenOptions::new()
            .write(true)
            .open(feed.path("mirror/filler"));
        let len = fs::metadata(feed.path("mirror/filler")).unwrap().len();
        filler
            .unwrap()
            .set_len(len.saturating_sub(4096 * left as u64))
            .unwrap();
        let run = feed.mirror_from(&source, &[]);
        assert_eq!(run.code, 6, "{left} pages: {}", run.stderr);
        by_rsync += u32::from(run.stderr.contains("rsync exit code 11: "));
        feed.answers();
    }
    assert!(by_rsync > 0, "rsync never found the disk full itself");
    fs::remove_file(feed.path("mirror/filler")).unwrap();
    assert_eq!(feed.mirror_from(&source, &[]).code, 0);
}

/// A daemon that agrees to serve the module and then does what `then` says, for each connection.
fn agreeing(then: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            let greeted = stream.write_all(b"@RSYNCD: 31.0 md5 md4\n");
            // Its version, then the name of the module.
            let named = lines
                .read_line(&mut line)
                .and_then(|_| lines.read_line(&mut line));
            if greeted.is_ok() && named.is_ok() && stream.write_all(b"@RSYNCD: OK\n").is_ok() {
                then(stream);
            }
        }
    });
    format!("rsync://{address}/feed")
}

#[test]
fn code_12_the_server_goes_away() {
    let feed = feed();
    let source = agreeing(|stream| {
        let _ = stream.shutdown(Shutdown::Both);
    });
    let run = fails(&feed, &source, 12);
    assert!(
        run.stderr.contains("the connection broke off"),
        "{}",
        run.stderr
    );
}

#[test]
fn code_30_the_server_falls_silent() {
    let feed = feed();
    let source = agreeing(|_stream| thread::sleep(Duration::from_secs(20)));
    // The mirror gives up before rsync does.
    let run = feed.mirror_from(&source, &["--timeout", "1s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("silent for 1 s"), "{}", run.stderr);
    feed.answers();
    // Or before it said anything.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent = format!("rsync://{}/feed", listener.local_addr().unwrap());
    let run = feed.mirror_from(&silent, &["--timeout", "1s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    feed.answers();
}

/// A socket that listens and takes no connection: the queue for them is full.
struct Full {
    python: Child,
    _queue: Vec<TcpStream>,
    source: String,
}

impl Full {
    /// `None` without Python, since `std` cannot make the queue short.
    fn listen() -> Option<Full> {
        let script = "import socket, sys, time
s = socket.socket()
s.bind((\"127.0.0.1\", 0))
s.listen(0)
print(s.getsockname()[1], flush=True)
time.sleep(60)";
        let python = Command::new("python3")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut python) = python else {
            println!("skipped: rsync exit code 35 (no python3)");
            return None;
        };
        let mut port = String::new();
        let mut said = BufReader::new(python.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        let address = format!("127.0.0.1:{}", port.trim()).parse().unwrap();
        let take = || TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
        let queue: Vec<TcpStream> = std::iter::from_fn(take).take(8).collect();
        assert!(queue.len() < 8, "the queue is never full");
        Some(Full {
            python,
            _queue: queue,
            source: format!("rsync://{address}/feed"),
        })
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

#[test]
fn code_35_the_connection_is_never_taken() {
    let feed = feed();
    if let Some(full) = Full::listen() {
        let run = fails(&feed, &full.source, 35);
        assert!(
            run.stderr.contains("no answer to the connection"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn code_23_a_file_is_missing() {
    let feed = feed();
    let server = rsyncd(feed.dir.path(), &feed.path("feed"));
    let source = format!("rsync://127.0.0.1:{}/feed", server.port);
    let manifests = feed.path("feed/ops.example/m");
    let manifest = manifests.join(files(&manifests).pop().unwrap());
    fs::rename(&manifest, feed.path("aside")).unwrap();
    let codes = Codes::keep(&feed);
    let (run, ended) = codes.mirror(&feed, &source);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(ended.contains(&23), "{ended:?}");
    assert!(run.stderr.contains("no such file there"), "{}", run.stderr);
    feed.answers();
    fs::rename(feed.path("aside"), &manifest).unwrap();
    assert_eq!(codes.mirror(&feed, &source).0.code, 0);
}

/// Passes bytes on between a client and a server; once more than `many` came from the server over one
/// connection, does `then` before it goes on.
fn between(server: u16, many: usize, then: impl Fn() + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test.
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let (mut buffer, mut passed) = ([0; 4096], 0);
            while let Ok(len @ 1..) = server.read(&mut buffer) {
                if passed <= many && passed + len > many {
                    then();
                }
                passed += len;
                if client.write_all(&buffer[..len]).is_err() {
                    break;
                }
            }
            let _ = client.shutdown(Shutdown::Write);
        }
    });
    format!("rsync://{address}/feed")
}

#[test]
fn code_24_a_file_vanishes_while_the_one_before_is_sent() {
    let feed = Feed::new();
    let (image, key) = (feed.arg("built.rbl"), feed.arg("ops.key"));
    // A snapshot, and a delta of several times what the buffers between server and mirror hold. The
    // delta goes first, by its name.
    let mut random = Rng::with_seed(24);
    let mut list = "10.0.0.0\n".to_owned();
    for more in [400_000, 150_000] {
        let addresses = (0..more).map(|_| Ipv4Addr::from_bits(random.u32(0x0b00_0000..)));
        list.extend(addresses.map(|address| format!("{address}\n")));
        fs::write(feed.path("list"), &list).unwrap();
        let spec = format!("ops.example:plain:{}", feed.arg("list"));
        assert_eq!(rblmap(["build", "-q", "-o", &image, &spec]).code, 0);
        let run = rblmap(["publish", &feed.arg("feed"), &image, "--key", &key]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let snapshots = feed.path("feed/ops.example/s");
    let snapshot = snapshots.join(files(&snapshots).remove(0));
    let bytes = fs::read(&snapshot).unwrap();
    let small = "socket options = SO_SNDBUF=8192\n";
    let server = rsyncd_with(feed.dir.path(), &feed.path("feed"), small);
    let gone = snapshot.clone();
    let once = AtomicBool::new(true);
    let source = between(server.port, 32 << 10, move || {
        if once.swap(false, Ordering::Relaxed) {
            fs::remove_file(&gone).unwrap();
        }
    });
    let codes = Codes::keep(&feed);
    let (run, ended) = codes.mirror(&feed, &source);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(ended.contains(&24), "{ended:?}");
    assert!(
        run.stderr.contains("not given by the server"),
        "{}",
        run.stderr
    );
    fs::write(&snapshot, bytes).unwrap();
    let (run, ended) = codes.mirror(&feed, &source);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(ended.iter().all(|&code| code == 0), "{ended:?}");
    feed.answers();
}
