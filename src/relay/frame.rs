//! One message on its way from a socket to another.

use std::time::Instant;

use bytes::Bytes;

/// What a queued frame costs beside its payload: the entry and the allocation behind it. Without it,
/// empty frames would be free.
const OVERHEAD: usize = 64;

/// A message as it arrived. The payload is shared, never copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) body: Bytes,
    /// When it came, for the frames whose way is timed.
    pub(super) timed: Option<Instant>,
}

/// How a frame goes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
    Ping,
    /// Whole WebSocket frames already: answers to pings and closes.
    Raw,
}

/// Header of an unmasked, unfragmented frame (RFC 6455 section 5.2): at most ten bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Header {
    bytes: [u8; 10],
    len: u8,
}

impl Frame {
    pub(super) fn text(body: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Text,
            body: body.into(),
            timed: None,
        }
    }

    pub(super) fn binary(body: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Binary,
            body: body.into(),
            timed: None,
        }
    }

    /// Makes a ping, whose payload is at most 125 bytes.
    pub(super) fn ping(body: &'static str) -> Self {
        Self {
            kind: Kind::Ping,
            body: Bytes::from_static(body.as_bytes()),
            timed: None,
        }
    }

    /// Returns what the frame costs a queue, in bytes. Answers to the peer's own control frames are
    /// in no queue; the wire books them.
    pub(super) fn cost(&self) -> usize {
        match self.kind {
            Kind::Raw => 0,
            Kind::Text | Kind::Binary | Kind::Ping => self.body.len() + OVERHEAD,
        }
    }

    /// Returns what precedes the payload on the wire.
    pub(super) fn header(&self) -> Header {
        let opcode = match self.kind {
            Kind::Raw => return Header::default(),
            Kind::Text => 1,
            Kind::Binary => 2,
            Kind::Ping => 9,
        };
        let mut header = Header::default();
        header.bytes[0] = 0x80 | opcode;
        let size = self.body.len();
        header.len = if let Ok(size) = u8::try_from(size)
            && size < 126
        {
            header.bytes[1] = size;
            2
        } else if let Ok(size) = u16::try_from(size) {
            header.bytes[1] = 126;
            header.bytes[2..4].copy_from_slice(&size.to_be_bytes());
            4
        } else {
            header.bytes[1] = 127;
            header.bytes[2..].copy_from_slice(&(size as u64).to_be_bytes());
            10
        };
        header
    }
}

impl Header {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame as Reference;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    use super::*;

    #[test]
    fn headers_are_those_of_tungstenite() {
        for size in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let body = Bytes::from(vec![b'x'; size]);
            for (frame, opcode) in [
                (Frame::text(body.clone()), Data::Text),
                (Frame::binary(body.clone()), Data::Binary),
            ] {
                let mut expected = Vec::new();
                Reference::message(body.clone(), OpCode::Data(opcode), true)
                    .format(&mut expected)
                    .unwrap();
                let mut wire = frame.header().as_slice().to_vec();
                wire.extend_from_slice(&frame.body);
                assert_eq!(wire, expected, "{size} bytes");
            }
        }
    }
}
