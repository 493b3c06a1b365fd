//! The installed tree, as programs in other languages use it.

#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod installed;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use installed::{CRATE, compile, compile_with, have, output, run, tree};
use rblmap::{NameKey, NameRule, Run};
use rblmap_content::{Draft, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_image::{Stamp, encode};

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/golden/three.rbl"
);
/// A listed address, one that is not, a listed name.
const KEYS: [&str; 3] = ["192.0.2.1", "192.0.2.2", "mx.mail.example"];

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
    let fresh = ask(&folder, "ops.example", "999");
    assert!(fresh.stderr.is_empty(), "{program:?}: fresh until 1000");
    let stale = ask(&folder, "ops.example", "1000");
    let told = text(&stale);
    assert_eq!(told, text(&fresh), "stale answers count");
    let lines: Vec<&str> = told.lines().collect();
    let complaint = String::from_utf8_lossy(&stale.stderr);
    assert!(stale.status.success(), "{program:?}: {complaint}");
    assert!(complaint.starts_with("stale:"), "{program:?}: {complaint}");
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
    // All say what, and of which file.
    assert!(
        !damaged.status.success()
            && complaint.contains("ops.example.rbl: image of 1056 bytes is 1055 bytes long"),
        "{program:?}: {complaint}"
    );
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
fn the_rust_example_gets_the_same_answers() {
    run(Command::new(env!("CARGO")).args(["build", "-q", "-p", "rblmap", "--example", "lookup"]));
    // Beside the programs of the tests.
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples/lookup");
    check_program(&[program.to_str().unwrap()], "rust");
}

#[test]
fn a_program_that_is_linked_statically_needs_no_library() {
    let alone = Path::new(env!("CARGO_TARGET_TMPDIR")).join("static");
    fs::create_dir_all(&alone).unwrap();
    fs::copy(tree().join("lib/librblmap.a"), alone.join("librblmap.a")).unwrap();
    let place = format!("--define-variable=libdir={}", alone.display());
    let source = Path::new(CRATE).join("examples/lookup.c");
    let flags = ["-std=c99", "-D_POSIX_C_SOURCE=200809L"];
    let program = compile_with(
        &["--static", &place],
        "cc",
        &flags,
        &source,
        "lookup-static",
    );
    let needed = run(Command::new("readelf").arg("-d").arg(&program));
    assert!(!needed.contains("librblmap"), "{needed}");
    check_program(&[program.to_str().unwrap()], "static");
}

#[test]
fn new_images_are_seen_from_an_empty_root_without_rights() {
    let program = compile(
        "cc",
        &["-std=c99", "-D_GNU_SOURCE"],
        &Path::new(CRATE).join("tests/rights.c"),
        "rights",
    );
    if run(Command::new("id").arg("-u")).trim() != "0" {
        println!("skipped: chroot needs root");
        return;
    }
    let folder = folder("rights");
    let empty = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty");
    fs::create_dir_all(&empty).unwrap();
    run(Command::new(program).arg(folder).arg(GOLDEN).arg(empty));
}

#[test]
fn perl_and_lua_get_the_same_answers() {
    tree();
    let programs = [("/usr/bin/perl", "lookup.pl"), ("luajit", "lookup.lua")];
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

/// An image with so many addresses, IPv6 networks and names in its base and in `sub`.
fn image(v4: u32, v6: u32, names: u32, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let ids = [2u8, 3, 4].map(|last| {
        let parts = [TextPart::Literal(vec![b'x'; 9]), TextPart::Key];
        let text = TemplateBuf::new(parts);
        let a = Some([127, 0, 0, last].into());
        let value = ValueBuf::new([Record { a, text }]);
        draft.values.intern(&value).unwrap()
    });
    for subzone in ["", "sub"] {
        let mut value = || ids[rng.usize(..3)];
        let zone = draft.zone_mut(&NameKey::parse(subzone.as_bytes()).unwrap());
        zone.v4 = (0..v4)
            .map(|n| {
                let start = 0x0a00_0000 + n * 7;
                let (end, value) = (start + n % 5, value());
                Run { start, end, value }
            })
            .collect();
        zone.v6 = (0..v6)
            .map(|n| {
                let start = 0x2001_0db8_u128 << 96 | u128::from(n) << 64;
                let (end, value) = (start + u128::from(n % 3), value());
                Run { start, end, value }
            })
            .collect();
        for n in 0..names {
            let name = NameKey::parse(format!("n{n}.example").as_bytes()).unwrap();
            let slots = [NameRule::Value(value()), NameRule::Value(value())];
            zone.names.push(name.as_bytes(), slots[0], slots[1]);
        }
    }
    encode(&draft.finish().unwrap(), Stamp::default()).unwrap()
}

/// `RBLMAP_HOSTILE` asks for more, `RBLMAP_SEED` for the same again; see `scripts/valgrind`.
#[test]
fn damaged_images_are_survived_under_valgrind() {
    if !have("valgrind") {
        return;
    }
    let number = |name, or| std::env::var(name).map_or(or, |text| text.parse::<u64>().unwrap());
    let seed = number("RBLMAP_SEED", fastrand::u64(..1 << 32));
    println!("seed {seed}");
    let count = number("RBLMAP_HOSTILE", 400).to_string();
    let source = Path::new(CRATE).join("tests/hostile.c");
    let program = compile("cc", &["-std=c99", "-O1"], &source, "hostile");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-images");
    fs::create_dir_all(&folder).unwrap();
    // Sorted entries, and lines of each kind of key; small ones more often.
    let sizes = [
        (300, 200, 200),
        (0, 5_000, 0),
        (0, 0, 5_000),
        (140_000, 0, 0),
    ];
    let mut paths = vec![PathBuf::from(GOLDEN)];
    for (number, (v4, v6, names)) in sizes.into_iter().enumerate() {
        let path = folder.join(format!("{number}.rbl"));
        fs::write(&path, image(v4, v6, names, seed)).unwrap();
        paths.extend(std::iter::repeat_n(path, if number == 0 { 4 } else { 2 }));
    }
    let said = run(Command::new("valgrind")
        .args(["-q", "--leak-check=full", "--error-exitcode=9"])
        .arg(program)
        .args([&count, &seed.to_string()])
        .arg(folder.join("damaged.rbl"))
        .args(paths));
    println!("{said}");
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
        .filter(|&symbol| symbol != "RBLMAP_0")
        .map(|symbol| {
            symbol
                .strip_suffix("@@RBLMAP_0")
                .expect("a versioned symbol")
        })
        .collect();
    found.sort_unstable();
    let header = fs::read_to_string(Path::new(CRATE).join("include/rblmap.h")).unwrap();
    for symbol in &found {
        assert!(header.contains(&format!("{symbol}(")), "{symbol}: header");
    }
    let mut list = found.join("\n");
    let record = size_of::<rblmap_capi::RawRecord>();
    let info = size_of::<rblmap_capi::Info>();
    let zone = size_of::<rblmap_capi::ZoneInfo>();
    let entry = size_of::<rblmap_capi::Entry>();
    write!(list, "\nrblmap_info {info}\nrblmap_record {record}").unwrap();
    writeln!(list, "\nrblmap_zone {zone}\nrblmap_entry {entry}").unwrap();
    let kept = fs::read_to_string(Path::new(CRATE).join("abi.txt")).unwrap();
    assert_eq!(list, kept, "crates/capi/abi.txt");

    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sizes.c");
    let program = format!(
        "#include <rblmap.h>\nint main(void) {{ return !(sizeof(rblmap_info) == {info} && \
         sizeof(rblmap_record) == {record} && sizeof(rblmap_zone) == {zone} && \
         sizeof(rblmap_entry) == {entry}); }}\n"
    );
    fs::write(&source, program).unwrap();
    let program = compile("cc", &["-std=c99"], &source, "sizes");
    run(&mut Command::new(program));
}
