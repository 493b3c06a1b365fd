//! The installed tree of the C library, and programs built and run with it: for the tests here and
//! of the command.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests may panic, and say what they skip"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The folder of the library's crate, from here and from its neighbours.
pub const CRATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../capi");

fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi")
}

/// The tree that `scripts/install-capi` installs, made once.
pub fn tree() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        let script = Path::new(CRATE).join("../../scripts/install-capi");
        run(Command::new(script).arg("--dev").arg(place()));
        place()
    })
}

/// What a program prints that must succeed.
pub fn run(command: &mut Command) -> String {
    let output = output(command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program so that it finds the library.
pub fn output(command: &mut Command) -> Output {
    let lib = place().join("lib");
    command
        .env("LD_LIBRARY_PATH", &lib)
        .env("RBLMAP_LIBRARY", lib.join("librblmap.so.0"))
        .env("PERL5LIB", place().join("share/perl5"))
        .env("LUA_PATH", place().join("share/lua/5.1/?.lua"))
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Whether a program is there; says so if not.
pub fn have(program: &str) -> bool {
    let there = Command::new(program).arg("--help").output().is_ok();
    if !there {
        println!("skipped: no {program}");
    }
    there
}

/// Compiles a program with what pkg-config says, and nothing else.
pub fn compile(compiler: &str, flags: &[&str], source: &Path, name: &str) -> PathBuf {
    compile_with(&[], compiler, flags, source, name)
}

/// The same, with more options for pkg-config.
pub fn compile_with(
    options: &[&str],
    compiler: &str,
    flags: &[&str],
    source: &Path,
    name: &str,
) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let config = run(Command::new("pkg-config")
        .args(options)
        .args(["--cflags", "--libs", "rblmap"])
        .env("PKG_CONFIG_PATH", tree().join("lib/pkgconfig")));
    run(Command::new(compiler)
        .args(flags)
        .args(["-Wall", "-Wextra", "-Werror", "-pthread", "-g"])
        .arg(source)
        .args(["-x", "none", "-o"])
        .arg(&program)
        .args(config.split_whitespace()));
    program
}
