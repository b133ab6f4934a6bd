//! Frames of a terminal, as the client takes them: screens that are painted, and bytes that are passed on.

use crate::protocol::screen::{MAX_SIDE, Screen};
use crate::protocol::terminals::{RESIZE, Resize, SNAPSHOT};
use crate::tty::{Answered, Characters, Filter, paint};

/// The first byte is the frame's opcode. A painted screen holds no control character but the painter's own
/// sequences, and passing bytes in pieces gives what passing them at once gives.
pub(crate) fn terminal(bytes: &[u8]) {
    let Some((opcode, content)) = bytes.split_first() else {
        return;
    };
    match *opcode {
        SNAPSHOT => {
            let Ok(screen) = serde_json::from_slice::<Screen<'_>>(content) else {
                return;
            };
            assert!(screen.grid.len() <= MAX_SIDE);
            assert!(screen.grid.iter().all(|line| line.len() <= MAX_SIDE));
            for sequence in paint(&screen).split('\x1b').skip(1) {
                assert!(sequence.starts_with('['), "{sequence:?}");
                assert!(!sequence.contains(char::is_control), "{sequence:?}");
            }
        }
        RESIZE => {
            let _ = serde_json::from_slice::<Resize>(content);
        }
        how => pass(content, how),
    }
}

fn pass(bytes: &[u8], how: u8) {
    let answered = match how & 1 {
        0 => Answered::Kind,
        _ => Answered::More,
    };
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    Filter::new(answered).pass(bytes, &mut whole);
    let mut filter = Filter::new(answered);
    for piece in bytes.chunks(usize::from(how >> 1).max(1)) {
        filter.pass(piece, &mut pieces);
    }
    assert_eq!(whole, pieces);
    assert!(whole.len() <= bytes.len());
    assert!(filter.undo().len() < 4096);
    let mut characters = Characters::default();
    for piece in bytes.chunks(usize::from(how >> 1).max(1)) {
        characters.whole(piece.to_vec());
    }
}
