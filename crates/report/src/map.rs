//! The listed address space as a picture: a Hilbert curve, on which neighbouring addresses lie near
//! each other, as in the map of the Internet of xkcd 195 and in ipv4-heatmap. 0/8 is at the top left,
//! 1/8 right of it, 255/8 at the top right.
//!
//! ```
//! use rblmap_report::map::{Beside, By, Map, Settings};
//! let image = rblmap::Image::read("testdata/three.rbl")?;
//! let settings = Settings { size: 256, by: By::Code, ..Settings::default() };
//! let map = Map::new(&image, Beside::default(), &settings)?;
//! assert!(map.png()?.starts_with(b"\x89PNG"));
//! assert_eq!((map.rows()[0].name.as_str(), map.rows()[0].listed), ("192.0.0.0/8", 1));
//! # Ok::<(), rblmap_report::Error>(())
//! ```

mod cells;
mod draw;
mod hilbert;
mod named;
mod palette;
mod svg;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use rblmap::Image;

use crate::error::Error;
use crate::labels::Labels;
use cells::Cells;

/// What the colours say.
///
/// See the example of [the module](crate::map).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// How many addresses are listed.
    #[default]
    Density,
    /// The last octet of the first A record.
    Code,
    /// Which zone of the image lists them.
    Zone,
    /// What their networks are called.
    Label,
}

/// What the picture is drawn with, beside the image.
///
/// See the example of [the module](crate::map).
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'i> {
    /// An older image of the zone: what came and went since is drawn.
    pub old: Option<&'i Image>,
    /// What networks are called: the table has a row for each label.
    pub labels: Option<Labels<'i>>,
}

/// What is drawn, and how.
///
/// See the example of [the module](crate::map).
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The network that fills the picture; its length is even.
    pub net: Ipv4Net,
    /// Pixels a side: a power of two from 64 to 4,096.
    pub size: u32,
    /// What the colours say.
    pub by: By,
    /// Draw the first 32 bits of the IPv6 networks instead.
    pub v6: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            net: Ipv4Net::default(),
            size: 1024,
            by: By::Density,
            v6: false,
        }
    }
}

/// A row of the table beside the picture.
///
/// See the example of [the module](crate::map).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// A 256th of what is drawn, a /8 of the whole; with labels, the label, `-` for none.
    pub name: String,
    /// How many addresses are listed (of IPv6: /32s with something listed).
    pub listed: u64,
    /// Beside an old image: how many are listed now and were not.
    pub added: u64,
    /// Beside an old image: how many were listed and are not.
    pub removed: u64,
}

/// An entry of the legend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Legend {
    pub(crate) text: String,
    pub(crate) color: [u8; 3],
}

/// A picture, before it is written.
///
/// See the example of [the module](crate::map).
#[derive(Debug)]
pub struct Map {
    settings: Settings,
    title: String,
    /// A colour of the palette for each pixel, row by row.
    pixels: Vec<u8>,
    palette: Vec<[u8; 3]>,
    legend: Vec<Legend>,
    rows: Vec<TableRow>,
    has_old: bool,
}

impl Map {
    /// Draws an image, or what changed since an old one. Linear in runs and pixels; holds about four
    /// bytes for each /24 and one for each pixel.
    ///
    /// # Errors
    /// A size that is no power of two from 64 to 4,096, a network of odd length or smaller than the
    /// picture; an image without addresses of that kind; colours by label without labels.
    pub fn new(image: &Image, beside: Beside<'_>, settings: &Settings) -> Result<Map, Error> {
        let old = beside.old;
        if settings.by == By::Label && beside.labels.is_none() {
            return Err(Error::Map("colours by label need labels"));
        }
        let size = settings.size;
        if !size.is_power_of_two() || !(64..=4096).contains(&size) {
            return Err(Error::Map("the size is a power of two from 64 to 4096"));
        }
        if settings.net.prefix_len() % 2 == 1 {
            return Err(Error::Map("a square holds networks of even length only"));
        }
        if 32 - u32::from(settings.net.prefix_len()) < 2 * size.trailing_zeros() {
            return Err(Error::Map(
                "the network has fewer addresses than the picture has pixels",
            ));
        }
        let cells = Cells::count(image, beside, settings)?;
        let (palette, legend) = palette::of(&cells, settings, old.is_some());
        let pixels = draw::pixels(&cells, settings, old.is_some());
        let title = match old {
            None => format!("{}, serial {}", image.name(), image.serial()),
            Some(old) => format!(
                "{}, serial {} to {}",
                image.name(),
                old.serial(),
                image.serial()
            ),
        };
        Ok(Map {
            settings: *settings,
            title,
            pixels,
            palette,
            legend,
            rows: cells.rows(settings),
            has_old: old.is_some(),
        })
    }

    /// What the picture shows, as a table: a row for each 256th of it with anything listed.
    pub fn rows(&self) -> &[TableRow] {
        &self.rows
    }

    /// Whether the picture shows a difference.
    pub fn is_difference(&self) -> bool {
        self.has_old
    }

    /// The picture as PNG, with a grid and labels, and the legend below.
    ///
    /// # Errors
    /// None with pictures that fit into memory.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        let mut canvas = draw::Canvas::of(self);
        canvas.grid(&self.settings);
        canvas.labels(&self.settings);
        canvas.legend(&self.title, &self.legend);
        canvas.png(&self.palette)
    }

    /// The picture as SVG: labels and legend are text, and a reader of screens gets the table.
    ///
    /// # Errors
    /// None with pictures that fit into memory.
    pub fn svg(&self) -> Result<String, Error> {
        svg::write(self)
    }

    /// The colour of a pixel, red, green and blue, without grid and labels.
    pub fn color(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        let at = usize::try_from(y.checked_mul(self.settings.size)?.checked_add(x)?).ok()?;
        self.palette
            .get(usize::from(*self.pixels.get(at)?))
            .copied()
    }
}

/// The address that a number stands for in labels: of IPv6, the first 32 bits of a network.
fn label(number: u32, len: u8, v6: bool) -> String {
    if v6 {
        let address = std::net::Ipv6Addr::from_bits(u128::from(number) << 96);
        return format!("{address}/{len}");
    }
    format!("{}/{len}", Ipv4Addr::from_bits(number))
}
