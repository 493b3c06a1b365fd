//! `rblmap lookup --filter`: the rules that engines and pipes rely on.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{Run, build, command, rblmap, rblmap_with_input};
use tempfile::TempDir;

const LIST: &str = ":2:see $\n192.0.2.1\n198.51.100.0/24 :3:two words\n";

fn image(dir: &TempDir) -> PathBuf {
    build(dir, "a", "ip4set", LIST, &[])
}

fn filter(image: &Path, args: &[&str], input: &[u8]) -> Run {
    let all = [&["lookup", "--filter"], args, &[image.to_str().unwrap()]].concat();
    rblmap_with_input(all, input)
}

#[test]
fn a_line_out_for_each_line_in() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(&dir);
    let input = b"192.0.2.1\n\n10.0.0.1\r\nnonsense/!\n198.51.100.9\n::1\nmail.example\n192.0.2.1";
    let run = filter(&image, &[], input);
    assert_eq!(
        run.stdout,
        "192.0.2.1\tlisted\n\tno-key\n10.0.0.1\tnot-listed\r\nnonsense/!\tbad-key\n\
         198.51.100.9\tlisted\n::1\tnot-listed\nmail.example\tnot-listed\n192.0.2.1\tlisted\n"
    );
    assert_eq!(run.code, 0);
    assert!(
        run.stderr.contains("key nonsense/!: neither"),
        "{}",
        run.stderr
    );
}

#[test]
fn it_exits_0_whatever_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(&dir);
    assert_eq!(filter(&image, &[], b"").code, 0);
    assert_eq!(filter(&image, &[], b"10.0.0.1\n").code, 0);
    assert_eq!(filter(&image, &["--exit-listed"], b"10.0.0.1\n").code, 1);
    assert_eq!(filter(&image, &["--exit-listed"], b"192.0.2.1\n").code, 0);
    assert_eq!(filter(Path::new("/no/such.rbl"), &[], b"").code, 3);
}

#[test]
fn columns_headers_and_what_is_appended() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(&dir);
    let input = b"time,client,what\n1,192.0.2.1,x\\ty\n2,198.51.100.9,\n3\n";
    let args = [
        "--column",
        "2",
        "--delimiter",
        ",",
        "--header",
        "1",
        "--append",
        "state,a,txt,score",
    ];
    let run = filter(&image, &args, input);
    assert_eq!(
        run.stdout,
        "time,client,what,state,a,txt,score\n1,192.0.2.1,x\\ty,listed,127.0.0.2,see 192.0.2.1,1\n\
         2,198.51.100.9,,listed,127.0.0.3,two words,1\n3,no-key,,,\n"
    );
    let run = filter(
        &image,
        &["--column", "-1", "--append", "a,zones", "--null", "\\N"],
        b"x\t192.0.2.1\ny\t10.0.0.1\n",
    );
    assert_eq!(
        run.stdout,
        "x\t192.0.2.1\t127.0.0.2\tops.example\ny\t10.0.0.1\t\\N\t\\N\n"
    );
    assert_eq!(filter(&image, &["--column", "0"], b"").code, 2);
    assert_eq!(filter(&image, &["--delimiter", "ab"], b"").code, 2);
}

#[test]
fn bytes_pass_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(&dir);
    let mut command = command(["lookup", "--filter", image.to_str().unwrap()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let long = vec![b'x'; 3 << 20];
    let input = [
        b"192.0.2.1\ta\0\xff\\N\n",
        long.as_slice(),
        b"\n192.0.2.2\n",
    ]
    .concat();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let lines: Vec<&[u8]> = output.stdout.split(|&byte| byte == b'\n').collect();
    assert_eq!(lines[0], b"192.0.2.1\ta\0\xff\\N\tlisted");
    assert!(lines[1].len() > 3 << 20 && lines[1].ends_with(b"\tno-key"));
    assert_eq!(lines[2], b"192.0.2.2\tnot-listed");
}

#[test]
fn it_answers_before_more_comes_and_chunks_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(&dir);
    for chunked in [false, true] {
        let more: &[&str] = if chunked { &["--chunk-header"] } else { &[] };
        let args = [&["lookup", "--filter"], more, &[image.to_str().unwrap()]].concat();
        let mut command = command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        for _ in 0..3 {
            if chunked {
                stdin.write_all(b"2\n").unwrap();
            }
            stdin.write_all(b"192.0.2.1\n10.0.0.1\n").unwrap();
            stdin.flush().unwrap();
            for expected in ["192.0.2.1\tlisted\n", "10.0.0.1\tnot-listed\n"] {
                let mut line = String::new();
                stdout.read_line(&mut line).unwrap();
                assert_eq!(line, expected);
            }
        }
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(filter(&image, &["--chunk-header"], b"x\n").code, 3);
}

#[test]
fn several_images_expiry_and_few_words_about_bad_keys() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (
        image(&dir),
        build(&dir, "b", "ip4set", "203.0.113.9\n", &[]),
    );
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let args = ["lookup", "--filter", "--append", "state,score", one, two];
    let run = rblmap_with_input(args, b"203.0.113.9\n192.0.2.1\n");
    assert_eq!(
        run.stdout, "203.0.113.9\tlisted\t1\n192.0.2.1\tlisted\t1\n",
        "{}",
        run.stderr
    );
    let run = filter(Path::new(one), &[], "bad!\n".repeat(50).as_bytes());
    assert_eq!(run.stderr.lines().count(), 11, "{}", run.stderr);
    assert!(run.stderr.contains("50 keys were neither"));
    assert_eq!(
        rblmap(["lookup", "--column", "2", one, "192.0.2.1"]).code,
        2
    );
}

#[test]
fn thousands_of_lines_of_all_kinds_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let image = image(&dir);
    let kinds = [
        ("192.0.2.1\tx\n", "192.0.2.1\tx\tlisted\n"),
        ("192.0.2.2\n", "192.0.2.2\tnot-listed\n"),
        ("198.51.100.77\r\n", "198.51.100.77\tlisted\r\n"),
        ("::ffff:192.0.2.1\n", "::ffff:192.0.2.1\tlisted\n"),
        ("\n", "\tno-key\n"),
        (" 192.0.2.1\n", " 192.0.2.1\tlisted\n"),
        ("192.0.2.01\n", "192.0.2.01\tbad-key\n"),
        ("mail.example\n", "mail.example\tnot-listed\n"),
        ("192.0.2.1\n", "192.0.2.1\tlisted\n"),
    ];
    // Kinds come in another order each time, and more lines than are read or answered at once.
    let lines = || (0..60_000_usize).map(|n| kinds[n * (1 + n / 40) % kinds.len()]);
    let input: String = lines().map(|(asked, _)| asked).collect();
    let expected: String = lines().map(|(_, answered)| answered).collect();
    let chunks = format!("60000\n{input}");
    for (args, input) in [
        (&[][..], &input),
        (&["--line-buffered"], &input),
        (&["--chunk-header"], &chunks),
    ] {
        let run = filter(&image, args, input.as_bytes());
        assert!(run.stdout == expected, "{args:?}: {}", run.stderr);
    }
    // What is between addresses may be a part of them.
    let run = filter(&image, &["--delimiter", "."], b"192.0.2.1\n");
    assert_eq!(run.stdout, "192.0.2.1.bad-key\n");
}
