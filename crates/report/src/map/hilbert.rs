//! Hilbert's curve, from the top left to the top right.

/// Where the `d`-th of 4^`order` cells lies, column and row. The first step of the curve's top level
/// always goes down the same way, so that a network is drawn alike at every size.
pub(super) fn place(order: u32, d: u32) -> (u32, u32) {
    let (mut x, mut y) = (0u32, 0u32);
    let mut rest = d;
    for level in 0..order {
        let side = 1u32 << level;
        let right = 1 & (rest / 2);
        let down = 1 & (rest ^ right);
        if down == 0 {
            if right == 1 {
                x = side - 1 - x;
                y = side - 1 - y;
            }
            std::mem::swap(&mut x, &mut y);
        }
        x += side * right;
        y += side * down;
        rest /= 4;
    }
    (x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_of_xkcd_195() {
        assert_eq!(place(4, 0), (0, 0));
        assert_eq!(place(4, 1), (1, 0));
        assert_eq!(place(4, 255), (15, 0));
    }

    #[test]
    fn every_size_is_drawn_alike() {
        for order in 5..=12 {
            for d in 0..256u32 {
                let (x, y) = place(order, d << (2 * (order - 4)));
                let (x, y) = (x >> (order - 4), y >> (order - 4));
                assert_eq!((x, y), place(4, d), "order {order}, {d}");
            }
        }
    }

    #[test]
    fn each_cell_is_beside_the_one_before() {
        for order in [3, 6] {
            let mut before = place(order, 0);
            for d in 1..4u32.pow(order) {
                let next = place(order, d);
                assert_eq!(before.0.abs_diff(next.0) + before.1.abs_diff(next.1), 1);
                before = next;
            }
        }
    }
}
