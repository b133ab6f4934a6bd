//! Work with keys that leaves nothing of them on the stack.

/// What is wiped below the caller's frame, in bytes. An agreement on a key takes the most.
const STACK_BYTES: usize = 8 * 1024;

/// Does it, and then wipes the stack that it used: copies of keys would stay there until something else happens to
/// need the place. As good as that can be done from outside of the compiler; `tests/survival/wiped.rs` looks.
pub(super) fn without_trace<T>(work: impl FnOnce() -> T) -> T {
    let done = apart(work);
    zeroize::zeroize_stack::<STACK_BYTES>();
    done
}

/// In a frame of its own, below the caller's.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}
