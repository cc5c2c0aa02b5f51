//! The system's randomness, which only the binary asks for; below it, randomness is an argument.

use getrandom::SysRng;
use rand_core::UnwrapErr;
use std::io;

/// A random number generator that never ends: the operating system's.
pub(crate) type System = UnwrapErr<SysRng>;

/// The system's generator, tried once: after it has worked once it does not fail (getrandom(2)).
pub(crate) fn system() -> io::Result<System> {
    getrandom::fill(&mut [0; 32]).map_err(io::Error::other)?;
    Ok(UnwrapErr(SysRng))
}
