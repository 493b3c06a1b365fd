//! Disturbs commands: each system call that touches their files fails, does half of its work, or is the
//! last one before the process is killed or the power is cut. Afterwards there is the old or the new,
//! whole; success was told only for the new; the next run succeeds and nothing is left over.
//!
//! `RBLMAP_FAULTS=all` takes every call (`scripts/inject-faults`, `scripts/power-cut`); else some of
//! them, spread over all.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may panic, and say what they skip"
)]

#[path = "../common/mod.rs"]
mod common;
mod faults;
#[path = "../peers/mod.rs"]
mod peers;
mod power;
mod record;
mod scenes;
mod tracer;

/// Whether all is tried, and not some of it.
fn all() -> bool {
    std::env::var("RBLMAP_FAULTS").is_ok_and(|text| text == "all")
}

#[test]
fn a_build_that_is_disturbed_leaves_the_old_image_or_the_new() {
    faults::play(&scenes::build());
}

#[test]
fn an_apply_that_is_disturbed_leaves_the_old_image_or_the_new() {
    faults::play(&scenes::apply());
}

#[test]
fn a_publication_that_is_disturbed_leaves_the_old_feed_or_the_new() {
    faults::play(&scenes::publish());
}

#[test]
fn a_mirror_that_is_disturbed_keeps_the_old_image_or_the_new() {
    faults::play(&scenes::mirror());
}

#[test]
fn a_relay_that_is_disturbed_serves_the_old_feed_or_the_new() {
    faults::play(&scenes::relay());
}

#[test]
fn a_page_that_is_disturbed_is_whole_after_the_next_run() {
    faults::play(&scenes::page());
}

#[test]
fn a_mirror_and_its_history_outlive_a_cut_of_the_power() {
    power::play(&scenes::mirror());
}

#[test]
fn a_publication_outlives_a_cut_of_the_power() {
    power::play(&scenes::publish());
}

#[test]
fn a_relay_outlives_a_cut_of_the_power() {
    power::play(&scenes::relay());
}

#[test]
fn a_reload_of_serve_outlives_a_cut_of_the_power_since_it_changes_nothing_on_the_disk() {
    power::reload(&scenes::serve());
}

#[test]
#[ignore = "mounts an ext4: scripts/power-cut runs it"]
fn a_mirror_on_ext4_outlives_a_cut_of_the_power() {
    power::play_on_ext4(&scenes::mirror());
}

#[test]
#[ignore = "mounts an ext4: scripts/power-cut runs it"]
fn a_publication_on_ext4_outlives_a_cut_of_the_power() {
    power::play_on_ext4(&scenes::publish());
}

#[test]
#[ignore = "mounts an ext4: scripts/power-cut runs it"]
fn a_relay_on_ext4_outlives_a_cut_of_the_power() {
    power::play_on_ext4(&scenes::relay());
}
