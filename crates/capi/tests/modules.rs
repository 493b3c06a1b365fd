//! The modules for Perl and LuaJIT with what a mail server meets: texts with control bytes, and texts
//! that C would cut at a NUL. And what a package of the library holds.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what it skips"
)]

mod installed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use installed::{CRATE, have, output, run, tree};
use rblmap::{NameKey, Run};
use rblmap_content::{Draft, Record, TemplateBuf, TextPart, ValueBuf};
use rblmap_image::{Stamp, encode};

/// An image that lists 192.0.2.1 with a text of CR, LF, ESC and a byte that is no ASCII.
fn image_with_control_bytes() -> PathBuf {
    let mut draft = Draft::new("ops.example".parse().unwrap());
    let text = TemplateBuf::new([TextPart::Literal(b"a\r\n250 OK\x1b[31m\xe9".to_vec())]);
    let a = Some([127, 0, 0, 2].into());
    let value = draft
        .values
        .intern(&ValueBuf::new([Record { a, text }]))
        .unwrap();
    let (start, end) = (0xc000_0201, 0xc000_0201);
    draft.zone_mut(&NameKey::ROOT).v4 = vec![Run { start, end, value }];
    let image = encode(&draft.finish().unwrap(), Stamp::default()).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("control-bytes.rbl");
    fs::write(&path, image).unwrap();
    path
}

const PRINTED: &str = "192.0.2.1 listed 554 5.7.1 a??250 OK?[31m?\n";

/// What the interpreter prints for a script, or none where it is not there.
fn script(interpreter: &str, probe: &[&str], text: &str, argument: &Path) -> Option<String> {
    tree();
    let there = Command::new(interpreter).args(probe).output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: no {interpreter} {probe:?}");
        return None;
    }
    let name = interpreter.rsplit('/').next().unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("script.{name}"));
    fs::write(&path, text).unwrap();
    Some(run(Command::new(interpreter).arg(path).arg(argument)))
}

#[test]
fn control_bytes_of_a_text_never_reach_a_reply() {
    tree();
    let image = image_with_control_bytes();
    let image = image.to_str().unwrap();
    for (interpreter, name) in [("/usr/bin/perl", "lookup.pl"), ("luajit", "lookup.lua")] {
        if !have(interpreter) {
            continue;
        }
        let example = Path::new(CRATE).join("examples").join(name);
        let mut command = Command::new(interpreter);
        let output = output(command.arg(example).args([image, "-", "0", "192.0.2.1"]));
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("FFI/Platypus.pm") {
            println!("skipped: no FFI::Platypus");
            continue;
        }
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            PRINTED,
            "{name}: {said}"
        );
    }
}

#[test]
fn a_nul_in_a_text_is_no_end_of_it_in_perl() {
    let text = r#"
use Rblmap;
my $list = Rblmap->new($ARGV[0], undef) or die $Rblmap::error;
print defined $list->lookup("192.0.2.1\0.good.example") ? "taken" : "refused", "\n";
print eval { Rblmap->new("$ARGV[0]\0x", undef); 1 } ? "taken" : "refused", "\n";
print $list->lookup("192.0.2.1"), "\n";
undef $list;
my $files = sub { scalar(() = glob "/proc/self/fd/*") };
my $before = $files->();
Rblmap->new($ARGV[0], undef) for 1 .. 50;
print $files->() - $before, "\n";
"#;
    let image = image_with_control_bytes();
    let probe = ["-MFFI::Platypus", "-e", "1"];
    if let Some(said) = script("/usr/bin/perl", &probe, text, &image) {
        assert_eq!(said, "refused\nrefused\n1\n0\n");
    }
}

#[test]
fn a_nul_in_a_text_is_no_end_of_it_in_lua() {
    let text = r#"
local rblmap = require("rblmap")
local list = assert(rblmap.open(arg[1], nil))
local listed = list:lookup("192.0.2.1\0.good.example")
print(listed == nil and "refused" or "taken")
local ok, opened = pcall(rblmap.open, arg[1] .. "\0x", nil)
print(ok and opened and "taken" or "refused")
print(tostring(list:lookup("192.0.2.1")))
"#;
    let image = image_with_control_bytes();
    if let Some(said) = script("luajit", &["-e", "return 1"], text, &image) {
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..2], ["refused", "refused"], "{said}");
        assert!(["1", "true"].contains(&lines[2]), "{said}");
    }
}

#[test]
fn a_package_is_installed_below_destdir_and_names_its_prefix_alone() {
    tree();
    let stage = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stage");
    let _ = fs::remove_dir_all(&stage);
    let script = Path::new(CRATE).join("../../scripts/install-capi");
    run(Command::new(script)
        .args(["--dev", "--multiarch", "/usr"])
        .env("DESTDIR", &stage));
    let triplet = run(Command::new("cc").arg("-print-multiarch"));
    let lib = stage.join("usr/lib").join(triplet.trim());
    let config = fs::read_to_string(lib.join("pkgconfig/rblmap.pc")).unwrap();
    assert!(!config.contains(stage.to_str().unwrap()), "{config}");
    let libdir = format!("libdir=/usr/lib/{}", triplet.trim());
    assert!(config.contains(&libdir), "{config}");
    for name in ["librblmap.so", "librblmap.so.0", "librblmap.a"] {
        assert!(lib.join(name).is_file(), "{name}");
    }
    for name in ["include/rblmap.h", "share/man/man3/rblmap_open.3"] {
        assert!(stage.join("usr").join(name).is_file(), "{name}");
    }
}

#[test]
fn a_program_without_any_shared_library_is_built_by_pkg_config() {
    let source = Path::new(CRATE).join("examples/lookup.c");
    let flags = ["-static", "-std=c99", "-D_POSIX_C_SOURCE=200809L"];
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lookup-fully-static");
    let config = run(Command::new("pkg-config")
        .args(["--static", "--cflags", "--libs", "rblmap"])
        .env("PKG_CONFIG_PATH", tree().join("lib/pkgconfig")));
    // Without -Werror: the C library warns of functions that want its shared form.
    run(Command::new("cc")
        .args(flags)
        .arg(source)
        .arg("-o")
        .arg(&program)
        .args(config.split_whitespace()));
    let needed = run(Command::new("readelf").arg("-d").arg(&program));
    assert!(!needed.contains("NEEDED"), "{needed}");
    let image = image_with_control_bytes();
    let said = run(Command::new(&program)
        .arg(image)
        .args(["-", "0", "192.0.2.1"]));
    assert_eq!(said, PRINTED);
}
