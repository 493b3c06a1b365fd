//! A folder with images and a policy, and the server in a process of its own.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rblmap_image::{Stamp, encode};
use rblmap_policy::{Decider, Policy};
use rblmap_zonefile::{Options, Spec};
use tempfile::TempDir;

use crate::asking::{ask_policy, client};

pub(crate) fn this_program(config: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture", "--quiet"])
        .env("RBLMAP_SERVE_CONFIG", config);
    command
}

pub(crate) const ADAPTERS: [&str; 4] = ["policy", "socketmap", "milter", "query"];

/// A folder with images and a policy, and the server.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) process: Option<Child>,
}

impl World {
    /// `rules` is the policy after `[listen]`; `DIR` in it is the folder.
    pub(crate) fn new(rules: &str) -> World {
        let mut world = World {
            dir: tempfile::tempdir().unwrap(),
            process: None,
        };
        world.zone(
            "ops.example",
            "127.0.0.2\n192.0.2.0/28 127.0.0.2\n2001:db8:bad::/64\n",
        );
        world.zone("tag.example", "127.0.0.2\n192.0.2.64/28\n");
        world.zone("late.example", "127.0.0.2\n192.0.2.80/28\n");
        world.write_policy(rules);
        world.start();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn zone(&self, name: &str, list: &str) {
        let source = self.path(&format!("{name}.txt"));
        std::fs::write(&source, list).unwrap();
        let spec: Spec = format!("{name}:plain:{}", source.display())
            .parse()
            .unwrap();
        let built = rblmap_zonefile::build(&[spec], &Options::default()).unwrap();
        let image = self.path(&format!("{name}.rbl"));
        let bytes = encode(
            &built.content,
            Stamp {
                serial: 1,
                created: 1,
            },
        )
        .unwrap();
        std::fs::write(self.path("new"), bytes).unwrap();
        std::fs::rename(self.path("new"), image).unwrap();
    }

    pub(crate) fn write_policy(&self, rules: &str) {
        let mut text = "host = \"mx.example\"\n[listen]\n".to_owned();
        for adapter in ADAPTERS {
            text.push_str(&format!("{adapter} = [\"unix:DIR/{adapter}\"]\n"));
        }
        text.push_str("metrics = [\"unix:DIR/metrics\"]\n");
        text.push_str(rules);
        let text = text.replace("DIR", self.dir.path().to_str().unwrap());
        std::fs::write(self.path("mail.toml"), text).unwrap();
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let child = this_program(&self.path("mail.toml"))
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(child);
        self.wait_for("event=ready");
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(crate) fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "no {text} in\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn connect(&self, adapter: &str) -> UnixStream {
        let stream = UnixStream::connect(self.path(adapter)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    pub(crate) fn kill(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Resident memory in kilobytes.
    pub(crate) fn memory(&self) -> u64 {
        memory_of(self.pid())
    }

    pub(crate) fn decider(&self) -> Decider {
        let policy = Arc::new(Policy::read(&self.path("mail.toml"), "x").unwrap());
        policy.look();
        Decider::new(&policy)
    }

    pub(crate) fn metrics(&self) -> String {
        let mut stream = self.connect("metrics");
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    pub(crate) fn is_well(&self) {
        let answer = ask_policy(&mut self.connect("policy"), &client("192.0.2.1"));
        assert!(answer.starts_with("action=550 5.7.1 "), "{answer}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Resident memory of a process in kilobytes.
pub(crate) fn memory_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}
