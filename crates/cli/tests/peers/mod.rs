//! Real peers for the tests of feeds: an rsync daemon, a small disk, a read-only one.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may panic, and say what they skip"
)]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Run, rblmap};

/// A program that serves until it goes out of scope.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Drop for Server {
    /// Asked to end, a server ends its workers too; killed, it would leave them behind.
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts a program that is to listen on `port`.
pub fn serve(mut command: Command, port: u16) -> Server {
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = Server { child, port };
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            server.child.try_wait().unwrap().is_none(),
            "the server ended"
        );
        assert!(Instant::now() < deadline, "the server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

/// An rsync daemon whose module `feed` is a folder; its log is `rsyncd.log` in `dir`.
pub fn rsyncd(dir: &Path, feed: &Path) -> Server {
    rsyncd_with(dir, feed, "")
}

/// The same, with more lines in its configuration.
pub fn rsyncd_with(dir: &Path, feed: &Path, more: &str) -> Server {
    let port = free_port();
    let config = dir.join("rsyncd.conf");
    let text = format!(
        "{}use chroot = no\nreverse lookup = no\nlog file = {}\n{more}[feed]\n path = {}\n",
        if is_root() { "uid = 0\ngid = 0\n" } else { "" },
        dir.join("rsyncd.log").display(),
        feed.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new("rsync");
    command.args(["--daemon", "--no-detach", "--address=127.0.0.1"]);
    command.arg(format!("--port={port}"));
    command.arg(format!("--config={}", config.display()));
    serve(command, port)
}

/// nginx with a feed as its root, by the snippet of docs/serving; its log is `nginx.log` in `dir`,
/// one line a request: method, path, status, bytes sent. With TLS, its authority is `ca.pem`.
pub fn nginx(dir: &Path, feed: &Path, tls: bool) -> Server {
    let port = free_port();
    let snippet = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/serving/nginx.conf");
    let (user, listen) = match (is_root(), tls) {
        (root, true) => (
            root,
            format!("listen 127.0.0.1:{port} ssl; {}", certificate(dir)),
        ),
        (root, false) => (root, format!("listen 127.0.0.1:{port};")),
    };
    let at = dir.display();
    let text = format!(
        "{}worker_processes 1; daemon off; pid {at}/nginx.pid; error_log {at}/nginx.err;
        events {{ worker_connections 64; }}
        http {{
            log_format one '$request_method $uri $status $bytes_sent';
            access_log {at}/nginx.log one;
            client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3;
            uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;
            server {{ {listen} root {}; include {snippet}; }}
        }}",
        if user { "user root; " } else { "" },
        feed.display()
    );
    let config = dir.join("nginx.conf");
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new("/usr/sbin/nginx");
    command
        .arg("-e")
        .arg(dir.join("nginx.err"))
        .arg("-c")
        .arg(config)
        .arg("-p")
        .arg(dir);
    serve(command, port)
}

/// A proxy for HTTP; its log, `proxy.log` in `dir`, names what it was asked for.
pub fn tinyproxy(dir: &Path) -> Server {
    let port = free_port();
    let config = dir.join("proxy.conf");
    let text = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Connect\nLogFile \"{}\"\n",
        dir.join("proxy.log").display()
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(config);
    serve(command, port)
}

/// A certificate for 127.0.0.1 by an authority of the test's own; the lines for nginx.
fn certificate(dir: &Path) -> String {
    let script = "set -e
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -keyout ca.key -out ca.pem -subj '/CN=test authority'
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key \
            -out server.csr -subj '/CN=127.0.0.1'
        printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile server.ext -out server.pem";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let at = dir.display();
    format!("ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key;")
}

pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// A file system of its own, as large as it says, until it goes out of scope. None without root.
pub struct Disk(PathBuf);

impl Disk {
    pub fn mount(path: &Path, options: &str) -> Option<Disk> {
        std::fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(path);
        if mount
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
        {
            return Some(Disk(path.to_owned()));
        }
        println!("skipped: full and read-only disks (mounting needs root)");
        None
    }

    pub fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount
            .args(["-o", &format!("remount,{options}")])
            .arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A publisher and a mirror that are driven by the command.
pub struct Feed {
    pub dir: tempfile::TempDir,
}

/// So many addresses, a line each: one of every sixteen, and not always the same one, else a snapshot
/// is as short as a delta.
pub fn list(count: u32) -> String {
    let line = |n: u32| {
        let low = n << 4 & 255 | n.wrapping_mul(0x9e37_79b9) >> 28;
        format!("10.{}.{}.{low}\n", n >> 12, n >> 4 & 255)
    };
    (0..count).map(line).collect()
}

impl Feed {
    /// Keys `ops`, no feed yet.
    pub fn new() -> Feed {
        let feed = Feed {
            dir: tempfile::tempdir().unwrap(),
        };
        let run = rblmap(["keygen", "-q", "-o", feed.arg("ops").as_str()]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        feed
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A path as an argument.
    pub fn arg(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Builds a list of `count` addresses and publishes it in `feed`.
    pub fn publish(&self, count: u32) -> Run {
        std::fs::write(self.path("list.txt"), list(count)).unwrap();
        let image = self.arg("built.rbl");
        let spec = format!("ops.example:plain:{}", self.arg("list.txt"));
        let built = rblmap(["build", "-q", "-o", &image, &spec]);
        assert_eq!(built.code, 0, "{}", built.stderr);
        let run = rblmap([
            "publish",
            &self.arg("feed"),
            &image,
            "--key",
            &self.arg("ops.key"),
        ]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run
    }

    /// Publishes addresses without a pattern, of which nothing much can be packed: the snapshot takes
    /// some two bytes for each.
    pub fn publish_scattered(&self, count: u32) {
        self.publish_scattered_with(count, 0);
    }

    /// The same, and `more` others.
    pub fn publish_scattered_with(&self, count: u32, more: u32) {
        let mut random = fastrand::Rng::with_seed(count.into());
        let count = count + more;
        let address = |_| std::net::Ipv4Addr::from_bits(random.u32(0x0b00_0000..0x7000_0000));
        let lines = (0..count)
            .map(address)
            .map(|address| format!("{address}\n"));
        let list = format!("10.0.0.0\n{}", lines.collect::<String>());
        std::fs::write(self.path("list.txt"), list).unwrap();
        let image = self.arg("built.rbl");
        let spec = format!("ops.example:plain:{}", self.arg("list.txt"));
        assert_eq!(rblmap(["build", "-q", "-o", &image, &spec]).code, 0);
        let (feed, key) = (self.arg("feed"), self.arg("ops.key"));
        let run = rblmap(["publish", &feed, &image, "--key", &key]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }

    pub fn mirror_from(&self, source: &str, more: &[&str]) -> Run {
        let (folder, key) = (self.arg("mirror"), self.arg("ops.pub"));
        let mut args = vec!["mirror", source, &folder, "--key", &key];
        args.extend(more);
        rblmap(args)
    }

    pub fn mirror(&self) -> Run {
        self.mirror_from(&self.arg("feed"), &[])
    }

    /// Whether the mirrored image answers for the first address.
    pub fn answers(&self) {
        let image = self.path("mirror").join("ops.example.rbl");
        let run = rblmap([image.as_os_str(), "10.0.0.0".as_ref()].iter().fold(
            vec!["lookup".as_ref()],
            |mut args: Vec<&std::ffi::OsStr>, arg| {
                args.push(arg);
                args
            },
        ));
        assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    }

    /// No temporary file and no download is left over in the mirror's folder.
    pub fn is_clean(&self) {
        for name in crate::common::files(&self.path("mirror")) {
            assert!(!name.starts_with(".rblmap-"), "{name} was left over");
        }
    }
}
