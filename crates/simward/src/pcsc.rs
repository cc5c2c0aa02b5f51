//! PC/SC through libpcsclite, opened when a reader is asked for: building and running Simward needs no such library.
//!
//! The one file of the project with `unsafe` in it: nine C functions and the safe types around them.
#![allow(unsafe_code)]

use libloading::Library;
use std::ffi::{CStr, CString, c_char, c_long, c_ulong, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::time::{Duration, Instant};

/// `SCARD_IO_REQUEST`.
#[repr(C)]
struct IoRequest {
    protocol: c_ulong,
    length: c_ulong,
}

const SCOPE_SYSTEM: c_ulong = 2;
const SHARE_SHARED: c_ulong = 2;
const PROTOCOL_T0: c_ulong = 1;
const PROTOCOL_T1: c_ulong = 2;
const RESET_CARD: c_ulong = 1;
/// A short APDU answers with 256 octets and a status at most; readers may want room for more.
const ANSWER_BYTES: usize = 264;

/// Why PC/SC did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PcscError {
    /// The library is not installed.
    #[error("PC/SC is not installed here (libpcsclite.so.1): on Debian, `apt install pcscd`; {0}")]
    NoLibrary(String),
    /// pcscd does not run.
    #[error("the PC/SC service does not run; start pcscd")]
    NoService,
    /// No reader.
    #[error("PC/SC knows no reader; plug one in, or start vpcd for a virtual one")]
    NoReader,
    /// A reader without a card.
    #[error("no card in the reader")]
    NoCard,
    /// Somebody else holds the card.
    #[error("another program holds the card for itself; end it and try again")]
    Shared,
    /// The answer is no response APDU.
    #[error("the reader's answer is not a response APDU")]
    BadAnswer,
    /// Any other code of PC/SC.
    #[error("PC/SC failed with {0:#010x}")]
    Other(u32),
}

fn check(code: c_long) -> Result<(), PcscError> {
    // Codes are 32-bit; where `long` is wider the upper half says nothing.
    match code as u32 {
        0 => Ok(()),
        0x8010_001d | 0x8010_001e => Err(PcscError::NoService),
        0x8010_0009 | 0x8010_002e => Err(PcscError::NoReader),
        0x8010_000c | 0x8010_0066 | 0x8010_0067 | 0x8010_0069 => Err(PcscError::NoCard),
        0x8010_000b => Err(PcscError::Shared),
        other => Err(PcscError::Other(other)),
    }
}

type EstablishContext = unsafe extern "C" fn(c_ulong, *const c_void, *const c_void, *mut c_long) -> c_long;
type ReleaseContext = unsafe extern "C" fn(c_long) -> c_long;
type ListReaders = unsafe extern "C" fn(c_long, *const c_char, *mut c_char, *mut c_ulong) -> c_long;
type Connect =
    unsafe extern "C" fn(c_long, *const c_char, c_ulong, c_ulong, *mut c_long, *mut c_ulong) -> c_long;
type Disconnect = unsafe extern "C" fn(c_long, c_ulong) -> c_long;
type Transmit = unsafe extern "C" fn(
    c_long,
    *const IoRequest,
    *const u8,
    c_ulong,
    *mut IoRequest,
    *mut u8,
    *mut c_ulong,
) -> c_long;

/// A connection to the PC/SC service.
#[derive(Debug)]
pub(crate) struct Context {
    handle: c_long,
    release: ReleaseContext,
    list_readers: ListReaders,
    connect: Connect,
    disconnect: Disconnect,
    transmit: Transmit,
    // Last, so that the code of the functions above stays loaded until they are gone.
    _library: Library,
}

/// Looks a function up.
///
/// # Safety
/// `T` must be the function's true type.
unsafe fn function<T: Copy>(library: &Library, name: &str) -> Result<T, PcscError> {
    // SAFETY: the caller vouches for `T`.
    let symbol = unsafe { library.get::<T>(name) };
    symbol.map(|f| *f).map_err(|e| PcscError::NoLibrary(e.to_string()))
}

impl Context {
    /// Connects to the service.
    pub(crate) fn establish() -> Result<Self, PcscError> {
        // SAFETY: libpcsclite's initialisers have no conditions; the types are those of its winscard.h on Linux, where
        // DWORD is unsigned long and LONG, SCARDCONTEXT and SCARDHANDLE are long.
        unsafe {
            let library =
                Library::new("libpcsclite.so.1").map_err(|e| PcscError::NoLibrary(e.to_string()))?;
            let establish: EstablishContext = function(&library, "SCardEstablishContext")?;
            let mut context = Self {
                handle: 0,
                release: function(&library, "SCardReleaseContext")?,
                list_readers: function(&library, "SCardListReaders")?,
                connect: function(&library, "SCardConnect")?,
                disconnect: function(&library, "SCardDisconnect")?,
                transmit: function(&library, "SCardTransmit")?,
                _library: library,
            };
            check(establish(SCOPE_SYSTEM, ptr::null(), ptr::null(), &raw mut context.handle))?;
            Ok(context)
        }
    }

    /// The names of all readers.
    pub(crate) fn readers(&self) -> Result<Vec<String>, PcscError> {
        let mut size = 0;
        // SAFETY: a null buffer asks for the size alone; the second call gets a buffer of that size.
        let names = unsafe {
            check((self.list_readers)(self.handle, ptr::null(), ptr::null_mut(), &raw mut size))?;
            let mut names = vec![0u8; size as usize];
            check((self.list_readers)(self.handle, ptr::null(), names.as_mut_ptr().cast(), &raw mut size))?;
            names.truncate(size as usize);
            names
        };
        // One after the other, each ended by NUL, an empty one at the end.
        let names =
            names.split_inclusive(|b| *b == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok());
        let names: Vec<String> =
            names.filter(|name| !name.is_empty()).map(|n| n.to_string_lossy().into_owned()).collect();
        if names.is_empty() { Err(PcscError::NoReader) } else { Ok(names) }
    }

    /// Connects to the card in a reader. Whoever had it before may take a moment to let go: waits up to a second.
    pub(crate) fn connect(&self, reader: &str) -> Result<Connection<'_>, PcscError> {
        const PATIENCE: Duration = Duration::from_secs(1);
        let name = CString::new(reader).map_err(|_| PcscError::NoReader)?;
        let (mut handle, mut protocol) = (0, 0);
        let start = Instant::now();
        loop {
            // SAFETY: a NUL-terminated name and two places to write to, all alive during the call.
            let code = unsafe {
                (self.connect)(
                    self.handle,
                    name.as_ptr(),
                    SHARE_SHARED,
                    PROTOCOL_T0 | PROTOCOL_T1,
                    &raw mut handle,
                    &raw mut protocol,
                )
            };
            match check(code) {
                Ok(()) => return Ok(Connection { context: self, handle, protocol, not_sync: PhantomData }),
                Err(PcscError::Shared) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Connects to the first reader that has a card, or that is called so.
    pub(crate) fn connect_first(&self, reader: Option<&str>) -> Result<(String, Connection<'_>), PcscError> {
        if let Some(reader) = reader {
            return Ok((reader.to_owned(), self.connect(reader)?));
        }
        let mut last = PcscError::NoReader;
        for reader in self.readers()? {
            match self.connect(&reader) {
                Ok(connection) => return Ok((reader, connection)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: a handle of this library; of a context that was never established it is 0, which is refused.
        unsafe { (self.release)(self.handle) };
    }
}

/// A card in a reader.
#[derive(Debug)]
pub(crate) struct Connection<'a> {
    context: &'a Context,
    handle: c_long,
    protocol: c_ulong,
    // One command at a time: not to be shared between threads.
    not_sync: PhantomData<*const ()>,
}

impl Connection<'_> {
    /// One command APDU, one response APDU.
    pub(crate) fn transmit(&self, apdu: &[u8]) -> Result<Vec<u8>, PcscError> {
        let request =
            IoRequest { protocol: self.protocol, length: std::mem::size_of::<IoRequest>() as c_ulong };
        let mut answer = vec![0u8; ANSWER_BYTES];
        let mut length = answer.len() as c_ulong;
        // SAFETY: buffers alive during the call, each with its own length.
        check(unsafe {
            (self.context.transmit)(
                self.handle,
                &raw const request,
                apdu.as_ptr(),
                apdu.len() as c_ulong,
                ptr::null_mut(),
                answer.as_mut_ptr(),
                &raw mut length,
            )
        })?;
        answer.truncate(length as usize);
        if answer.len() < 2 { Err(PcscError::BadAnswer) } else { Ok(answer) }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        // SAFETY: a handle of this library. The reset makes the card forget the PIN.
        unsafe { (self.context.disconnect)(self.handle, RESET_CARD) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_errors_that_say_what_to_do() {
        assert_eq!(check(0), Ok(()));
        for (code, says) in [
            (0x8010_001d_u32, "start pcscd"),
            (0x8010_002e, "knows no reader"),
            (0x8010_0069, "no card in the reader"),
            (0x8010_000b, "another program holds the card"),
            (0x8010_0001, "PC/SC failed with 0x80100001"),
        ] {
            // As it comes: sign-extended where `long` is wider than the code, or not.
            for wide in [code as c_long, c_long::from(code as i32)] {
                let said = check(wide).unwrap_err().to_string();
                assert!(said.contains(says), "{said}");
            }
        }
    }
}
