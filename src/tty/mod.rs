//! The terminal in front of a person: raw mode, what is typed, and what the bytes of another machine do to
//! it. Nothing here knows of a network.

mod escape;
mod filter;
mod keys;
mod modes;
mod paint;
mod raw;

pub use escape::{Escape, EscapeChar, EscapeError, Typed};
pub use filter::{Answered, Filter};
pub use keys::{Characters, keys};
pub use paint::{erase, paint, scroll_away};
pub use raw::Raw;

/// Width and height in cells: columns, rows. `None` when `stdout` and `stdin` are no terminals, or know no
/// size.
pub fn size() -> Option<(u16, u16)> {
    [rustix::stdio::stdout(), rustix::stdio::stdin()]
        .into_iter()
        .filter_map(|terminal| rustix::termios::tcgetwinsize(terminal).ok())
        .map(|size| (size.ws_col, size.ws_row))
        .find(|(cols, rows)| *cols > 0 && *rows > 0)
}
