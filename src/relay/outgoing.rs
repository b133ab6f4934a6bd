//! What a socket is writing: frames in order, with a lane for control frames.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::frame::{Frame, Header, Kind};
use super::wire::Sent;

/// Frames in one vectored write.
const BATCH: usize = 32;

/// Frames on their way to the kernel.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    frames: VecDeque<Frame>,
    /// Bytes of the first frame, header included, that are written.
    written: usize,
    /// Frames at the front that no control frame overtakes: one that is written in part, and other control
    /// frames.
    urgent: usize,
    /// Bytes of answers to pings and closes.
    reply_bytes: usize,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Returns how many bytes of answers to the peer's own control frames wait.
    pub(super) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }

    /// Adds frames in their order.
    pub(super) fn append(&mut self, frames: &mut VecDeque<Frame>) {
        match self.frames.is_empty() {
            true => std::mem::swap(&mut self.frames, frames),
            false => self.frames.append(frames),
        }
    }

    /// Adds a control frame before all data. A frame that is written in part is finished first (RFC 6455
    /// section 5.4: control frames may come between frames).
    pub(super) fn push_urgent(&mut self, frame: Frame) {
        let at = self.urgent.max(usize::from(self.written > 0));
        self.count(&frame);
        self.frames.insert(at, frame);
        self.urgent = at + 1;
    }

    /// Adds a frame behind all others.
    pub(super) fn push_last(&mut self, frame: Frame) {
        self.count(&frame);
        self.frames.push_back(frame);
    }

    /// Drops everything; returns whether the peer is between two frames, so that a close frame makes sense to it.
    pub(super) fn clear(&mut self) -> bool {
        std::mem::take(self).written == 0
    }

    /// Gives the next slices to `write`.
    pub(super) fn with_slices<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut headers = [Header::default(); BATCH];
        for (header, frame) in headers.iter_mut().zip(&self.frames) {
            *header = frame.header();
        }
        let mut slices = [IoSlice::new(&[]); BATCH * 2];
        let mut count = 0;
        // Only the first frame can be written in part.
        let mut skip = self.written;
        for (header, frame) in headers.iter().zip(&self.frames) {
            for part in [header.as_slice(), &frame.body] {
                let rest = &part[skip.min(part.len())..];
                skip = skip.saturating_sub(part.len());
                slices[count] = IoSlice::new(rest);
                count += usize::from(!rest.is_empty());
            }
        }
        write(&slices[..count])
    }

    /// Forgets what is written, and notes the frames that are written whole.
    pub(super) fn advance(&mut self, written: usize, sent: &mut Sent) {
        self.written += written;
        while let Some(frame) = self.frames.front() {
            let size = frame.header().as_slice().len() + frame.body.len();
            if self.written < size {
                break;
            }
            self.written -= size;
            self.urgent = self.urgent.saturating_sub(1);
            sent.cost += frame.cost();
            sent.timed = frame.timed.or(sent.timed);
            if frame.kind == Kind::Raw {
                self.reply_bytes -= size;
            }
            self.frames.pop_front();
        }
        // The queue's memory after a burst is not kept.
        if self.frames.is_empty() && self.frames.capacity() > BATCH {
            self.frames = VecDeque::new();
        }
    }

    fn count(&mut self, frame: &Frame) {
        if frame.kind == Kind::Raw {
            self.reply_bytes += frame.body.len();
        }
    }

    /// Takes all frames out, as if they were written.
    #[cfg(test)]
    pub(super) fn drain(&mut self) -> VecDeque<Frame> {
        std::mem::take(self).frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(mut outgoing: Outgoing) -> Vec<String> {
        let frames = outgoing.drain();
        let text = |frame: &Frame| String::from_utf8(frame.body.to_vec()).unwrap();
        frames.iter().map(text).collect()
    }

    fn with_data() -> Outgoing {
        let mut outgoing = Outgoing::default();
        outgoing.append(&mut [Frame::text("one"), Frame::text("two")].into());
        outgoing
    }

    #[test]
    fn control_frames_come_before_data_in_their_order() {
        let mut outgoing = with_data();
        outgoing.push_urgent(Frame::ping("a"));
        outgoing.push_urgent(Frame::ping("b"));
        outgoing.push_last(Frame::text("end"));
        assert_eq!(bodies(outgoing), ["a", "b", "one", "two", "end"]);
    }

    #[test]
    fn a_frame_that_is_written_in_part_is_finished_first() {
        let mut outgoing = with_data();
        outgoing.advance(1, &mut Sent::default());
        outgoing.push_urgent(Frame::ping("a"));
        outgoing.push_urgent(Frame::ping("b"));
        // The rest of "one" and a part of "a".
        outgoing.advance(4 + 2, &mut Sent::default());
        outgoing.push_urgent(Frame::ping("c"));
        assert_eq!(bodies(outgoing), ["a", "b", "c", "two"]);
    }

    #[test]
    fn only_between_frames_something_can_be_said() {
        let mut outgoing = with_data();
        outgoing.advance(5, &mut Sent::default());
        assert!(outgoing.clear() && outgoing.is_empty());
        let mut outgoing = with_data();
        outgoing.advance(6, &mut Sent::default());
        assert!(!outgoing.clear());
    }
}
