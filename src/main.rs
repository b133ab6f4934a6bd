//! The `paseo` binary.

use std::panic::catch_unwind;
use std::process::ExitCode;

use paseo::env::Env;
use paseo::error::Exit;

fn main() -> ExitCode {
    catch_unwind(|| paseo::run(std::env::args_os(), &Env::from_process()))
        .unwrap_or(ExitCode::from(Exit::Internal as u8))
}
