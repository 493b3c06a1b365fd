//! Images are swapped under load: no query is lost, and none waits.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::base::iana::Rtype;
use rblmap_content::Content;
use tempfile::TempDir;

use super::client::{Ours, Told, labels, query, write_image};
use super::peer::BASE;

/// Many more, of a large list: `scripts/bench-dns swaps`.
const SWAPS: u32 = 30;

fn content(folder: &Path, extra: &str) -> Content {
    let file = folder.join("list");
    let mut text = String::from(":2:always $\n");
    for number in 0..20_000u32 {
        text += &format!(
            "10.{}.{}.{}\n",
            number >> 12,
            number >> 4 & 255,
            (number & 15) * 9
        );
    }
    std::fs::write(&file, text + extra).unwrap();
    let spec = format!("{BASE}:ip4set:{}", file.display()).parse().unwrap();
    rblmap_zonefile::build(&[spec], &rblmap_zonefile::Options::default())
        .unwrap()
        .content
}

#[test]
fn no_query_is_lost_while_images_are_swapped() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("image.rbl");
    swap(&folder, &path, &path);
}

/// The threads that answer share what follows the folder: `scripts/tsan` looks at how.
#[test]
fn no_query_is_lost_while_images_of_a_mirror_are_swapped() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(format!("{BASE}.rbl"));
    swap(&folder, folder.path(), &path);
}

/// Answers of an image or a mirror's folder, while its image is replaced.
fn swap(folder: &TempDir, from: &Path, path: &Path) {
    let images = ["11.0.0.1\n", "11.0.0.2\n"].map(|extra| content(folder.path(), extra));
    write_image(&images[0], 0, path);
    let ours = Ours::start(&[(BASE, from)], "");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=SWAPS {
                write_image(&images[(number % 2) as usize], number.into(), path);
                ours.shared.policy().look();
                std::thread::sleep(Duration::from_millis(10));
            }
            done.store(true, Ordering::Release);
        });
        let always = query(3, &labels("0.0.0.10.bl.test"), Rtype::A, None);
        let odd = query(5, &labels("2.0.0.11.bl.test"), Rtype::A, None);
        let (mut asked, mut seen) = (0, 0);
        while !done.load(Ordering::Acquire) {
            let start = Instant::now();
            let told = Told::of(&ours.ask(&always));
            assert_eq!(told.counts[1], 1, "{told:?}");
            // A lost one would take the client's 2 s.
            assert!(
                start.elapsed() < Duration::from_secs(1),
                "after {asked}: {:?}",
                start.elapsed()
            );
            asked += 1;
            seen += Told::of(&ours.ask(&odd)).counts[1];
        }
        assert!(
            seen > 0 && seen < asked,
            "{seen} of {asked}: both images answered"
        );
    });
}
