//! The `paseo` binary.

fn main() {}
