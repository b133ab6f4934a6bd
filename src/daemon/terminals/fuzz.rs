//! What a program writes to a terminal of ours.

use super::screen::Screen;
use crate::protocol::screen::Screen as Shown;
use crate::protocol::terminals::Size;

/// The first two bytes are the size, the third splits what was written before a change of it from what came
/// after. What it is answered, and the bytes that rebuild it, stay small.
pub(crate) fn screen(bytes: &[u8]) {
    let [rows, cols, split, written @ ..] = bytes else {
        return;
    };
    let size = |rows: &u8, cols: &u8| Size {
        rows: u16::from(*rows),
        cols: u16::from(*cols),
    };
    let mut screen = Screen::new(size(rows, cols));
    let (before, after) = written.split_at(usize::from(*split).min(written.len()));
    let answered = screen.take(before).len();
    screen.resize(size(cols, rows));
    let answered = answered + screen.take(after).len();
    assert!(
        answered <= 64 * written.len(),
        "{answered} bytes of answers"
    );
    screen.capture(Some(-300), None, true);
    screen.capture(None, None, false);
    let json = serde_json::to_vec(&screen.shown()).expect("every screen can be sent");
    let _: Shown<'_> = serde_json::from_slice(&json).expect("and read");
    let now = screen.size();
    let rebuilt = screen.restore(100);
    Screen::new(now).take(&rebuilt);
}
