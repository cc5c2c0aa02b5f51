//! A counter in a TPM 2.0 (its non-volatile storage, TPM 2.0 Library Part 3 §31): a number that nobody lowers, not even whoever
//! copies the whole machine's disks and puts them back. Answers are not authenticated: that holds against whoever cannot choose which
//! TPM the card speaks to, nor sit on the way to it.
//!
//! ```text
//! NAME.tpm      which counter, where it stood when the card was made, a MAC over both
//! ```
//!
//! The TPM is spoken to as its resource manager is (`/dev/tpmrm0`: one command written, one answer read), or over TCP, octet for
//! octet the same, which is how software ones listen. A counter's password is made of the card's device key. The owner's hierarchy
//! must have no password while a card is made; afterwards it is not asked for.

use super::{FolderError, io_error, sync_folder};
use crate::card::profile::create_private;
use keys::Secret;
use keys::digest::hmac_sha256;
use keys::seal::subkey;
use keys::secret::same;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use tpm2_protocol::TpmWriter;
use tpm2_protocol::basic::TpmHandle;
use tpm2_protocol::data::{
    Tpm2bAuth, Tpm2bNvPublic, TpmAlgId, TpmRh, TpmSt, TpmaNv, TpmsAuthCommand, TpmsNvPublic,
};
use tpm2_protocol::frame::{
    TpmFrame, TpmNvDefineSpaceCommand, TpmNvIncrementCommand, TpmNvReadCommand, tpm_marshal_command,
};

/// Octets of a command or an answer, at most (TPM 2.0 Library, Part 2, MAX_RESPONSE_SIZE as implementations have it).
const LONGEST: usize = 4_096;
/// The first index that an owner may give (Part 2 §13.1, "Registry of reserved TPM 2.0 handles", owner's range).
const FIRST_INDEX: u32 = 0x0180_0000;
const INDEXES: u32 = 0x0040_0000;
/// Indexes tried until one is free.
const ATTEMPTS: u32 = 16;
/// TPM_RC_NV_DEFINED: there is such a counter already.
const DEFINED: u32 = 0x14c;

enum Link {
    Device(File),
    Socket(TcpStream),
}

/// A TPM. What goes wrong on the way to it ends the link: an answer that comes late must not pass for the next one's.
struct Tpm {
    address: String,
    link: Option<Link>,
}

impl Tpm {
    /// `HOST:PORT`, or the path of a device.
    fn open(address: &str) -> io::Result<Self> {
        Ok(Self { address: address.to_owned(), link: Some(Link::to(address)?) })
    }

    /// One command with a password; the answer's parameters.
    fn call<C: TpmFrame>(&mut self, command: &C, password: &[u8]) -> io::Result<Result<Vec<u8>, u32>> {
        let bad = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
        let hmac = Tpm2bAuth::try_from(password).map_err(|_| bad("a password that is too long"))?;
        let session = TpmsAuthCommand {
            session_handle: TpmHandle::new(TpmRh::Pw.value()),
            hmac,
            ..TpmsAuthCommand::default()
        };
        let mut buffer = vec![0; LONGEST];
        let mut writer = TpmWriter::new(&mut buffer);
        tpm_marshal_command(command, TpmSt::Sessions, &[session], &mut writer)
            .map_err(|_| bad("a command that is too long"))?;
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Link::to(&self.address)?,
        };
        let answer = link.exchange(writer.as_bytes())?;
        self.link = Some(link);
        // Tag, size, response code; the parameters' size, they themselves, the session's.
        let mut fields = answer.get(6..).and_then(<[u8]>::split_first_chunk::<4>);
        let (code, rest) = fields.take().ok_or_else(|| bad("an answer shorter than its header"))?;
        match u32::from_be_bytes(*code) {
            0 => {}
            code => return Ok(Err(code)),
        }
        let (size, rest) =
            rest.split_first_chunk::<4>().ok_or_else(|| bad("an answer without parameters"))?;
        let size = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX);
        rest.get(..size).map(|parameters| Ok(parameters.to_vec())).ok_or_else(|| bad("an answer cut short"))
    }
}

impl Link {
    fn to(address: &str) -> io::Result<Self> {
        const PATIENCE: Duration = Duration::from_secs(30);
        if address.starts_with('/') {
            return Ok(Self::Device(OpenOptions::new().read(true).write(true).open(address)?));
        }
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self::Socket(socket))
    }

    /// One command, one answer.
    fn exchange(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        let mut answer = vec![0; LONGEST];
        match self {
            Self::Device(device) => {
                device.write_all(command)?;
                let len = device.read(&mut answer)?;
                answer.truncate(len);
            }
            Self::Socket(socket) => {
                socket.write_all(command)?;
                let mut head = [0; 10];
                socket.read_exact(&mut head)?;
                let [_, _, s0, s1, s2, s3, ..] = head;
                let len = usize::try_from(u32::from_be_bytes([s0, s1, s2, s3])).unwrap_or(usize::MAX);
                if !(head.len()..=LONGEST).contains(&len) {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "an answer of no length a TPM gives",
                    ));
                }
                answer.truncate(len);
                let (start, rest) = answer.split_at_mut(head.len());
                start.copy_from_slice(&head);
                socket.read_exact(rest)?;
            }
        }
        Ok(answer)
    }
}

fn refused(what: &'static str) -> impl FnOnce(u32) -> io::Error {
    move |code| io::Error::other(format!("the TPM refused to {what}: response code {code:#x}"))
}

/// A card's counter.
pub(super) struct TpmCounter {
    tpm: Tpm,
    index: u32,
    password: Secret<[u8; 32]>,
    /// Where it stood when the card was made.
    base: u64,
}

impl fmt::Debug for TpmCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TpmCounter({:#x}, …)", self.index)
    }
}

fn password(device_key: &Secret<[u8; 32]>) -> Secret<[u8; 32]> {
    subkey(device_key, b"", b"simward.card.tpm.1")
}

fn line(device_key: &Secret<[u8; 32]>, index: u32, base: u64) -> String {
    let key = subkey(device_key, b"", b"simward.card.tpm-place.1");
    let mac = hmac_sha256(&key, &[&index.to_be_bytes(), &base.to_be_bytes()]);
    format!("{index:08x} {base} {}\n", hex::encode(mac))
}

impl TpmCounter {
    /// A new counter in this TPM, and the file that names it.
    pub(super) fn create(
        path: &Path,
        device_key: &Secret<[u8; 32]>,
        address: &str,
    ) -> Result<Self, FolderError> {
        let made = (|| {
            let mut tpm = Tpm::open(address)?;
            let password = password(device_key);
            // A place of the device key's choosing, so that a making that was cut and goes on finds it again.
            let digest = hmac_sha256(device_key, &[b"simward.card.tpm-index.1"]);
            let start = u32::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
            for attempt in 0..ATTEMPTS {
                let index = FIRST_INDEX + start.wrapping_add(attempt) % INDEXES;
                let was_there = match tpm.call(&define(index, &password)?, &[])? {
                    Ok(_) => false,
                    Err(code) if code & 0xfff == DEFINED => true,
                    Err(code) => return Err(refused("make a counter")(code)),
                };
                let mut counter = Self { tpm, index, password: password.clone(), base: 0 };
                match counter.increment() {
                    Ok(()) => {
                        counter.base = counter.read()?;
                        return Ok(counter);
                    }
                    // One that another made does not know this password.
                    Err(_) if was_there => tpm = counter.tpm,
                    Err(error) => return Err(error),
                }
            }
            Err(io::Error::other("no free place for a counter"))
        })();
        let counter = made.map_err(io_error("make a counter in the TPM for", path))?;
        let fresh = path.with_extension("tpm-new");
        let written = (|| {
            let _ = fs::remove_file(&fresh);
            let mut file = create_private(&fresh)?;
            file.write_all(line(device_key, counter.index, counter.base).as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, path)?;
            sync_folder(path.parent().unwrap_or(path))
        })();
        written.map_err(io_error("write", path))?;
        Ok(counter)
    }

    /// The counter that the file names. `Ok(None)` if somebody without the device key changed the file.
    pub(super) fn open(
        path: &Path,
        device_key: &Secret<[u8; 32]>,
        address: &str,
    ) -> Result<Option<Self>, FolderError> {
        let text = fs::read_to_string(path).map_err(io_error("read", path))?;
        let mut words = text.split(' ');
        let index = words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
        let base = words.next().and_then(|word| word.parse().ok());
        let (Some(index), Some(base)) = (index, base) else { return Ok(None) };
        if !same(line(device_key, index, base).as_bytes(), text.as_bytes()) {
            return Ok(None);
        }
        let tpm = Tpm::open(address).map_err(io_error("open the TPM for", path))?;
        Ok(Some(Self { tpm, index, password: password(device_key), base }))
    }

    fn read(&mut self) -> io::Result<u64> {
        let handle = TpmHandle::new(self.index);
        let command = TpmNvReadCommand { handles: [handle, handle], size: 8.into(), offset: 0.into() };
        let answer =
            self.tpm.call(&command, self.password.danger_expose())?.map_err(refused("read the counter"))?;
        let octets = answer.get(2..).and_then(|octets| octets.first_chunk());
        octets.map(|octets| u64::from_be_bytes(*octets)).ok_or_else(|| refused("read the counter")(0))
    }

    fn increment(&mut self) -> io::Result<()> {
        let handle = TpmHandle::new(self.index);
        let command = TpmNvIncrementCommand { handles: [handle, handle] };
        let answer = self.tpm.call(&command, self.password.danger_expose())?;
        answer.map(drop).map_err(refused("raise the counter"))
    }

    /// How often the card has counted; `None` if the counter stands lower than when the card was made, which no TPM does.
    pub(super) fn value(&mut self) -> io::Result<Option<u64>> {
        Ok(self.read()?.checked_sub(self.base))
    }

    /// Counts once.
    pub(super) fn count(&mut self) -> io::Result<()> {
        self.increment()
    }
}

/// TPM2_NV_DefineSpace: a counter that its password reads and raises, and that no dictionary attack on others locks.
fn define(index: u32, password: &Secret<[u8; 32]>) -> io::Result<TpmNvDefineSpaceCommand> {
    let too_long = |_| io::Error::other("a password that is too long");
    let auth = Tpm2bAuth::try_from(&password.danger_expose()[..]).map_err(too_long)?;
    let public = TpmsNvPublic {
        nv_index: TpmHandle::new(index),
        name_alg: TpmAlgId::Sha256,
        attributes: TpmaNv::COUNTER | TpmaNv::AUTHWRITE | TpmaNv::AUTHREAD | TpmaNv::NO_DA,
        data_size: 8.into(),
        ..TpmsNvPublic::default()
    };
    Ok(TpmNvDefineSpaceCommand {
        handles: [TpmHandle::new(TpmRh::Owner.value())],
        auth,
        public_info: Tpm2bNvPublic::from(public),
    })
}
