//! The installed tree, as programs in other languages use it.

#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");
const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/golden/three.rbl"
);
/// A listed address, one that is not, a listed name.
const KEYS: [&str; 3] = ["192.0.2.1", "192.0.2.2", "mx.mail.example"];

/// The tree that `scripts/install-capi` installs, made once.
fn tree() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        let tree = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi");
        let script = Path::new(CRATE).join("../../scripts/install-capi");
        run(Command::new(script).arg("--dev").arg(&tree));
        tree
    })
}

fn run(command: &mut Command) -> String {
    let output = output(command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn output(command: &mut Command) -> Output {
    let lib = tree_if_made().map_or(PathBuf::new(), |tree| tree.join("lib"));
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LD_LIBRARY_PATH", &lib)
        .env("RBLMAP_LIBRARY", lib.join("librblmap.so.0"))
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn tree_if_made() -> Option<PathBuf> {
    let tree = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capi");
    tree.exists().then_some(tree)
}

/// Whether a program is there; says so if not.
fn have(program: &str) -> bool {
    let there = Command::new(program).arg("--help").output().is_ok();
    if !there {
        println!("skipped: no {program}");
    }
    there
}

/// Compiles a program with what pkg-config says, and nothing else.
fn compile(compiler: &str, flags: &[&str], source: &Path, name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let config = run(Command::new("pkg-config")
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

/// A mirror's folder with a page that says stale from 1000 and expired from 2000.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("list-{name}"));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(GOLDEN, folder.join("ops.example.rbl")).unwrap();
    let mut page = b"\x89rblstat\x01\0\0\0\0\0\0\0".to_vec();
    for field in [1u64, 1000, 2000] {
        page.extend(field.to_le_bytes());
    }
    page.resize(4096, 0);
    fs::write(folder.join("ops.example.status"), page).unwrap();
    folder
}

/// Runs a lookup program on all that it may meet.
fn check_program(program: &[&str], name: &str) {
    let folder = folder(name);
    let ask = |place: &Path, zone: &str, now: &str| {
        let mut command = Command::new(program[0]);
        let command = command.args(&program[1..]).arg(place);
        output(command.args([zone, now]).args(KEYS))
    };
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let stale = ask(&folder, "ops.example", "1000");
    let told = text(&stale);
    let lines: Vec<&str> = told.lines().collect();
    let complaint = String::from_utf8_lossy(&stale.stderr);
    assert!(stale.status.success(), "{program:?}: {complaint}");
    assert!(
        lines[0].starts_with("192.0.2.1 listed 554 5.7.1 "),
        "{told}"
    );
    assert_eq!(lines[1], "192.0.2.2 not listed");
    assert!(lines[2].starts_with("mx.mail.example listed"), "{told}");
    let file = ask(Path::new(GOLDEN), "-", "0");
    assert_eq!(text(&file), told, "an image by its path");
    let expired = text(&ask(&folder, "ops.example", "2000"));
    assert!(
        expired.lines().all(|line| line.ends_with(" expired")),
        "{expired}"
    );
    let image = fs::read(GOLDEN).unwrap();
    fs::write(folder.join("ops.example.rbl"), &image[..image.len() - 1]).unwrap();
    let damaged = ask(&folder, "ops.example", "0");
    let complaint = String::from_utf8_lossy(&damaged.stderr);
    assert!(!damaged.status.success() && complaint.contains("image is damaged"));
}

#[test]
fn c_and_cpp_programs_pass_under_valgrind() {
    let source = Path::new(CRATE).join("examples/lookup.c");
    let ways: [(&str, &[&str]); 2] = [
        (
            "cc",
            &["-std=c99", "-pedantic", "-D_POSIX_C_SOURCE=200809L"],
        ),
        ("g++", &["-std=c++17", "-pedantic", "-x", "c++"]),
    ];
    for (compiler, flags) in ways {
        if !have(compiler) {
            continue;
        }
        let program = compile(compiler, flags, &source, &format!("lookup-{compiler}"));
        let program = program.to_str().unwrap();
        check_program(&[program], compiler);
        if have("valgrind") {
            let valgrind = ["valgrind", "-q", "--leak-check=full", "--error-exitcode=9"];
            check_program(&[&valgrind[..], &[program]].concat(), compiler);
        }
    }
}

#[test]
fn python_perl_and_lua_get_the_same_answers() {
    tree();
    let programs = [
        ("python3", "lookup.py"),
        ("/usr/bin/perl", "lookup.pl"),
        ("luajit", "lookup.lua"),
    ];
    for (interpreter, script) in programs {
        let platypus = || run_ok(interpreter, &["-MFFI::Platypus", "-e", "1"]);
        if !have(interpreter) || interpreter.ends_with("perl") && !platypus() {
            println!("skipped: {script}, for want of its interpreter or module");
            continue;
        }
        let script = Path::new(CRATE).join("examples").join(script);
        let name = script.extension().unwrap().to_str().unwrap();
        check_program(&[interpreter, script.to_str().unwrap()], name);
    }
}

fn run_ok(program: &str, args: &[&str]) -> bool {
    let output = Command::new(program).args(args).output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
fn threads_and_forked_children_look_up_through_1000_swaps() {
    let source = Path::new(CRATE).join("tests/swap.c");
    let program = compile("cc", &["-std=c99", "-O1", "-D_GNU_SOURCE"], &source, "swap");
    let folder = folder("swap");
    let said = run(Command::new(program).arg(&folder).args([GOLDEN, "1000"]));
    print!("{said}");
}

#[test]
fn symbols_and_sizes_are_those_of_the_list() {
    let library = tree().join("lib/librblmap.so.0");
    let symbols = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library));
    let mut found: Vec<&str> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    found.sort_unstable();
    let header = fs::read_to_string(Path::new(CRATE).join("include/rblmap.h")).unwrap();
    for symbol in &found {
        assert!(header.contains(&format!("{symbol}(")), "{symbol}: header");
    }
    let mut list = found.join("\n");
    let record = size_of::<rblmap_capi::RawRecord>();
    let info = size_of::<rblmap_capi::Info>();
    write!(list, "\nrblmap_info {info}\nrblmap_record {record}\n").unwrap();
    let kept = fs::read_to_string(Path::new(CRATE).join("abi.txt")).unwrap();
    assert_eq!(list, kept, "crates/capi/abi.txt");

    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sizes.c");
    let program = format!(
        "#include <rblmap.h>\nint main(void) {{ return !(sizeof(rblmap_info) == {info} && \
         sizeof(rblmap_record) == {record}); }}\n"
    );
    fs::write(&source, program).unwrap();
    let program = compile("cc", &["-std=c99"], &source, "sizes");
    run(&mut Command::new(program));
}
