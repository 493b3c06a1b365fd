//! Colours. The darkest that stands for a listing has a contrast of more than 3:1 to the ground, so
//! that a single address can be seen; those of classes and differences are told apart by people who
//! see few colours, after Okabe and Ito.

use crate::map::cells::Cells;
use crate::map::{By, Legend, Settings};

pub(super) const GROUND: u8 = 0;
/// Grid and labels.
pub(super) const GRID: u8 = 1;
pub(super) const INK: u8 = 2;
/// The first colour of what is listed.
pub(super) const FIRST: u8 = 3;
/// How many steps the density has.
pub(super) const STEPS: u8 = 32;

pub(super) const KEPT: u8 = FIRST;
pub(super) const ADDED: u8 = FIRST + 1;
pub(super) const REMOVED: u8 = FIRST + 2;
pub(super) const BOTH: u8 = FIRST + 3;

const BASE: [[u8; 3]; 3] = [[16, 16, 24], [52, 54, 66], [236, 236, 241]];
const CLASS_COLORS: [[u8; 3]; 10] = [
    [86, 180, 233],
    [230, 159, 0],
    [0, 190, 140],
    [240, 228, 66],
    [204, 121, 167],
    [213, 94, 0],
    [120, 150, 255],
    [180, 220, 180],
    [255, 180, 200],
    [160, 160, 160],
];
const KEPT_COLOR: [u8; 3] = [120, 122, 134];
const ADDED_COLOR: [u8; 3] = [86, 180, 233];
const REMOVED_COLOR: [u8; 3] = [230, 159, 0];
const BOTH_COLOR: [u8; 3] = [255, 255, 255];

/// The colours, and what they mean.
pub(super) fn of(cells: &Cells, settings: &Settings, has_old: bool) -> (Vec<[u8; 3]>, Vec<Legend>) {
    let mut palette = BASE.to_vec();
    let entry = |text: String, color| Legend { text, color };
    if has_old {
        let colors = [KEPT_COLOR, ADDED_COLOR, REMOVED_COLOR, BOTH_COLOR];
        let texts = ["listed in both", "added", "removed", "added and removed"];
        palette.extend(colors);
        let legend = texts
            .iter()
            .zip(colors)
            .map(|(text, color)| entry((*text).to_owned(), color));
        return (palette, legend.collect());
    }
    if settings.by != By::Density {
        let named = cells.classes.iter().zip(CLASS_COLORS);
        let legend = named.map(|((name, count), color)| entry(format!("{name} ({count})"), color));
        let legend = legend.collect();
        palette.extend(CLASS_COLORS);
        return (palette, legend);
    }
    palette.extend((0..STEPS).map(density));
    let what = if settings.v6 { "/32s" } else { "addresses" };
    let parts = [(1u32, 0.0), (4, 2.0), (16, 4.0), (64, 6.0), (256, 8.0)];
    let legend = parts
        .iter()
        .filter(|(count, _)| *count <= 1 << cells.bits)
        .map(|(count, _)| {
            let color = density(step(*count, cells.bits));
            entry(format!("{count} of {} {what}", 1u32 << cells.bits), color)
        });
    (palette, legend.collect())
}

/// Which step stands for so many of 2^`bits` addresses: equal ratios are equal steps.
pub(super) fn step(count: u32, bits: u32) -> u8 {
    if count <= 1 || bits == 0 {
        return if bits == 0 { STEPS - 1 } else { 0 };
    }
    let part = f64::from(count).log2() / f64::from(bits);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 31"
    )]
    let step = (part.min(1.0) * f64::from(STEPS - 1)).round() as u8;
    step
}

/// From blue over yellow to white.
fn density(step: u8) -> [u8; 3] {
    let part = f64::from(step) / f64::from(STEPS - 1);
    let low = [64.0, 128.0, 224.0];
    let mid = [250.0, 200.0, 60.0];
    let high = [255.0, 255.0, 245.0];
    let mix = |a: [f64; 3], b: [f64; 3], part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 255"
        )]
        let channel = |a: f64, b: f64| (a + (b - a) * part).round() as u8;
        [
            channel(a[0], b[0]),
            channel(a[1], b[1]),
            channel(a[2], b[2]),
        ]
    };
    if part < 0.6 {
        mix(low, mid, part / 0.6)
    } else {
        mix(mid, high, (part - 0.6) / 0.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, relative luminance.
    fn luminance(color: [u8; 3]) -> f64 {
        let [r, g, b] = color.map(|channel| {
            let part = f64::from(channel) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    #[test]
    fn every_listing_can_be_seen() {
        let ground = luminance(BASE[0]);
        let steps = (0..STEPS).map(density);
        let others = [KEPT_COLOR, ADDED_COLOR, REMOVED_COLOR, BOTH_COLOR];
        for color in steps.chain(CLASS_COLORS).chain(others) {
            let contrast = (luminance(color) + 0.05) / (ground + 0.05);
            assert!(contrast >= 3.0, "{color:?}: {contrast:.2}");
        }
    }
}
