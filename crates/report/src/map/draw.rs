//! Pixels, grid, labels and legend.

use std::net::Ipv4Addr;

use font8x8::legacy::BASIC_LEGACY;

use crate::error::Error;
use crate::map::cells::Cells;
use crate::map::hilbert::place;
use crate::map::palette::{ADDED, BOTH, FIRST, GRID, GROUND, INK, KEPT, REMOVED, step};
use crate::map::{By, Legend, Map, Settings};

/// The colour of each pixel. Where a pixel has several cells, the one that has most shows: a mean
/// would hide what stands alone.
pub(super) fn pixels(cells: &Cells, settings: &Settings, has_old: bool) -> Vec<u8> {
    let size = index(settings.size);
    let mut pixels = vec![GROUND; size * size];
    let order = settings.size.trailing_zeros();
    let depth = cells.listed.len().trailing_zeros() / 2;
    // The corner of the drawn network on the map of everything, and the place of each cell on it.
    let prefix = u32::from(settings.net.prefix_len()) / 2;
    let first = settings.net.network().to_bits();
    let (corner_x, corner_y) = place(prefix, first.checked_shr(32 - 2 * prefix).unwrap_or(0));
    for (number, &count) in (0u32..).zip(&cells.listed) {
        let color = color(cells, number, count, settings, has_old);
        if color == GROUND {
            continue;
        }
        let global = prefix + depth;
        let d = (u64::from(first) >> cells.bits) + u64::from(number);
        let (x, y) = place(global, u32::try_from(d).unwrap_or(u32::MAX));
        let (x, y) = (x - (corner_x << depth), y - (corner_y << depth));
        let shift = depth - order;
        let at = index(y >> shift) * size + index(x >> shift);
        if let Some(pixel) = pixels.get_mut(at) {
            *pixel = together(*pixel, color, settings, has_old);
        }
    }
    pixels
}

fn color(cells: &Cells, number: u32, count: u16, settings: &Settings, has_old: bool) -> u8 {
    let at = index(number);
    if has_old {
        let of = |table: &[u16]| table.get(at).copied().unwrap_or(0);
        let (added, removed) = (of(&cells.added), of(&cells.removed));
        return match (added > 0, removed > 0) {
            (true, true) => BOTH,
            (true, false) => ADDED,
            (false, true) => REMOVED,
            (false, false) if count > 0 => KEPT,
            (false, false) => GROUND,
        };
    }
    if count == 0 {
        return GROUND;
    }
    if settings.by == By::Density {
        return FIRST + step(count.into(), cells.bits);
    }
    FIRST - 1 + cells.class.get(at).copied().unwrap_or(1).max(1)
}

/// Of two colours in one pixel.
fn together(one: u8, other: u8, settings: &Settings, has_old: bool) -> u8 {
    if one == GROUND || one == other {
        return other;
    }
    if has_old {
        return match (one, other) {
            (KEPT, changed) | (changed, KEPT) => changed,
            _ => BOTH,
        };
    }
    match settings.by {
        By::Density => one.max(other),
        By::Code | By::Zone | By::Label => one,
    }
}

/// A picture that is drawn on.
pub(super) struct Canvas {
    width: usize,
    /// Rows of the map, without the legend.
    map_rows: usize,
    pixels: Vec<u8>,
    /// So many pixels are one of a letter.
    scale: usize,
}

impl Canvas {
    pub(super) fn of(map: &Map) -> Canvas {
        let width = index(map.settings.size);
        Canvas {
            width,
            map_rows: width,
            pixels: map.pixels.clone(),
            scale: (width / 1024).max(1),
        }
    }

    /// Lines between the 256ths, where nothing is listed.
    pub(super) fn grid(&mut self, settings: &Settings) {
        let step = index(settings.size) / 16;
        for line in 1..16 {
            for along in 0..self.width {
                self.dot_if_ground(line * step, along);
                self.dot_if_ground(along, line * step);
            }
        }
    }

    fn dot_if_ground(&mut self, x: usize, y: usize) {
        if let Some(pixel) = self.pixels.get_mut(y * self.width + x)
            && *pixel == GROUND
        {
            *pixel = GRID;
        }
    }

    /// The first octet, or the octet that differs, in the corner of each 256th.
    pub(super) fn labels(&mut self, settings: &Settings) {
        if self.width < 512 {
            return;
        }
        let step = index(settings.size) / 16;
        for (x, y, text) in texts(settings) {
            let (x, y) = (
                index(x) * step + 2 * self.scale,
                index(y) * step + 2 * self.scale,
            );
            self.text(x, y, &text, GRID.max(INK), true);
        }
    }

    /// The title and the colours, in rows below the map.
    pub(super) fn legend(&mut self, title: &str, legend: &[Legend]) {
        let line = 12 * self.scale;
        let mut rows = vec![Vec::new()];
        let mut x = line;
        let wide = |text: &str| (text.len() + 4) * 8 * self.scale;
        for entry in legend {
            if x + wide(&entry.text) > self.width && x > line {
                rows.push(Vec::new());
                x = line;
            }
            if let Some(row) = rows.last_mut() {
                row.push((x, entry));
            }
            x += wide(&entry.text);
        }
        let height = (rows.len() + 2) * line;
        self.pixels
            .resize(self.width * (self.map_rows + height), GROUND);
        self.text(line, self.map_rows + line / 2, title, INK, false);
        for (number, row) in rows.iter().enumerate() {
            let y = self.map_rows + line / 2 + (number + 1) * line;
            for (x, entry) in row {
                let color = legend_color(legend, entry);
                self.fill(*x, y, 8 * self.scale, color);
                self.text(x + 12 * self.scale, y, &entry.text, INK, false);
            }
        }
    }

    fn fill(&mut self, x: usize, y: usize, side: usize, color: u8) {
        for row in y..y + side {
            let start = row * self.width + x;
            for pixel in self.pixels.get_mut(start..start + side).unwrap_or_default() {
                *pixel = color;
            }
        }
    }

    fn text(&mut self, x: usize, y: usize, text: &str, color: u8, on_ground_only: bool) {
        let mut left = x;
        for letter in text.bytes() {
            let glyph = BASIC_LEGACY
                .get(usize::from(letter))
                .copied()
                .unwrap_or([0; 8]);
            for (row, bits) in glyph.into_iter().enumerate() {
                for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                    let (x, y) = (left + column * self.scale, y + row * self.scale);
                    self.block(x, y, color, on_ground_only);
                }
            }
            left += 8 * self.scale;
        }
    }

    fn block(&mut self, x: usize, y: usize, color: u8, on_ground_only: bool) {
        for row in y..y + self.scale {
            for column in (x..x + self.scale).filter(|column| *column < self.width) {
                if let Some(pixel) = self.pixels.get_mut(row * self.width + column)
                    && (!on_ground_only || *pixel <= GRID)
                {
                    *pixel = color;
                }
            }
        }
    }

    pub(super) fn png(&self, palette: &[[u8; 3]]) -> Result<Vec<u8>, Error> {
        let size = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let height = self.pixels.len() / self.width;
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size(self.width), size(height));
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(palette.as_flattened().to_vec());
        encoder.set_compression(png::Compression::Balanced);
        encoder.set_filter(png::Filter::NoFilter);
        let failed = |error: png::EncodingError| Error::Write(std::io::Error::other(error));
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&self.pixels).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(bytes)
    }
}

/// Entries have the colours from `FIRST` on in order, but those of the density have steps.
fn legend_color(legend: &[Legend], entry: &Legend) -> u8 {
    let place = legend.iter().position(|other| other == entry).unwrap_or(0);
    let place = u8::try_from(place).unwrap_or(0);
    if entry.text.contains(" of ") {
        let count: u32 = entry
            .text
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(1);
        let whole: u32 = entry
            .text
            .split(' ')
            .nth(2)
            .and_then(|n| n.parse().ok())
            .unwrap_or(256);
        return FIRST + step(count, whole.trailing_zeros());
    }
    FIRST + place
}

/// The labels of the 256ths: column and row among 16, and the octet that differs.
pub(super) fn texts(settings: &Settings) -> Vec<(u32, u32, String)> {
    let prefix = u32::from(settings.net.prefix_len()) / 2;
    let first = settings.net.network().to_bits();
    let (corner_x, corner_y) = place(prefix, first.checked_shr(32 - 2 * prefix).unwrap_or(0));
    let part_bits = 32 - u32::from(settings.net.prefix_len()) - 8;
    (0..256u32)
        .map(|part| {
            let number = first + (part << part_bits);
            let (x, y) = place(prefix + 4, number.checked_shr(part_bits).unwrap_or(0));
            let text = if settings.v6 {
                format!("{:x}", number >> 16)
            } else {
                let octets = Ipv4Addr::from_bits(number).octets();
                let which = usize::from(settings.net.prefix_len()) / 8;
                octets.get(which).copied().unwrap_or(0).to_string()
            };
            (x - (corner_x << 4), y - (corner_y << 4), text)
        })
        .collect()
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
