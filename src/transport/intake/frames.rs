//! Which bytes of a WebSocket are heads of frames, and what they announce (RFC 6455 section 5.2).

use super::Fault;

/// Longest head of a frame.
const MAX_HEAD: usize = 14;
/// Longest content of a control frame (section 5.5).
const MAX_CONTROL: u64 = 125;

/// Follows the frames of one direction.
#[derive(Debug)]
pub(super) struct Frames {
    place: Place,
    /// A message has begun, and its last frame has not come.
    in_message: bool,
}

/// Where the next byte belongs.
#[derive(Debug)]
enum Place {
    Head { bytes: [u8; MAX_HEAD], have: usize },
    Content(Frame),
}

/// A frame whose head has come.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Bytes of its content that have not come.
    left: u64,
    is_control: bool,
    is_last: bool,
}

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// A part of a head.
    Head,
    /// The end of a head: so many bytes of a message follow.
    Announced(u64),
    /// So many bytes of a message.
    Content(usize),
    /// The end of the head, or content, of a control frame.
    Control,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            place: Place::head(),
            in_message: false,
        }
    }
}

impl Frames {
    /// Takes the next stretch off the bytes, of which there must be one. A control frame that is too long is refused at its
    /// head, because the library would keep all of it before it looks.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Result<Seen, Fault> {
        let seen = match &mut self.place {
            Place::Head { bytes: head, have } => {
                head[*have] = bytes[0];
                *have += 1;
                *bytes = &bytes[1..];
                let Some(frame) = Frame::read(&head[..*have]) else {
                    return Ok(Seen::Head);
                };
                if frame.is_control && frame.left > MAX_CONTROL {
                    return Err(Fault::LongControl);
                }
                self.place = Place::Content(frame);
                match frame.is_control {
                    true => Seen::Control,
                    false => Seen::Announced(frame.left),
                }
            }
            Place::Content(frame) => {
                let left = usize::try_from(frame.left).unwrap_or(usize::MAX);
                let here = left.min(bytes.len());
                frame.left -= here as u64;
                *bytes = &bytes[here..];
                match frame.is_control {
                    true => Seen::Control,
                    false => Seen::Content(here),
                }
            }
        };
        if let Place::Content(frame @ Frame { left: 0, .. }) = self.place {
            if !frame.is_control {
                self.in_message = !frame.is_last;
            }
            self.place = Place::head();
        }
        Ok(seen)
    }

    /// Returns whether neither a message nor a control frame has come in part.
    pub(super) fn is_between_messages(&self) -> bool {
        !self.in_message && matches!(self.place, Place::Head { have: 0, .. })
    }
}

impl Place {
    fn head() -> Self {
        Self::Head {
            bytes: [0; MAX_HEAD],
            have: 0,
        }
    }
}

impl Frame {
    /// Reads a head; `None` until all of it is there.
    fn read(head: &[u8]) -> Option<Self> {
        let (first, second) = (*head.first()?, *head.get(1)?);
        let (left, size) = match second & 0x7f {
            126 => (
                u16::from_be_bytes(head.get(2..4)?.try_into().ok()?).into(),
                4,
            ),
            127 => (u64::from_be_bytes(head.get(2..10)?.try_into().ok()?), 10),
            length => (length.into(), 2),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        (head.len() == size + mask).then_some(Self {
            left,
            is_control: first & 0x08 != 0,
            is_last: first & 0x80 != 0,
        })
    }
}
