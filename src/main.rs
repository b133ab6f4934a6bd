//! The `paseo` binary.

use std::process::ExitCode;

use paseo::env::Env;

fn main() -> ExitCode {
    paseo::run(std::env::args_os(), &Env::from_process())
}
