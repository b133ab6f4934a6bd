//! Where in a stream of WebSocket frames we are: a close frame may stand between two frames only.

/// Follows frames that are not masked, as a server sends them (RFC 6455 section 5.2).
#[derive(Debug, Default)]
pub(super) struct Boundary {
    header: [u8; 10],
    have: usize,
    left: u64,
}

impl Boundary {
    /// Follows the next bytes.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skip = usize::try_from(self.left).map_or(bytes.len(), |n| n.min(bytes.len()));
                self.left -= skip as u64;
                bytes = &bytes[skip..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            let size = match self.header[1] & 0x7f {
                _ if self.have < 2 => continue,
                126 if self.have < 4 => continue,
                127 if self.have < 10 => continue,
                126 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
                127 => self.header[2..]
                    .iter()
                    .fold(0, |size, byte| size << 8 | u64::from(*byte)),
                short => u64::from(short),
            };
            self.left = size;
            self.have = 0;
        }
    }

    /// Returns whether a frame may begin here.
    pub(super) fn is_here(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::relay::frame::Frame;

    proptest! {
        #[test]
        fn only_between_frames(sizes in prop::collection::vec(0..70_000_usize, 1..4), cut: prop::sample::Index) {
            let mut wire = Vec::new();
            let mut ends = vec![0];
            for size in sizes {
                let frame = Frame::binary(vec![0xff; size]);
                wire.extend_from_slice(frame.header().as_slice());
                wire.extend_from_slice(&frame.body);
                ends.push(wire.len());
            }
            let cut = cut.index(wire.len() + 1);
            let mut boundary = Boundary::default();
            boundary.pass(&wire[..cut]);
            prop_assert_eq!(boundary.is_here(), ends.contains(&cut));
            boundary.pass(&wire[cut..]);
            prop_assert!(boundary.is_here());
        }
    }
}
