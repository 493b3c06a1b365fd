//! Mirrors over HTTP and HTTPS: a real nginx, and servers that nobody would want.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic"
)]

mod common;
mod peers;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{command, files, finish, rblmap};
use peers::{Feed, free_port, nginx, tinyproxy};
use serde_json::Value;

/// What was asked for since `skip` bytes of the log: path, status, bytes sent. nginx writes its
/// log before a connection ends, so all is there once the mirror has ended, but for a moment.
fn requests(feed: &Feed, skip: usize, count: usize) -> Vec<(String, u32, u64)> {
    for _ in 0..100 {
        let log = fs::read_to_string(feed.path("nginx.log"))
            .unwrap()
            .split_off(skip);
        let lines: Vec<Vec<String>> = log
            .lines()
            .map(|line| line.split(' ').map(str::to_owned).collect())
            .collect();
        if lines.len() >= count {
            let line = |words: Vec<String>| {
                (
                    words[1].clone(),
                    words[2].parse().unwrap(),
                    words[3].parse().unwrap(),
                )
            };
            return lines.into_iter().map(line).collect();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("fewer than {count} requests");
}

fn logged(feed: &Feed) -> usize {
    fs::read(feed.path("nginx.log")).map_or(0, |log| log.len())
}

#[test]
fn an_update_transfers_pointer_manifest_and_delta_and_nothing_else() {
    let feed = Feed::new();
    feed.publish(3000);
    let server = nginx(feed.dir.path(), &feed.path("feed"), false);
    let url = format!("http://127.0.0.1:{}", server.port);
    let run = feed.mirror_from(&url, &["--zone", "ops.example"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    feed.publish(3010);
    // In the second in which a pointer was written, its ETag is not kept.
    std::thread::sleep(Duration::from_millis(1100));
    let skip = logged(&feed);
    let run = feed.mirror_from(&url, &["--zone", "ops.example", "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    let delta = line["update"]["bytes"].as_u64().unwrap();
    let asked = requests(&feed, skip, 3);
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(asked[0].0, "/ops.example/current.minisig");
    assert!(asked[1].0.starts_with("/ops.example/m/"), "{asked:?}");
    assert!(asked[2].0.starts_with("/ops.example/d/1-2-"), "{asked:?}");
    assert!(
        asked.iter().all(|(_, status, _)| *status == 200),
        "{asked:?}"
    );
    let sent: u64 = asked.iter().map(|(_, _, bytes)| bytes).sum();
    assert!(
        sent <= delta + 3072 - 600,
        "{sent} bytes sent for a delta of {delta}"
    );
    // With nothing new, one answer without a body.
    let skip = logged(&feed);
    assert_eq!(feed.mirror_from(&url, &["--zone", "ops.example"]).code, 0);
    let asked = requests(&feed, skip, 1);
    assert_eq!((asked.len(), asked[0].1), (1, 304), "{asked:?}");
    assert!(asked[0].2 < 400, "{asked:?}");
    feed.answers();
    feed.is_clean();
}

#[test]
fn https_wants_a_certificate_that_it_trusts() {
    let feed = Feed::new();
    feed.publish(1000);
    let server = nginx(feed.dir.path(), &feed.path("feed"), true);
    let url = format!("https://127.0.0.1:{}", server.port);
    let run = feed.mirror_from(&url, &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    let run = feed.mirror_from(&url, &["--ca", &feed.arg("ca.pem")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    feed.answers();
}

#[test]
fn a_proxy_of_the_environment_is_asked() {
    let feed = Feed::new();
    feed.publish(1000);
    let (folder, key) = (feed.arg("mirror"), feed.arg("ops.pub"));
    let ways = [("http", "http_proxy"), ("https", "HTTPS_PROXY")];
    let proxy = tinyproxy(feed.dir.path());
    let at = format!("http://127.0.0.1:{}", proxy.port);
    for (scheme, variable) in ways {
        let server = nginx(feed.dir.path(), &feed.path("feed"), scheme == "https");
        let url = format!("{scheme}://127.0.0.1:{}", server.port);
        let mirror = |proxy: &str, but: &str| {
            let mut run = command(["mirror", &url, &folder, "--key", &key]);
            if scheme == "https" {
                run.args(["--ca", &feed.arg("ca.pem")]);
            }
            run.env(variable, proxy).env("NO_PROXY", but);
            finish(run, b"")
        };
        let asked = || {
            let log = fs::read_to_string(feed.path("proxy.log")).unwrap();
            log.contains(&format!("127.0.0.1:{}", server.port))
        };
        let run = mirror(&at, "127.0.0.1");
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(!asked(), "{variable}: a host that needs no proxy");
        let run = mirror(&at, "other.example");
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(asked(), "{variable}: the proxy");
        let run = mirror(&format!("http://127.0.0.1:{}", free_port()), "");
        assert_eq!(run.code, 5, "{variable}: {}", run.stderr);
        feed.answers();
    }
}

#[test]
fn what_is_the_publishers_own_is_not_served() {
    let feed = Feed::new();
    feed.publish(100);
    let server = nginx(feed.dir.path(), &feed.path("feed"), false);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let state = get("/.state/ops.example/memory.json");
    assert!(state.starts_with("HTTP/1.1 404"), "{state}");
    let pointer = get("/ops.example/current.minisig");
    assert!(pointer.contains("Cache-Control: no-cache\r\n"), "{pointer}");
    let name = files(&feed.path("feed/ops.example/m")).remove(0);
    let manifest = get(&format!("/ops.example/m/{name}"));
    assert!(manifest.contains("immutable\r\n"), "{manifest}");
}

/// A server that gives every request to `answer`, which may do with the connection what it likes.
fn bad_server(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            answer(&String::from_utf8_lossy(&request), &mut stream);
        }
    });
    format!("http://127.0.0.1:{port}")
}

fn refuses(source: &str, seconds: u64, expected: &str) {
    let feed = Feed::new();
    feed.publish(100);
    assert_eq!(feed.mirror().code, 0);
    let started = Instant::now();
    let run = feed.mirror_from(source, &["--timeout", "1s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(
        started.elapsed() < Duration::from_secs(seconds),
        "{:?}",
        started.elapsed()
    );
    feed.answers();
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let source = bad_server(|_, _| std::thread::sleep(Duration::from_secs(20)));
    refuses(&source, 5, "timeout");
}

#[test]
fn a_server_that_drips_is_given_up() {
    let source = bad_server(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    refuses(&source, 10, "timeout");
}

#[test]
fn a_redirect_to_another_origin_is_not_followed() {
    let source = bad_server(|_, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:9/\r\nContent-Length: 0\r\n\
              Connection: close\r\n\r\n",
        );
    });
    refuses(&source, 5, "a redirect to another origin");
}

#[test]
fn a_page_with_status_200_is_no_feed() {
    let source = bad_server(|_, stream| {
        let page = "<html>Welcome to our WLAN</html>";
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
    });
    refuses(&source, 5, "an HTML page");
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let source = bad_server(|_, stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 503 Busy\r\nRetry-After: 7200\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    });
    let feed = Feed::new();
    feed.publish(100);
    let run = feed.mirror_from(&source, &[]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("HTTP status 503"), "{}", run.stderr);
    let records = fs::read(feed.path("mirror/.sources.json")).unwrap();
    let records: Value = serde_json::from_slice(&records).unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let rest = records[&source]["rest_until"].as_u64().unwrap() - now.as_secs();
    assert!((7100..=7200).contains(&rest), "{rest}");
}

#[test]
fn a_download_that_broke_off_goes_on() {
    let feed = Feed::new();
    feed.publish_scattered(40_000);
    let root = feed.path("feed");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let ranges = asked.clone();
    let source = bad_server(move |request, stream| {
        let path = request.split(' ').nth(1).unwrap();
        let bytes = fs::read(root.join(&path[1..])).unwrap();
        let mut ranges = ranges.lock().unwrap();
        let from = request
            .lines()
            .find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("range: bytes=")
                    .map(str::to_owned)
            })
            .map_or(0, |range| {
                range.trim_end_matches('-').parse::<usize>().unwrap()
            });
        let (head, to) = match (path.contains("/s/"), from) {
            (false, _) => ("200 OK".to_owned(), bytes.len()),
            // Half of it, and gone.
            (true, 0) => ("200 OK".to_owned(), bytes.len() / 2),
            (true, from) => (
                format!(
                    "206 Partial\r\nContent-Range: bytes {from}-{}/*",
                    bytes.len() - 1
                ),
                bytes.len(),
            ),
        };
        if path.contains("/s/") {
            ranges.push(from);
        }
        let len = bytes.len() - from;
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&bytes[from..to]));
    });
    let run = feed.mirror_from(&source, &["--timeout", "5s"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    let run = feed.mirror_from(&source, &["--timeout", "5s"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let asked = asked.lock().unwrap();
    assert!(asked.len() == 2 && asked[1] > 16 << 10, "{asked:?}");
    feed.answers();
    feed.is_clean();
    assert!(!feed.path("mirror/.partial").exists());
}

/// Passes bytes on to a server; counts all of them, both ways.
fn counting(server: u16) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    let pass = |mut from: TcpStream, mut to: TcpStream, count: Arc<AtomicU64>| {
        let mut buffer = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            count.fetch_add(len as u64, Ordering::SeqCst);
            if to.write_all(&buffer[..len]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    };
    // Ends with the test.
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (back, forth) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (one, other) = (count.clone(), count.clone());
            std::thread::spawn(move || pass(client, forth, one));
            std::thread::spawn(move || pass(server, back, other));
        }
    });
    (url, counted)
}

#[test]
fn all_bytes_of_an_update_over_http_stay_within_the_gate() {
    let feed = Feed::new();
    // As many issues as a manifest names deltas.
    for count in 0..18 {
        feed.publish_scattered_with(3000, count);
    }
    let server = nginx(feed.dir.path(), &feed.path("feed"), false);
    let (url, count) = counting(server.port);
    // In the second in which a pointer was written, its ETag is not kept.
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(feed.mirror_from(&url, &[]).code, 0);
    feed.publish_scattered_with(3000, 18);
    count.store(0, Ordering::SeqCst);
    // Without --zone: the index is looked at, too.
    let run = feed.mirror_from(&url, &["--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    let delta = line["update"]["bytes"].as_u64().unwrap();
    let bytes = count.load(Ordering::SeqCst);
    println!("{bytes} bytes for a delta of {delta}");
    assert!(
        bytes > delta && bytes <= delta + 3072,
        "{bytes} bytes for a delta of {delta}"
    );
}

#[test]
fn a_pointer_that_ran_out_in_a_cache_is_asked_for_past_it() {
    let feed = Feed::new();
    feed.publish(500);
    let root = feed.path("feed");
    let (root_arg, key) = (feed.arg("feed"), feed.arg("ops.key"));
    let publish = |expires: &str| {
        let run = rblmap(["publish", &root_arg, "--key", &key, "--expires", expires]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    };
    publish("2s");
    let pointer = root.join("ops.example/current.minisig");
    let stale = fs::read(&pointer).unwrap();
    let served = root.clone();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    // A cache that answers by itself whatever the validators, unless it is told twice.
    let source = bad_server(move |request, stream| {
        let path = request.split(' ').nth(1).unwrap()[1..].to_owned();
        let fresh = request.to_ascii_lowercase().contains("pragma: no-cache");
        let is_pointer = path == "ops.example/current.minisig";
        let bytes = match is_pointer && !fresh {
            true => stale.clone(),
            false => fs::read(served.join(&path)).unwrap_or_default(),
        };
        if is_pointer {
            heard.lock().unwrap().push(request.to_owned());
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nETag: \"kept\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            bytes.len()
        );
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&bytes);
    });
    let zone = ["--zone", "ops.example"];
    assert_eq!(feed.mirror_from(&source, &zone).code, 0);
    std::thread::sleep(Duration::from_millis(2100));
    publish("24h");
    let run = feed.mirror_from(&source, &zone);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let shown = rblmap(["status", &feed.arg("mirror")]);
    assert_eq!(shown.code, 0, "{}", shown.stdout);
    let asked = asked.lock().unwrap();
    let last = asked.last().unwrap().to_ascii_lowercase();
    assert!(last.contains("cache-control: no-cache"), "{last}");
    assert!(!last.contains("if-none-match"), "{last}");
}
