//! The binary `ramekin`; all of it is the library's, which the Python package carries as well.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    ramekin_cli::describe_allocator();
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    ramekin_cli::main(&args)
}
